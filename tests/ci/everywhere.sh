#!/bin/sh
# Builds cprom and runs its unit tests where tests/run.sh's other configurations do not: other C libraries, word sizes,
# byte orders and machines, and with link-time optimisation. On Debian and Ubuntu it installs what is missing.
#
#   sh tests/ci/everywhere.sh            all of: lto-gcc lto-clang musl i386 s390x aarch64
#   sh tests/ci/everywhere.sh NAME...    only these
#
# CPROM_WORK: where everything is built (build/everywhere). Ends with 1 if something failed, with 77 if nothing could
# run, else with 0. What cannot run here is SKIPPED, with the reason.
set -u
unset CDPATH CC CXX CFLAGS CXXFLAGS CPPFLAGS LDFLAGS CMAKE_GENERATOR CTEST_PARALLEL_LEVEL LANGUAGE
LC_ALL=C
export LC_ALL

root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
work=${CPROM_WORK:-$root/build/everywhere}
mkdir -p "$work" || exit 1
work=$(cd "$work" && pwd) || exit 1
names=${*:-lto-gcc lto-clang musl i386 s390x aarch64}
for name in $names; do
    case $name in
        lto-gcc | lto-clang | musl | i386 | s390x | aarch64) ;;
        *)
            sed -n '2,9s/^# \{0,1\}//p' "$0"
            exit 2
            ;;
    esac
done
ran=0 failed=0

have() { command -v "$1" >/dev/null 2>&1; }
skip() { printf 'SKIPPED %s: %s\n' "$1" "$2"; }
fail() {
    failed=$((failed + 1))
    printf 'FAILED %s: %s\n' "$1" "$2"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo -n "$@"
    else
        return 1
    fi
}

#-------------------------------------------------------------------------------
# What is needed
#-------------------------------------------------------------------------------

# Compilers for other machines cannot be installed beside gcc-multilib: what is installed stays.
install_packages() {
    have apt-get || return 1
    if [ ! -e "$work/apt.log" ]; then
        as_root apt-get update -q >"$work/apt.log" 2>&1 </dev/null
    fi
    echo "apt-get install $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends --no-remove \
        -o DPkg::Lock::Timeout=300 "$@" >>"$work/apt.log" 2>&1 </dev/null
}

# need PACKAGES COMMAND...: installs the packages unless all the commands are there
need() {
    packages=$1
    shift
    for tool in "$@"; do
        have "$tool" && continue
        # shellcheck disable=SC2086 # a list of package names
        install_packages $packages
        break
    done
    for tool in "$@"; do
        have "$tool" && continue
        skip "$name" "$tool is missing (packages: $packages), see $work/apt.log"
        return 1
    done
}

# cmocka's source: one file, which any compiler makes a library of. It comes from the distribution, with lists of its own,
# so that nothing changes in the machine's.
fetch_cmocka() {
    set -- "$work"/cmocka-*/src/cmocka.c
    [ -e "$1" ] && return
    have apt-get && have dpkg-source || return 1
    apt=$work/apt
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/sources"
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
        case $file in
            *.sources) sed 's/^Types:.*/Types: deb-src/' "$file" ;;
            *.list) sed -n 's/^deb /deb-src /p' "$file" ;;
        esac >"$apt/sources/$(basename "$file")" 2>/dev/null
    done
    get() {
        apt-get -q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/sources" \
            -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" "$@" >>"$work/apt.log" 2>&1 </dev/null
    }
    echo 'apt-get source cmocka'
    get update
    (cd "$work" && get source --download-only cmocka && rm -f cmocka_*.asc && tar xf cmocka_*.orig.tar.*)
    set -- "$work"/cmocka-*/src/cmocka.c
    [ -e "$1" ]
}

# make_cmocka COMPILER: $dir/libcmocka.a
make_cmocka() {
    if ! fetch_cmocka; then
        skip "$name" "cmocka's source cannot be had, see $work/apt.log"
        return 1
    fi
    set -- "$1" "$work"/cmocka-*/src/cmocka.c
    cmocka=${2%/src/cmocka.c}
    mkdir -p "$dir"
    if ! "$1" -O1 -w -D_GNU_SOURCE -DHAVE_SIGNAL_H -DHAVE_STRINGS_H -DHAVE_INTTYPES_H -DHAVE_MALLOC_H -DHAVE_STRSIGNAL \
        -DHAVE_STRUCT_TIMESPEC -DHAVE_GCC_THREAD_LOCAL_STORAGE -DHAVE_CLOCK_REALTIME -DHAVE_SIGLONGJMP \
        "-I$cmocka/include" -c "$2" -o "$dir/cmocka.o" >"$dir.log" 2>&1 ||
        ! ar rcs "$dir/libcmocka.a" "$dir/cmocka.o" >>"$dir.log" 2>&1; then
        skip "$name" "cmocka cannot be built: $(head -n 1 "$dir.log")"
        return 1
    fi
}

