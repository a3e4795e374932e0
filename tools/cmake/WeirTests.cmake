# How the tests are made. Globbed, as in WeirTargets.cmake.

set(WEIR_TEST_TIMEOUT 60)  # seconds, for one test; a loaded machine is slow, a hanging test is for ever
if(WEIR_SANITIZE)
  set(WEIR_TEST_TIMEOUT 240)
endif()

# One precompiled header for all test programs, of what is not ours: it is half of what a test file costs.
function(weir_use_gtest target)
  if(NOT TARGET weir_test_pch)
    file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/pch.cpp CONTENT "")
    add_library(weir_test_pch OBJECT ${CMAKE_CURRENT_BINARY_DIR}/pch.cpp)
    target_link_libraries(weir_test_pch PUBLIC GTest::gmock Threads::Threads)
    target_compile_features(weir_test_pch PUBLIC cxx_std_20)
    target_precompile_headers(weir_test_pch PRIVATE <gmock/gmock.h> <gtest/gtest.h>
                              <chrono> <future> <random> <source_location> <stop_token> <thread>)
    weir_compile_strictly(weir_test_pch)
    weir_optimise_little(weir_test_pch)
  endif()
  target_precompile_headers(${target} REUSE_FROM weir_test_pch)
  target_link_libraries(${target} PRIVATE GTest::gmock GTest::gtest_main rapidcheck rapidcheck_gtest)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  weir_compile_strictly(${target})
endfunction()

# What is tested is optimised in its library; a test's own body is not worth the compile time. With a sanitizer it is two
# thirds of it, and not at all optimised the body keeps every access that is to be checked. Where it is, a report still says.
function(weir_optimise_little target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1> "$<$<CONFIG:Instrumented>:-O0;-g1>")
endfunction()

