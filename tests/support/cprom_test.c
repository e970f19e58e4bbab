#include "cprom_test.h"
#include "visit_text.h"

#include "base/thread.h"

#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

static void *must(void *ptr)
{
    if (!ptr) {
        fputs("cprom_test: out of memory\n", stderr);
        abort();
    }
    return ptr;
}

/*==============================================================================
 * Pages
 *============================================================================*/

/*
 * A second opinion on the pages of every test program: on the first, second, fourth, eighth … of each, since a process
 * has to be started for it. Only where CPROM_TEST_PROMTOOL asks for it.
 */
static void ask_promtool(const ct_page *page)
{
    static atomic_size_t pages;
    size_t number = atomic_fetch_add(&pages, 1) + 1;
    if ((number & (number - 1)) || !getenv("CPROM_TEST_PROMTOOL") || !promtool_available()) return;
    promtool_assert_parses(page->text, page->len);
}

static bool is_openmetrics(const ct_page *page)
{
    return page->len >= 6 && memcmp(page->text + page->len - 6, "# EOF\n", 6) == 0;
}

/*
 * The same for OpenMetrics: the pages are left in the directory that CPROM_TEST_OPENMETRICS names, for
 * tests/oracle/openmetrics.py to read them all at the end. The first hundred of each program, then the 128th, 256th, …
 */
static void keep_openmetrics(const ct_page *page)
{
    static atomic_size_t pages;
    const char *dir = getenv("CPROM_TEST_OPENMETRICS");
    size_t number = atomic_fetch_add(&pages, 1) + 1;
    if (!dir || !*dir || (number > 100 && (number & (number - 1)))) return;
    char path[4096];
    int len = snprintf(path, sizeof path, "%s/%s.%ld.%04zu", dir, program_invocation_short_name, (long)getpid(),
                       number);
    assert_in_range(len, 1, sizeof path - 1);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(page->text, 1, page->len, file), page->len);
    assert_int_equal(fclose(file), 0);
}

/* A visitor sees what the page shows. */
static void visit_again(cprom_page *page, const ct_page *read)
{
    size_t len;
    char *text = must(visit_text(page, &len));
    if (len != read->len || memcmp(text, read->text, len) != 0) ct_assert_text_equal(text, read->text);
    free(text);
}

ct_page ct_page_drain(cprom_page *page, size_t piece)
{
    ct_page result = {NULL, 0, NULL};
    size_t cap = 0;
    char *buf = must(malloc(piece)); /* of its own, so that sanitizers see a byte too many */
    for (;;) {
        size_t n = cprom_page_read(page, buf, piece);
        assert_in_range(n, 0, piece);
        if (result.len + n + 1 > cap) {
            cap = 2 * (result.len + n + 1);
            result.text = must(realloc(result.text, cap));
        }
        if (n == 0) break;
        memcpy(result.text + result.len, buf, n);
        result.len += n;
    }
    assert_int_equal(cprom_page_read(page, buf, piece), 0);
    free(buf);
    result.text[result.len] = '\0';
    if (is_openmetrics(&result)) {
        result.parsed = parser_parse_openmetrics_ok(result.text, result.len);
        keep_openmetrics(&result);
    } else {
        result.parsed = parser_parse_ok(result.text, result.len);
        ask_promtool(&result);
        visit_again(page, &result);
    }
    return result;
}

ct_page ct_page_read(cprom_registry *registry, const cprom_page_opts *opts, size_t piece)
{
    cprom_page *page;
    assert_ok(cprom_page_open(registry, opts, &page));
    ct_page result = ct_page_drain(page, piece);
    cprom_page_close(page);
    assert_int_equal(is_openmetrics(&result), opts && opts->format != CPROM_TEXT_0_0_4);
    return result;
}

void ct_page_free(ct_page *page)
{
    parser_free(page->parsed);
    free(page->text);
    *page = (ct_page){NULL, 0, NULL};
}

void ct_assert_text_equal(const char *actual, const char *expected)
{
    if (strcmp(actual, expected) == 0) return;
    size_t line = 1;
    const char *a = actual, *e = expected;
    for (;; line++) {
        size_t n = strcspn(a, "\n"), m = strcspn(e, "\n");
        if (n != m || memcmp(a, e, n) != 0 || a[n] != e[m]) {
            print_error("line %zu differs\nexpected: %.*s%s\nactual:   %.*s%s\n", line, (int)m, e, e[m] ? "" : " (end)",
                        (int)n, a, a[n] ? "" : " (end)");
            break;
        }
        a += n + 1;
        e += m + 1;
    }
    print_error("whole text:\n%s", actual);
    fail();
}

void ct_assert_page(cprom_registry *registry, const char *expected)
{
    static const size_t pieces[] = {65536, 1};
    for (size_t i = 0; i < 2; i++) {
        ct_page page = ct_page_read(registry, NULL, pieces[i]);
        ct_assert_text_equal(page.text, expected);
        ct_page_free(&page);
    }
}

