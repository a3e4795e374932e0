# WEIR_SANITIZE: one sanitizer for the whole build, since a mixed one reports what is not there.
if(WEIR_SANITIZE STREQUAL "address")
  set(flags -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
elseif(WEIR_SANITIZE STREQUAL "thread")
  # g++ warns that ThreadSanitizer does not see the fences of moodycamel's queue. It does not; tools/tsan.supp names them.
  set(flags -fsanitize=thread $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
elseif(WEIR_SANITIZE)
  message(FATAL_ERROR "WEIR_SANITIZE is '${WEIR_SANITIZE}'; it can be address, thread or empty")
endif()
if(WEIR_SANITIZE)
  add_compile_options(${flags})
  add_link_options(${flags})
endif()