#-------------------------------------------------------------------------------
# One configuration
#-------------------------------------------------------------------------------

# build TARGETS [CMAKE ARGUMENT...]: in $dir. A warning in the library is a failure; tests are written for 64 bits.
build() {
    targets=$1
    shift
    if ! cmake -S "$root" -B "$dir" -G "$generator" -DCPROM_TESTS=ON -DCPROM_INSTALL=OFF -DCPROM_EXPORTERS=OFF "$@" >"$dir.log" 2>&1; then
        cat "$dir.log"
        fail "$name" 'it cannot be configured'
        return 1
    fi
    # shellcheck disable=SC2086 # a list of targets
    if ! cmake --build "$dir" --parallel 2 --target $targets >"$dir.log" 2>&1; then
        cat "$dir.log"
        fail "$name" 'it does not build'
        return 1
    fi
    if grep -E "(^|/)(lib/[a-z]*|include/cprom)/[a-z_]*\.[ch]:.*warning:" "$dir.log"; then
        fail "$name" 'the library does not compile without warnings'
    fi
}

# run_tests [CTEST ARGUMENT...]
run_tests() {
    ctest --test-dir "$dir" -j 2 --timeout 300 --no-tests=error --output-on-failure "$@" >"$dir.log" 2>&1
    code=$?
    ran=$((ran + 1))
    sed -n -e 's/^SKIPPED /  skipped /p' "$dir/Testing/Temporary/LastTest.log" | sort -u
    if [ "$code" -ne 0 ]; then
        cat "$dir.log"
        fail "$name" "tests failed, see $dir.log"
    else
        printf 'ok %s: %s\n' "$name" "$(grep 'tests passed' "$dir.log")"
    fi
}

# What the emulator would need minutes for, or asks of the kernel what it does not emulate. Valgrind leaves the first out,
# too.
emulated_skips() {
    echo "  skipped on $name: tests labelled heavy, which take minutes in the emulator"
    [ -z "$1" ] || echo "  skipped on $name: $1, $2"
}

