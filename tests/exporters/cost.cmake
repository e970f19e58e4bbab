# exporters_cost counts the steps of sources that are compiled with the flags that it has as its property COUNTED_FLAGS
# (cost.h); exporters_counted is what parses, compiled so.
include(CheckCCompilerFlag)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY) # nobody defines what it calls
check_c_compiler_flag(-fsanitize-coverage=trace-pc CPROM_COMPILES_TRACE_PC)
unset(CMAKE_TRY_COMPILE_TARGET_TYPE)
if(NOT CPROM_COMPILES_TRACE_PC)
    list(REMOVE_ITEM sources test_cost.c)
    return()
endif()
add_library(exporters_cost STATIC cost.c)
set(flags -fsanitize-coverage=trace-pc -U_FORTIFY_SOURCE)
foreach(function strlen strcmp strncmp memcmp memchr strcspn memcpy memmove memset calloc realloc)
    list(APPEND flags -D${function}=cost_${function})
endforeach()
set_target_properties(exporters_cost PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON COUNTED_FLAGS "${flags}")
target_compile_options(exporters_cost PRIVATE ${CPROM_WARNINGS})
target_include_directories(exporters_cost PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}")
target_link_options(exporters_cost INTERFACE -Wl,--wrap=__sanitizer_cov_trace_pc)

get_target_property(counted exporters_common SOURCES)
list(APPEND counted process/config.c process/rules.c script/falcon.c script/output.c)
list(TRANSFORM counted PREPEND "${PROJECT_SOURCE_DIR}/exporters/")
add_library(exporters_counted STATIC ${counted})
cprom_configure_exporter(exporters_counted)
target_compile_options(exporters_counted PRIVATE ${flags})
target_include_directories(exporters_counted PUBLIC "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/exporters/common"
    "${PROJECT_SOURCE_DIR}/exporters/script" "${PROJECT_SOURCE_DIR}/exporters/process")
target_link_libraries(exporters_counted PUBLIC exporters_cost Threads::Threads)
