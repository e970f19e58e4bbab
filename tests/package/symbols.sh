#!/bin/sh
# symbols.sh map: lib/cprom.map lists what the headers declare with CPROM_API, and nothing else.
# symbols.sh library: the installed shared library (install.sh) defines just that, too, and what it leaves undefined
# is defined by libc, libm, libpthread, or by libgcc_s, which unwinds.
. "$(dirname "$0")/common.sh"
fresh "symbols_$1"
declared >"$work/headers" || exit 1

# Every node of the script: what stands before `local:`.
tr -d '\n' <"$CPROM_SOURCE/lib/cprom.map" | sed -e 's@/\*[^*]*\*/@@g' -e 's/}/}\n/g' |
    sed -n 's/.*global:\(.*\)local:.*/\1/p' | tr -d ' ' | tr ';' '\n' | grep . | sort >"$work/cprom.map"
uniq -d "$work/cprom.map" >"$work/twice"
[ ! -s "$work/twice" ] || fail "twice in lib/cprom.map: $(cat "$work/twice")"
same 'headers and version script' "$work/headers" "$work/cprom.map"
[ "$1" = map ] && exit

need nm readelf
pc=$(pc_dir "$CPROM_PACKAGE_WORK/shared/prefix") || exit 1
library=${pc%/pkgconfig}/libcprom.so
nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort >"$work/libcprom.so"
same 'headers and library' "$work/headers" "$work/libcprom.so"
nm -D --defined-only --with-symbol-versions "$library" >"$work/versions" 2>/dev/null ||
    nm -D --defined-only "$library" >"$work/versions"
grep -v -e ' A ' -e '@@CPROM_[0-9]' "$work/versions" && fail 'these symbols have no version'

# What it may need, and what those define. Weak symbols that the compiler's start files ask for need not be there; the
# stack protector of some architectures has its canary in the dynamic linker.
readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' >"$work/needed"
if grep -v -e '^libc\.' -e '^libm\.' -e '^libpthread\.' -e '^libgcc_s\.' -e '^ld-linux' "$work/needed"; then
    fail 'the library needs what it should not'
fi
grep '^lib' "$work/needed" | while read -r needed; do
    nm -D --defined-only "$("$CPROM_CC" -print-file-name="$needed")" | awk '{ sub(/@.*/, "", $3); print $3 }'
done | sort -u >"$work/provided"
[ "$(wc -l <"$work/provided")" -gt 100 ] || {
    cat "$work/provided"
    fail 'it could not be found out what libc defines'
}
nm -D --undefined-only "$library" | awk '
    { sub(/@.*/, "", $2) }
    $1 == "w" && $2 ~ /^(_ITM_deregisterTMCloneTable|_ITM_registerTMCloneTable|__cxa_finalize|__gmon_start__)$/ { next }
    $2 == "__stack_chk_guard" { next }
    { print $2 }' | sort >"$work/undefined"
[ -s "$work/undefined" ] || fail 'nothing is undefined, not even malloc'
comm -23 "$work/undefined" "$work/provided" >"$work/foreign"
[ ! -s "$work/foreign" ] || fail "neither in libc nor in libm, libpthread, libgcc_s: $(tr '\n' ' ' <"$work/foreign")"
echo "$(wc -l <"$work/headers") symbols defined, $(wc -l <"$work/undefined") undefined"
