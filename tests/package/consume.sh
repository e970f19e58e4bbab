#!/bin/sh
# consume.sh KIND shared|static: builds and runs the README's program in a project of its own that gets the library
# by find_package, pkg_config or meson from an installed tree (install.sh), by subdirectory or fetch_content from the
# checkout, without network.
. "$(dirname "$0")/common.sh"
kind=$1 linkage=$2
prefix=$CPROM_PACKAGE_WORK/$linkage/prefix
fresh "${kind}_$linkage"
cp -R "$CPROM_SOURCE/tests/package/consumer" "$work/src" && readme_program >"$work/src/main.c" || exit 1

use_installed() {
    PKG_CONFIG_PATH=$(pc_dir "$prefix") || exit 1
    LD_LIBRARY_PATH=${PKG_CONFIG_PATH%/pkgconfig}
    export PKG_CONFIG_PATH LD_LIBRARY_PATH
    [ "$(pkg-config --modversion cprom)" = "$version" ] || fail "cprom.pc has version $(pkg-config --modversion cprom)"
}

build_with_cmake() {
    quietly cmake -S "$work/src" -B "$work/build" -G "$CPROM_GENERATOR" "-DCMAKE_C_COMPILER=$CPROM_CC" \
        -DCMAKE_BUILD_TYPE=Debug "-DCONSUMER_KIND=$kind" "-DCPROM_VERSION=$version" \
        "-DCPROM_SOURCE=$CPROM_SOURCE" "$@"
    quietly cmake --build "$work/build" --parallel 2
    program=$work/build/consumer
}

case $kind in
    find_package)
        build_with_cmake "-DCMAKE_PREFIX_PATH=$prefix"
        grep "^cprom_DIR:PATH=$prefix/" "$work/build/CMakeCache.txt" || fail "not the one in $prefix was found"
        ;;
    subdirectory | fetch_content)
        build_with_cmake "-DBUILD_SHARED_LIBS=$(on_off "$linkage")" -DFETCHCONTENT_FULLY_DISCONNECTED=ON
        # The guest does not install, test or package itself.
        quietly cmake --install "$work/build" --prefix "$work/installed"
        [ "$(cd "$work/installed" && find . ! -type d)" = ./bin/consumer ] || fail 'more than the consumer was installed'
        [ ! -e "$work/build/CPackConfig.cmake" ] || fail 'the guest configured CPack'
        [ -z "$(find "$work/build" -name 'libcprom_test*')" ] || fail 'the guest built its tests'
        ;;
    pkg_config)
        need pkg-config
        use_installed
        static=
        [ "$linkage" = static ] && static=--static
        # pkg-config quotes for the shell, blanks in paths too. Without --static the word is empty and goes.
        # shellcheck disable=SC2086
        eval "set -- $(pkg-config $static --cflags --libs cprom)"
        quietly "$CPROM_CC" -std=c99 -Wall -Wextra -Werror "$work/src/main.c" -o "$work/program" "$@"
        pkg-config --static --libs cprom | grep -qw -e -pthread || fail 'static linking would lack -pthread'
        program=$work/program
        ;;
    meson)
        need meson ninja pkg-config
        use_installed
        CC=$CPROM_CC quietly meson setup "$work/build" "$work/src" "-Dlinkage=$linkage"
        quietly meson compile -C "$work/build"
        program=$work/build/consumer
        ;;
    *) fail "what is $kind?" ;;
esac
links "$program" "$linkage"
says_what_it_should "$program"
