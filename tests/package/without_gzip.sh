#!/bin/sh
# without_gzip.sh: with CPROM_GZIP=OFF the encoder is neither in the library nor in the single-file form, which needs no
# flag for it; a page goes as it is to those who accept gzip, and as gzip with the encoder.
. "$(dirname "$0")/common.sh"
need cmake nm python3
fresh without_gzip

cat >"$work/main.c" <<'END'
#include <string.h>
#include "cprom.h"

/* 1: the page is coded; 0: it is not. */
int main(void)
{
    cprom_http_handler *handler;
    cprom_http_response *response;
    cprom_http_request request = CPROM_INIT(cprom_http_request);
    const char *name, *value;
    int coded = 0;
    request.method = "GET";
    request.target = "/metrics";
    request.accept_encoding = "gzip";
    if (cprom_http_handler_new(cprom_registry_default(), NULL, &handler)) return 2;
    if (cprom_http_handler_handle(handler, &request, &response)) return 2;
    for (size_t i = 0; cprom_http_response_header(response, i, &name, &value); i++) {
        coded |= strcmp(name, "Content-Encoding") == 0;
    }
    cprom_http_response_free(response);
    cprom_http_handler_free(handler);
    return coded;
}
END
for gzip in ON OFF; do
    build=$work/$gzip
    quietly cmake -S "$CPROM_SOURCE" -B "$build" -G "$CPROM_GENERATOR" "-DCMAKE_C_COMPILER=$CPROM_CC" \
        -DBUILD_SHARED_LIBS=ON -DCPROM_TESTS=OFF -DCPROM_EXPORTERS=OFF "-DCPROM_GZIP=$gzip" -DCPROM_WERROR=ON
    quietly cmake --build "$build" --parallel 2 --target cprom single_file
    nm "$build/libcprom.so" >"$build/symbols" || exit 1
    if grep -q gzip "$build/symbols"; then found=ON; else found=OFF; fi
    [ "$found" = "$gzip" ] || fail "CPROM_GZIP=$gzip: the encoder in the library: $found"
    if grep -q '^struct cprom__gzip {' "$build/single_file/cprom.c"; then found=ON; else found=OFF; fi
    [ "$found" = "$gzip" ] || fail "CPROM_GZIP=$gzip: the encoder in the single-file form: $found"
    for compiler in "$CPROM_CC" gcc clang; do
        command -v "$compiler" >/dev/null 2>&1 || continue
        quietly "$compiler" -std=c11 -pthread -Wall -Wextra -Werror -O0 "-I$build/single_file" "$work/main.c" \
            "$build/single_file/cprom.c" -o "$build/program"
        "$build/program"
        coded=$?
        case $gzip:$coded in
            ON:1 | OFF:0) ;;
            *) fail "CPROM_GZIP=$gzip, $compiler: the program ended with $coded" ;;
        esac
    done
done
