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
# CPROM_WORK: for what the tools say (build/static). Ends with 1 if something was found, with 77 if no tool is there.
set -u
unset CDPATH CC CFLAGS CPPFLAGS
LC_ALL=C
export LC_ALL

root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
work=${CPROM_WORK:-$root/build/static}
mkdir -p "$work" || exit 1
cd "$root" || exit 1
ran=0 failed=0

have() { command -v "$1" >/dev/null 2>&1; }
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo -n "$@"
    else
        return 1
    fi
}

# need TOOL PACKAGE
need() {
    have "$1" && return
    if have apt-get; then
        [ -e "$work/apt.log" ] || as_root apt-get update -q >"$work/apt.log" 2>&1 </dev/null
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends --no-remove \
            -o DPkg::Lock::Timeout=300 "$2" >>"$work/apt.log" 2>&1 </dev/null
    fi
    have "$1" && return
    echo "SKIPPED static: $1 is missing"
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

for tool in ${*:-gcc clang-tidy cppcheck}; do
    out=$work/$tool
    rm -f "$out" "$out.all"
    case $tool in
        gcc)
            need gcc gcc || continue
            # shellcheck disable=SC2086 # lists of files
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
            need clang-tidy clang-tidy || continue
            # The checks are in .clang-tidy.
            # shellcheck disable=SC2086 # lists of files
            printf '%s\n' lib/*/*.c $examples | xargs -P 2 -n 8 sh -c \
                'clang-tidy --quiet "$@" -- -std=gnu11 -Iinclude -Ilib 2>/dev/null' sh >"$out.all"
            grep -E ': (warning|error):' "$out.all" | sort -u >"$out"
            said clang-tidy "$out"
            ;;
        cppcheck)
            need cppcheck cppcheck || continue
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
