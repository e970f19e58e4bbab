# What leaves the build: the installation (headers, library, cprom.pc, the CMake package), the .deb packages, and the
# single-file form. Included by the top CMakeLists.txt.

# Without CPROM_HTTP, cprom/http.h stays here.
set(CPROM_SINGLE_FILE_OPTIONS "")
set(CPROM_INSTALL_WITHOUT "")
if(NOT CPROM_HTTP)
    set(CPROM_SINGLE_FILE_OPTIONS --without http.h)
    set(CPROM_INSTALL_WITHOUT PATTERN "http.h" EXCLUDE)
endif()
# The single-file form has no build that says so: it says itself what is not in it.
if(CPROM_HTTP AND NOT CPROM_GZIP)
    list(APPEND CPROM_SINGLE_FILE_OPTIONS --define CPROM_GZIP=0)
endif()

# The single-file form: `cmake --build . --target single_file` makes single_file/cprom.c and single_file/cprom.h.
if(CPROM_TOP_LEVEL)
    find_package(Python3 COMPONENTS Interpreter QUIET)
    if(Python3_Interpreter_FOUND)
        file(GLOB CPROM_HEADERS CONFIGURE_DEPENDS
            "${CMAKE_CURRENT_SOURCE_DIR}/lib/*/*.h" "${CMAKE_CURRENT_SOURCE_DIR}/include/cprom/*.h")
        set(CPROM_SINGLE_FILE "${CMAKE_CURRENT_BINARY_DIR}/single_file")
        add_custom_command(
            OUTPUT "${CPROM_SINGLE_FILE}/cprom.c" "${CPROM_SINGLE_FILE}/cprom.h"
            COMMAND Python3::Interpreter "${CMAKE_CURRENT_SOURCE_DIR}/pkgconfig/single_file.py"
                --version "${PROJECT_VERSION}" --source "${CMAKE_CURRENT_SOURCE_DIR}" ${CPROM_SINGLE_FILE_OPTIONS}
                --out "${CPROM_SINGLE_FILE}" ${CPROM_SOURCES}
            DEPENDS ${CPROM_SOURCES} ${CPROM_HEADERS} "${CMAKE_CURRENT_SOURCE_DIR}/LICENSE"
                "${CMAKE_CURRENT_SOURCE_DIR}/pkgconfig/single_file.py"
            COMMENT "Making single_file/cprom.c and single_file/cprom.h"
            VERBATIM)
        add_custom_target(single_file DEPENDS "${CPROM_SINGLE_FILE}/cprom.c" "${CPROM_SINGLE_FILE}/cprom.h")
    endif()
endif()

if(NOT CPROM_INSTALL)
    return()
endif()

# Two components: `runtime` is what a program needs to run, `development` what it needs to be built.
include(CMakePackageConfigHelpers)
set(CPROM_CMAKE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/cprom")
install(TARGETS cprom EXPORT cprom-targets
    RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT runtime
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime NAMELINK_COMPONENT development
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)
install(DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}/include/cprom" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
    COMPONENT development FILES_MATCHING PATTERN "*.h" ${CPROM_INSTALL_WITHOUT})

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/cprom-config.cmake.in"
    "${CMAKE_CURRENT_BINARY_DIR}/cprom-config.cmake" INSTALL_DESTINATION "${CPROM_CMAKE_DIR}"
    NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may break what the one before promised.
set(CPROM_COMPATIBILITY SameMajorVersion)
if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(CPROM_COMPATIBILITY SameMinorVersion)
endif()
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/cprom-config-version.cmake"
    COMPATIBILITY ${CPROM_COMPATIBILITY})
install(EXPORT cprom-targets NAMESPACE cprom:: DESTINATION "${CPROM_CMAKE_DIR}" COMPONENT development)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/cprom-config.cmake" "${CMAKE_CURRENT_BINARY_DIR}/cprom-config-version.cmake"
    DESTINATION "${CPROM_CMAKE_DIR}" COMPONENT development)

# cprom.pc finds the prefix from where it lies itself, so that the tree may be moved, unless a directory is absolute.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set(CPROM_PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
    set(CPROM_PC_LIBDIR "${CMAKE_INSTALL_LIBDIR}")
else()
    file(RELATIVE_PATH CPROM_PC_UP "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
    string(REGEX REPLACE "/$" "" CPROM_PC_UP "${CPROM_PC_UP}")
    set(CPROM_PC_PREFIX "\${pcfiledir}/${CPROM_PC_UP}")
    set(CPROM_PC_LIBDIR "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
    set(CPROM_PC_INCLUDEDIR "${CMAKE_INSTALL_INCLUDEDIR}")
else()
    set(CPROM_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
# An archive that was installed alone is linked without --static, too.
set(CPROM_PC_LIBS "")
if(NOT BUILD_SHARED_LIBS)
    set(CPROM_PC_LIBS " -pthread")
endif()
configure_file("${CMAKE_CURRENT_LIST_DIR}/cprom.pc.in" "${CMAKE_CURRENT_BINARY_DIR}/cprom.pc" @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/cprom.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig"
    COMPONENT development)
install(FILES "${CMAKE_CURRENT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT license)

if(NOT CPROM_TOP_LEVEL)
    return()
endif()

# Packages for Debian and Ubuntu: configure with -DBUILD_SHARED_LIBS=ON -DCMAKE_INSTALL_PREFIX=/usr, build, `cpack`.
# Who hands them on says who they are with -DCPACK_PACKAGE_CONTACT='name <address>'.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME cprom)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Prometheus instrumentation for C programs")
if(NOT CPACK_PACKAGE_CONTACT)
    set(CPACK_PACKAGE_CONTACT "The cprom authors <nobody@example.invalid>")
endif()
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPROM_DEB_RUNTIME libcprom${PROJECT_VERSION_MAJOR})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME ${CPROM_DEB_RUNTIME})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION "${CPACK_PACKAGE_DESCRIPTION_SUMMARY} (shared library)")
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libcprom-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "${CPACK_PACKAGE_DESCRIPTION_SUMMARY} (development files)")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS libc6-dev)
set(CPACK_COMPONENTS_ALL development)
if(BUILD_SHARED_LIBS)
    list(APPEND CPACK_COMPONENTS_ALL runtime)
    set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "${CPROM_DEB_RUNTIME} (= ${PROJECT_VERSION}), libc6-dev")
endif()
# Debian's place for the license; in the packages only.
install(FILES "${CMAKE_CURRENT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DATAROOTDIR}/doc/${CPROM_DEB_RUNTIME}"
    RENAME copyright COMPONENT runtime EXCLUDE_FROM_ALL)
install(FILES "${CMAKE_CURRENT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DATAROOTDIR}/doc/libcprom-dev"
    RENAME copyright COMPONENT development EXCLUDE_FROM_ALL)
include(CPack)
