# The unit tests where the other parts do not run them: with other C libraries, word sizes, byte orders and machines, and with
# link-time optimisation. Sourced by part.sh, whose steps these are made of.
# shellcheck shell=sh disable=SC2154 # what part.sh and tools.sh set

# make_cmocka COMPILER: $directory/libcmocka.a, from the distribution's source; sets with_cmocka, the options for CMake.
make_cmocka() {
    if ! need_cmocka_source; then
        skip "cmocka's source cannot be had, see $apt_log"
        finish
    fi
    mkdir -p "$directory"
    cmocka=${cmocka_source%/src/cmocka.c}
    if ! "$1" -O1 -w -D_GNU_SOURCE -DHAVE_SIGNAL_H -DHAVE_STRINGS_H -DHAVE_INTTYPES_H -DHAVE_MALLOC_H -DHAVE_STRSIGNAL \
        -DHAVE_STRUCT_TIMESPEC -DHAVE_GCC_THREAD_LOCAL_STORAGE -DHAVE_CLOCK_REALTIME -DHAVE_SIGLONGJMP \
        "-I$cmocka/include" -c "$cmocka_source" -o "$directory/cmocka.o" >"$log" 2>&1 ||
        ! ar rcs "$directory/libcmocka.a" "$directory/cmocka.o" >>"$log" 2>&1; then
        cat "$log"
        fail 'cmocka does not build'
        finish
    fi
}

# build_with_cmocka 'TARGET...' CMAKE-ARGUMENT...: a warning in the library is a failure; tests are written for 64 bits.
build_with_cmocka() {
    with_targets=$1
    shift
    build "$with_targets" -DCPROM_INSTALL=OFF -DCPROM_EXPORTERS=OFF -DCPROM_WERROR=OFF -DCMAKE_BUILD_TYPE=Release \
        "-DCMOCKA_INCLUDE_DIR=$cmocka/include" "-DCMOCKA_LIBRARY=$directory/libcmocka.a" "$@"
    if grep -E "(^|/)(lib/[a-z]*|include/cprom)/[a-z_]*\.[ch]:.*warning:" "$log"; then
        fail 'the library does not compile without warnings'
    fi
}

# Optimised with the whole library in it, each program takes long: some of everything do.
some_programs='unit_base unit_store unit_metric unit_update unit_page unit_http example_steps_delete example_steps_replace'
run_some_tests() {
    some='base_number|store_map|store_reclaim|store_vec|metric_counter|metric_gauge|metric_histogram|update_commit'
    run_tests -R "^unit_($some|page_faults|page_formats|page_park|http_server)\$|^example_steps"
}

run_lto_gcc() {
    # As a whole: the library is one unit to the optimiser, NDEBUG, nothing but C11.
    make_cmocka gcc
    build_with_cmocka "cprom $some_programs" -DCMAKE_C_COMPILER=gcc \
        -DCPROM_WERROR=ON '-DCMAKE_C_FLAGS=-flto -pedantic-errors' '-DCMAKE_C_FLAGS_RELEASE=-O2 -DNDEBUG'
    run_some_tests
}

run_lto_clang() {
    # Linked with lld, since GNU ld needs a plugin for it. The shared library, through the examples.
    require 'clang lld llvm' clang ld.lld llvm-ar llvm-ranlib
    make_cmocka clang
    build_with_cmocka "cprom $some_programs" -DCMAKE_C_COMPILER=clang \
        -DCPROM_WERROR=ON -DBUILD_SHARED_LIBS=ON \
        -DCMAKE_AR="$(command -v llvm-ar)" -DCMAKE_RANLIB="$(command -v llvm-ranlib)" \
        '-DCMAKE_C_FLAGS=-flto=thin -pedantic-errors -fuse-ld=lld -Wno-unused-command-line-argument' \
        '-DCMAKE_C_FLAGS_RELEASE=-O2 -DNDEBUG'
    run_some_tests
}

run_musl() {
    require musl-tools musl-gcc
    make_cmocka musl-gcc
    build_with_cmocka 'cprom unit_tests example_steps_delete example_steps_replace' -DCMAKE_C_COMPILER=musl-gcc \
        '-DCMAKE_C_FLAGS_RELEASE=-O1' -DBUILD_SHARED_LIBS=OFF
    run_tests -R '^unit_|^example_steps' -LE '^heavy$'
}

run_i386() {
    # SSE: constants of the tests are doubles, which the old floating-point unit does not calculate with.
    flags='-O1 -msse2 -mfpmath=sse -Wno-psabi'
    compiler=gcc launcher=
    if compiles_hello gcc c -m32; then
        flags="-m32 $flags"
    else
        require 'gcc-i686-linux-gnu libc6-dev-i386-cross' i686-linux-gnu-gcc
        compiler=i686-linux-gnu-gcc
        launcher='/usr/i686-linux-gnu/lib/ld-linux.so.2;--library-path;/usr/i686-linux-gnu/lib'
        compiles_hello "$compiler" c -static
    fi
    if ! "$scratch/probe"; then
        skip 'this machine does not run its programs'
        finish
    fi
    # For cmocka, too.
    mkdir -p "$directory"
    printf '#!/bin/sh\nexec %s %s "$@"\n' "$compiler" "$flags" >"$directory/cc" && chmod +x "$directory/cc"
    make_cmocka "$directory/cc"
    build_with_cmocka 'cprom unit_tests' -DCMAKE_C_COMPILER="$compiler" -DCMAKE_SYSTEM_NAME=Linux \
        "-DCMAKE_C_FLAGS=$flags" -DCMAKE_C_FLAGS_RELEASE= "-DCPROM_TEST_LAUNCHER=$launcher"
    run_tests -R '^unit_' -LE '^heavy$'
    # The floor: what is older than the Pentium has no 64-bit atomics, and is told so.
    if ! "$compiler" -m32 -march=i486 -std=c11 "-I$root/include" "-I$root/lib" -fsyntax-only "$root/lib/store/cell.c" 2>&1 |
        grep -q 'error.*64-bit atomic'; then
        fail 'lib/store/cell.h does not refuse an i486'
    fi
}

# run_emulated MACHINE PACKAGE-OF-LIBC
run_emulated() {
    if [ "$(uname -m)" = "$1" ]; then
        skip 'this is one: the other parts ran on it'
        finish
    fi
    require "gcc-$1-linux-gnu $2" "$1-linux-gnu-gcc"
    require qemu-user-static "qemu-$1-static"
    make_cmocka "$1-linux-gnu-gcc"
    build_with_cmocka 'cprom unit_tests' -DCMAKE_C_COMPILER="$1-linux-gnu-gcc" -DCMAKE_SYSTEM_NAME=Linux \
        '-DCMAKE_C_FLAGS_RELEASE=-O1' "-DCPROM_TEST_LAUNCHER=qemu-$1-static;-L;/usr/$1-linux-gnu"
    # What the emulator would need minutes for, or asks of the kernel what it does not emulate.
    echo "$part: tests labelled heavy, which take minutes in the emulator" >>"$scratch/skips"
    echo "$part: unit_registry_process*, since the emulator makes /proc/self/stat up" >>"$scratch/skips"
    run_tests -R '^unit_' -LE '^heavy$' -E '^unit_registry_process(_live)?$'
}
