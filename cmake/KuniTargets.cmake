# SPDX-License-Identifier: MIT
# Flags that every target shares, and one helper each to add a library, a stage and a test.

# Floating point must give the same bytes everywhere: no contraction into FMA, no reassociation.
add_library(kuni_flags INTERFACE)
target_compile_definitions(kuni_flags INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64)
target_compile_options(kuni_flags INTERFACE
  -ffp-contract=off -fno-math-errno -fno-strict-aliasing
  -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wvla -Wpointer-arith -Wcast-align
  -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wwrite-strings -Wundef
  -Wformat=2 -Wswitch-enum -Wimplicit-fallthrough)
# clang means more by some of them than gcc: htslib's own bam_get_cigar would not pass, nor (from clang 19 on) a constant
# that an enum without a name gives, beside a double. The public headers do without either: tests/abi/headers.
target_compile_options(kuni_flags INTERFACE
  $<$<C_COMPILER_ID:Clang>:-Wno-cast-align -Wno-implicit-int-float-conversion -Wno-enum-float-conversion>)
# Plugins see the names that include/kuni declares, which says so itself (KUNI_API_BEGIN), and no others.
target_compile_options(kuni_flags INTERFACE -fvisibility=hidden)
target_include_directories(kuni_flags INTERFACE ${PROJECT_SOURCE_DIR}/include)
if(KUNI_WERROR)
  target_compile_options(kuni_flags INTERFACE -Werror)
endif()
if(KUNI_SANITIZE)
  target_compile_options(kuni_flags INTERFACE -fsanitize=address,undefined -fno-omit-frame-pointer
    -fno-sanitize-recover=undefined)
  target_link_options(kuni_flags INTERFACE -fsanitize=address,undefined)
endif()

# kuni_add_library(NAME SOURCES ... LINK ...): a static library of the project.
function(kuni_add_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC kuni_flags ${ARG_LINK})
  target_include_directories(${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
endfunction()

# kuni_add_stage(FOLDER SOURCES ... [LINK ...]): a built-in stage. stages/FOLDER defines
# `const kuni_stage kuni_stage_FOLDER`; the table of built-in stages is generated from these calls, in order.
function(kuni_add_stage folder)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  list(TRANSFORM ARG_SOURCES PREPEND ${folder}/)
  add_library(kuni_stage_${folder} STATIC ${ARG_SOURCES})
  target_link_libraries(kuni_stage_${folder} PUBLIC kuni_flags kuni_core kuni_store ${ARG_LINK})
  # for stages of several rooms: "room/header.h"
  target_include_directories(kuni_stage_${folder} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/${folder})
  set_property(GLOBAL APPEND PROPERTY KUNI_STAGES ${folder})
endfunction()

# kuni_embed(TARGET SYMBOL FILE): compiles the bytes of FILE into TARGET as `const char SYMBOL[]`, ended by NUL.
function(kuni_embed target symbol file)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.c)
  add_custom_command(OUTPUT ${source}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${file} -DOUTPUT=${source} -DSYMBOL=${symbol}
      -P ${PROJECT_SOURCE_DIR}/cmake/EmbedFile.cmake
    DEPENDS ${file} ${PROJECT_SOURCE_DIR}/cmake/EmbedFile.cmake VERBATIM)
  target_sources(${target} PRIVATE ${source})
  # 0x80 and above in an array of char: bytes, not numbers.
  set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS
    "-Wno-overflow;-Wno-conversion;-Wno-constant-conversion;-Wno-unknown-warning-option")
endfunction()

# Tests that need data which do not lie in the tree (tests/README.md) look here, or where the environment variable of the same
# name says if this is empty; without both they are skipped.
set(KUNI_DATA "" CACHE PATH "Folder of the test data; empty: the environment variable KUNI_DATA names it, or none")

# kuni_add_test(NAME LABELS ... [RANKS n ...] [SOURCES ...] [LINK ...] [COMMAND ...] [FAULTS] [TIMEOUT s]): a cmocka program
# (SOURCES), or any COMMAND, which finds the program in KUNI: that which is installed, or with FAULTS the one that can be made to
# fail (tests/fixtures/injection.c). Exit status 77 means skipped.
function(kuni_add_test name)
  cmake_parse_arguments(ARG "FAULTS" "TIMEOUT" "LABELS;RANKS;SOURCES;LINK;COMMAND" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  if(ARG_SOURCES)
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE kuni_flags ${ARG_LINK} PkgConfig::cmocka)
    set(ARG_COMMAND $<TARGET_FILE:${name}>)
  endif()
  if(ARG_RANKS)
    foreach(ranks ${ARG_RANKS})
      add_test(NAME ${name}-${ranks} COMMAND ${MPIEXEC_EXECUTABLE} --allow-run-as-root --oversubscribe
        -n ${ranks} ${ARG_COMMAND})
      # under the address sanitizer MPI's own leaks are not looked at
      set_tests_properties(${name}-${ranks} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT}
        SKIP_RETURN_CODE 77 ENVIRONMENT "ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=0")
    endforeach()
  else()
    set(program kuni)
    if(ARG_FAULTS)
      set(program kuni_with_faults)
    endif()
    add_test(NAME ${name} COMMAND ${ARG_COMMAND})
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT}
      SKIP_RETURN_CODE 77 ENVIRONMENT
      "KUNI=$<TARGET_FILE:${program}>;ASAN_OPTIONS=allocator_may_return_null=1;KUNI_SOURCE=${PROJECT_SOURCE_DIR}")
    if(KUNI_DATA)
      set_property(TEST ${name} APPEND PROPERTY ENVIRONMENT "KUNI_DATA=${KUNI_DATA}")
    endif()
  endif()
endfunction()
