/*
 * libFuzzer: any bytes as JSON, and as the output of a script. JSON that is taken, written again, is taken again and is
 * the same; metrics that are taken can be put on a page. What it costs has a bound.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter_page.h"
#include "json.h"
#include "script.h"

/* Written text, as long as there is room. */
struct text {
    char *bytes;
    size_t len, room;
};

static void put(struct text *text, const char *bytes, size_t n)
{
    if (n > text->room - text->len) abort();
    memcpy(text->bytes + text->len, bytes, n);
    text->len += n;
}

static void put_string(struct text *text, const char *string)
{
    char escape[8];
    put(text, "\"", 1);
    for (; *string; string++) {
        bool plain = (unsigned char)*string >= ' ' && *string != '"' && *string != '\\';
        if (plain) put(text, string, 1);
        else put(text, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", (unsigned char)*string));
    }
    put(text, "\"", 1);
}

/* Recursion: the reader bounds the depth. */
static void put_value(struct text *text, const struct json *value)
{
    char number[64];
    switch (value->type) {
    case JSON_NULL: put(text, "null", 4); break;
    case JSON_FALSE: put(text, "false", 5); break;
    case JSON_TRUE: put(text, "true", 4); break;
    case JSON_NUMBER: put(text, number, (size_t)snprintf(number, sizeof number, "%.17g", value->number)); break;
    case JSON_STRING: put_string(text, value->string); break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        put(text, value->type == JSON_ARRAY ? "[" : "{", 1);
        for (const struct json *in = value->first; in; in = in->next) {
            if (in->key) {
                put_string(text, in->key);
                put(text, ":", 1);
            }
            put_value(text, in);
            if (in->next) put(text, ",", 1);
        }
        put(text, value->type == JSON_ARRAY ? "]" : "}", 1);
    }
}

static struct text write_again(const struct json *value, size_t n)
{
    struct text text = {malloc(32 * n + 64), 0, 32 * n + 64};
    put_value(&text, value);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct text_error error;
    struct arena arena = {0};
    char *exact = malloc(n ? n : 1); /* exactly as many bytes as there are */
    if (n) memcpy(exact, bytes, n);
    uint64_t before = cost_now();
    const struct json *value = json_parse(&arena, exact, n, &error);
    check_cost("json_parse", before, COST_JSON_BYTE * n);
    before = cost_now();
    struct text_page *page = output_parse(exact, n, &error);
    check_cost("output_parse", before, COST_TEXT_BYTE * n);
    free(exact);
    if (value) {
        struct text once = write_again(value, n);
        value = json_parse(&arena, once.bytes, once.len, &error);
        if (!value) abort();
        struct text twice = write_again(value, n);
        if (once.len != twice.len || memcmp(once.bytes, twice.bytes, once.len) != 0) abort();
        free(once.bytes);
        free(twice.bytes);
    }
    arena_free(&arena);
    if (page) {
        size_t len;
        cprom_text_free(page_print(page, &len));
        text_free(page);
    }
    return 0;
}
