#!/bin/sh
# Builds cprom in every configuration and runs every test. On Debian and Ubuntu it installs what is missing.
#
#   sh tests/run.sh          gcc, clang, ThreadSanitizer, AddressSanitizer with UBSan, Valgrind; coverage, models,
#                            static analysis, the binary interface, other processors and libcs
#   sh tests/run.sh --quick  gcc, everything but the stress tests; under 3 minutes
#
# CPROM_STRESS_SECONDS: how long each stress test runs (5; under Valgrind 2). Everything that is made lies in build/.
# Ends non-zero if a test failed or none ran. The last line counts tests over all configurations.
set -u
unset CDPATH CC CXX CFLAGS CXXFLAGS CPPFLAGS LDFLAGS CMAKE_GENERATOR CTEST_PARALLEL_LEVEL LANGUAGE
LC_ALL=C
: "${CPROM_STRESS_SECONDS:=5}"
export LC_ALL CPROM_STRESS_SECONDS

quick=no
case ${1-} in
    '') ;;
    --quick) quick=yes ;;
    -h | --help)
        sed -n '2,10s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *)
        echo "usage: sh tests/run.sh [--quick]" >&2
        exit 2
        ;;
esac

root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
build=$root/build
mkdir -p "$build" || exit 1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
: >"$scratch/skips"
passed=0 failed=0 skipped=0

have() { command -v "$1" >/dev/null 2>&1; }

heading() { printf '\n== %s\n' "$*"; }

# A whole configuration that cannot run counts as one test.
skip_configuration() {
    skipped=$((skipped + 1))
    printf 'SKIPPED %s: %s\n' "$1" "$2" | tee -a "$scratch/skips"
}

fail_configuration() {
    failed=$((failed + 1))
    printf 'FAILED %s: %s\n' "$1" "$2"
}

finish() {
    heading summary
    if [ -s "$scratch/skips" ]; then
        echo 'skipped, in whole or in part:'
        sort -u "$scratch/skips" | sed 's/^/  /'
    fi
    [ -s "$scratch/results" ] && echo 'ctest tests:' && cat "$scratch/results"
    printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit
}

#-------------------------------------------------------------------------------
# What is needed
#-------------------------------------------------------------------------------

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif ! have sudo; then
        echo "not root, and no sudo: cannot run $*"
        return 1
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

apt_updated=no
apt_update() {
    have apt-get || return 1
    [ "$apt_updated" = yes ] && return 0
    apt_updated=yes
    echo 'apt-get update'
    as_root apt-get update -q >"$build/apt.log" 2>&1 </dev/null || echo "  it failed, see $build/apt.log"
}

apt_get_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        -o DPkg::Lock::Timeout=120 "$@" >>"$build/apt.log" 2>&1 </dev/null
}

# All at once; if that fails, as many as there are.
install_packages() {
    if ! apt_update; then
        echo "missing, and no apt-get to install it: $*"
        return 1
    fi
    echo "apt-get install $*"
    apt_get_install "$@" && return 0
    result=0
    for package in "$@"; do
        apt_get_install "$package" && continue
        echo "  $package cannot be installed, see $build/apt.log"
        result=1
    done
    return "$result"
}

# compiles COMPILER LANGUAGE [FLAG...] <source: makes $scratch/probe
compiles() {
    probe_compiler=$1 probe_language=$2
    shift 2
    rm -f "$scratch/probe"
    have "$probe_compiler" && "$probe_compiler" -x "$probe_language" - "$@" -o "$scratch/probe" >"$scratch/why" 2>&1
}

hello='#include <stdio.h>
int main(void) { puts("hello"); return 0; }'

has_cmocka() {
    compiles gcc c -lcmocka <<'END'
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
static void test_nothing(void **state) { (void)state; }
int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
END
}

has_sanitizers() {
    echo "$hello" | compiles clang c -fsanitize=address,undefined && echo "$hello" | compiles clang c -fsanitize=thread
}

# A second reader of pages; it is the distribution's Python that has it.
has_python_client() { /usr/bin/python3 -c 'import prometheus_client' >/dev/null 2>&1; }

has_comma_locale() { [ "$(LC_ALL=de_DE.UTF-8 locale decimal_point 2>/dev/null)" = , ]; }

