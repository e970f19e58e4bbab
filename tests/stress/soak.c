/*
 * Ten million series that are made, updated and removed, two threads' worth, with a scraper (`soak scraper`) or without
 * any (`soak alone`). Each has labels that were never used before; some thirty thousand are alive at a time. Every tenth of
 * the way the threads stop, and memory and descriptors are noted. In the end:
 *
 *   no series is left, alive or dead; statistics and the allocator's own count agree
 *   resident memory is at most 1.25 times what it was a tenth of the way
 *   there are as many descriptors as then
 *   when the registry is freed, every byte and block has come back
 *
 * Nobody trims before the end. CPROM_SOAK_SERIES: another number. Uses the public API of the library as users link it.
 */
#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cprom/cprom.h>

enum {
    THREADS = 2,
    TENTHS = 10,
    BATCH = 32,  /* series with one owner, made together and removed together */
    ALIVE = 512, /* batches of a thread */
    LENGTHS = 6, /* of label texts, so that slots of one size empty while others fill */
    RUN = 128,   /* batches in a row of the same length */
    WAYS = 4
};

struct counts {
    _Atomic size_t bytes, blocks;
};

struct measure {
    size_t resident, bytes, blocks, fds;
};

struct world {
    struct counts counts;
    cprom_registry *registry;
    cprom_counter_vec *counter;
    cprom_gauge_vec *gauge;
    cprom_histogram_vec *histogram;
    pthread_barrier_t begins, ends;
    uint64_t batches; /* of a thread, in a tenth */
    _Atomic unsigned churning;
    _Atomic uint64_t pages;
    _Atomic bool over;
};

struct churner {
    struct world *world;
    unsigned number;
    uint64_t next; /* batch */
};

