/*
 * JSON (RFC 8259), read strictly: UTF-8 without BOM, no control characters in strings, surrogates in pairs, numbers
 * that a double can hold, nothing behind the value. \u0000 is refused, since strings here end with a NUL. No recursion.
 */
#ifndef EXPORTERS_COMMON_JSON_H
#define EXPORTERS_COMMON_JSON_H

#include "text_page.h"

#define JSON_DEPTH_MAX 16 /* arrays and objects in each other */

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_type type;
    size_t line;
    const char *key;          /* in an object; a key may be there twice */
    struct json *next;        /* in the same array or object */
    struct json *first;       /* array, object */
    const char *string;
    double number;
};

/* The value, in the arena, with all that is in it; NULL: *error. */
const struct json *json_parse(struct arena *arena, const char *bytes, size_t n, struct text_error *error);

#endif
