#!/bin/sh
# Builds cprom in many configurations and runs its tests. On Debian and Ubuntu it installs what is missing.
#
#   sh tests/run.sh --quick   45 seconds: gcc; unit tests but heavy ones, examples, headers, documents
#   sh tests/run.sh           20 minutes on two cores: gcc (Debug and Release), clang, ThreadSanitizer, AddressSanitizer with
#                             UBSan; stress tests for 2 s each; Prometheus as the judge; the package; models; static
#                             analysis; the binary interface
#   sh tests/run.sh --long    60 minutes: all of that, with stress tests for 5 s each; Valgrind, fuzzing, the soak, coverage,
#                             instructions, link-time optimisation, musl, i386, s390x, aarch64. What these need and cannot
#                             be had is a failure here.
#
# Each configuration is a part, which tests/ci/part.sh also runs alone. As many parts run at a time as there are processors;
# what each printed follows when it ends. CPROM_STRESS_SECONDS sets another time for each stress test. Everything that is
# made lies in build/. Ends non-zero if a test failed or none ran. The last line counts tests over all parts.
set -u
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
# shellcheck source=tests/ci/tools.sh
. "$root/tests/ci/tools.sh"
# shellcheck source=tests/ci/needs.sh
. "$root/tests/ci/needs.sh"

# Parts that take long come first, so that no processor waits for another at the end.
plain='tsan asan package e2e gcc static release clang models abi'
case ${1-} in
    --quick) mode=quick parts=quick stress=0 ;;
    '') mode=plain parts=$plain stress=2 ;;
    --long) mode=long parts="valgrind fuzz soak s390x aarch64 $plain coverage lto-clang lto-gcc i386 musl" stress=5 ;;
    -h | --help)
        sed -n '2,/^set -u/s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *)
        echo 'usage: sh tests/run.sh [--quick | --long]' >&2
        exit 2
        ;;
esac
: "${CPROM_STRESS_SECONDS:=$stress}"
export CPROM_STRESS_SECONDS
if [ "$mode" = long ]; then
    : "${CPROM_LIVES_SECONDS:=120}"
    export CPROM_LIVES_SECONDS
fi
began=$(date +%s)
passed=0 failed=0 skipped=0
for list in skips failures table; do : >"$scratch/$list"; done

heading() { printf '\n== %s\n' "$*"; }

fail() {
    failed=$((failed + 1))
    printf 'FAILED %s: %s\n' "$1" "$2" | tee -a "$scratch/failures"
}

finish() {
    heading summary
    if [ -s "$scratch/skips" ]; then
        echo 'skipped, in whole or in part:'
        sort -u "$scratch/skips" | sed 's/^/  /'
    fi
    printf '%-10s %7s %6s %7s %7s %7s\n' part seconds cpu passed failed skipped
    cat "$scratch/table"
    cat "$scratch/failures"
    printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit
}

#-------------------------------------------------------------------------------
# What is needed
#-------------------------------------------------------------------------------

# lacking WHAT: what needs it is skipped, and says so; under --long everything must run.
lacking() {
    if [ "$mode" = long ]; then
        fail setup "not to be had: $1, see $apt_log"
    else
        echo "not to be had: $1, see $apt_log"
    fi
}

heading setup
look_for_needs
for _ in 1 2; do # some packages are named after the version of others
    [ -n "$missing" ] || break
    # shellcheck disable=SC2086 # a list of package names
    install_packages $missing
    look_for_needs
done
[ -z "$missing" ] || lacking "$missing"
if ! has_comma_locale && has_locale_source; then
    mkdir -p "$build/locale"
    localedef -i de_DE -f UTF-8 "$build/locale/de_DE.UTF-8" >"$build/locale.log" 2>&1
fi
if [ "$mode" != quick ]; then
    need_server prometheus promtool prometheus || lacking prometheus
    need_server prometheus-node-exporter prometheus-node-exporter || lacking prometheus-node-exporter
    need_server prometheus-process-exporter prometheus-process-exporter || lacking prometheus-process-exporter
fi
if [ "$mode" = long ]; then
    need_newer_prometheus || echo "not to be had: the prometheus of Debian's next release, so the other one watches alone"
    need_cmocka_source || lacking "cmocka's source"
fi
if ! have cmake || ! has_cmocka || ! { have ninja || have make; }; then
    fail setup 'nothing works without gcc, cmake, ninja or make, and cmocka (libcmocka-dev)'
    finish
fi
echo "$(gcc --version | head -n 1); $(cmake --version | head -n 1)"
printf '%-10s %7d\n' setup $(($(date +%s) - began)) >>"$scratch/table"

#-------------------------------------------------------------------------------
# The parts
#-------------------------------------------------------------------------------

rm -rf "$build/results"
if [ "$mode" = quick ]; then
    sh "$root/tests/ci/part.sh" quick
else
    # shellcheck disable=SC2016,SC2086 # of the other shell; a list of names
    printf '%s\n' $parts | xargs -n 1 -P "$(getconf _NPROCESSORS_ONLN)" sh -c '
        echo "begins: $2"
        sh "$1/tests/ci/part.sh" "$2" >"$1/build/$2.out" 2>&1
        cat "$1/build/$2.out"
        exit 0' sh "$root"
fi
for part in $parts; do
    result=$build/results/$part
    if [ ! -s "$result" ]; then
        fail "$part" 'it did not come to its end'
        continue
    fi
    read -r ok bad left_out wall cpu <"$result"
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + left_out))
    printf '%-10s %7d %6d %7d %7d %7d\n' "$part" "$wall" "$cpu" "$ok" "$bad" "$left_out" >>"$scratch/table"
    tail -n +2 "$result" >>"$scratch/skips"
    [ "$bad" -eq 0 ] || printf 'FAILED %s\n' "$part" >>"$scratch/failures"
done
printf '%-10s %7d\n' all $(($(date +%s) - began)) >>"$scratch/table"
finish
