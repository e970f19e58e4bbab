#!/bin/sh
# check.sh COMPILER INCLUDE_DIR: compiles every public header alone, and use_<header>.c, which uses its every macro,
# with warnings as errors: as C99 and C11 with a C compiler, as C++11 and C++17 with a C++ one.
# Exit code 77: the compiler is not there.
set -u
compiler=$1
include=$2
here=$(cd "$(dirname "$0")" && pwd) || exit 1

if ! command -v "$compiler" >/dev/null 2>&1; then
    echo "SKIPPED headers with $compiler: the compiler is not installed"
    exit 77
fi
case $compiler in
    *++*) language=c++ standards='c++11 c++17' ;;
    *) language=c standards='c99 c11' ;;
esac

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
if ! echo 'int main(void) { return 0; }' | "$compiler" -x "$language" - -o "$scratch/probe" 2>"$scratch/why"; then
    echo "SKIPPED headers with $compiler: it does not build a program: $(head -n 1 "$scratch/why")"
    exit 77
fi

failed=0
compile() {
    echo "$compiler -std=$1 $2"
    "$compiler" -x "$language" -std="$1" -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -O2 \
        -I "$include" -c "$2" -o "$scratch/out.o" || failed=1
}

found=0
for header in "$include"/cprom/*.h; do
    [ -f "$header" ] || continue
    found=$((found + 1))
    name=$(basename "$header" .h)
    # Twice: the guard works.
    printf '#include <cprom/%s.h>\n#include <cprom/%s.h>\n' "$name" "$name" >"$scratch/alone_$name.c"
    use=$here/use_$name.c
    if [ ! -f "$use" ]; then
        echo "$use is missing: it should use every macro of cprom/$name.h"
        failed=1
        continue
    fi
    guard=CPROM_$(echo "$name" | tr '[:lower:]' '[:upper:]')_H
    # shellcheck disable=SC2013 # names without blanks
    for macro in $(sed -n 's/^#[ ]*define \(CPROM_[A-Z0-9][A-Z0-9_]*\).*/\1/p' "$header" | sort -u); do
        [ "$macro" = "$guard" ] && continue
        if ! grep -qw "$macro" "$use"; then
            echo "$use does not use $macro"
            failed=1
        fi
    done
    for standard in $standards; do
        compile "$standard" "$scratch/alone_$name.c"
        compile "$standard" "$use"
    done
done
if [ "$found" -eq 0 ]; then
    echo "no headers in $include/cprom"
    failed=1
fi
exit "$failed"
