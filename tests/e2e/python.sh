#!/bin/sh
# python.sh SCRIPT [ARGUMENT...]: runs it, or says that it cannot.
if ! command -v python3 >/dev/null 2>&1; then
    echo "SKIPPED $(basename "$1"): no python3"
    exit 77
fi
exec python3 "$@"
