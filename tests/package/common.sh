# What the package tests share; sourced. From the environment: CPROM_SOURCE, the checkout; CPROM_PACKAGE_WORK, where
# they work; CPROM_CC; CPROM_GENERATOR. Exit code 77 of a test: a tool is not there.
# shellcheck shell=sh
set -u
: "${CPROM_SOURCE:?}" "${CPROM_PACKAGE_WORK:?}" "${CPROM_CC:?}" "${CPROM_GENERATOR:?}"
unset CFLAGS CPPFLAGS LDFLAGS DESTDIR CMAKE_PREFIX_PATH PKG_CONFIG_PATH PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR
unset LD_LIBRARY_PATH CDPATH
LC_ALL=C
export LC_ALL

fail() {
    echo "$*"
    exit 1
}

need() {
    for tool in "$@"; do
        command -v "$tool" >/dev/null 2>&1 && continue
        echo "SKIPPED the package: $tool is not installed"
        exit 77
    done
}

# quietly COMMAND...: shows what it said only if it failed.
quietly() {
    "$@" >"$work/log" 2>&1 && return
    cat "$work/log"
    fail "failed: $*"
}

# A directory that only this run of this test has written to.
fresh() {
    work=$CPROM_PACKAGE_WORK/$1
    rm -rf "$work"
    mkdir -p "$work" || exit 1
}

version=$(sed -n 's/^#define CPROM_VERSION "\(.*\)"$/\1/p' "$CPROM_SOURCE/include/cprom/cprom.h")
[ -n "$version" ] || fail 'no CPROM_VERSION in cprom.h'

# What the headers declare for others, one name a line. Every CPROM_API must be understood.
declared() {
    for header in "$CPROM_SOURCE"/include/cprom/*.h; do
        "$CPROM_CC" -E -P -I "$CPROM_SOURCE/include" -DCPROM_API=cprom__exported "$header" || exit 1
    done | tr '\n' ' ' >"$work/declared.i"
    grep -o 'cprom__exported [^;(]*(' "$work/declared.i" | sed 's/.*[ *]\(cprom_[a-z0-9_]*\) *($/\1/' |
        sort -u >"$work/declared"
    marks=$(grep -o 'cprom__exported [^;]*' "$work/declared.i" | sort -u | wc -l)
    names=$(grep -c '^cprom_[a-z0-9_]*$' "$work/declared")
    if [ "$marks" -eq 0 ] || [ "$marks" -ne "$names" ]; then
        fail "$marks declarations with CPROM_API, but these names: $(tr '\n' ' ' <"$work/declared")"
    fi
    cat "$work/declared"
}

# same WHAT ONE_FILE OTHER_FILE: the sorted lists are equal, or both differences are told.
same() {
    if [ ! -s "$2" ] || [ ! -s "$3" ]; then fail "$1: one of the lists is empty"; fi
    comm -23 "$2" "$3" >"$work/only_first"
    comm -13 "$2" "$3" >"$work/only_second"
    [ ! -s "$work/only_first" ] && [ ! -s "$work/only_second" ] && return
    sed "s/^/only in $(basename "$2"): /" "$work/only_first"
    sed "s/^/only in $(basename "$3"): /" "$work/only_second"
    fail "$1: the lists differ"
}

# The program of the README, and what the README says that it prints.
readme_program() {
    awk '
        !inside && /^```c$/ { inside = 1; text = ""; program = 0; next }
        inside && /^```$/ { inside = 0; if (program) { printf "%s", text; exit } next }
        inside { text = text $0 "\n"; if ($0 ~ /int main/) program = 1 }
    ' "$CPROM_SOURCE/README.md"
}

readme_output() {
    awk '
        /^It prints/ { told = 1 }
        told && /^```$/ { if (inside) exit; inside = 1; next }
        inside
    ' "$CPROM_SOURCE/README.md"
}

# says_what_it_should PROGRAM
says_what_it_should() {
    readme_output >"$work/expected"
    [ -s "$work/expected" ] || fail 'the README does not say what its program prints'
    "$1" >"$work/output" || fail "$1 ended with $?"
    diff -u "$work/expected" "$work/output" || fail "$1 does not print what the README says"
}

# links PROGRAM shared|static: it has the library the way it should.
links() {
    needed=$(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(libcprom[^]]*\)\].*/\1/p')
    case $2 in
        shared) [ "$needed" = "libcprom.so.${version%%.*}" ] ;;
        *) [ -z "$needed" ] ;;
    esac || fail "$1 should be linked $2 and needs: ${needed:-no libcprom}"
}

on_off() { [ "$1" = shared ] && echo ON || echo OFF; }

# The directory of the installed cprom.pc, and of the library.
pc_dir() { find "$1" -name cprom.pc -exec dirname {} \; | grep . || fail "no cprom.pc under $1"; }
