#!/bin/sh
# Line and branch coverage of lib/ by the unit tests, file by file; fails below the goals. Needs gcc and gcovr.
#
#   sh tests/ci/coverage.sh
#
# build/coverage/coverage/index.html shows the lines. What is not covered, and why, is in docs/testing.md.
set -eu
lines=95 branches=85
root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/ci/tools.sh
. "$root/tests/ci/tools.sh"
work=$build/coverage
cd "$root"
if ! need gcovr gcovr; then
    echo "SKIPPED coverage: $need_missing"
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

mkdir -p "$work/coverage"
quietly "$work/configure.log" cmake --preset coverage -B "$work" -DCPROM_EXPORTERS=OFF
quietly "$work/build.log" cmake --build "$work" --target unit_tests --parallel 2
find "$work" -name '*.gcda' -exec rm -f {} +
# All but those that go for long over what others have been over.
quietly "$work/test.log" ctest --test-dir "$work" -L '^quick$' -LE '^(once|program)$' -R '^unit_' --parallel 2 \
    --output-on-failure -E '^unit_(http_hostile|http_mutated|page_trees|store_order|store_vec_model)$'
# Counted in the test twin, which every test links. Branches that only an exception would take are none of C's.
gcovr --root "$root" --filter 'lib/' --exclude-throw-branches --exclude-unreachable-branches \
    --object-directory "$work" "$work/CMakeFiles/cprom_test.dir" --html-details "$work/coverage/index.html" \
    --txt --print-summary --fail-under-line "$lines" --fail-under-branch "$branches"