void ct_assert_sample(cprom_registry *registry, const char *key, double value)
{
    ct_page page = ct_page_read(registry, NULL, 65536);
    double actual = parser_value(page.parsed, key);
    if (!(actual == value || (actual != actual && value != value))) {
        char a[PARSER_NUMBER_MAX], e[PARSER_NUMBER_MAX];
        print_error("%s is %s, expected %s\n", key, parser_number(actual, a), parser_number(value, e));
        fail();
    }
    ct_page_free(&page);
}

void ct_assert_no_sample(cprom_registry *registry, const char *key)
{
    ct_page page = ct_page_read(registry, NULL, 65536);
    const parser_sample *sample = parser_find(page.parsed, key);
    if (sample) {
        print_error("%s is on the page with %s\n", key, sample->value_text);
        fail();
    }
    ct_page_free(&page);
}

/*==============================================================================
 * Log callback, allocator, clocks
 *============================================================================*/

void ct_log_init(ct_log *log)
{
    pthread_mutex_init(&log->mutex, NULL);
    log->lines = NULL;
    log->n = 0;
}

void ct_log_clear(ct_log *log)
{
    pthread_mutex_lock(&log->mutex);
    for (size_t i = 0; i < log->n; i++) free(log->lines[i]);
    free(log->lines);
    log->lines = NULL;
    log->n = 0;
    pthread_mutex_unlock(&log->mutex);
}

void ct_log_free(ct_log *log)
{
    ct_log_clear(log);
    pthread_mutex_destroy(&log->mutex);
}

void ct_log_line(void *ctx, const char *line)
{
    ct_log *log = ctx;
    pthread_testcancel();
    assert_non_null(line);
    assert_true(*line && !strchr(line, '\n'));
    assert_true(!ct_locks_held || ct_locks_held() == 0);
    assert_true(!cprom__thread_slot_known || atomic_load(&cprom__thread_slot_known->reading) == 0);
    pthread_mutex_lock(&log->mutex);
    log->lines = must(realloc(log->lines, (log->n + 1) * sizeof *log->lines));
    log->lines[log->n++] = must(strdup(line));
    pthread_mutex_unlock(&log->mutex);
}

size_t ct_log_count(ct_log *log)
{
    pthread_mutex_lock(&log->mutex);
    size_t n = log->n;
    pthread_mutex_unlock(&log->mutex);
    return n;
}

size_t ct_log_count_with(ct_log *log, ...)
{
    size_t n = 0;
    pthread_mutex_lock(&log->mutex);
    for (size_t i = 0; i < log->n; i++) {
        bool all = true;
        va_list texts;
        va_start(texts, log);
        for (const char *text; (text = va_arg(texts, const char *));) all = all && strstr(log->lines[i], text);
        va_end(texts);
        n += all;
    }
    pthread_mutex_unlock(&log->mutex);
    return n;
}

/* Stands before every block; as large as the strictest alignment, so that the block behind it is aligned too. */
typedef union ct_header {
    struct {
        size_t size;
        size_t check;
    } of;
    max_align_t align;
} ct_header;

#define CT_ALIVE ((size_t)0x63a11ce5)

void *ct_allocate(void *ctx, size_t size)
{
    ct_alloc *alloc = ctx;
    pthread_testcancel(); /* what a function of the program does may be a cancellation point */
    size_t call = atomic_fetch_add(&alloc->calls, 1) + 1, fail_at = atomic_load(&alloc->fail_at);
    if (fail_at && (call == fail_at || (call > fail_at && atomic_load(&alloc->fail_on)))) {
        atomic_fetch_add(&alloc->failed, 1);
        return NULL;
    }
    ct_header *header = must(malloc(sizeof *header + size));
    header->of.size = size;
    header->of.check = CT_ALIVE ^ size;
    atomic_fetch_add(&alloc->blocks, 1);
    atomic_fetch_add(&alloc->bytes, size);
    return header + 1;
}

void ct_release(void *ctx, void *ptr, size_t size)
{
    ct_alloc *alloc = ctx;
    pthread_testcancel();
    if (!ptr) return;
    ct_header *header = (ct_header *)ptr - 1;
    if (header->of.check != (CT_ALIVE ^ header->of.size) || header->of.size != size) {
        fprintf(stderr, "ct_release: %zu bytes given back of a block of %zu, or not a block\n", size, header->of.size);
        abort();
    }
    atomic_fetch_sub(&alloc->blocks, 1);
    atomic_fetch_sub(&alloc->bytes, size);
    memset(header, 0xdd, sizeof *header + size); /* who still reads it should notice */
    free(header);
}

void ct_alloc_fail_at(ct_alloc *alloc, size_t nth, bool on)
{
    atomic_store(&alloc->fail_at, 0);
    atomic_store(&alloc->calls, 0);
    atomic_store(&alloc->failed, 0);
    atomic_store(&alloc->fail_on, on);
    atomic_store(&alloc->fail_at, nth);
}

