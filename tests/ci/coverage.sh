#!/bin/sh
# Line and branch coverage of lib/ by the unit tests, file by file; fails below the goals. Needs gcc and gcovr.
#
#   sh tests/ci/coverage.sh [DIRECTORY]     builds there; default build/coverage
#
# DIRECTORY/coverage/index.html shows the lines. What is not covered, and why, is in docs/testing.md.
set -eu
lines=95 branches=85
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$root/build/coverage}
cd "$root"
if ! command -v gcovr >/dev/null; then
    echo 'SKIPPED coverage: gcovr is not installed'
    exit 77
fi

# quietly LOG COMMAND: shows what it said only if it fails.
quietly() {
    log=$1
    shift
    "$@" >"$log" 2>&1 || {
        cat "$log"
        exit 1
    }
}

mkdir -p "$build/coverage"
quietly "$build/configure.log" cmake --preset coverage -B "$build" -DCPROM_EXPORTERS=OFF
quietly "$build/build.log" cmake --build "$build" --target unit_tests --parallel 2
find "$build" -name '*.gcda' -exec rm -f {} +
# All but those that go for long over what others have been over.
quietly "$build/test.log" ctest --test-dir "$build" -L '^quick$' -LE '^(once|program)$' -R '^unit_' --parallel 2 \
    --output-on-failure -E '^unit_(http_hostile|http_mutated|page_trees|store_order|store_vec_model)$'
# Counted in the test twin, which every test links. Branches that only an exception would take are none of C's.
gcovr --root "$root" --filter 'lib/' --exclude-throw-branches --exclude-unreachable-branches \
    --object-directory "$build" "$build/CMakeFiles/cprom_test.dir" --html-details "$build/coverage/index.html" \
    --txt --print-summary --fail-under-line "$lines" --fail-under-branch "$branches"