static void check(bool right, const char *format, ...)
{
    if (right) return;
    va_list args;
    va_start(args, format);
    fputs("soak: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static void ok(cprom_status status, const char *what) { check(!status, "%s: %s", what, cprom_status_string(status)); }

static void *allocate(void *ctx, size_t size)
{
    struct counts *counts = ctx;
    void *ptr = malloc(size);
    check(ptr, "out of memory");
    atomic_fetch_add_explicit(&counts->bytes, size, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->blocks, 1, memory_order_relaxed);
    return ptr;
}

static void give_back(void *ctx, void *ptr, size_t size)
{
    struct counts *counts = ctx;
    if (!ptr) return;
    atomic_fetch_sub_explicit(&counts->bytes, size, memory_order_relaxed);
    atomic_fetch_sub_explicit(&counts->blocks, 1, memory_order_relaxed);
    free(ptr);
}

static struct measure measure(struct world *world)
{
    struct measure now = {.bytes = world->counts.bytes, .blocks = world->counts.blocks};
    unsigned long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    check(file && fscanf(file, "%lu %lu", &total, &resident) == 2, "/proc/self/statm cannot be read");
    fclose(file);
    now.resident = resident * (size_t)sysconf(_SC_PAGESIZE);
    DIR *dir = opendir("/proc/self/fd");
    check(dir, "/proc/self/fd cannot be read");
    while (readdir(dir)) now.fds++;
    closedir(dir);
    return now;
}

static cprom_stats stats_of(struct world *world)
{
    cprom_stats stats = CPROM_INIT(cprom_stats);
    ok(cprom_registry_stats(world->registry, &stats), "cprom_registry_stats");
    return stats;
}

/*------------------------------------------------------------------------------
 * A batch: one series in eight is a histogram, one a counter, the others gauges
 *----------------------------------------------------------------------------*/

struct names {
    char owner[32], id[BATCH][64];
};

static void name_batch(const struct churner *self, uint64_t batch, struct names *names)
{
    snprintf(names->owner, sizeof names->owner, "%u-%" PRIu64, self->number, batch);
    for (unsigned i = 0; i < BATCH; i++) {
        snprintf(names->id[i], sizeof names->id[i], "%u%.*s", i, (int)(batch / RUN % LENGTHS * 7),
                 "..........................................");
    }
}

static cprom_vec *vec_of(struct world *world, unsigned i)
{
    return i % 8 == 0   ? (cprom_vec *)world->histogram
           : i % 8 == 1 ? (cprom_vec *)world->counter
                        : (cprom_vec *)world->gauge;
}

static void make_by_labels(struct world *world, const struct names *names)
{
    for (unsigned i = 0; i < BATCH; i++) {
        cprom_strs strs = CPROM_STRS(names->owner, names->id[i]);
        cprom_status status;
        if (i % 8 == 0) status = cprom_histogram_vec_observe(world->histogram, strs, i);
        else if (i % 8 == 1) status = cprom_counter_vec_add(world->counter, strs, i);
        else status = cprom_gauge_vec_set(world->gauge, strs, i);
        ok(status, "an update by labels");
    }
}

static void make_by_handles(struct world *world, const struct names *names)
{
    for (unsigned i = 0; i < BATCH; i++) {
        cprom_series *series = cprom_vec_with(vec_of(world, i), CPROM_STRS(names->owner, names->id[i]));
        check(series, "cprom_vec_with");
        for (unsigned n = 0; n < 4; n++) {
            if (i % 8 == 0) cprom_histogram_observe((cprom_histogram *)series, n);
            else if (i % 8 == 1) cprom_counter_inc((cprom_counter *)series);
            else cprom_gauge_add((cprom_gauge *)series, 1);
        }
        cprom_series_unref(series);
    }
}

/* Replaces what the owner has: by the batch, or by nothing. */
static void commit(struct world *world, const struct names *names, bool fill)
{
    cprom_update *update;
    cprom_result result;
    cprom_labels scope = CPROM_LABELS({"owner", names->owner});
    ok(cprom_update_new(world->registry, &update), "cprom_update_new");
    ok(cprom_update_gauge_vec_replace(update, world->gauge, scope), "a scope");
    ok(cprom_update_counter_vec_replace(update, world->counter, scope), "a scope");
    ok(cprom_update_histogram_vec_replace(update, world->histogram, scope), "a scope");
    for (unsigned i = 0; fill && i < BATCH; i++) {
        cprom_strs strs = CPROM_STRS(names->owner, names->id[i]);
        cprom_status status;
        if (i % 8 == 0) status = cprom_update_histogram_vec_observe(update, world->histogram, strs, i);
        else if (i % 8 == 1) status = cprom_update_counter_vec_add(update, world->counter, strs, i);
        else status = cprom_update_gauge_vec_set(update, world->gauge, strs, i);
        ok(status, "a staged update");
    }
    ok(cprom_update_commit(update, &result), "cprom_update_commit");
    check(fill ? result.created == BATCH : result.removed == BATCH, "a commit made %zu series and removed %zu",
          result.created, result.removed);
    cprom_update_free(update);
}

static void make(const struct churner *self, uint64_t batch)
{
    struct names names;
    name_batch(self, batch, &names);
    switch (batch % 3) {
    case 0: make_by_labels(self->world, &names); break;
    case 1: make_by_handles(self->world, &names); break;
    default: commit(self->world, &names, true); break;
    }
}

static void take_away(const struct churner *self, uint64_t batch)
{
    struct world *world = self->world;
    struct names names;
    size_t n, removed = 0;
    name_batch(self, batch, &names);
    switch (batch / 3 % WAYS) {
    case 0:
        for (unsigned i = 0; i < BATCH; i++) {
            ok(cprom_vec_delete(vec_of(world, i), CPROM_STRS(names.owner, names.id[i])), "cprom_vec_delete");
        }
        return;
    case 1:
        for (unsigned i = 0; i < 3; i++, removed += n) {
            ok(cprom_vec_delete_matching(vec_of(world, i), CPROM_LABELS({"owner", names.owner}), &n),
               "delete_matching");
        }
        check(removed == BATCH, "delete_matching removed %zu", removed);
        return;
    case 2:
        ok(cprom_registry_delete_matching(world->registry, CPROM_LABELS({"owner", names.owner}), &n),
           "delete_matching");
        check(n == BATCH, "delete_matching removed %zu", n);
        return;
    default: commit(world, &names, false); return;
    }
}

/*------------------------------------------------------------------------------
 * Threads
 *----------------------------------------------------------------------------*/

static void *churn(void *arg)
{
    struct churner *self = arg;
    struct world *world = self->world;
    for (unsigned tenth = 0; tenth < TENTHS; tenth++) {
        pthread_barrier_wait(&world->begins);
        for (uint64_t n = 0; n < world->batches; n++, self->next++) {
            make(self, self->next);
            if (self->next >= ALIVE) take_away(self, self->next - ALIVE);
        }
        atomic_fetch_sub(&world->churning, 1);
        pthread_barrier_wait(&world->ends);
    }
    return NULL;
}

static void *scrape(void *arg)
{
    struct world *world = arg;
    char piece[65536];
    for (unsigned tenth = 0; tenth < TENTHS; tenth++) {
        pthread_barrier_wait(&world->begins);
        while (atomic_load(&world->churning)) {
            cprom_page *page;
            ok(cprom_page_open(world->registry, NULL, &page), "cprom_page_open");
            while (cprom_page_read(page, piece, sizeof piece)) {
            }
            cprom_page_close(page);
            atomic_fetch_add(&world->pages, 1);
        }
        pthread_barrier_wait(&world->ends);
    }
    return NULL;
}

static void make_registry(struct world *world)
{
    cprom_registry_opts registry_opts = CPROM_INIT(cprom_registry_opts);
    registry_opts.allocate = allocate;
    registry_opts.release = give_back;
    registry_opts.allocator_ctx = &world->counts;
    ok(cprom_registry_new(&registry_opts, &world->registry), "cprom_registry_new");
    cprom_opts opts = CPROM_INIT(cprom_opts);
    opts.labels[0] = "owner";
    opts.labels[1] = "id";
    opts.help = "Help.";
    opts.owner = "owner";
    opts.name = "soak_total";
    ok(cprom_counter_vec_new(world->registry, &opts, &world->counter), opts.name);
    opts.name = "soak_gauge";
    ok(cprom_gauge_vec_new(world->registry, &opts, &world->gauge), opts.name);
    static const double bounds[] = {1, 2, 4};
    opts.name = "soak_hist";
    opts.bounds = bounds;
    opts.n_bounds = 3;
    ok(cprom_histogram_vec_new(world->registry, &opts, &world->histogram), opts.name);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void show(const char *when, const struct measure *measure)
{
    printf("  %-10s %8.2f MB resident, %8.2f MB in %zu blocks, %zu descriptors\n", when,
           (double)measure->resident / 1e6, (double)measure->bytes / 1e6, measure->blocks, measure->fds);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct world world;
    bool scraper = argc == 2 && strcmp(argv[1], "scraper") == 0;
    check(scraper || (argc == 2 && strcmp(argv[1], "alone") == 0), "usage: soak scraper|alone");
    const char *text = getenv("CPROM_SOAK_SERIES");
    double wanted = text && atof(text) >= 1 ? atof(text) : 1e7;
    world.batches = (uint64_t)(wanted / (THREADS * TENTHS * BATCH)) + 1;
    /* A tenth must reach the plateau; and all end with the same lengths, so that they can be compared. */
    if (world.batches < 8 * ALIVE) world.batches = 8 * ALIVE;
    world.batches += RUN * LENGTHS - 1 - (world.batches - 1) % (RUN * LENGTHS);

    make_registry(&world);
    struct measure empty = measure(&world), first = {0}, last = {0};
    show("empty", &empty);
    double start = seconds();
    pthread_barrier_init(&world.begins, NULL, THREADS + 1 + scraper);
    pthread_barrier_init(&world.ends, NULL, THREADS + 1 + scraper);
    pthread_t threads[THREADS + 1];
    struct churner churners[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        churners[i] = (struct churner){&world, i, 0};
        check(!pthread_create(&threads[i], NULL, churn, &churners[i]), "pthread_create");
    }
    if (scraper) check(!pthread_create(&threads[THREADS], NULL, scrape, &world), "pthread_create");
    for (unsigned tenth = 0; tenth < TENTHS; tenth++) {
        char when[16];
        atomic_store(&world.churning, THREADS);
        pthread_barrier_wait(&world.begins);
        pthread_barrier_wait(&world.ends);
        last = measure(&world);
        if (tenth == 0) first = last;
        snprintf(when, sizeof when, "%u/%u", tenth + 1, TENTHS);
        show(when, &last);
    }
    for (unsigned i = 0; i < THREADS + (unsigned)scraper; i++) pthread_join(threads[i], NULL);

    cprom_stats stats = stats_of(&world);
    check(stats.series == THREADS * ALIVE * BATCH, "%" PRIu64 " series are alive", stats.series);
    for (unsigned i = 0; i < THREADS; i++) {
        for (uint64_t batch = churners[i].next - ALIVE; batch < churners[i].next; batch++)
            take_away(&churners[i], batch);
    }
    cprom_registry_trim(world.registry);
    stats = stats_of(&world);
    struct measure trimmed = measure(&world);
    show("trimmed", &trimmed);
    printf("  %" PRIu64 " series made and removed, %" PRIu64 " pages, %.1f s\n", stats.series_created,
           atomic_load(&world.pages), seconds() - start);
    check(stats.series_created >= (uint64_t)wanted, "only %" PRIu64 " series were made", stats.series_created);
    check(stats.series_removed == stats.series_created, "%" PRIu64 " series were removed", stats.series_removed);
    check(!stats.series && !stats.series_unreclaimed, "%" PRIu64 " series are left, and %" PRIu64 " dead", stats.series,
          stats.series_unreclaimed);
    check(stats.bytes == trimmed.bytes, "the statistics say %" PRIu64 " bytes", stats.bytes);
    check(!scraper || world.pages >= TENTHS, "only %" PRIu64 " pages", atomic_load(&world.pages));
    check(last.fds == first.fds && trimmed.fds == first.fds, "there are more descriptors now");
    check(last.resident <= first.resident + first.resident / 4, "resident memory has grown");
    cprom_registry_free(world.registry);
    check(!world.counts.bytes && !world.counts.blocks, "%zu bytes in %zu blocks did not come back",
          (size_t)world.counts.bytes, (size_t)world.counts.blocks);
    pthread_barrier_destroy(&world.begins);
    pthread_barrier_destroy(&world.ends);
    return 0;
}
