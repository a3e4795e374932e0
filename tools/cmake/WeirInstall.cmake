# `cmake --install`, and what find_package(weir CONFIG) reads: the targets weir::queues, weir::admission, weir::scheduler and
# weir::weir, with the find module of the one dependency that has no package of its own.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/weir)

install(TARGETS weir_queues weir_admission weir_scheduler weir_weir EXPORT weir FILE_SET HEADERS)
install(EXPORT weir FILE weirTargets.cmake NAMESPACE weir:: DESTINATION ${package_dir})

write_basic_package_version_file(${PROJECT_BINARY_DIR}/weirConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_LIST_DIR}/weirConfig.cmake ${CMAKE_CURRENT_LIST_DIR}/Findconcurrentqueue.cmake
              ${PROJECT_BINARY_DIR}/weirConfigVersion.cmake
        DESTINATION ${package_dir})