prepare_tools() {
    missing=
    echo "$hello" | compiles gcc c || missing="$missing gcc libc6-dev"
    echo "$hello" | compiles g++ c++ || missing="$missing g++"
    have cmake || missing="$missing cmake"
    have ninja || have make || missing="$missing ninja-build"
    has_cmocka || missing="$missing libcmocka-dev"
    has_comma_locale || { have localedef && [ -e /usr/share/i18n/locales/de_DE ]; } || missing="$missing locales"
    has_python_client || missing="$missing python3-prometheus-client"
    # For the examples, and who asks them.
    have python3 || missing="$missing python3"
    have curl || missing="$missing curl"
    have git || missing="$missing git"
    echo '#include <microhttpd.h>' | compiles gcc c -c || missing="$missing libmicrohttpd-dev"
    echo '#include <zlib.h>' | compiles gcc c -c || missing="$missing zlib1g-dev"
    if [ "$quick" = no ]; then
        echo "$hello" | compiles clang c || missing="$missing clang"
        have valgrind || missing="$missing valgrind libc6-dbg"
        have gcovr || missing="$missing gcovr"
        # For the package tests; meson builds with ninja only.
        have pkg-config || missing="$missing pkg-config"
        have meson || missing="$missing meson"
        have dpkg-shlibdeps || missing="$missing dpkg-dev"
        have ninja || case $missing in *ninja-build*) ;; *) missing="$missing ninja-build" ;; esac
    fi
    # shellcheck disable=SC2086 # a list of package names
    [ -z "$missing" ] || install_packages $missing

    if [ "$quick" = no ] && have clang && ! has_sanitizers; then
        # The runtime is a package of its own, named after the version or not, or it came with clang.
        major=$(clang -dumpversion | sed 's/[^0-9].*//')
        install_packages "libclang-rt-$major-dev" || install_packages libclang-rt-dev
    fi

    for tool in gcc cmake; do
        if ! have "$tool"; then
            fail_configuration setup "$tool is missing"
            finish
        fi
    done
    if have ninja; then
        generator=Ninja
    elif have make; then
        generator='Unix Makefiles'
    else
        fail_configuration setup 'neither ninja nor make is there'
        finish
    fi
    if ! has_cmocka; then
        fail_configuration setup 'cmocka (libcmocka-dev) is missing'
        finish
    fi
}

# Servers that nobody wants to have started, now or at the next boot: their packages are unpacked and not installed. Tests
# run them as they need them.
# unpack PACKAGE PROGRAM...: into build/tools
unpack() {
    package=$1
    shift
    for program in "$@"; do
        have "$program" && continue
        if ! have dpkg-deb || ! apt_update; then
            echo "$* cannot be had"
            return
        fi
        echo "apt-get download $package"
        mkdir -p "$build/tools" "$scratch/deb"
        (cd "$scratch/deb" && apt-get download -q "$package" && dpkg-deb -x "$package"_*.deb tree) \
            >>"$build/apt.log" 2>&1 </dev/null
        for program in "$@"; do
            if "$scratch/deb/tree/usr/bin/$program" --version >/dev/null 2>&1; then
                cp "$scratch/deb/tree/usr/bin/$program" "$build/tools"
            else
                echo "  there is no $program to be had, see $build/apt.log"
            fi
        done
        rm -rf "$scratch/deb"
        return
    done
}

prepare_servers() {
    PATH=$PATH:$build/tools
    export PATH
    unpack prometheus promtool prometheus
    [ "$quick" = yes ] && return
    unpack prometheus-node-exporter prometheus-node-exporter
    unpack prometheus-process-exporter prometheus-process-exporter
}

prepare_locale() {
    has_comma_locale && return
    if [ ! -e "$build/locale/de_DE.UTF-8/LC_NUMERIC" ]; then
        mkdir -p "$build/locale"
        localedef -i de_DE -f UTF-8 "$build/locale/de_DE.UTF-8" >"$scratch/why" 2>&1
    fi
    LOCPATH=$build/locale
    export LOCPATH
    if ! has_comma_locale; then
        echo "no locale with a decimal comma: $(head -n 1 "$scratch/why" 2>/dev/null)"
        unset LOCPATH
    fi
}

#-------------------------------------------------------------------------------
# One configuration
#-------------------------------------------------------------------------------

