# How every target of weir is made.
#
# Headers, sources and tests are globbed with CONFIGURE_DEPENDS: a folder is a target, so a list would only repeat the folder,
# and several people add files at once. The price is one look at the folders per build.

# Our warnings, as errors, in our own builds only: whoever embeds weir keeps the flags of their project.
# Two are wrong about g++ 12's standard library: g++ sees an overlap in std::string's operator+ (its bug 105651), clang a
# deprecated call inside std::stable_sort.
function(weir_compile_strictly target)
  if(WEIR_WERROR)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wconversion -Werror
                                             $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
                                             "$<$<CXX_COMPILER_ID:Clang>:-Wthread-safety;-Wno-deprecated-declarations>")
  endif()
endfunction()

# Ten sources are compiled as one: half of what one of them costs is the reading of headers and templates that all have. So
# what a file keeps to itself needs a name that says whose it is. For programs only: a component is compiled as its hosts
# compile it. g++ would collect its garbage again and again, a fifth of its time; it is told to begin at half a gigabyte.
function(weir_compile_in_batches target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 10)
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:--param=ggc-min-heapsize=524288>)
endfunction()

# weir_add_component(<name> LINKS <target>...)
# The target weir_<name>, alias weir::<name>, of include/**.hpp and src/*.cpp; an interface target where there are no sources.
# What it links is its layer: only their include roots are visible, so a header of a higher layer is not found.
function(weir_add_component name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" LINKS)
  set(target weir_${name})
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/include/*.hpp)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/src/*.cpp)
  if(sources)
    set(public PUBLIC)
    add_library(${target} ${sources})
    target_include_directories(${target} PRIVATE src)
    set_target_properties(${target} PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
    weir_compile_strictly(${target})
    # As one unit: what a task passes lies in several files, one concept each, and is inlined over their borders.
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
    if(BUILD_SHARED_LIBS)
      # Installed, the shared libraries find each other by lying side by side.
      set_target_properties(${target} PROPERTIES INSTALL_RPATH $ORIGIN)
      # A worker may still be returning from our code when the host calls dlclose.
      target_link_options(${target} PRIVATE LINKER:-z,nodelete)
    endif()
  else()
    set(public INTERFACE)
    add_library(${target} INTERFACE)
  endif()
  add_library(weir::${name} ALIAS ${target})
  target_sources(${target} ${public} FILE_SET HEADERS BASE_DIRS include FILES ${headers})
  target_compile_features(${target} ${public} cxx_std_20)
  target_link_libraries(${target} ${public} ${arg_LINKS})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name} VERIFY_INTERFACE_HEADER_SETS ON)
endfunction()
