/*
 * What the stress tests share: seeded randomness that also yields at the seams, threads, and pages that are read and
 * checked off the main thread (prefix st_). CPROM_STRESS_SEED repeats the choices of a run, if not its interleaving.
 */
#ifndef CPROM_TESTS_STRESS_H
#define CPROM_TESTS_STRESS_H

#include "support/cprom_test.h"

#include <sched.h>
#include <unistd.h>

/*==============================================================================
 * Randomness: one generator a thread (xorshift64*), seeded from one number
 *============================================================================*/

extern uint64_t st_seed;
extern _Thread_local uint64_t st_state; /* 0: this thread has no part in it */

static inline uint64_t st_rand(void)
{
    st_state ^= st_state >> 12;
    st_state ^= st_state << 25;
    st_state ^= st_state >> 27;
    return (st_state * UINT64_C(0x2545f4914f6cdd1d)) >> 16;
}

static inline unsigned st_below(unsigned n) { return (unsigned)(st_rand() % n); }
static inline bool st_one_in(unsigned n) { return st_below(n) == 0; }

static inline void st_yields(unsigned n)
{
    while (n--) sched_yield();
}

static inline void st_join_in(unsigned number)
{
    st_state = (st_seed + number + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    for (int i = 0; i < 4; i++) st_rand();
}

extern unsigned st_seam_every; /* set before the threads start */

static inline void st_spin(unsigned n)
{
    while (n--) atomic_signal_fence(memory_order_seq_cst);
}

/* Mostly passes, now and then lets others go first or dawdles a little, rarely lets them go many times. */
static inline void st_seam(enum cprom__seam point)
{
    (void)point;
    if (!st_state || !st_one_in(st_seam_every)) return;
    uint64_t r = st_rand();
    if (r % 4 == 1) st_spin((unsigned)(r / 64 % 2000));
    else st_yields(r % 64 ? 1 + (unsigned)(r / 64 % 4) : 50);
}

/* At the start of each test, before its threads. */
static inline void st_begin(const char *test)
{
    const char *text = getenv("CPROM_STRESS_SEED");
    st_seed = text ? strtoull(text, NULL, 0) : (uint64_t)ct_now();
    print_message("%s: CPROM_STRESS_SEED=%llu\n", test, (unsigned long long)st_seed);
    fflush(stdout);
    st_join_in(1000000);
    cprom__seam_hook = st_seam;
}

/*==============================================================================
 * Failure: on any thread; the program ends
 *============================================================================*/

/* Shows the lines of `text` (NULL: none) that contain `needle` (NULL: all). */
#define st_fail(text, needle, ...) st_fail_at(__FILE__, __LINE__, (text), (needle), __VA_ARGS__)

__attribute__((noreturn, format(printf, 5, 6))) static inline void
st_fail_at(const char *file, int line, const char *text, const char *needle, const char *format, ...)
{
    static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&first); /* for ever: others that fail meanwhile say nothing more */
    fprintf(stderr, "%s:%d: CPROM_STRESS_SEED=%llu: ", file, line, (unsigned long long)st_seed);
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    int shown = 0;
    for (const char *at = text; at && *at && shown < 60;) {
        size_t len = strcspn(at, "\n");
        const char *found = needle ? strstr(at, needle) : at;
        if (found && found < at + len) {
            fprintf(stderr, "  %.*s\n", (int)len, at);
            shown++;
        }
        at += at[len] ? len + 1 : len;
    }
    fflush(NULL);
    _exit(1);
}

#define st_check(condition, ...)                                                                                       \
    do {                                                                                                               \
        if (!(condition)) st_fail(NULL, NULL, __VA_ARGS__);                                                            \
    } while (0)

/*==============================================================================
 * Threads
 *============================================================================*/

#define ST_CREW_MAX 128

typedef struct st_crew {
    struct st_member {
        pthread_t thread;
        void (*run)(void *world, unsigned number);
        void *world;
        unsigned number;
    } members[ST_CREW_MAX];
    unsigned n;
} st_crew;

static inline void *st_run(void *arg)
{
    struct st_member *member = arg;
    st_join_in(member->number);
    member->run(member->world, member->number);
    return NULL;
}

/* `number` is handed to `run` and seeds the thread. */
static inline void st_start(st_crew *crew, void (*run)(void *, unsigned), void *world, unsigned number)
{
    assert_true(crew->n < ST_CREW_MAX);
    struct st_member *member = &crew->members[crew->n++];
    *member = (struct st_member){.run = run, .world = world, .number = number};
    assert_int_equal(pthread_create(&member->thread, NULL, st_run, member), 0);
}

static inline void st_join(st_crew *crew)
{
    for (unsigned i = 0; i < crew->n; i++) pthread_join(crew->members[i].thread, NULL);
    crew->n = 0;
}

/*==============================================================================
 * Pages
 *============================================================================*/

/* Reads an open page in pieces of random size and leaves it open; one that does not parse is a failure. */
static inline ct_page st_drain(cprom_page *page)
{
    ct_page result = {NULL, 0, NULL};
    size_t cap = 4096;
    result.text = malloc(cap);
    /* Small pieces for a while, so that the page is still being read when what it shows is gone. */
    for (unsigned piece = 0;; piece++) {
        if (cap - result.len < 2048) result.text = realloc(result.text, cap *= 2);
        if (!result.text) st_fail(NULL, NULL, "out of memory");
        size_t wanted = piece < 8 ? 1 + st_below(200) : cap - result.len - 1;
        size_t n = cprom_page_read(page, result.text + result.len, wanted);
        if (n == 0) break;
        result.len += n;
        if (st_one_in(4)) st_yields(st_one_in(16) ? 30 : 1);
    }
    result.text[result.len] = '\0';
    bool openmetrics = result.len >= 6 && strcmp(result.text + result.len - 6, "# EOF\n") == 0;
    result.parsed = (openmetrics ? parser_parse_openmetrics : parser_parse)(result.text, result.len);
    if (result.parsed->error) st_fail(result.text, NULL, "the page does not parse: %s", result.parsed->error);
    return result;
}

/* Opens a page with default options, which must succeed. */
static inline cprom_page *st_open(cprom_registry *registry)
{
    cprom_page *page;
    cprom_status status = cprom_page_open(registry, NULL, &page);
    if (status) st_fail(NULL, NULL, "cprom_page_open: %s", cprom_status_string(status));
    return page;
}

static inline cprom_stats st_stats(cprom_registry *registry)
{
    cprom_stats stats = CPROM_INIT(cprom_stats);
    st_check(cprom_registry_stats(registry, &stats) == CPROM_OK, "cprom_registry_stats");
    return stats;
}

#endif
