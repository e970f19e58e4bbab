#!/bin/sh
# One part of tests/run.sh: builds what it needs in a directory of its own, and runs its tests.
#
#   sh tests/ci/part.sh NAME
#
#   quick      gcc, Debug: unit tests but heavy ones, examples, headers, documents
#   gcc        likewise, and stress tests; promtool and Python's prometheus_client look at the pages of all tests
#   release    gcc, Release, shared library: unit tests, examples, exporters
#   clang      clang, Debug: likewise
#   tsan       ThreadSanitizer: likewise, and stress tests
#   asan       AddressSanitizer and UBSan: likewise, and stress tests
#   valgrind   unit tests but those labelled heavy, which the sanitizers run; stress tests for 2 s each
#   e2e        gcc, Debug: real servers, the exporters beside others, the README's first command
#   package    the library as others get it: installed, as packages, as a single file, and consumers of each
#   fuzz       libFuzzer targets, with AddressSanitizer and UBSan
#   soak       gcc, Release: millions of series; instructions under callgrind; the benchmarks compile
#   coverage, models, static, abi                    a script each, which says more
#   lto-gcc, lto-clang                               some unit tests, optimised as a whole
#   musl, i386, s390x, aarch64                       unit tests but heavy ones; the last two in qemu's emulator
#
# CPROM_STRESS_SECONDS: how long each stress test runs (5). Ends with 1 if something failed, with 77 if nothing could run.
# Leaves in build/results/NAME for run.sh: a line 'passed failed skipped seconds cpu-seconds', and a line for each thing that
# was skipped, with the reason.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
# shellcheck source=tests/ci/tools.sh
. "$root/tests/ci/tools.sh"
# shellcheck source=tests/ci/platforms.sh
. "$root/tests/ci/platforms.sh"

part=${1-}
began=$(date +%s)
passed=0 failed=0 skipped=0
: >"$scratch/skips"

fail() {
    failed=$((failed + 1))
    printf 'FAILED %s: %s\n' "$part" "$1"
}

# A part that cannot run counts as one test.
skip() {
    skipped=$((skipped + 1))
    printf 'SKIPPED %s: %s\n' "$part" "$1"
    printf '%s: %s\n' "$part" "$1" >>"$scratch/skips"
}

finish() {
    times >"$scratch/times" # of the shell, and of all that it waited for
    cpu=$(tr 'ms' '  ' <"$scratch/times" | awk '{ t += 60 * $1 + $2 + 60 * $3 + $4 } END { printf "%.0f", t }')
    mkdir -p "$build/results"
    {
        echo "$passed $failed $skipped $(($(date +%s) - began)) $cpu"
        sort -u "$scratch/skips"
    } >"$scratch/result" && mv "$scratch/result" "$build/results/$part"
    printf '%s: %d passed, %d failed, %d skipped\n' "$part" "$passed" "$failed" "$skipped"
    [ "$failed" -eq 0 ] || exit 1
    [ "$passed" -gt 0 ] || exit 77
    exit 0
}

#-------------------------------------------------------------------------------
# Steps
#-------------------------------------------------------------------------------

directory=$build/run-$part
log=$build/run-$part.log
generator='Unix Makefiles'
! have ninja || generator=Ninja

configure() {
    cmake -S "$root" -B "$directory" -G "$generator" -DCPROM_TESTS=ON -DCPROM_WERROR=ON "$@" >"$log" 2>&1
}

# build 'TARGET...' CMAKE-ARGUMENT...: without targets, it is only configured. The part ends where something does not build.
build() {
    targets=$1
    shift
    # A directory left by another generator or another place cannot be used again.
    if ! configure "$@"; then
        rm -rf "$directory"
        if ! configure "$@"; then
            cat "$log"
            fail 'it cannot be configured'
            finish
        fi
    fi
    [ -n "$targets" ] || return 0
    # shellcheck disable=SC2086 # a list of targets
    if ! cmake --build "$directory" --parallel 2 --target $targets >"$log" 2>&1; then
        cat "$log"
        fail 'it does not build'
        finish
    fi
}

at_a_time=2
# run_tests CTEST-ARGUMENT...
run_tests() {
    rm -f "$directory/Testing/Temporary/LastTest.log"
    (cd "$directory" && ctest --output-on-failure --no-tests=error -j "$at_a_time" --output-log "$log" "$@")
    code=$?

    line='^ *[0-9]+/[0-9]+ Test +#[0-9]+: '
    all=$(grep -Ec "$line" "$log")
    ok=$(grep -Ec "$line.* Passed +[0-9.]+ sec" "$log")
    left_out=$(grep -Ec "$line.*\*\*\*Skipped " "$log")
    bad=$((all - ok - left_out))
    if [ "$code" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
        echo "FAILED $part: ctest ended with $code"
    fi
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + left_out))

    # Reasons, also of single cases within a test that passed; the bare name where a case gave none.
    sed -n -e 's/^SKIPPED //p' -e 's/^\[  SKIPPED \] \([A-Za-z_].*\)/\1/p' \
        "$directory/Testing/Temporary/LastTest.log" 2>/dev/null | sort -ru | awk -v part="$part" '
            { split($0, piece, ":") }
            piece[1] != $0 || !(piece[1] in told) { print part ": " $0 }
            { told[piece[1]] = 1 }' >>"$scratch/skips"
}

# check COMMAND...: one test more. The command ends with 77 where it cannot run, its last line says why; lines with SKIPPED
# name what it left out.
check() {
    { "$@" 2>&1; echo $? >"$scratch/code"; } | tee "$scratch/said"
    case $(cat "$scratch/code") in
        0)
            passed=$((passed + 1))
            sed -n "s/^ *SKIPPED \($part: \)\{0,1\}/$part: /p" "$scratch/said" >>"$scratch/skips"
            ;;
        77) skip "$(tail -n 1 "$scratch/said" | sed 's/^SKIPPED [^:]*: *//')" ;;
        *) fail 'see above' ;;
    esac
}

