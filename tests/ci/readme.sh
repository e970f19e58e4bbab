#!/bin/sh
# readme.sh README WORK_DIR INCLUDE_DIR LIBRARY COMPILER [FLAG...]
# Builds and runs, as it stands there, the first ```c block of the README that has an `int main`.
# Exit code 77: there is no README.
set -u
readme=$1 work=$2 include=$3 library=$4 compiler=$5
shift 5

if [ ! -f "$readme" ]; then
    echo "SKIPPED the program of the README: there is no $readme"
    exit 77
fi
mkdir -p "$work" || exit 1
rm -f "$work/readme.c" "$work/readme"
awk '
    !inside && /^[ ]*```c[ ]*$/ { inside = 1; text = ""; program = 0; next }
    inside && /^[ ]*```[ ]*$/ { inside = 0; if (program) { printf "%s", text; exit } next }
    inside { text = text $0 "\n"; if ($0 ~ /int main/) program = 1 }
' "$readme" >"$work/readme.c" || exit 1
if [ ! -s "$work/readme.c" ]; then
    echo "no \`\`\`c block with an 'int main' in $readme"
    exit 1
fi
lines=$(($(wc -l <"$work/readme.c")))
if [ "$lines" -gt 40 ]; then
    echo "the program of the README has $lines lines: 40 are allowed"
    exit 1
fi
"$compiler" -std=c99 -Wall -Wextra -Werror "$@" -I "$include" "$work/readme.c" "$library" -pthread \
    "-Wl,-rpath,$(dirname "$library")" -o "$work/readme" || exit 1
cd "$work" && ./readme
code=$?
[ "$code" -eq 0 ] || echo "the program of the README ended with $code"
exit "$code"
