#!/bin/sh
# Every function of the headers is called where allocations fail in turn, or is listed here with the reason.
#
#   sh tests/ci/faults_api.sh SOURCE_DIRECTORY
set -eu
cd "$1"
# Not asked for memory, and nothing to be hooked: the default registry has the allocator of libc, and the other one is
# for the child of a fork.
without='cprom_registry_default cprom_http_server_after_fork'
missing=0
# shellcheck disable=SC2013 # names without blanks
for name in $(sed -n 's/^ *\(cprom_[a-z0-9_]*\);$/\1/p' lib/cprom.map); do
    case " $without " in *" $name "*) continue ;; esac
    case $name in
        cprom_http_*)
            files='tests/unit/http/test_handler.c tests/unit/http/test_coding.c tests/unit/http/test_faults.c'
            files="$files tests/oracle/http_read.h tests/support/http_running.h"
            ;;
        *) files=tests/unit/page/test_faults.c ;;
    esac
    # shellcheck disable=SC2086 # a list of files
    grep -Eqw "$name|$(echo "$name" | sed 's/^cprom_vec_/cprom_[a-z]*_vec_/')" $files && continue
    echo "$name is called in none of: $files"
    missing=1
done
exit $missing
