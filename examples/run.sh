#!/bin/sh
# Builds cprom and examples/pipelined, a small CI service, and lets it run pipelines on this very checkout. One of them then
# changes: what /metrics says before and after is shown. On Debian and Ubuntu, what is missing is installed.
#
#   sh examples/run.sh                serves http://127.0.0.1:9464/metrics until Ctrl-C
#   sh examples/run.sh --check [DIR]  on any free port; looks whether all is as it should be, and ends
#
# Everything that is made lies in build/pipelined, or in DIR, which is emptied first.
set -u
unset CDPATH CFLAGS LDFLAGS CMAKE_GENERATOR GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
LC_ALL=C
export LC_ALL

root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
work=$root/build/pipelined
check=no address=127.0.0.1:9464
case ${1-} in
    '') ;;
    --check)
        check=yes address=127.0.0.1:0
        work=${2-$work}
        ;;
    -h | --help)
        sed -n '2,8s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *)
        echo 'usage: sh examples/run.sh [--check [DIR]]' >&2
        exit 2
        ;;
esac

heading() { printf '\n== %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

job='' service=''
end() {
    code=$?
    trap '' INT TERM HUP
    [ -z "$job" ] || kill -TERM "$job" 2>/dev/null
    if [ -n "$service" ]; then
        kill -TERM "$service" 2>/dev/null
        wait "$service" 2>/dev/null
        show_log
    fi
    exit "$code"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# patiently TEXT COMMAND...: its output goes to a file, a line every 15 s here.
patiently() {
    text=$1
    shift
    echo "$text"
    "$@" </dev/null >"$work/output" 2>&1 &
    job=$! waited=0
    while kill -0 "$job" 2>/dev/null; do
        sleep 1
        waited=$((waited + 1))
        [ $((waited % 15)) -ne 0 ] || echo "  ... for $waited s"
    done
    wait "$job"
    code=$?
    job=
    [ "$code" -eq 0 ] && return 0
    tail -n 30 "$work/output"
    return 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        have sudo || fail "not root, and no sudo: cannot run $*"
        sudo "$@"
    fi
}

#-------------------------------------------------------------------------------
heading what is needed
#-------------------------------------------------------------------------------

mkdir -p "$work" && work=$(cd "$work" && pwd) || exit 1
[ -e "$work/.made-by-run.sh" ] || [ -z "$(ls -A "$work")" ] || fail "$work has something of others in it"
rm -rf "$work" && mkdir -p "$work/pipelines" "$work/home" && : >"$work/.made-by-run.sh" || exit 1

missing=
printf '#include <stdio.h>\nint main(void) { return 0; }\n' >"$work/home/hello.c"
cc "$work/home/hello.c" -o "$work/home/hello" 2>/dev/null || missing="$missing gcc libc6-dev"
have cmake || missing="$missing cmake"
have make || have ninja || missing="$missing make"
have git || missing="$missing git"
have curl || missing="$missing curl"
# For the unit test that a pipeline builds.
printf '#include <stdarg.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <setjmp.h>\n#include <cmocka.h>\n' |
    cc -E - >/dev/null 2>&1 || missing="$missing libcmocka-dev"
if [ -n "$missing" ]; then
    have apt-get || fail "these are missing, and there is no apt-get to install them:$missing"
    as_root true || fail 'sudo refused'
    patiently 'apt-get update' as_root apt-get update -q ||
        echo 'it failed; perhaps the lists that are there will do'
    # shellcheck disable=SC2086 # a list of package names
    patiently "apt-get install$missing" as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=120 $missing ||
        fail 'apt-get install'
fi
have make || CMAKE_GENERATOR=Ninja
[ -z "${CMAKE_GENERATOR-}" ] || export CMAKE_GENERATOR
echo "cc $(cc -dumpversion), cmake $(cmake --version | sed -n '1s/.*version //p'), $(git --version)"

if [ "$check" = no ] && curl -s --max-time 5 "http://$address/" >/dev/null; then
    fail "something listens at $address already"
fi

# Git does not touch the checkout of another user unless it is told to: root's git that of a user, for instance.
HOME=$work/home
SOURCE=$root
MIRROR=$work/mirror.git
GIT_OPTIONAL_LOCKS=0
export HOME SOURCE MIRROR GIT_OPTIONAL_LOCKS
unset XDG_CONFIG_HOME
git config --global safe.directory '*'
if ! git -C "$root" rev-parse -q --verify HEAD >/dev/null; then
    echo "SKIPPED examples/run.sh: $root is not a git checkout, and there is nothing to clone" >&2
    exit 77
fi

#-------------------------------------------------------------------------------
heading build
#-------------------------------------------------------------------------------

build() {
    cmake -S "$root" -B "$work/cprom" -DCMAKE_BUILD_TYPE=Release -DCPROM_TESTS=OFF &&
        cmake --build "$work/cprom" --parallel 2 &&
        cc -std=c11 -O2 -I "$root/include" "$root"/examples/pipelined/*.c "$work/cprom/libcprom.a" -pthread -o "$work/pipelined"
}
patiently "cprom and pipelined, into $work" build || fail 'it does not build'

#-------------------------------------------------------------------------------
heading run
#-------------------------------------------------------------------------------

# put NAME: a pipeline file, from standard input; renamed into place, so that nobody reads the half of it
put() {
    cat >"$work/pipelines/$1.new" && mv "$work/pipelines/$1.new" "$work/pipelines/$1.pipeline"
}

shown=0
show_log() {
    lines=$(($(wc -l <"$work/log")))
    [ "$lines" -eq "$shown" ] || sed -n "$((shown + 1)),${lines}s/^/  /p" "$work/log"
    shown=$lines
}

metrics() { curl -s -S --max-time 10 "http://$address/metrics"; }

# series PATTERN: the lines of the page that have it
series() { metrics | grep -E "^[^#]*$1"; }

# show PATTERN: the same, for people
show() {
    echo "GET http://$address/metrics, what has $1:"
    series "$1" | sed 's/^/    /'
}

alive() { kill -0 "$service" 2>/dev/null || fail 'pipelined is gone'; }

# wait_for_run N, of the pipeline cprom. What goes on can be read on the page itself.
wait_for_run() {
    waited=0
    until [ "$(series '^ci_pipeline_last_run_number\{pipeline="cprom"\}' | sed 's/.* //')" = "$1" ]; do
        alive
        show_log
        [ "$waited" -lt 900 ] || fail "run $1 does not end"
        sleep 1
        waited=$((waited + 1))
        [ $((waited % 10)) -ne 0 ] || series '^ci_step_running_seconds.*"cprom"' | sed 's/^/  ... /'
    done
    show_log
}

# For the steps: what ci_pipeline_info shows.
cat >"$HOME/ci-info" <<'END' && chmod +x "$HOME/ci-info"
#!/bin/sh
cd "$1" && git log -1 --format=commit=%h >"$CI_INFO" && git branch --show-current | sed 's/^/branch=/' >>"$CI_INFO"
END
PATH=$HOME:$PATH

# The pipelines: two of them, on this checkout.
put tree <<'END'
every 10s
timeout 60s
step fsck: git -C "$SOURCE" fsck --no-dangling
step files: git -C "$SOURCE" ls-files | wc -l
END
put cprom <<'END'
timeout 10m
step clone: git clone -q "$SOURCE" src && ci-info src
step configure: cmake -S src -B build -DCMAKE_BUILD_TYPE=Debug
step build: cmake --build build --parallel 2 --target unit_metric
step test: build/tests/unit/unit_metric gauge
END

"$work/pipelined" --dir "$work/pipelines" --scratch "$work/scratch" --listen "$address" 2>"$work/log" </dev/null &
service=$!
until grep -q '^pipelined: http://' "$work/log"; do
    kill -0 "$service" 2>/dev/null || { show_log; fail 'pipelined does not start'; }
    sleep 1
done
address=$(sed -n 's,^pipelined: http://\([^/]*\)/.*,\1,p' "$work/log")
sed 's/^/    /' "$work/pipelines/cprom.pipeline"
wait_for_run 1
steps='^ci_pipeline_(step_(duration|success)|info)'
show "$steps"
series "$steps" >"$work/before"

heading 'the pipeline changes: it builds in place, and pushes what it tested; there is no clone any more'
put cprom <<'END'
timeout 10m
step configure: ci-info "$SOURCE" && cmake -S "$SOURCE" -B build -DCMAKE_BUILD_TYPE=Debug
step build: cmake --build build --parallel 2 --target unit_metric
step test: build/tests/unit/unit_metric gauge
step push: git init -q --bare "$MIRROR" && git -C "$MIRROR" config receive.shallowUpdate true && git -C "$SOURCE" push -q "$MIRROR" HEAD:refs/heads/tested
END
sed 's/^/    /' "$work/pipelines/cprom.pipeline"
wait_for_run 2
show "$steps"
series "$steps" >"$work/after"

echo 'What went, and what came, by the first scrape after that run:'
names() { sed 's/ [^ ]*$//' "$1" | sort >"$1.names"; }
names "$work/before" && names "$work/after"
diff "$work/before.names" "$work/after.names" | sed -n 's/^< /  - /p; s/^> /  + /p'

if [ "$check" = no ]; then
    heading "http://$address/metrics; Ctrl-C ends it"
    while alive; do
        show_log
        sleep 1
    done
    exit 1
fi

#-------------------------------------------------------------------------------
heading check
#-------------------------------------------------------------------------------

# steps_of FILE: "configure=1 build=1 ..." of the pipeline cprom, sorted
steps_of() {
    sed -n 's/^ci_pipeline_step_success{pipeline="cprom",step="\([a-z]*\)"} /\1=/p' "$1" | sort | tr '\n' ' '
}
expect() {
    [ "$2" = "$3" ] || fail "$1: expected '$2', found '$3'"
    echo "$1: $3"
}
head=$(git -C "$root" rev-parse HEAD)
expect 'steps of run 1' 'build=1 clone=1 configure=1 test=1 ' "$(steps_of "$work/before")"
expect 'steps of run 2' 'build=1 configure=1 push=1 test=1 ' "$(steps_of "$work/after")"
expect 'durations of run 2' 4 "$(grep -c '^ci_pipeline_step_duration_seconds{pipeline="cprom",' "$work/after")"
expect 'of the pipeline tree' 'ci_pipeline_step_success{pipeline="tree",step="files"} 1' \
    "$(grep '^ci_pipeline_step_success{.*"files"}' "$work/after")"
expect 'what was pushed' "$head" "$(git -C "$MIRROR" rev-parse refs/heads/tested)"
seven=$(echo "$head" | cut -c 1-7)
expect 'infos with the commit' 1 "$(grep -c "^ci_pipeline_info{.*commit=\"${seven}[0-9a-f]*\",pipeline=\"cprom\"} 1" "$work/after")"
rm "$work/pipelines/cprom.pipeline"
sleep 2
expect 'series of a removed pipeline' 0 "$(metrics | grep -c '"cprom"')"
kill -TERM "$service"
wait "$service"
expect 'exit code of pipelined' 0 $?
service=