unit='^unit_'
# Each program is optimised with the whole library in it, by gcc in ten seconds: some of everything do.
some='unit_base unit_store unit_metric unit_update unit_page unit_http'
some_regex='^unit_(base_number|store_map|store_reclaim|store_vec|metric_counter|metric_gauge|metric_histogram)$'
some_regex="$some_regex|^unit_(update_commit|page_faults|page_formats|page_park|http_server)\$"
for name in $names; do
    printf '\n== %s\n' "$name"
    dir=$work/$name
    need 'cmake' cmake ctest || continue
    need 'gcc libc6-dev' gcc ar || continue
    if have ninja; then
        generator=Ninja
    else
        need make make || continue
        generator='Unix Makefiles'
    fi
    case $name in
        lto-gcc)
            # As a whole: the library is one unit to the optimiser, NDEBUG, nothing but C11.
            make_cmocka gcc || continue
            build "cprom $some" -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Release -DCPROM_WERROR=ON \
                "-DCMOCKA_INCLUDE_DIR=$cmocka/include" "-DCMOCKA_LIBRARY=$dir/libcmocka.a" \
                '-DCMAKE_C_FLAGS=-flto -pedantic-errors' '-DCMAKE_C_FLAGS_RELEASE=-O2 -DNDEBUG' || continue
            run_tests -R "$some_regex"
            ;;
        lto-clang)
            # Linked with lld, since GNU ld needs a plugin for it. The shared library, through the README's program.
            need 'clang lld llvm' clang ld.lld llvm-ar llvm-ranlib || continue
            make_cmocka clang || continue
            build "cprom $some example_steps_delete example_steps_replace" -DCMAKE_C_COMPILER=clang \
                -DCMAKE_BUILD_TYPE=Release -DCPROM_WERROR=ON -DBUILD_SHARED_LIBS=ON \
                -DCMAKE_AR="$(command -v llvm-ar)" -DCMAKE_RANLIB="$(command -v llvm-ranlib)" \
                "-DCMOCKA_INCLUDE_DIR=$cmocka/include" "-DCMOCKA_LIBRARY=$dir/libcmocka.a" \
                '-DCMAKE_C_FLAGS=-flto=thin -pedantic-errors -fuse-ld=lld -Wno-unused-command-line-argument' \
                '-DCMAKE_C_FLAGS_RELEASE=-O2 -DNDEBUG' || continue
            run_tests -R "$some_regex|^example_steps"
            ;;
        musl)
            need musl-tools musl-gcc || continue
            make_cmocka musl-gcc || continue
            build 'cprom unit_tests example_steps_delete example_steps_replace' -DCMAKE_C_COMPILER=musl-gcc \
                -DCMAKE_BUILD_TYPE=Release '-DCMAKE_C_FLAGS_RELEASE=-O1' -DBUILD_SHARED_LIBS=OFF \
                "-DCMOCKA_INCLUDE_DIR=$cmocka/include" "-DCMOCKA_LIBRARY=$dir/libcmocka.a" || continue
            run_tests -R "$unit|^example_steps" -LE heavy
            ;;
        i386)
            # SSE: constants of the tests are doubles, which the old floating-point unit does not calculate with.
            flags='-O1 -msse2 -mfpmath=sse -Wno-psabi'
            compiler=gcc launcher=
            if ! echo 'int main(void) { return 0; }' | gcc -m32 -x c - -o "$work/i386.probe" >/dev/null 2>&1; then
                need 'gcc-i686-linux-gnu libc6-dev-i386-cross' i686-linux-gnu-gcc || continue
                compiler=i686-linux-gnu-gcc
                launcher='/usr/i686-linux-gnu/lib/ld-linux.so.2;--library-path;/usr/i686-linux-gnu/lib'
                if ! echo 'int main(void) { return 0; }' | "$compiler" -static -x c - -o "$work/i386.probe" >/dev/null 2>&1 ||
                    ! "$work/i386.probe"; then
                    skip "$name" 'this machine does not run its programs'
                    continue
                fi
            else
                flags="-m32 $flags"
                if ! "$work/i386.probe"; then
                    skip "$name" 'this machine does not run its programs'
                    continue
                fi
            fi
            # For cmocka, too.
            mkdir -p "$dir"
            printf '#!/bin/sh\nexec %s %s "$@"\n' "$compiler" "$flags" >"$dir/cc" && chmod +x "$dir/cc"
            make_cmocka "$dir/cc" || continue
            build 'cprom unit_tests' -DCMAKE_C_COMPILER="$compiler" -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_BUILD_TYPE=Release \
                "-DCMAKE_C_FLAGS_RELEASE=$flags" "-DCPROM_TEST_LAUNCHER=$launcher" \
                "-DCMOCKA_INCLUDE_DIR=$cmocka/include" "-DCMOCKA_LIBRARY=$dir/libcmocka.a" || continue
            run_tests -R "$unit" -LE heavy
            # The floor: what is older than the Pentium has no 64-bit atomics, and is told so.
            if ! "$compiler" -m32 -march=i486 -std=c11 "-I$root/include" -fsyntax-only "$root/lib/store/cell.c" 2>&1 |
                grep -q 'error.*64-bit atomic'; then
                fail "$name" 'lib/store/cell.h does not refuse an i486'
            fi
            ;;
        s390x | aarch64)
            case $name in
                s390x) libc=libc6-dev-s390x-cross ;;
                *) libc=libc6-dev-arm64-cross ;;
            esac
            triple=$name-linux-gnu
            if [ "$(uname -m)" = "$name" ]; then
                skip "$name" 'this is one: the other configurations ran on it'
                continue
            fi
            need "gcc-$triple $libc" "$triple-gcc" || continue
            need qemu-user-static "qemu-$name-static" || continue
            make_cmocka "$triple-gcc" || continue
            build 'cprom unit_tests' -DCMAKE_C_COMPILER="$triple-gcc" -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_BUILD_TYPE=Release \
                '-DCMAKE_C_FLAGS_RELEASE=-O1' "-DCPROM_TEST_LAUNCHER=qemu-$name-static;-L;/usr/$triple" \
                "-DCMOCKA_INCLUDE_DIR=$cmocka/include" "-DCMOCKA_LIBRARY=$dir/libcmocka.a" || continue
            emulated_skips 'unit_registry_process and unit_registry_process_live' 'the emulator makes /proc/self/stat up, with zeros'
            run_tests -R "$unit" -LE heavy -E '^unit_registry_process(_live)?$'
            ;;
    esac
done

[ "$failed" -eq 0 ] || exit 1
[ "$ran" -gt 0 ] || exit 77
