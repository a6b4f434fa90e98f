# How a room of the house becomes a target.
#
#   hone_room(ir DEPS hone::base [LINK lib…])
#
# compiles every .cc of the folder (and of its subfolders that have no CMakeLists.txt of their own) into the
# static library hone_ir, alias hone::ir. Files named x_test.cc become the test program hone_ir_test,
# x_benchmark.cc hone_ir_benchmark, and x_fuzz.cc one libFuzzer program each. A room links only what DEPS
# names, so that the linker says no to an include that skips a wall.

add_library(hone_warnings INTERFACE)
target_compile_options(hone_warnings INTERFACE
  -Wall -Wextra -Wconversion -Wno-sign-conversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual -Wno-missing-field-initializers $<$<BOOL:${HONE_WERROR}>:-Werror>)
# GCC 12 reports false positives of these through std::variant and std::expected at -O2.
target_compile_options(hone_warnings INTERFACE
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds -Wno-dangling-pointer -Wno-free-nonheap-object>)
if(HONE_SANITIZE)
  add_compile_options(-fsanitize=${HONE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  # More false positives of GCC 12, among the calls that the thread sanitizer adds.
  add_compile_options("$<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-stringop-overread;-Wno-mismatched-new-delete>")
  add_link_options(-fsanitize=${HONE_SANITIZE})
endif()

if(HONE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)  # every room counts its branches, or the fuzzer is blind
endif()

# What nearly every file includes, parsed once a build: it halves the time of a build from nothing. Files compiled for an
# instruction set of their own cannot use it. The dev preset builds without, so that every file names what it uses.
#   hone_precompile(TARGET HEADER)   the first target to name a header compiles it, others reuse it
function(hone_precompile target header)
  if(NOT HONE_PRECOMPILE)
    return()
  endif()
  get_property(owner GLOBAL PROPERTY HONE_PRECOMPILED_${header})
  if(owner)
    target_precompile_headers(${target} REUSE_FROM ${owner})
  else()
    target_precompile_headers(${target} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/precompiled/${header}.h)
    set_property(GLOBAL PROPERTY HONE_PRECOMPILED_${header} ${target})
  endif()
endfunction()

function(hone_collect out folder pattern)
  file(GLOB_RECURSE found CONFIGURE_DEPENDS RELATIVE ${folder} ${folder}/${pattern})
  set(kept)
  foreach(f ${found})
    get_filename_component(d ${f} DIRECTORY)
    set(owned FALSE)
    while(d)
      if(EXISTS ${folder}/${d}/CMakeLists.txt)
        set(owned TRUE)
        break()
      endif()
      get_filename_component(d ${d} DIRECTORY)
    endwhile()
    if(NOT owned)
      list(APPEND kept ${folder}/${f})
    endif()
  endforeach()
  set(${out} ${kept} PARENT_SCOPE)
endfunction()

function(hone_room name)
  cmake_parse_arguments(R "" "" "DEPS;LINK;TEST_DEPS" ${ARGN})
  hone_collect(sources ${CMAKE_CURRENT_SOURCE_DIR} *.cc)
  set(tests ${sources})
  set(benchmarks ${sources})
  set(fuzzers ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER benchmarks INCLUDE REGEX "_benchmark\\.cc$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_(test|benchmark|fuzz)\\.cc$")

  if(sources)
    add_library(hone_${name} STATIC ${sources})
    set(scope PUBLIC)
    target_link_libraries(hone_${name} PRIVATE hone_warnings)
    if(name MATCHES "^(base|device|detect)$")  # see no graphs
      hone_precompile(hone_${name} base)
    else()
      hone_precompile(hone_${name} ir)
    endif()
  else()
    add_library(hone_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(hone::${name} ALIAS hone_${name})
  target_include_directories(hone_${name} ${scope} ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(hone_${name} ${scope} ${R_DEPS} ${R_LINK})
  set_property(GLOBAL APPEND PROPERTY HONE_ROOMS hone_${name})

  if(HONE_TESTS AND tests)
    hone_test(hone_${name}_test SOURCES ${tests} DEPS hone::${name} ${R_TEST_DEPS})
  endif()
  if(HONE_BENCHMARKS AND benchmarks)
    add_executable(hone_${name}_benchmark ${benchmarks})
    target_link_libraries(hone_${name}_benchmark PRIVATE hone::${name} ${R_TEST_DEPS} hone_warnings benchmark::benchmark_main)
  endif()
  if(HONE_FUZZ)
    foreach(f ${fuzzers})
      get_filename_component(target ${f} NAME_WE)
      add_executable(${target} ${f})
      target_compile_options(${target} PRIVATE -fsanitize=fuzzer)
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
      target_link_libraries(${target} PRIVATE hone::${name} ${R_TEST_DEPS} hone_warnings)
    endforeach()
  endif()
endfunction()

# One GoogleTest program; ctest sees it as one test, so that a run prints one line a room.
function(hone_test target)
  cmake_parse_arguments(T "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${target} ${T_SOURCES})
  target_link_libraries(${target} PRIVATE ${T_DEPS} hone_warnings GTest::gmock GTest::gtest_main)
  hone_precompile(${target} test)
  target_compile_definitions(${target} PRIVATE HONE_SOURCE_DIR="${CMAKE_SOURCE_DIR}" HONE_BINARY_DIR="${CMAKE_BINARY_DIR}")
  add_test(NAME ${target} COMMAND ${target})
  set_tests_properties(${target} PROPERTIES TIMEOUT 600)
endfunction()

# CUDA source becomes text in the program: every .cu and .cuh of the folder a std::string_view hone::cuda_text::NAME_cu,
# declared in the generated cuda_text.h. Names of files are their own in a room.
function(hone_embed_cuda target)
  hone_collect(sources ${CMAKE_CURRENT_SOURCE_DIR} *.cu)
  hone_collect(headers ${CMAKE_CURRENT_SOURCE_DIR} *.cuh)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/cuda_text)
  set(declarations)
  foreach(file ${sources} ${headers})
    get_filename_component(name ${file} NAME)
    string(REPLACE "." "_" name ${name})
    string(APPEND declarations "extern const std::string_view ${name};\n")
    add_custom_command(OUTPUT ${folder}/${name}.cc
      COMMAND ${CMAKE_COMMAND} -DINPUT=${file} -DOUTPUT=${folder}/${name}.cc -DNAME=${name}
              -P ${CMAKE_SOURCE_DIR}/cmake/embed_text.cmake
      DEPENDS ${file} ${CMAKE_SOURCE_DIR}/cmake/embed_text.cmake)
    target_sources(${target} PRIVATE ${folder}/${name}.cc)
    set_source_files_properties(${folder}/${name}.cc PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  endforeach()
  file(CONFIGURE OUTPUT ${folder}/cuda_text.h @ONLY CONTENT
"// Generated: the text of the CUDA sources.
#pragma once

#include <string_view>

namespace hone::cuda_text {
${declarations}}
")
  target_include_directories(${target} PRIVATE ${folder})
endfunction()
