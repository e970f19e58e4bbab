#!/bin/sh
# without_http.sh: with CPROM_HTTP=OFF the library is what it was, without HTTP: no function of http.h, no socket, no
# header of it, in any form; and who asks for it is told.
. "$(dirname "$0")/common.sh"
need cmake nm python3
fresh without_http

quietly cmake -S "$CPROM_SOURCE" -B "$work/build" -G "$CPROM_GENERATOR" "-DCMAKE_C_COMPILER=$CPROM_CC" \
    -DBUILD_SHARED_LIBS=ON -DCPROM_TESTS=OFF -DCPROM_HTTP=OFF -DCPROM_WERROR=ON "-DCMAKE_INSTALL_PREFIX=$work/prefix"
quietly cmake --build "$work/build" --parallel 2
quietly cmake --build "$work/build" --target single_file
quietly cmake --install "$work/build"
pc=$(pc_dir "$work/prefix") || exit 1

nm -D "${pc%/pkgconfig}/libcprom.so" >"$work/symbols" || exit 1
grep -q ' cprom_registry_new' "$work/symbols" || fail 'the library lost more than HTTP'
if grep -e 'cprom_http' -e ' U socket' -e ' U accept' -e ' U poll' "$work/symbols"; then fail 'the library has HTTP'; fi
nm "${pc%/pkgconfig}/libcprom.so" >"$work/symbols" || exit 1
if grep gzip "$work/symbols"; then fail 'the library compresses what it does not serve'; fi
if grep -q cprom_http "$work/build/cprom.map"; then fail 'the version script names what is not there'; fi
[ ! -e "$work/prefix/include/cprom/http.h" ] || fail 'http.h is installed'
[ -e "$work/prefix/include/cprom/cprom.h" ] || fail 'cprom.h is not installed'
if grep -l -e cprom_http -e cprom__gzip "$work"/build/single_file/*; then fail 'the single-file form has HTTP'; fi
grep -qx 'http=OFF' "$pc/cprom.pc" || fail 'cprom.pc does not tell'

for component in '' 'COMPONENTS http'; do
    rm -rf "$work/consumer"
    mkdir "$work/consumer" || exit 1
    cat >"$work/consumer/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.16)
project(consumer LANGUAGES C)
find_package(cprom REQUIRED $component)
END
    if cmake -S "$work/consumer" -B "$work/consumer/build" -G "$CPROM_GENERATOR" "-DCMAKE_C_COMPILER=$CPROM_CC" \
        "-DCMAKE_PREFIX_PATH=$work/prefix" >"$work/log" 2>&1; then found=yes; else found=no; fi
    case $component:$found in
        :yes | ?*:no) ;;
        *) cat "$work/log"; fail "find_package with '$component': $found" ;;
    esac
done
