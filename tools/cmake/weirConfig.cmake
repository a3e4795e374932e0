# Read by find_package(weir CONFIG).
include(CMakeFindDependencyMacro)
find_dependency(Threads)
list(PREPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})
find_dependency(concurrentqueue)
list(POP_FRONT CMAKE_MODULE_PATH)
include(${CMAKE_CURRENT_LIST_DIR}/weirTargets.cmake)