int64_t ct_clock_monotonic(void *clock)
{
    pthread_testcancel();
    return atomic_load(&((ct_clock *)clock)->monotonic);
}

int64_t ct_clock_wall(void *clock)
{
    pthread_testcancel();
    return atomic_load(&((ct_clock *)clock)->wall);
}

void ct_clock_advance(ct_clock *clock, int64_t nanoseconds)
{
    atomic_fetch_add(&clock->monotonic, nanoseconds);
    atomic_fetch_add(&clock->wall, nanoseconds);
}

/*==============================================================================
 * A registry with all of these
 *============================================================================*/

cprom_registry_opts ct_fixture_opts(ct_fixture *fixture)
{
    cprom_registry_opts opts = CPROM_INIT(cprom_registry_opts);
    opts.allocate = ct_allocate;
    opts.release = ct_release;
    opts.allocator_ctx = &fixture->alloc;
    opts.log = ct_log_line;
    opts.log_ctx = &fixture->log;
    opts.monotonic_clock = ct_clock_monotonic;
    opts.wall_clock = ct_clock_wall;
    opts.clock_ctx = &fixture->clock;
    return opts;
}

ct_fixture *ct_fixture_new(void) { return ct_fixture_child(NULL, CPROM_NO_LABELS); }

ct_fixture *ct_fixture_child(cprom_registry *parent, cprom_labels const_labels)
{
    ct_fixture *fixture = must(calloc(1, sizeof *fixture));
    ct_log_init(&fixture->log);
    atomic_store(&fixture->clock.monotonic, INT64_C(1000) * 1000000000);
    atomic_store(&fixture->clock.wall, INT64_C(1700000000) * 1000000000);
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    opts.parent = parent;
    for (size_t i = 0; i < const_labels.n; i++) opts.const_labels[i] = const_labels.v[i];
    assert_ok(cprom_registry_new(&opts, &fixture->registry));
    return fixture;
}

void ct_fixture_free(ct_fixture *fixture)
{
    if (!fixture) return;
    cprom_registry_free(fixture->registry);
    size_t blocks = atomic_load(&fixture->alloc.blocks), bytes = atomic_load(&fixture->alloc.bytes);
    ct_log_free(&fixture->log);
    free(fixture);
    if (blocks || bytes) {
        print_error("the registry is freed, and %zu blocks, %zu bytes are left\n", blocks, bytes);
        fail();
    }
}

int ct_setup(void **state)
{
    *state = ct_fixture_new();
    return 0;
}

int ct_teardown(void **state)
{
    ct_fixture_free(*state);
    return 0;
}

/*==============================================================================
 * Time and place
 *============================================================================*/

double ct_stress_seconds(void)
{
    const char *text = getenv("CPROM_STRESS_SECONDS");
    double seconds = text ? atof(text) : 0;
    return seconds > 0 ? seconds : 10;
}

int64_t ct_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

bool ct_over(int64_t start, double seconds) { return (double)(ct_now() - start) >= seconds * 1e9; }

bool ct_comma_locale(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8", "de_DE"};
    for (size_t i = 0; i < COUNT(names); i++) {
        if (setlocale(LC_ALL, names[i]) && strcmp(localeconv()->decimal_point, ",") == 0) return true;
    }
    setlocale(LC_ALL, "C");
    return false;
}

char *ct_read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        print_error("cannot read %s: %s\n", path, strerror(errno));
        fail();
    }
    char *text = NULL;
    size_t used = 0, cap = 0, n;
    do {
        if (cap - used < 65536) {
            cap = 2 * cap + 65536;
            text = must(realloc(text, cap + 1));
        }
        n = fread(text + used, 1, cap - used, file);
        used += n;
    } while (n > 0);
    int failed = ferror(file);
    fclose(file);
    assert_false(failed);
    text[used] = '\0';
    if (len) *len = used;
    return text;
}

bool ct_on_valgrind(void)
{
    char *maps = ct_read_file("/proc/self/maps", NULL);
    bool found = strstr(maps, "vgpreload") != NULL;
    free(maps);
    return found;
}

static void *lock_and_end(void *mutex) { return pthread_mutex_lock(mutex) == 0 ? mutex : NULL; }

bool ct_has_robust_mutexes(void)
{
    pthread_mutexattr_t attr;
    pthread_mutex_t mutex;
    pthread_t thread;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    if (pthread_mutex_init(&mutex, &attr) != 0) return false;
    assert_int_equal(pthread_create(&thread, NULL, lock_and_end, &mutex), 0);
    pthread_join(thread, NULL);
    bool given_back = pthread_mutex_trylock(&mutex) == EOWNERDEAD;
    /* It must not stay in this thread's list of what it holds. */
    if (given_back) pthread_mutex_consistent(&mutex);
    if (given_back) pthread_mutex_unlock(&mutex);
    return given_back;
}
