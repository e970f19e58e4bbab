/*
 * What the tests share: cmocka, the parser, promtool, and small fixtures (prefix ct_).
 *
 * cmocka's assertions work on the main thread of a test; on another thread a failing one ends the whole program
 * with an error, which is a failed test too. Helpers that assert say so with "asserts".
 */
#ifndef CPROM_TESTS_CPROM_TEST_H
#define CPROM_TESTS_CPROM_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cprom/cprom.h>

#include "oracle/parser.h"
#include "promtool.h"
#include "sanitized.h"
#include "base/seam.h"

#define assert_ok(call) assert_int_equal((call), CPROM_OK)
#define assert_status(call, status) assert_int_equal((call), (status))

/* Skips the running test; run.sh shows the reason. */
#define ct_skip(reason)                                                                                                \
    do {                                                                                                               \
        print_message("SKIPPED %s: %s\n", __func__, reason);                                                           \
        skip();                                                                                                        \
    } while (0)

/*==============================================================================
 * Pages
 *============================================================================*/

/* The text of one page with a NUL behind, and what the parser of its format read in it. */
typedef struct ct_page {
    char *text;
    size_t len;
    parser_page *parsed;
} ct_page;

/* Opens a page (`opts` NULL: defaults), reads it in pieces of `piece` bytes, closes it. Asserts that it parses. */
ct_page ct_page_read(cprom_registry *registry, const cprom_page_opts *opts, size_t piece);
/* Reads an open page to its end and leaves it open. Asserts that it parses. */
ct_page ct_page_drain(cprom_page *page, size_t piece);
void ct_page_free(ct_page *page);

/* Asserts that the page has these bytes, whether it is read in one piece or byte by byte. */
void ct_assert_page(cprom_registry *registry, const char *expected);
/* Asserts that the page has a sample with this key, as parser_find() wants it, and value; that it has none. */
void ct_assert_sample(cprom_registry *registry, const char *key, double value);
void ct_assert_no_sample(cprom_registry *registry, const char *key);
/* Asserts that two texts are the same and shows the first line that differs. */
void ct_assert_text_equal(const char *actual, const char *expected);

/*==============================================================================
 * Log callback, allocator, clocks. Each is MT-safe and the ctx of its own callbacks.
 *============================================================================*/

typedef struct ct_log {
    pthread_mutex_t mutex;
    char **lines;
    size_t n;
} ct_log;

void ct_log_init(ct_log *log);
void ct_log_free(ct_log *log);
/* Whether the system gives back what a thread held that has ended. By trying: an emulator may promise it. */
bool ct_has_robust_mutexes(void);

/* For .log; asserts one non-empty line without LF, and that this thread is in no read section and holds no lock. */
void ct_log_line(void *log, const char *line);
/* How many locks this thread holds; NULL in programs without support/locks.c. */
unsigned ct_locks_held(void) __attribute__((weak));
void ct_log_clear(ct_log *log);
size_t ct_log_count(ct_log *log);
/* How many lines contain all of these texts; the list ends with NULL. */
size_t ct_log_count_with(ct_log *log, ...);
#define ct_log_has(log, ...) (ct_log_count_with((log), __VA_ARGS__, (char *)NULL) > 0)

/* Counts, checks that what is released has the size it was asked with, and fails on demand. */
typedef struct ct_alloc {
    _Atomic size_t calls;   /* of ct_allocate since the last ct_alloc_fail_at() */
    _Atomic size_t failed;  /* of those */
    _Atomic size_t blocks;  /* alive */
    _Atomic size_t bytes;   /* alive */
    _Atomic size_t fail_at; /* the call that fails, from 1; 0: none */
    _Atomic bool fail_on;   /* and all calls after it */
} ct_alloc;

void *ct_allocate(void *alloc, size_t size);
void ct_release(void *alloc, void *ptr, size_t size);
/* From now, the nth call of ct_allocate fails (1: the next one); 0: none does. `on`: and all after it. */
void ct_alloc_fail_at(ct_alloc *alloc, size_t nth, bool on);

typedef struct ct_clock {
    _Atomic int64_t monotonic;
    _Atomic int64_t wall;
} ct_clock;

int64_t ct_clock_monotonic(void *clock);
int64_t ct_clock_wall(void *clock);
/* Both clocks. */
void ct_clock_advance(ct_clock *clock, int64_t nanoseconds);

/*==============================================================================
 * A registry with all of these
 *============================================================================*/

