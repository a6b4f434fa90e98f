# Every outside library, once. What is linked is linked static, so that the hone program needs glibc alone.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
if(HONE_TESTS)
  find_package(GTest REQUIRED)
endif()
if(HONE_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()

# hone_static_library(NAME file.a … [HEADER-only if no file]) makes hone_dep_NAME.
function(hone_static_library name)
  add_library(hone_dep_${name} INTERFACE)
  if(CMAKE_CROSSCOMPILING)
    return()  # rooms are compiled, nothing is linked
  endif()
  foreach(archive ${ARGN})
    find_library(HONE_LIB_${archive} NAMES lib${archive}.a REQUIRED)
    target_link_libraries(hone_dep_${name} INTERFACE ${HONE_LIB_${archive}})
  endforeach()
endfunction()

hone_static_library(zlib z)
hone_static_library(xxhash xxhash)
hone_static_library(protobuf protobuf-lite)
target_link_libraries(hone_dep_protobuf INTERFACE Threads::Threads)
find_program(HONE_PROTOC protoc REQUIRED)
find_program(HONE_FLATC flatc REQUIRED)

# fmt is used header-only, in .cc files alone.
add_library(hone_dep_fmt INTERFACE)
target_compile_definitions(hone_dep_fmt INTERFACE FMT_HEADER_ONLY=1)

# Not jbig, which is under the GPL: detect/pictures/tiff.cc stands in for it.
hone_static_library(pictures tiff jpeg png webpdemux webp deflate Lerc lzma zstd z)
target_link_libraries(hone_dep_pictures INTERFACE m)

add_library(hone_dep_static_runtime INTERFACE)
target_link_options(hone_dep_static_runtime INTERFACE -static-libstdc++ -static-libgcc)
