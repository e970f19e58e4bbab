#!/bin/sh
# Static analysis of lib/ and the examples: gcc -fanalyzer, clang-tidy, cppcheck. What is not meant stands at the line,
# with the reason:
#
#   /* analyzer: REASON */                 gcc, at the line that it names; it has no such comment itself
#   /* NOLINT(CHECK): REASON */            clang-tidy, at the line (or NOLINTNEXTLINE before it)
#   /* cppcheck-suppress ID ; REASON */    cppcheck, before the line
#
#   sh tests/ci/static.sh [gcc] [clang-tidy] [cppcheck]    all, or these
#
# Ends with 1 if something was found, with 77 if no tool is there.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
# shellcheck source=tests/ci/tools.sh
. "$root/tests/ci/tools.sh"
work=$build/static
mkdir -p "$work" || exit 1
cd "$root" || exit 1
ran=0 failed=0

# require TOOL PACKAGE
require() {
    need "$2" "$1" && return
    echo "SKIPPED static: $need_missing"
    return 1
}

# Examples that include what may not be installed are left to the compilers.
examples=$(grep -L -e '<microhttpd.h>' -e '<zlib.h>' examples/*.c examples/pipelined/*.c)

# said TOOL FILE: what is left is wrong
said() {
    ran=$((ran + 1))
    if [ -s "$2" ]; then
        cat "$2"
        failed=$((failed + 1))
        printf 'FAILED static: %s found something\n' "$1"
    else
        printf 'ok static: %s\n' "$1"
    fi
}

[ "$#" -gt 0 ] || set -- gcc clang-tidy cppcheck
for tool in "$@"; do
    out=$work/$tool
    rm -f "$out" "$out.all"
    case $tool in
        gcc)
            require gcc gcc || continue
            # shellcheck disable=SC2016,SC2086 # of the other shell; lists of files
            printf '%s\n' lib/*/*.c $examples | xargs -P 2 -n 4 sh -c '
                for file in "$@"; do
                    gcc -std=gnu11 -O1 -Wall -Wextra -fanalyzer -fdiagnostics-path-format=none -fdiagnostics-plain-output \
                        -Iinclude -Ilib -c "$file" -o /dev/null 2>&1
                done' sh >"$out.all"
            grep -E ': (warning|error):' "$out.all" | sort -u | while IFS=: read -r file line rest; do
                sed -n "${line}p" "$file" | grep -q '/\* analyzer: [^ ]' || printf '%s:%s:%s\n' "$file" "$line" "$rest"
            done >"$out"
            said "gcc -fanalyzer" "$out"
            ;;
        clang-tidy)
            require clang-tidy clang-tidy || continue
            # The checks are in .clang-tidy. A file each: what it knows of a va_list in one, it believes of the next.
            # shellcheck disable=SC2086 # lists of files
            printf '%s\n' lib/*/*.c $examples | xargs -P 2 -n 1 sh -c \
                'clang-tidy --quiet "$@" -- -std=gnu11 -Iinclude -Ilib 2>/dev/null' sh >"$out.all"
            grep -E ': (warning|error):' "$out.all" | sort -u >"$out"
            said clang-tidy "$out"
            ;;
        cppcheck)
            require cppcheck cppcheck || continue
            # The library as it is built: with glibc on Linux, and without seams.
            # shellcheck disable=SC2086 # lists of files
            cppcheck -j 2 --std=c11 --enable=warning,performance,portability --inline-suppr --quiet -Iinclude -Ilib \
                -D__linux__ -D__GLIBC__ -D__GNUC__ -D__x86_64__ -DATOMIC_LLONG_LOCK_FREE=2 -UCPROM_SEAMS -U__cplusplus \
                '--template={file}:{line}: {severity}: {message} [{id}]' lib $examples 2>&1 | sort -u >"$out"
            said cppcheck "$out"
            ;;
        *)
            sed -n '2,12s/^# \{0,1\}//p' "$0"
            exit 2
            ;;
    esac
done

[ "$failed" -eq 0 ] || exit 1
[ "$ran" -gt 0 ] || exit 77
