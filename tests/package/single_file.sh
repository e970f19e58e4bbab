#!/bin/sh
# single_file.sh make: makes cprom.c and cprom.h by the CMake target, and again from a copy of the checkout, with the
# sources in another order: the same bytes.
# single_file.sh COMPILER: builds and runs the README's program with these two files and nothing else; no name of theirs
# is in the way of the program's.
. "$(dirname "$0")/common.sh"
made=$CPROM_PACKAGE_WORK/shared/build/single_file
fresh "single_file_$1"

if [ "$1" = make ]; then
    need python3
    rm -rf "$made"
    quietly cmake --build "$CPROM_PACKAGE_WORK/shared/build" --target single_file
    if [ ! -s "$made/cprom.c" ] || [ ! -s "$made/cprom.h" ]; then fail 'the target single_file made no files'; fi
    cmp "$CPROM_SOURCE/include/cprom/cprom.h" "$made/cprom.h" || [ -e "$CPROM_SOURCE/include/cprom/http.h" ] || exit 1
    if grep '^#[ ]*include' "$made/cprom.c" | grep -v -e '<[a-z/]*\.h>' -e '"cprom\.h"'; then
        fail 'cprom.c includes more than system headers and cprom.h'
    fi
    if grep -n -e "$CPROM_SOURCE" -e "$CPROM_PACKAGE_WORK" "$made/cprom.c" "$made/cprom.h"; then
        fail 'the files name directories of this machine'
    fi
    mkdir -p "$work/another place" && cp -R "$CPROM_SOURCE/lib" "$CPROM_SOURCE/include" "$CPROM_SOURCE/LICENSE" \
        "$CPROM_SOURCE/pkgconfig" "$work/another place" || exit 1
    cd "$work/another place" || exit 1
    sed -n 's@^    \(lib/[a-z0-9_/]*\.c\)$@\1@p' "$CPROM_SOURCE/CMakeLists.txt" | sort >"$work/order1"
    sort -r "$work/order1" >"$work/order2"
    for order in 1 2; do
        # shellcheck disable=SC2046 # names without blanks
        PYTHONHASHSEED=$order quietly python3 pkgconfig/single_file.py --version "$version" --source . \
            --out "$work/out$order" $(cat "$work/order$order")
        cmp "$made/cprom.c" "$work/out$order/cprom.c" && cmp "$made/cprom.h" "$work/out$order/cprom.h" || exit 1
    done
    wc -lc "$made/cprom.c" "$made/cprom.h"
    exit
fi

compiler=$1
need "$compiler" nm python3
[ -s "$made/cprom.c" ] || fail 'there is no cprom.c'
echo 'int main(void) { return 0; }' >"$work/probe.c"
"$compiler" "$work/probe.c" -o "$work/probe" || {
    echo "SKIPPED the single-file form with $compiler: it does not build a program"
    exit 77
}

# Side by side with the program, as strict as it gets ...
mkdir "$work/flat" "$work/folder" "$work/folder/cprom"
cp "$made/cprom.c" "$made/cprom.h" "$work/flat"
cp "$made/cprom.c" "$made/cprom.h" "$work/folder/cprom"
readme_program | sed 's@^#include <cprom/cprom\.h>$@#include "cprom.h"@' >"$work/flat/main.c"
cd "$work/flat" || exit 1
for optimisation in -O0 -O2 -O3; do
    quietly "$compiler" -std=c11 -pthread -Wall -Wextra -Werror "$optimisation" main.c cprom.c -o program
    links ./program static
    says_what_it_should ./program
done
# ... and in a folder of their own, with the compiler's defaults and the program as it stands in the README.
cd "$work/folder" || exit 1
readme_program >main.c
quietly "$compiler" -pthread -I. main.c cprom/cprom.c -o program
says_what_it_should ./program

# Inside a shared library of somebody's: only the public names leave it.
cd "$work/flat" || exit 1
quietly "$compiler" -std=c11 -pthread -fPIC -shared -O0 cprom.c -o library.so
declared >"$work/headers" || exit 1
nm -D --defined-only library.so | awk '{ print $3 }' | grep -v -e '^_init$' -e '^_fini$' | sort >"$work/library.so"
same 'headers and single file' "$work/headers" "$work/library.so"
# What it defines for the linker has the prefix; what a room keeps for itself is static.
quietly "$compiler" -std=c11 -pthread -O0 -c cprom.c -o cprom.o
nm --defined-only cprom.o | awk '$2 ~ /[A-Z]/ && $3 !~ /^cprom_/ { print $3; bad = 1 } END { exit bad }' ||
    fail 'these names have no prefix'
# An older C is told so, in words.
if "$compiler" -std=gnu99 -pthread -c cprom.c -o cprom.o >"$work/gnu99" 2>&1; then fail 'it compiles as C99'; fi
grep -q '#error "cprom.c is C11' "$work/gnu99" || fail "as C99: $(head -n 3 "$work/gnu99")"
