# `cmake --install build --prefix P`: the hone program with its front doors, one static library, public headers, a CMake
# package and a pkg-config file. examples/ is built against the result by a test.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(rooms GLOBAL PROPERTY HONE_ROOMS)
set(archives)
set(archive_files)
foreach(room ${rooms})
  get_target_property(type ${room} TYPE)
  if(type STREQUAL "STATIC_LIBRARY")
    list(APPEND archives ${room})
    list(APPEND archive_files "addlib $<TARGET_FILE:${room}>\n")
  endif()
endforeach()
list(APPEND archives ${HONE_EXTRA_ARCHIVES})
foreach(extra ${HONE_EXTRA_ARCHIVES})
  list(APPEND archive_files "addlib $<TARGET_FILE:${extra}>\n")
endforeach()
add_custom_target(hone_rooms DEPENDS ${archives})

# The rooms in one archive, so that a user links one name.
set(library ${CMAKE_BINARY_DIR}/lib/libhone.a)
list(JOIN archive_files "" members)
file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/libhone.mri CONTENT "create ${library}\n${members}save\nend\n")
add_custom_command(OUTPUT ${library}
  COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/lib
  COMMAND ${CMAKE_AR} -M < ${CMAKE_BINARY_DIR}/libhone.mri
  DEPENDS ${archives} ${CMAKE_BINARY_DIR}/libhone.mri)
add_custom_target(hone_library ALL DEPENDS ${library})

install(FILES ${library} DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/hone DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS hone RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(CODE "foreach(door yolo trtexec)
  file(CREATE_LINK hone \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/\${door}\" SYMBOLIC)
endforeach()")

# What a program that links libhone.a links besides: Debian's static libraries, by name.
set(HONE_LINK_NAMES protobuf-lite xxhash tiff jpeg png webpdemux webp deflate Lerc lzma zstd z)
configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/hone-config.cmake.in ${CMAKE_BINARY_DIR}/hone-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/hone)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/hone-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/hone-config.cmake ${CMAKE_BINARY_DIR}/hone-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/hone)
list(TRANSFORM HONE_LINK_NAMES PREPEND "-l" OUTPUT_VARIABLE flags)
list(JOIN flags " " HONE_PKGCONFIG_LIBS)
configure_file(${CMAKE_SOURCE_DIR}/cmake/hone.pc.in ${CMAKE_BINARY_DIR}/hone.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/hone.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
