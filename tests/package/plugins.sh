#!/bin/sh
# plugins.sh COMPILER archive|single_file: shared objects that a program loads, and the library in each, as the guide says how:
# one is closed while threads that used it live on, 200 times in a row, too; two of them and the program have copies that do not
# bind to each other.
. "$(dirname "$0")/common.sh"
compiler=$1 form=$2
need "$compiler" cmake readelf nm
fresh "plugins_${compiler}_$form"
echo '#include <dlfcn.h>
int main(void) { return !dlopen(0, RTLD_NOW); }' >"$work/probe.c"
if ! "$compiler" "$work/probe.c" -o "$work/probe" -ldl || ! "$work/probe"; then
    echo "SKIPPED plugins with $compiler: it does not build a program that can load some"
    exit 77
fi

# musl leaves what is closed where it is.
goes=1
initial_exec=ON
if ! echo '#include <limits.h>' | "$compiler" -dM -E - | grep -q __GLIBC__; then
    goes=0
    initial_exec=OFF
fi

# configured NAME SHARED
configured() {
    quietly cmake -S "$CPROM_SOURCE" -B "$work/$1" -G "$CPROM_GENERATOR" "-DCMAKE_C_COMPILER=$compiler" \
        -DCMAKE_BUILD_TYPE=Release "-DBUILD_SHARED_LIBS=$2" -DCPROM_TESTS=OFF -DCPROM_INSTALL=OFF -DCPROM_EXPORTERS=OFF
    grep '^CPROM_INITIAL_EXEC:' "$work/$1/CMakeCache.txt"
}

# plugin FILE: this is what the guide says.
case $form in
    archive)
        [ "$(configured shared ON)" = "CPROM_INITIAL_EXEC:BOOL=$initial_exec" ] || fail 'variables of the shared library'
        [ "$(configured static OFF)" = CPROM_INITIAL_EXEC:BOOL=OFF ] || fail 'variables of the archive'
        quietly cmake --build "$work/static" --parallel 2 --target cprom
        include=$CPROM_SOURCE/include/cprom
        library=$work/static/libcprom.a
        plugin() {
            quietly "$compiler" -O2 -fPIC -shared -pthread "-I$include" "$CPROM_SOURCE/tests/package/plugin/plugin.c" \
                "$library" -Wl,--exclude-libs,libcprom.a -o "$1" -lm
        }
        ;;
    single_file)
        include=$CPROM_PACKAGE_WORK/shared/build/single_file
        library=$include/cprom.c
        plugin() {
            quietly "$compiler" -O0 -fPIC -pthread -fvisibility=hidden -DCPROM_API= -c "$library" -o "$work/cprom.o"
            quietly "$compiler" -O2 -fPIC -shared -pthread "-I$include" "$CPROM_SOURCE/tests/package/plugin/plugin.c" \
                "$work/cprom.o" -o "$1" -lm
        }
        ;;
    *) fail "what is $form?" ;;
esac

plugin "$work/a.so"
plugin "$work/b.so"
nm -D --defined-only "$work/a.so" >"$work/symbols" || exit 1
grep -q ' plugin_begin$' "$work/symbols" || fail 'the plugin has no functions'
if grep ' cprom' "$work/symbols"; then fail 'the plugin gives out what is the library'"'"'s'; fi
readelf -d "$work/a.so" >"$work/dynamic" || exit 1
if grep STATIC_TLS "$work/dynamic"; then fail 'the plugin needs variables in a fixed place'; fi

# The second has a copy of its own, whose names others may bind to.
host() {
    quietly "$compiler" -O2 -pthread "$CPROM_SOURCE/tests/package/plugin/host.c" "$@" -lm -ldl
}
host -o "$work/host"
host -DOWN_COPY "-I$include" -rdynamic "$library" -o "$work/host_with_copy"
for program in host host_with_copy; do
    "$work/$program" lives "$work/a.so" "$goes" || fail "$program lives: ended with $?"
    timeout 300 "$work/$program" again "$work/a.so" "$goes" || fail "$program again: ended with $?"
    "$work/$program" copies "$work/a.so" "$work/b.so" || fail "$program copies: ended with $?"
done
nm -D "$work/host_with_copy" | grep -q ' T cprom_counter_add' || fail 'the host gives out no names of the library'