# configure_and_build NAME [CMAKE ARGUMENT...]
configure_and_build() {
    name=$1
    shift
    heading "$name: build"
    dir=$build/run-$name
    log=$build/run-$name.log
    configure() {
        cmake -S "$root" -B "$dir" -G "$generator" -DCPROM_TESTS=ON -DCPROM_WERROR=ON "$@" >"$log" 2>&1
    }
    # A directory left by another generator or another place cannot be used again.
    if ! configure "$@"; then
        rm -rf "$dir"
        if ! configure "$@"; then
            cat "$log"
            fail_configuration "$name" 'it could not be configured'
            return 1
        fi
    fi
    if ! cmake --build "$dir" --parallel 2 >"$log" 2>&1; then
        cat "$log"
        fail_configuration "$name" 'it does not build'
        return 1
    fi
}

# run_tests NAME [CTEST ARGUMENT...]
run_tests() {
    name=$1
    shift
    heading "$name: test"
    dir=$build/run-$name
    log=$build/run-$name.log
    rm -f "$dir/Testing/Temporary/LastTest.log"
    (cd "$dir" && ctest --output-on-failure --no-tests=error -j 2 --output-log "$log" "$@")
    code=$?

    line='^ *[0-9]+/[0-9]+ Test +#[0-9]+: '
    all=$(grep -Ec "$line" "$log")
    ok=$(grep -Ec "$line.* Passed +[0-9.]+ sec" "$log")
    left_out=$(grep -Ec "$line.*\*\*\*Skipped " "$log")
    bad=$((all - ok - left_out))
    if [ "$code" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
        echo "FAILED $name: ctest ended with $code"
    fi
    passed=$((passed + ok))
    failed=$((failed + bad))
    skipped=$((skipped + left_out))
    printf '  %s: %d passed, %d failed, %d skipped\n' "$name" "$ok" "$bad" "$left_out" >>"$scratch/results"

    # Reasons, also of single cases within a test that passed; the bare name where a case gave none.
    sed -n -e 's/^SKIPPED //p' -e 's/^\[  SKIPPED \] \([A-Za-z_].*\)/\1/p' \
        "$dir/Testing/Temporary/LastTest.log" 2>/dev/null | sort -ru | awk -v name="$name" '
            { split($0, part, ":") }
            part[1] != $0 || !(part[1] in told) { print name ": " $0 }
            { told[part[1]] = 1 }' >>"$scratch/skips"
}

# run_check NAME COMMAND...: one test more. The command ends with 77 where it cannot run, its last line says why; lines
# with SKIPPED name what it left out.
run_check() {
    name=$1
    shift
    heading "$name"
    { "$@" 2>&1; echo $? >"$scratch/code"; } | tee "$scratch/said"
    case $(cat "$scratch/code") in
        0)
            passed=$((passed + 1))
            printf '  %s: passed\n' "$name" >>"$scratch/results"
            sed -n 's/^ *SKIPPED //p' "$scratch/said" >>"$scratch/skips"
            ;;
        77) skip_configuration "$name" "$(tail -n 1 "$scratch/said" | sed 's/^SKIPPED [^:]*: *//')" ;;
        *) fail_configuration "$name" 'see above' ;;
    esac
}

#-------------------------------------------------------------------------------
# Sanitizers: which compiler, and how to run its programs
#-------------------------------------------------------------------------------

runs_ten_times() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        "$@" >/dev/null 2>"$scratch/why" || return 1
    done
}

# Sets sanitizer_compiler and sanitizer_launcher. Old runtimes do not bear as much address randomisation as new kernels
# give, and then fail now and then.
find_sanitizer() {
    for sanitizer_compiler in clang gcc; do
        compiles "$sanitizer_compiler" c -g -pthread "-fsanitize=$1" <<'END' || continue
#include <pthread.h>
#include <stdlib.h>
static void *run(void *ptr) { free(ptr); return 0; }
int main(void) {
    pthread_t thread;
    if (pthread_create(&thread, 0, run, malloc(100))) return 1;
    return pthread_join(thread, 0);
}
END
        sanitizer_launcher=
        runs_ten_times "$scratch/probe" && return 0
        sanitizer_launcher="setarch;$(uname -m);-R"
        have setarch && runs_ten_times setarch "$(uname -m)" -R "$scratch/probe" && return 0
    done
    return 1
}

