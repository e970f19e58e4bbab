#!/bin/sh
# deb.sh: makes the .deb packages of the build that install.sh shared left, unpacks them into a scratch root, and builds
# and runs the README's program against what is there, by pkg-config and by CMake.
. "$(dirname "$0")/common.sh"
need cpack dpkg dpkg-deb dpkg-shlibdeps pkg-config
fresh deb
major=${version%%.*}
architecture=$(dpkg --print-architecture)
quietly cpack --config "$CPROM_PACKAGE_WORK/shared/build/CPackConfig.cmake" -G DEB -B "$work"
runtime=$work/libcprom${major}_${version}_$architecture.deb
development=$work/libcprom-dev_${version}_$architecture.deb
made=$(echo "$work"/*.deb)
[ "$made" = "$development $runtime" ] || fail "made: $made"

# field PACKAGE FIELD PATTERN
field() {
    value=$(dpkg-deb -f "$1" "$2")
    echo "$value" | grep -Eq "$3" || fail "$(basename "$1") has $2: $value"
}
field "$runtime" Package "^libcprom$major\$"
field "$runtime" Version "^$version\$"
field "$runtime" Depends '^libc6 \(>= [0-9.]+\), libgcc-s1 \(>= [0-9.]+\)$'
field "$runtime" Section '^libs$'
field "$development" Package '^libcprom-dev$'
field "$development" Depends "^libcprom$major \(= $version\), libc6-dev\$"
field "$development" Section '^libdevel$'
dpkg-deb -I "$runtime" shlibs | grep -qx "libcprom $major libcprom$major.*" || fail 'the shlibs file is wrong or missing'

root=$work/root
quietly dpkg-deb -x "$runtime" "$root"
libdir=$(find "$root/usr" -name "libcprom.so.$major" -exec dirname {} \;)
(cd "$root" && find . ! -type d | sort) >"$work/files"
printf '%s\n' ".${libdir#"$root"}/libcprom.so.$major" ".${libdir#"$root"}/libcprom.so.$version" \
    "./usr/share/doc/libcprom$major/copyright" >"$work/runtime_files"
same 'files of the runtime package' "$work/runtime_files" "$work/files"
quietly dpkg-deb -x "$development" "$root"
for file in usr/include/cprom/cprom.h usr/share/doc/libcprom-dev/copyright; do
    [ -f "$root/$file" ] || fail "libcprom-dev lacks $file"
done
[ "$(readlink "$libdir/libcprom.so")" = "libcprom.so.$major" ] || fail 'libcprom-dev lacks libcprom.so'

readme_program >"$work/main.c"
export "LD_LIBRARY_PATH=$libdir" "PKG_CONFIG_PATH=$libdir/pkgconfig"
# pkg-config quotes for the shell, blanks in paths too.
eval "set -- $(pkg-config --cflags --libs cprom)"
quietly "$CPROM_CC" -std=c99 -Wall -Wextra -Werror "$work/main.c" -o "$work/program" "$@"
links "$work/program" shared
says_what_it_should "$work/program"

cp -R "$CPROM_SOURCE/tests/package/consumer" "$work/src" && cp "$work/main.c" "$work/src" || exit 1
quietly cmake -S "$work/src" -B "$work/build" -G "$CPROM_GENERATOR" "-DCMAKE_C_COMPILER=$CPROM_CC" \
    -DCONSUMER_KIND=find_package "-DCPROM_VERSION=$version" "-DCMAKE_PREFIX_PATH=$root/usr"
quietly cmake --build "$work/build"
links "$work/build/consumer" shared
says_what_it_should "$work/build/consumer"
