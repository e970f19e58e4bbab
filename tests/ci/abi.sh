#!/bin/sh
# Compares the binary interface of the shared library with tests/ci/abi/libcprom.abi, what the last release or the last
# deliberate change had. docs/abi.md says what may change when.
#
#   sh tests/ci/abi.sh            1: something is not as it was; 77: cannot be told here; else 0
#   sh tests/ci/abi.sh --update   writes the baseline anew
#
# New functions are no change to those who do not call them, and need no new baseline; the version script's test knows
# them.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
# shellcheck source=tests/ci/tools.sh
. "$root/tests/ci/tools.sh"
work=$build/abi
mkdir -p "$work" || exit 1
baseline=$root/tests/ci/abi/libcprom.abi

skip() {
    echo "SKIPPED abi: $1"
    exit 77
}

[ "$(uname -m)" = x86_64 ] || skip 'the baseline is that of x86-64'
need abigail-tools abidw abidiff || skip "$need_missing"
for tool in cmake gcc; do
    have "$tool" || skip "$tool is missing"
done

# DWARF 4, and hardly optimised: what the tools read should depend on the source, and not on the compiler.
if ! cmake -S "$root" -B "$work/build" -DCPROM_TESTS=OFF -DCPROM_INSTALL=OFF -DBUILD_SHARED_LIBS=ON \
    -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Release '-DCMAKE_C_FLAGS_RELEASE=-O1 -g -gdwarf-4' >"$work/log" 2>&1 ||
    ! cmake --build "$work/build" --parallel 2 --target cprom >"$work/log" 2>&1; then
    cat "$work/log"
    echo 'FAILED abi: the library does not build'
    exit 1
fi

# What the public headers say of it: no private types, no places in files, no names of directories or compilers.
abidw --exported-interfaces-only --headers-dir "$root/include/cprom" --drop-private-types --no-show-locs --no-corpus-path --no-comp-dir-path \
    --no-elf-needed --no-parameter-names --type-id-style hash --out-file "$work/read.abi" "$work/build/libcprom.so" || exit 1
sed -e "s@$root/@@g" -e "s/ language='[^']*'//" "$work/read.abi" >"$work/libcprom.abi"
if grep -n -e "$root" -e '/tmp/' -e '/home/' "$work/libcprom.abi"; then
    echo 'FAILED abi: names of directories in what abidw wrote'
    exit 1
fi

if [ "${1-}" = --update ]; then
    mkdir -p "$root/tests/ci/abi"
    cp "$work/libcprom.abi" "$baseline" && echo "wrote $baseline"
    exit
fi

abidiff --no-added-syms --no-corpus-path --suppressions "$root/tests/ci/abi/compatible" "$baseline" "$work/libcprom.abi" \
    >"$work/report" 2>&1
code=$?
# Fields at the end pass there, but not in what was padding: the size has to grow.
if [ "$code" -eq 0 ] && abidiff --no-added-syms --no-corpus-path "$baseline" "$work/libcprom.abi" 2>&1 |
    grep -A 1 "type size hasn't changed" | grep 'data member insertion' >"$work/report"; then
    echo 'a field is in what was padding, where older callers may have anything'
    code=1
fi
if [ "$code" -ne 0 ]; then
    cat "$work/report"
    cat <<END
FAILED abi: abidiff ended with $code. docs/abi.md says what may change in which version. If this may, write the baseline anew:
    sh tests/ci/abi.sh --update
END
    exit 1
fi
echo 'abi: as it was'