#-------------------------------------------------------------------------------
# The run
#-------------------------------------------------------------------------------

heading setup
prepare_tools
prepare_servers
prepare_locale
echo "cmake $(cmake --version | sed -n '1s/.*version //p'), $generator, gcc $(gcc -dumpfullversion)"

if configure_and_build gcc -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Debug; then
    if [ "$quick" = yes ]; then
        run_tests gcc -L '^quick$'
    else
        # Here promtool is shown pages of every test program, and the Python client those in OpenMetrics.
        CPROM_TEST_PROMTOOL=1
        CPROM_TEST_OPENMETRICS=$scratch/openmetrics
        export CPROM_TEST_PROMTOOL CPROM_TEST_OPENMETRICS
        mkdir "$CPROM_TEST_OPENMETRICS"
        run_tests gcc -LE '^package$'
        python=/usr/bin/python3 # the distribution's, which has the client
        [ -x "$python" ] || python=python3
        run_check 'gcc: OpenMetrics pages' "$python" "$root/tests/oracle/openmetrics.py" "$CPROM_TEST_OPENMETRICS"
        unset CPROM_TEST_PROMTOOL CPROM_TEST_OPENMETRICS
    fi
fi
[ "$quick" = yes ] && finish

if configure_and_build gcc-release -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON; then
    run_tests gcc-release -L '^(quick|package|soak|instructions)$' -LE '^once$'
    if ls "$root"/tests/bench/*.c >/dev/null 2>&1 &&
        ! cmake --build "$build/run-gcc-release" --target bench_build --parallel 2 >"$scratch/bench.log" 2>&1; then
        cat "$scratch/bench.log"
        fail_configuration gcc-release 'the benchmarks do not build'
    fi
fi

if ! echo "$hello" | compiles clang c; then
    skip_configuration clang 'clang is not installed'
elif configure_and_build clang -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug; then
    run_tests clang -LE '^(once|package|stress)$'
fi

TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS ASAN_OPTIONS UBSAN_OPTIONS
for sanitizer in thread address,undefined; do
    case $sanitizer in
        thread) name=tsan ;;
        *) name=asan ;;
    esac
    if ! find_sanitizer "$sanitizer"; then
        skip_configuration "$name" "-fsanitize=$sanitizer gives no program that runs: $(head -n 1 "$scratch/why")"
        continue
    fi
    name=$name-$sanitizer_compiler
    if configure_and_build "$name" "-DCMAKE_C_COMPILER=$sanitizer_compiler" -DCMAKE_BUILD_TYPE=RelWithDebInfo \
        '-DCMAKE_C_FLAGS_RELWITHDEBINFO=-O1 -g' "-DCPROM_SANITIZE=$sanitizer" \
        "-DCPROM_TEST_LAUNCHER=$sanitizer_launcher"; then
        run_tests "$name" -LE '^(once|package)$'
    fi
done

if ! have valgrind; then
    skip_configuration valgrind 'valgrind is not installed'
elif ! valgrind -q --error-exitcode=99 /bin/true >"$scratch/why" 2>&1; then
    skip_configuration valgrind "it does not run: $(head -n 1 "$scratch/why")"
else
    options='-q;--error-exitcode=99;--leak-check=full;--fair-sched=yes;--num-callers=30'
    kinds=definite,indirect,possible
    if configure_and_build valgrind -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=RelWithDebInfo \
        '-DCMAKE_C_FLAGS_RELWITHDEBINFO=-O1 -g' \
        "-DCPROM_TEST_LAUNCHER=valgrind;$options;--show-leak-kinds=$kinds;--errors-for-leak-kinds=$kinds"; then
        CPROM_STRESS_SECONDS=2
        printf 'SKIPPED valgrind: tests labelled heavy, which would take minutes each here; the sanitizers run them\n' |
            tee -a "$scratch/skips"
        run_tests valgrind -LE '^(once|package|program|heavy)$'
    fi
fi

# Each of these installs what it alone needs.
run_check coverage sh "$root/tests/ci/coverage.sh"
run_check models sh "$root/tests/models/run.sh"
run_check static sh "$root/tests/ci/static.sh"
run_check abi sh "$root/tests/ci/abi.sh"
run_check everywhere sh "$root/tests/ci/everywhere.sh"

finish