typedef struct ct_fixture {
    cprom_registry *registry;
    ct_log log;
    ct_alloc alloc;
    ct_clock clock; /* starts at 1000 s monotonic, 1700000000 s wall */
} ct_fixture;

/* The options that point at the fixture, for tests that make the registry themselves. */
cprom_registry_opts ct_fixture_opts(ct_fixture *fixture);
/* Asserts that the registry could be made. */
ct_fixture *ct_fixture_new(void);
/* The same with a parent (NULL: none) and const labels. A parent's fixture is freed after those of its children. */
ct_fixture *ct_fixture_child(cprom_registry *parent, cprom_labels const_labels);
/* Frees the registry (unless it is NULL) and asserts that nothing is left in the allocator. */
void ct_fixture_free(ct_fixture *fixture);
/* For cmocka_unit_test_setup_teardown(): the fixture is *state. */
int ct_setup(void **state);
int ct_teardown(void **state);

/*==============================================================================
 * What nearly every test says, in short
 *============================================================================*/

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define SECOND INT64_C(1000000000) /* in nanoseconds */

/* A test with a fixture; one with the setup() and teardown() of its own file. */
#define TEST(function) cmocka_unit_test_setup_teardown(function, ct_setup, ct_teardown)
#define OWN_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

/* Begins a test with a fixture. */
#define TESTS_BEGIN                                                                                                    \
    ct_fixture *fixture = *state;                                                                                      \
    cprom_registry *r = fixture->registry

#define OPTS(...) CPROM_OPTS(cprom_opts, __VA_ARGS__)
#define FAMILY(...) CPROM_OPTS(cprom_opts, .help = "H.", .name = __VA_ARGS__)
/* The lines above the samples of a gauge FAMILY(). */
#define HEADER(name) "# HELP " name " H.\n# TYPE " name " gauge\n"
#define DESC(...) (&(const cprom_desc){.size = sizeof(cprom_desc), __VA_ARGS__})
#define PAGE_OPTS(...) CPROM_OPTS(cprom_page_opts, __VA_ARGS__)
#define CHILD(parent, ...) ct_fixture_child((parent)->registry, CPROM_LABELS(__VA_ARGS__))
#define BARE_CHILD(parent) ct_fixture_child((parent)->registry, CPROM_NO_LABELS)

static inline cprom_registry *registry_of(void **state) { return ((ct_fixture *)*state)->registry; }

/* Asserts that they could be had. */
static inline cprom_stats stats_of(cprom_registry *registry)
{
    cprom_stats stats = CPROM_INIT(cprom_stats);
    assert_ok(cprom_registry_stats(registry, &stats));
    return stats;
}

static inline cprom_status collect_nothing(void *ctx, cprom_scrape *out) { return CPROM_OK; }

/* An unchecked collector. Asserts that it could be registered. */
static inline void add_collector(cprom_registry *registry, const char *name,
                                 cprom_status (*collect)(void *ctx, cprom_scrape *out), void *ctx)
{
    assert_ok(
        cprom_collector_new(registry, CPROM_OPTS(cprom_collector_opts, .name = name, .collect = collect, .ctx = ctx)));
}

/* A small reproducible random generator (xorshift64), seeded with anything but 0. */
static inline uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/*==============================================================================
 * Seams: stop one thread at a named point, and look at what the others can do meanwhile.
 *
 *      ct_park(CPROM__SEAM_GATHER_TAKEN);   the next thread that comes there stops
 *      pthread_create(...);
 *      ct_park_wait();                      it is there
 *      ...
 *      ct_park_release();                   it goes on; others do not stop
 *============================================================================*/

/* Before the threads start: arming installs the hook. */
void ct_park(enum cprom__seam point);
void ct_park_wait(void);
void ct_park_release(void);

/*==============================================================================
 * Time and place
 *============================================================================*/

/* How long a stress test runs: CPROM_STRESS_SECONDS, or 10. */
double ct_stress_seconds(void);
/* The real monotonic clock, in nanoseconds. */
int64_t ct_now(void);
/* Whether `seconds` have passed since `start`, a ct_now(). */
bool ct_over(int64_t start, double seconds);

/* Switches the program to a locale with a decimal comma; false if the machine has none. Back with setlocale("C"). */
bool ct_comma_locale(void);

/* The whole file with a NUL behind, to be freed. Asserts that it can be read. `len` may be NULL. */
char *ct_read_file(const char *path, size_t *len);
/* Whether the program runs under valgrind. Asserts that /proc is there. */
bool ct_on_valgrind(void);

#endif
