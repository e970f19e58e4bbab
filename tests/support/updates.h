/*
 * What the tests of updates, sweeps and expiry share. Helpers that assert say so.
 */
#ifndef CPROM_TESTS_UPDATES_H
#define CPROM_TESTS_UPDATES_H

#include "cprom_test.h"

/* Asserts that it could be made. */
static inline cprom_update *up_new(cprom_registry *registry)
{
    cprom_update *update;
    assert_ok(cprom_update_new(registry, &update));
    return update;
}

/* Asserts what the commit did, and frees the update. */
static inline void up_commit(cprom_update *update, size_t created, size_t updated, size_t removed, size_t refused)
{
    cprom_result result;
    assert_status(cprom_update_commit(update, &result), refused ? CPROM_EPARTIAL : CPROM_OK);
    assert_int_equal(result.created, created);
    assert_int_equal(result.updated, updated);
    assert_int_equal(result.removed, removed);
    assert_int_equal(result.refused, refused);
    cprom_update_free(update);
}

/* Asserts that the commit is stale like this, and what it did all the same; frees the update. */
static inline void up_commit_stale(cprom_update *update, cprom_stale reason, size_t created, size_t updated)
{
    cprom_result result;
    assert_status(cprom_update_commit(update, &result), CPROM_ESTALE);
    assert_int_equal(result.reason, reason);
    assert_int_equal(result.created, created);
    assert_int_equal(result.updated, updated);
    assert_int_equal(result.removed, 0);
    cprom_update_free(update);
}

/* Asserts that the commit fails like this and says that it did nothing; frees the update. */
static inline void up_commit_fails(cprom_update *update, cprom_status status)
{
    cprom_result result = {9, 9, 9, 9, CPROM_STALE_DELETE};
    assert_status(cprom_update_commit(update, &result), status);
    assert_int_equal(result.created + result.updated + result.removed, 0);
    cprom_update_free(update);
}

static inline cprom_stats up_stats(cprom_registry *registry)
{
    cprom_stats stats = CPROM_INIT(cprom_stats);
    assert_ok(cprom_registry_stats(registry, &stats));
    return stats;
}

/* Asserts what the page's samples are, without HELP and TYPE; frees it. */
static inline void up_assert_page_lines(ct_page *page, const char *expected)
{
    char *out = page->text;
    for (const char *line = page->text; *line;) {
        size_t n = strcspn(line, "\n") + 1;
        if (*line != '#') {
            memmove(out, line, n);
            out += n;
        }
        line += n;
    }
    *out = '\0';
    ct_assert_text_equal(page->text, expected);
    ct_page_free(page);
}

static inline void up_assert_lines(cprom_registry *registry, const char *expected)
{
    ct_page page = ct_page_read(registry, NULL, 65536);
    up_assert_page_lines(&page, expected);
}

/* The page as it is now, to be compared later; to be freed with cprom_text_free(). Asserts. */
static inline char *up_text(cprom_registry *registry)
{
    char *text;
    assert_ok(cprom_registry_text(registry, &text, NULL));
    return text;
}

/* Asserts that the page is as it was; frees `before`. */
static inline void up_assert_same(cprom_registry *registry, char *before)
{
    char *now = up_text(registry);
    ct_assert_text_equal(now, before);
    cprom_text_free(now);
    cprom_text_free(before);
}

/* Two-label families for most tests; g and h are gauges, c a counter. Assert. */
static inline cprom_gauge_vec *up_gauges(cprom_registry *registry, const char *name, const char *owner)
{
    cprom_gauge_vec *vec;
    cprom_opts opts = CPROM_INIT(cprom_opts);
    opts.name = name;
    opts.help = "h";
    opts.labels[0] = "p";
    opts.labels[1] = "s";
    opts.owner = owner;
    assert_ok(cprom_gauge_vec_new(registry, &opts, &vec));
    return vec;
}

static inline cprom_counter_vec *up_counters(cprom_registry *registry, const char *name, const char *owner)
{
    cprom_counter_vec *vec;
    cprom_opts opts = CPROM_INIT(cprom_opts);
    opts.name = name;
    opts.help = "h";
    opts.labels[0] = "p";
    opts.labels[1] = "s";
    opts.owner = owner;
    assert_ok(cprom_counter_vec_new(registry, &opts, &vec));
    return vec;
}

#define ALL(vec) cprom_update_gauge_vec_replace(update, vec, CPROM_NO_LABELS)
#define SET(vec, value, ...) cprom_update_gauge_vec_set(update, vec, CPROM_STRS(__VA_ARGS__), value)
#define ADD(vec, value, ...) cprom_update_gauge_vec_add(update, vec, CPROM_STRS(__VA_ARGS__), value)
#define OWNER(vec, p) cprom_update_gauge_vec_replace(update, vec, CPROM_LABELS({"p", p}))

#endif
