#!/bin/sh
# Checks the models of the lock-free parts with spin: each must verify, and each of its mutants (a line "MUTANT n: what is
# wrong" in its head) must fail. A line for each.
#
#   sh tests/models/run.sh [NAME...]    all, or epoch, refs, ...
#
# Ends with 0; 1: something is not as it must be; 77: spin is not there and cannot be installed.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
# shellcheck source=tests/ci/tools.sh
. "$root/tests/ci/tools.sh"
models=$root/tests/models
work=$scratch

if ! need spin spin; then
    echo "SKIPPED models: $need_missing"
    exit 77
fi
compiler=
for candidate in gcc clang cc; do
    have "$candidate" && compiler=$candidate && break
done
if [ -z "$compiler" ]; then
    echo 'SKIPPED models: no C compiler for what spin generates'
    exit 77
fi

# check MODEL MUTANT: verifies; the answer is in $work/MODEL.MUTANT/verdict
check() {
    dir=$work/$1.$2
    mkdir "$dir"
    (
        cd "$dir" || exit
        {
            spin "-DMUTANT=$2" -a "$models/$1.pml" &&
                "$compiler" -O1 -w -DSAFETY -DMEMLIM=2048 -o pan pan.c && ./pan -m100000
        } >out 2>&1 </dev/null
        if grep -q 'errors: [1-9]' out && grep -q '^pan:1: \(assertion violated\|invalid end state\)' out; then
            echo fails
        elif grep -q 'errors: 0' out && ! grep -qi 'not completed\|too small\|memlim\|out of memory' out; then
            echo holds
        else
            echo broken
        fi >verdict
    )
}

if [ "$#" -eq 0 ]; then
    for file in "$models"/*.pml; do
        name=${file##*/}
        set -- "$@" "${name%.pml}"
    done
fi
bad=0
for name in "$@"; do
    mutants=$(grep -c '^ \* MUTANT [0-9]*:' "$models/$name.pml")
    # Two at a time.
    number=0
    while [ "$number" -le "$mutants" ]; do
        check "$name" "$number" &
        first=$!
        if [ "$number" -lt "$mutants" ]; then
            check "$name" $((number + 1)) &
            wait "$!"
        fi
        wait "$first"
        number=$((number + 2))
    done
    number=0
    while [ "$number" -le "$mutants" ]; do
        dir=$work/$name.$number
        verdict=$(cat "$dir/verdict")
        states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' "$dir/out")
        if [ "$number" -eq 0 ]; then
            what='the model' wanted=holds
        else
            what=$(sed -n "s/^ \* MUTANT $number: *//p" "$models/$name.pml") wanted=fails
        fi
        if [ "$verdict" = "$wanted" ]; then
            printf 'ok      %-9s %d %s (%s, %s states)\n' "$name" "$number" "$what" "$verdict" "$states"
        else
            bad=1
            printf 'FAILED  %-9s %d %s (%s, and must be: %s)\n' "$name" "$number" "$what" "$verdict" "$wanted"
            sed 's/^/    /' "$dir/out" | head -n 20
            if [ -e "$dir/$name.pml.trail" ]; then
                (cd "$dir" && spin "-DMUTANT=$number" -t -p -g -l -k "$name.pml.trail" "$models/$name.pml") 2>&1 | tail -n 60
            fi
        fi
        number=$((number + 1))
    done
done
exit "$bad"
