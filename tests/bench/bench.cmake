# Benchmarks: `bench` runs everything and writes docs/benchmarks.md, `bench_build` only builds. They use the public API of
# a library of their own: without seams, static, and -O2 whatever the build type is, so that any build directory
# gives the same numbers.
if(CPROM_SANITIZE OR NOT CPROM_HTTP)
    return()
endif()

# cprom_bench_library(name kind)
function(cprom_bench_library name kind)
    add_library(${name} ${kind} EXCLUDE_FROM_ALL ${CPROM_SOURCES})
    cprom_configure(${name})
    target_compile_options(${name} PRIVATE -O2 -UNDEBUG -DNDEBUG)
    set_target_properties(${name} PROPERTIES C_VISIBILITY_PRESET hidden)
endfunction()

add_custom_target(bench_build)
# cprom_bench_program(name library source...)
function(cprom_bench_program name library)
    list(TRANSFORM ARGN PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/bench/" OUTPUT_VARIABLE sources)
    add_executable(${name} EXCLUDE_FROM_ALL ${sources})
    cprom_configure_test_code(${name})
    target_compile_options(${name} PRIVATE -O2 -UNDEBUG -DNDEBUG)
    target_link_libraries(${name} PRIVATE ${library})
    add_dependencies(bench_build ${name})
endfunction()

set(core core.c common/bench.c core/machine.c core/updates.c core/lookups.c core/vectors.c core/stripes.c core/lives.c
    core/pages.c core/serve.c)
cprom_bench_library(cprom_bench STATIC)
cprom_bench_program(bench_core cprom_bench ${core})

# Without stripes.
cprom_bench_library(cprom_bench_1 STATIC)
target_compile_definitions(cprom_bench_1 PRIVATE CPROM_STRIPES=1)
cprom_bench_program(bench_core_1 cprom_bench_1 ${core})

# For their sizes: the shared library, and a small program in several forms.
cprom_bench_library(cprom_bench_so SHARED)
target_link_options(cprom_bench_so PRIVATE "-Wl,--version-script=${PROJECT_SOURCE_DIR}/lib/cprom.map")
add_dependencies(bench_build cprom_bench_so)
# cprom_bench_small(name option...)
function(cprom_bench_small name)
    cprom_bench_program(bench_${name} cprom_bench small.c)
    target_link_options(bench_${name} PRIVATE ${ARGN})
endfunction()
cprom_bench_small(small)
cprom_bench_small(all -Wl,--whole-archive $<TARGET_FILE:cprom_bench> -Wl,--no-whole-archive)
cprom_bench_small(gc -Wl,--gc-sections)
cprom_bench_small(nothing)
target_compile_definitions(bench_nothing PRIVATE NOTHING)
find_library(CPROM_STATIC_LIBC libc.a)
if(CPROM_STATIC_LIBC)
    cprom_bench_small(static -static -Wl,--gc-sections)
    cprom_bench_small(static_nothing -static -Wl,--gc-sections)
    target_compile_definitions(bench_static_nothing PRIVATE NOTHING)
endif()

if(CPROM_PYTHON)
    set(exporters)
    if(TARGET cprom-host-exporter)
        add_dependencies(bench_build cprom-host-exporter cprom-process-exporter)
        set(exporters --exporters "$<TARGET_FILE_DIR:cprom-host-exporter>")
    endif()
    add_custom_target(bench COMMAND "${CPROM_PYTHON}" "${CMAKE_CURRENT_SOURCE_DIR}/bench/bench.py"
            --programs "${CMAKE_CURRENT_BINARY_DIR}" ${exporters} --page "${PROJECT_SOURCE_DIR}/docs/benchmarks.md"
        DEPENDS bench_build USES_TERMINAL VERBATIM)
endif()

# Instructions an operation, by callgrind, beside the record of the same compiler: a test of its own label, in Release
# builds. `instructions_record` writes the record anew.
cprom_bench_program(bench_instructions cprom_bench instructions.c common/bench.c)
if(CPROM_PYTHON AND CMAKE_C_COMPILER_ID STREQUAL GNU)
    set(instructions "${CPROM_PYTHON}" "${CMAKE_CURRENT_SOURCE_DIR}/bench/instructions.py"
        "$<TARGET_FILE:bench_instructions>"
        "gcc ${CMAKE_C_COMPILER_VERSION} ${CMAKE_SYSTEM_PROCESSOR}" "${CMAKE_CURRENT_SOURCE_DIR}/data/instructions.tsv")
    add_custom_target(instructions_record COMMAND ${instructions} --update DEPENDS bench_instructions VERBATIM)
    if(CMAKE_BUILD_TYPE STREQUAL Release)
        set_target_properties(bench_instructions PROPERTIES EXCLUDE_FROM_ALL OFF)
        add_test(NAME instructions COMMAND ${instructions})
        set_tests_properties(instructions PROPERTIES LABELS instructions SKIP_RETURN_CODE 77 TIMEOUT 600)
    endif()
endif()
