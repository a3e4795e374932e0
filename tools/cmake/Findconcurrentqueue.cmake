# Finds moodycamel's ConcurrentQueue, which has no CMake package in Debian and two layouts in the world: Debian's has
# concurrentqueue/concurrentqueue.h, upstream's own install concurrentqueue/moodycamel/concurrentqueue.h.
#
# Makes concurrentqueue::concurrentqueue; with it, the header is <concurrentqueue.h> under both layouts.
find_path(concurrentqueue_INCLUDE_DIR concurrentqueue.h PATH_SUFFIXES concurrentqueue/moodycamel concurrentqueue)
mark_as_advanced(concurrentqueue_INCLUDE_DIR)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(concurrentqueue REQUIRED_VARS concurrentqueue_INCLUDE_DIR
                                  REASON_FAILURE_MESSAGE "in Debian it is the package libconcurrentqueue-dev")

if(concurrentqueue_FOUND AND NOT TARGET concurrentqueue::concurrentqueue)
  add_library(concurrentqueue::concurrentqueue INTERFACE IMPORTED)
  target_include_directories(concurrentqueue::concurrentqueue INTERFACE ${concurrentqueue_INCLUDE_DIR})
endif()
