/*
 * Options structs of callers that were compiled with another version of the header.
 *
 * A caller's struct is handed to the function that takes it, in memory that ends where the struct does, in a registry of
 * its own; what came of it is a text. An older header knows fewer fields: the text must be what the whole struct gives with
 * zeros in the fields that are missing. A newer one knows more: while they are zero, the text must be what today's struct
 * gives; a single byte that is not is EINVAL.
 */
#ifndef CPROM_TESTS_OPTS_VERSIONS_H
#define CPROM_TESTS_OPTS_VERSIONS_H

#include "cprom_test.h"

/* Calls the function with the struct, and says what came of it in at most `cap` bytes. */
typedef void ov_call(cprom_registry *registry, const void *opts, char *told, size_t cap);

typedef struct ov_case {
    const char *function;
    ov_call *call;
    const void *opts; /* with as many fields set as can be, so that each that is missing shows */
    size_t size;      /* of the struct */
    size_t least;     /* with so many bytes the call succeeds, with fewer it does not */
} ov_case;

#define END_OF(type, field) (offsetof(type, field) + sizeof ((type *)0)->field)
#define OV_TEXT 4096

static inline void ov_say(char *told, size_t cap, cprom_status status, const char *more)
{
    snprintf(told, cap, "%s; %s", cprom_status_string(status), more);
}

/* What the page shows after the call. */
static inline void ov_say_page(char *told, size_t cap, cprom_status status, cprom_registry *registry)
{
    char *text;
    assert_ok(cprom_registry_text(registry, &text, NULL));
    ov_say(told, cap, status, text);
    cprom_text_free(text);
}

/* The first `n` bytes of the struct, `n_zeros` behind them, and `last` as the very last byte; its size says all of it. */
static inline char *ov_tell(const ov_case *c, size_t n, size_t n_zeros, char last)
{
    static char told[2][OV_TEXT];
    static int turn;
    char *out = told[turn ^= 1];
    size_t size = n + n_zeros;
    char *opts = malloc(size);
    ct_fixture *fixture = ct_fixture_new();
    assert_non_null(opts);
    memset(opts, 0, size);
    memcpy(opts, c->opts, n);
    if (last) opts[size - 1] = last;
    memcpy(opts, &size, sizeof size);
    out[0] = '\0';
    c->call(fixture->registry, opts, out, OV_TEXT);
    free(opts);
    ct_fixture_free(fixture);
    return out;
}

static inline void ov_same(const ov_case *c, const char *what, size_t size, const char *told, const char *expected)
{
    if (strcmp(told, expected) != 0) fail_msg("%s, %s, size %zu: %s, not %s", c->function, what, size, told, expected);
}

static inline bool ov_is(const char *told, cprom_status status)
{
    const char *name = cprom_status_string(status);
    return strncmp(told, name, strlen(name)) == 0 && told[strlen(name)] == ';';
}

static inline void ov_check_older(const ov_case *cases, size_t n)
{
    for (const ov_case *c = cases; c < cases + n; c++) {
        /* Pointer by pointer: no field that is a pointer is cut in two. */
        for (size_t size = sizeof(size_t); size <= c->size; size += sizeof(void *)) {
            const char *expected = ov_tell(c, size, c->size - size, 0);
            if (size <= c->least && ov_is(expected, CPROM_OK) != (size == c->least)) {
                fail_msg("%s, size %zu: %s", c->function, size, expected);
            }
            ov_same(c, "older", size, ov_tell(c, size, 0, 0), expected);
        }
        for (size_t size = 0; size < sizeof size; size++) {
            char opts[sizeof size], told[OV_TEXT] = "";
            memcpy(opts, &size, sizeof size);
            ct_fixture *fixture = ct_fixture_new();
            c->call(fixture->registry, opts, told, sizeof told);
            ct_fixture_free(fixture);
            if (!ov_is(told, CPROM_EINVAL)) fail_msg("%s, size %zu: %s", c->function, size, told);
        }
    }
}

static inline void ov_check_newer(const ov_case *cases, size_t n)
{
    static const size_t more[] = {1, 2, sizeof(void *), 64, 1000};
    for (const ov_case *c = cases; c < cases + n; c++) {
        for (size_t i = 0; i < COUNT(more); i++) {
            const char *expected = ov_tell(c, c->size, 0, 0);
            assert_true(ov_is(expected, CPROM_OK));
            ov_same(c, "newer", c->size + more[i], ov_tell(c, c->size, more[i], 0), expected);
            const char *told = ov_tell(c, c->size, more[i], 1);
            if (!ov_is(told, CPROM_EINVAL)) fail_msg("%s, %zu bytes behind, one set: %s", c->function, more[i], told);
        }
    }
}

#endif