# build_sanitized SANITIZERS: with the first compiler whose programs run.
build_sanitized() {
    for compiler in clang gcc; do
        compiles "$compiler" c -g -pthread "-fsanitize=$1" <<'END' || continue
#include <pthread.h>
#include <stdlib.h>
static void *run(void *ptr) { free(ptr); return 0; }
int main(void) {
    pthread_t thread;
    if (pthread_create(&thread, 0, run, malloc(100))) return 1;
    return pthread_join(thread, 0);
}
END
        # Old runtimes do not bear as much address randomisation as new kernels give, and then fail now and then.
        for launcher in '' "setarch;$(uname -m);-R"; do
            # shellcheck disable=SC2046 # a list of words
            runs_ten_times $(echo "$launcher" | tr ';' ' ') "$scratch/probe" || continue
            echo "with $compiler"
            build all "-DCMAKE_C_COMPILER=$compiler" -DCMAKE_BUILD_TYPE=RelWithDebInfo \
                '-DCMAKE_C_FLAGS_RELWITHDEBINFO=-O1 -g' "-DCPROM_SANITIZE=$1" "-DCPROM_TEST_LAUNCHER=$launcher"
            return
        done
    done
    skip "-fsanitize=$1 gives no program that runs: $(head -n 1 "$scratch/why")"
    finish
}

runs_ten_times() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        "$@" >/dev/null 2>"$scratch/why" || return 1
    done
}

# require 'PACKAGE...' COMMAND...: the part ends where they cannot be had.
require() {
    need "$@" && return
    skip "$need_missing"
    finish
}

#-------------------------------------------------------------------------------
# The parts
#-------------------------------------------------------------------------------

: "${CPROM_STRESS_SECONDS:=5}"
TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
UBSAN_OPTIONS=print_stacktrace=1
export CPROM_STRESS_SECONDS TSAN_OPTIONS ASAN_OPTIONS UBSAN_OPTIONS

printf '\n== %s\n' "$part"
case $part in
    quick)
        build all -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Debug
        at_a_time=3 # some wait
        run_tests -L '^quick$' -LE '^heavy$'
        ;;
    gcc)
        build all -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Debug
        CPROM_TEST_PROMTOOL=1 CPROM_TEST_OPENMETRICS=$scratch/openmetrics
        export CPROM_TEST_PROMTOOL CPROM_TEST_OPENMETRICS
        mkdir "$CPROM_TEST_OPENMETRICS"
        run_tests -L '^(quick|stress)$'
        python=/usr/bin/python3 # the distribution's, which has the client
        [ -x "$python" ] || python=python3
        check "$python" "$root/tests/oracle/openmetrics.py" "$CPROM_TEST_OPENMETRICS"
        ;;
    release)
        build all -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON
        run_tests -L '^(quick|program)$' -LE '^once$'
        ;;
    clang)
        require clang clang
        build all -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug -DCPROM_FUZZ_SECONDS=0
        run_tests -L '^(quick|program)$' -LE '^once$'
        ;;
    tsan)
        build_sanitized thread
        run_tests -L '^(quick|program|stress)$' -LE '^once$'
        ;;
    asan)
        build_sanitized address,undefined
        run_tests -L '^(quick|program|stress)$' -LE '^once$'
        ;;
    valgrind)
        require 'valgrind libc6-dbg' valgrind
        if ! valgrind -q --error-exitcode=99 /bin/true >"$scratch/why" 2>&1; then
            skip "valgrind does not run: $(head -n 1 "$scratch/why")"
            finish
        fi
        launcher='valgrind;-q;--error-exitcode=99;--leak-check=full;--fair-sched=yes;--num-callers=30'
        kinds=definite,indirect,possible
        build 'unit_tests stress exporters_tests' -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=RelWithDebInfo \
            '-DCMAKE_C_FLAGS_RELWITHDEBINFO=-O1 -g' \
            "-DCPROM_TEST_LAUNCHER=$launcher;--show-leak-kinds=$kinds;--errors-for-leak-kinds=$kinds"
        CPROM_STRESS_SECONDS=2
        echo "$part: tests labelled heavy, which would take minutes each here; the sanitizers run them" >>"$scratch/skips"
        run_tests -L '^(quick|stress)$' -LE '^(once|program|heavy)$'
        ;;
    e2e)
        build e2e_build -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Debug
        at_a_time=4 # most wait
        run_tests -L '^e2e$'
        ;;
    package)
        build '' -DCMAKE_C_COMPILER=gcc # the tests build the library
        run_tests -L '^package$'
        ;;
    fuzz)
        require clang clang
        build fuzz_build -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug -DCPROM_FUZZ_SECONDS=60
        run_tests -L '^fuzz$'
        ;;
    soak)
        build 'soak bench_build bench_instructions' -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON
        run_tests -L '^(soak|instructions)$'
        ;;
    coverage | static | abi) check sh "$root/tests/ci/$part.sh" ;;
    models) check sh "$root/tests/models/run.sh" ;;
    lto-gcc) run_lto_gcc ;;
    lto-clang) run_lto_clang ;;
    musl) run_musl ;;
    i386) run_i386 ;;
    s390x) run_emulated s390x libc6-dev-s390x-cross ;;
    aarch64) run_emulated aarch64 libc6-dev-arm64-cross ;;
    *)
        sed -n '2,/^set -u/s/^# \{0,1\}//p' "$0"
        exit 2
        ;;
esac
finish
