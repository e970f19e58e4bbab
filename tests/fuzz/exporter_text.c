/*
 * libFuzzer: any bytes as Prometheus text. What the parser and the check of names take, the library puts on a page, and
 * that page is read again and makes the same page. What it costs has a bound.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "exporter_page.h"
#include "text_parser.h"

static void differs(const char *what, const char *text, const char *again)
{
    fprintf(stderr, "%s\n%s----\n%s", what, text, again ? again : "none");
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct text_error error;
    char *exact = malloc(n ? n : 1); /* exactly as many bytes as there are */
    if (n) memcpy(exact, bytes, n);
    uint64_t before = cost_now();
    struct text_page *page = text_parse(exact, n, &error);
    free(exact);
    if (!page) {
        check_cost("text_parse", before, COST_TEXT_BYTE * n);
        if (!error.line || strlen(error.what) >= sizeof error.what) abort();
        return 0;
    }
    struct claims *claims = claims_new();
    bool claimed = claims_replace(claims, NULL, page, false, &error);
    claims_free(claims);
    check_cost("text_parse and claims_replace", before, COST_TEXT_BYTE * n);
    size_t len, again_len;
    char *text = page_print(page, &len);
    text_free(page);
    if (claimed != (text != NULL)) differs("the library and the claims disagree", claimed ? "" : error.what, text);
    if (!text) return 0;
    page = text_parse(text, len, &error);
    if (!page) differs(error.what, text, NULL);
    char *again = page_print(page, &again_len);
    if (!again || again_len != len || memcmp(text, again, len) != 0) differs("the page differs", text, again);
    text_free(page);
    cprom_text_free(text);
    cprom_text_free(again);
    return 0;
}
