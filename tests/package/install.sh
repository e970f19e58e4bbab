#!/bin/sh
# install.sh shared|static: builds and installs the library, then moves the tree: what is installed is relocatable.
# The shared one is configured for /usr, as packages are, and so gets the system's libdir.
. "$(dirname "$0")/common.sh"
linkage=$1
need cmake
fresh "$linkage"
set --
[ "$linkage" = shared ] && set -- -DCMAKE_INSTALL_PREFIX=/usr
quietly cmake -S "$CPROM_SOURCE" -B "$work/build" -G "$CPROM_GENERATOR" "-DCMAKE_C_COMPILER=$CPROM_CC" \
    -DCMAKE_BUILD_TYPE=Release "-DBUILD_SHARED_LIBS=$(on_off "$linkage")" -DCPROM_TESTS=OFF -DCPROM_WERROR=ON "$@"
quietly cmake --build "$work/build" --parallel 2
quietly cmake --install "$work/build" --prefix "$work/first"
mv "$work/first" "$work/prefix" || exit 1

prefix=$work/prefix
pc=$(pc_dir "$prefix") || exit 1
libdir=${pc%/pkgconfig}
(cd "$prefix" && find . ! -type d | sort)
(cd "$CPROM_SOURCE/include" && find . -type f | sort) >"$work/headers"
(cd "$prefix/include" && find . -type f | sort) >"$work/installed_headers"
same 'installed headers' "$work/headers" "$work/installed_headers"
for file in cprom-config.cmake cprom-config-version.cmake cprom-targets.cmake cprom-targets-release.cmake; do
    [ -f "$libdir/cmake/cprom/$file" ] || fail "$file is missing"
done
if [ "$linkage" = shared ]; then
    soname=libcprom.so.${version%%.*}
    [ "$(readlink "$libdir/libcprom.so")" = "$soname" ] || fail "libcprom.so does not lead to $soname"
    [ "$(readlink "$libdir/$soname")" = "libcprom.so.$version" ] || fail "$soname does not lead to libcprom.so.$version"
    readelf -d "$libdir/libcprom.so" | grep -q "(SONAME).*\[$soname\]" || fail "the soname is not $soname"
    [ ! -e "$libdir/libcprom.a" ] || fail 'there is a libcprom.a'
else
    [ -f "$libdir/libcprom.a" ] || fail 'libcprom.a is missing'
    [ ! -e "$libdir/libcprom.so" ] || fail 'there is a libcprom.so'
fi
if grep -rl -e "$work" -e "$CPROM_SOURCE" --include='*.pc' --include='*.cmake' --include='*.h' "$prefix"; then
    fail 'these files name directories of this machine'
fi