# weir_add_unit_tests(<folder> <library>...): tests/<folder>/**/*_test.cpp as one program. Suites named ...Acceptance measure
# this machine: they have it to themselves, and a label of their own, which no sanitizer runs.
function(weir_add_unit_tests folder)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${folder}/*_test.cpp)
  if(NOT sources)
    return()
  endif()
  set(target weir_${folder}_tests)
  add_executable(${target} ${sources})
  target_link_libraries(${target} PRIVATE ${ARGN})
  weir_compile_in_batches(${target})
  weir_use_gtest(${target})
  weir_optimise_little(${target})
  gtest_discover_tests(${target} TEST_PREFIX ${folder}. DISCOVERY_TIMEOUT 60 TEST_FILTER "-*Acceptance.*"
                       PROPERTIES LABELS unit TIMEOUT ${WEIR_TEST_TIMEOUT})
  gtest_discover_tests(${target} TEST_PREFIX ${folder}. DISCOVERY_TIMEOUT 60 TEST_FILTER "*Acceptance.*"
                       TEST_LIST ${target}_acceptance
                       PROPERTIES LABELS acceptance TIMEOUT 120 RUN_SERIAL ON)
endfunction()

# weir_add_stress_tests(<library>...): tests/stress/*_stress.cpp as one program.
function(weir_add_stress_tests)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/stress/*_stress.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(weir_stress_tests ${sources})
  target_link_libraries(weir_stress_tests PRIVATE ${ARGN})
  weir_compile_in_batches(weir_stress_tests)
  weir_use_gtest(weir_stress_tests)
  weir_optimise_little(weir_stress_tests)
  gtest_discover_tests(weir_stress_tests TEST_PREFIX stress. DISCOVERY_TIMEOUT 60
                       PROPERTIES LABELS stress TIMEOUT 240)
endfunction()

# weir_add_examples(<library>...): each tests/examples/*.cpp is a program of its own and a test that it returns 0.
function(weir_add_examples)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/examples/*.cpp)
  foreach(source IN LISTS sources)
    cmake_path(GET source STEM name)
    add_executable(example_${name} ${source})
    target_link_libraries(example_${name} PRIVATE ${ARGN})
    weir_compile_strictly(example_${name})
    add_test(NAME example.${name} COMMAND example_${name})
    set_tests_properties(example.${name} PROPERTIES LABELS example TIMEOUT ${WEIR_TEST_TIMEOUT})
    weir_add_tight_example(${source} ${name} ${ARGN})
  endforeach()
endfunction()

# weir_add_tight_example(<source> <name> <library>...): the same with no more tasks at once than its pool has workers.
function(weir_add_tight_example source name)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  file(READ ${source} text)
  if(NOT text MATCHES "weir::pool pool\\({\\.workers = ([0-9]+)")
    return()  # it has no pool
  endif()
  set(workers ${CMAKE_MATCH_1})
  if(text MATCHES "\\.max_tasks = ")
    string(REGEX REPLACE "\\.max_tasks = [0-9]+" ".max_tasks = ${workers}" text "${text}")
  else()
    string(REGEX REPLACE "(weir::pool pool\\({\\.workers = [0-9]+)" "\\1, .limits = {.max_tasks = ${workers}}" text "${text}")
  endif()
  set(tight ${CMAKE_CURRENT_BINARY_DIR}/tight/${name}.cpp)
  file(CONFIGURE OUTPUT ${tight} CONTENT "@text@" @ONLY)
  add_executable(example_${name}_tight ${tight})
  target_link_libraries(example_${name}_tight PRIVATE ${ARGN})
  add_test(NAME example.${name}_tight COMMAND example_${name}_tight)
  set_tests_properties(example.${name}_tight PROPERTIES LABELS example TIMEOUT ${WEIR_TEST_TIMEOUT})
endfunction()

# The explorer, and what everything that it runs shares. WEIR_MODEL changes the layout of every type with an atomic in it, so
# that nothing here links a library of weir: the sources are compiled again.
function(weir_add_explorer)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/model/*.cpp)
  list(FILTER sources EXCLUDE REGEX "_model\\.cpp$")
  add_library(weir_explorer STATIC ${sources})
  target_compile_definitions(weir_explorer PUBLIC WEIR_MODEL="model_sync.hpp")
  target_compile_features(weir_explorer PUBLIC cxx_std_20)
  foreach(root tests/model tests/model/hiding queues/include admission/include scheduler/include scheduler/src)
    target_include_directories(weir_explorer PUBLIC ${PROJECT_SOURCE_DIR}/${root})
  endforeach()
  target_link_libraries(weir_explorer PUBLIC Threads::Threads)
  weir_compile_in_batches(weir_explorer)
  weir_compile_strictly(weir_explorer)
endfunction()

# weir_add_modelled(<name> <file under the repository>...): the library weir_modelled_<name> of component sources, for models.
function(weir_add_modelled name)
  list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/ OUTPUT_VARIABLE sources)
  add_library(weir_modelled_${name} STATIC ${sources})
  target_link_libraries(weir_modelled_${name} PUBLIC weir_explorer)
  weir_compile_in_batches(weir_modelled_${name})
  weir_compile_strictly(weir_modelled_${name})
endfunction()

# weir_add_mistaken(<name> <folder> <file under the repository>... [INCLUDED <file>...]): the library weir_modelled_<name> of
# copies of component sources. Where the folder has a script for sed that is named as the source, <stem>.mistakes, it adds the
# mistakes that the models there make. What is in <folder>/hiding comes before the headers beside the sources. Those after
# INCLUDED are not compiled, but there for the models, and for the others, to include.
function(weir_add_mistaken name folder)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" INCLUDED)
  foreach(source IN LISTS arg_UNPARSED_ARGUMENTS arg_INCLUDED)
    cmake_path(GET source STEM stem)
    cmake_path(GET source FILENAME file)
    set(copy ${CMAKE_CURRENT_BINARY_DIR}/${name}/${file})
    set(mistakes ${folder}/${stem}.mistakes)
    set(edits)
    if(EXISTS ${mistakes})
      set(edits -f ${mistakes})
    else()
      set(mistakes)
    endif()
    add_custom_command(OUTPUT ${copy} DEPENDS ${PROJECT_SOURCE_DIR}/${source} ${mistakes} VERBATIM
      COMMAND sed ${edits} -e "1i #include \"mistakes.hpp\"" -e "1i #line 1 \"${PROJECT_SOURCE_DIR}/${source}\""
              ${PROJECT_SOURCE_DIR}/${source} > ${copy})
    list(APPEND copies ${copy})
    if(source IN_LIST arg_INCLUDED)
      set_source_files_properties(${copy} PROPERTIES HEADER_FILE_ONLY ON)
    endif()
  endforeach()
  add_library(weir_modelled_${name} STATIC ${copies})
  target_include_directories(weir_modelled_${name} BEFORE PUBLIC
                             ${folder}/hiding ${folder} ${CMAKE_CURRENT_BINARY_DIR}/${name})
  target_link_libraries(weir_modelled_${name} PUBLIC weir_explorer)
  weir_compile_in_batches(weir_modelled_${name})
  weir_compile_strictly(weir_modelled_${name})
endfunction()

# weir_add_models(<target> <folder of tests/model> <library>...): all of its *_model.cpp as one program, with the modelled
# sources that it runs. They start before the other tests (COST), since some of them run for long.
function(weir_add_models target folder)
  file(GLOB models CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/model/${folder}/*_model.cpp)
  add_executable(${target} ${models})
  target_link_libraries(${target} PRIVATE ${ARGN} weir_explorer)
  weir_compile_in_batches(${target})
  weir_use_gtest(${target})
  weir_optimise_little(${target})
  gtest_discover_tests(${target} TEST_PREFIX model. DISCOVERY_TIMEOUT 60 PROPERTIES LABELS model TIMEOUT 300 COST 10)
endfunction()
