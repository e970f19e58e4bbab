/*
 * Owners whose runs replace each other, and a checker that knows what a page may show of them. Odd runs have the steps
 * {clone, build}, even ones {build, push}; every value is the number of the run.
 */
#ifndef CPROM_TESTS_OWNERS_H
#define CPROM_TESTS_OWNERS_H

#include "updates.h"

enum { OWNERS = 50, CLONE = 1, BUILD = 2, PUSH = 4 };

struct owner {
    pthread_mutex_t lock;      /* guards the next two; held while an update is created, so that later is newer */
    uint64_t run;              /* the newest that has begun */
    bool lives;                /* of exclusive owners: whether it has series */
    _Atomic uint64_t begun;    /* the same as run */
    _Atomic uint64_t done;     /* the newest that was committed */
};

struct owners {
    cprom_registry *registry;
    cprom_gauge_vec *step, *last;
    cprom_counter_vec *runs;
    struct owner v[OWNERS];
};

static inline void owners_init(struct owners *owners, cprom_registry *registry)
{
    memset(owners, 0, sizeof *owners);
    owners->registry = registry;
    assert_ok(cprom_gauge_vec_new(
        registry, CPROM_OPTS(cprom_opts, .name = "last", .help = "h", .labels = {"owner"}, .owner = "owner"), &owners->last));
    assert_ok(cprom_counter_vec_new(
        registry, CPROM_OPTS(cprom_opts, .name = "runs_total", .help = "h", .labels = {"owner"}), &owners->runs));
    assert_ok(cprom_gauge_vec_new(
        registry, CPROM_OPTS(cprom_opts, .name = "step", .help = "h", .labels = {"owner", "step"}, .owner = "owner"),
        &owners->step));
    for (int i = 0; i < OWNERS; i++) pthread_mutex_init(&owners->v[i].lock, NULL);
}

static inline void owners_end(struct owners *owners)
{
    for (int i = 0; i < OWNERS; i++) pthread_mutex_destroy(&owners->v[i].lock);
}

static inline const char *owners_name(int i, char out[8])
{
    snprintf(out, 8, "o%02d", i);
    return out;
}

/* Begins a run: an update, and in `*run` its number. The owner is locked. NULL: out of memory. */
static inline cprom_update *owners_begin(struct owners *owners, int i, uint64_t *run)
{
    cprom_update *update;
    *run = ++owners->v[i].run;
    atomic_store(&owners->v[i].begun, *run);
    return cprom_update_new(owners->registry, &update) == CPROM_OK ? update : NULL;
}

/* Stages and commits it. Asserts nothing, for threads. */
static inline cprom_status owners_finish(struct owners *owners, int i, cprom_update *update, uint64_t run)
{
    char name[8];
    owners_name(i, name);
    double value = (double)run;
    cprom_update_gauge_vec_replace(update, owners->step, CPROM_LABELS({"owner", name}));
    cprom_update_gauge_vec_set(update, owners->step, CPROM_STRS(name, run % 2 ? "clone" : "push"), value);
    cprom_update_gauge_vec_set(update, owners->step, CPROM_STRS(name, "build"), value);
    cprom_update_gauge_vec_set(update, owners->last, CPROM_STRS(name), value);
    cprom_update_counter_vec_add(update, owners->runs, CPROM_STRS(name), 1);
    cprom_status status = cprom_update_commit(update, NULL);
    cprom_update_free(update);
    if (status == CPROM_OK) {
        uint64_t done = atomic_load(&owners->v[i].done);
        while (done < run && !atomic_compare_exchange_weak(&owners->v[i].done, &done, run)) {
        }
    }
    return status;
}

/* One who reads pages. */
struct owners_reader {
    uint64_t seen[OWNERS]; /* newest run */
    uint64_t done[OWNERS]; /* as it was when the page was asked for */
    char why[256];         /* what was wrong */
};

struct owners_shown {
    unsigned steps, lasts, counts;
    double value, runs;
    bool mixed;
};

static inline bool owners_wrong(struct owners_reader *reader, int i, const struct owners_shown *shown, const char *what)
{
    snprintf(reader->why, sizeof reader->why, "owner %d: %s (steps %u, last %u, counts %u, value %g, runs %g, seen %g)", i,
             what, shown->steps, shown->lasts, shown->counts, shown->value, shown->runs, (double)reader->seen[i]);
    return false;
}

/*
 * Whether the page may look like this. `deletions`: owners may also be gone altogether; otherwise who has committed
 * before is there with that run or a newer one.
 */
static inline bool owners_check(struct owners *owners, struct owners_reader *reader, const char *text, size_t len,
                                bool deletions)
{
    struct owners_shown shown[OWNERS] = {{0}};
    parser_page *page = parser_parse(text, len);
    if (page->error) {
        snprintf(reader->why, sizeof reader->why, "%s", page->error);
        parser_free(page);
        return false;
    }
    for (size_t k = 0; k < page->n_samples; k++) {
        const parser_sample *sample = &page->samples[k];
        struct owners_shown *of = &shown[atoi(parser_label_value(sample, "owner") + 1) % OWNERS];
        if (strcmp(sample->name, "runs_total") == 0) {
            of->counts++;
            of->runs = sample->value;
            continue;
        }
        const char *step = parser_label_value(sample, "step");
        if ((of->steps || of->lasts) && of->value != sample->value) of->mixed = true;
        of->value = sample->value;
        if (!step) of->lasts++;
        else of->steps |= *step == 'c' ? CLONE : *step == 'b' ? BUILD : PUSH;
    }
    parser_free(page);
    for (int i = 0; i < OWNERS; i++) {
        const struct owners_shown *of = &shown[i];
        if (!of->steps && !of->lasts && !of->counts) {
            if (reader->done[i] && !deletions) return owners_wrong(reader, i, of, "has nothing");
            continue;
        }
        if (of->mixed) return owners_wrong(reader, i, of, "mixes runs");
        uint64_t run = (uint64_t)of->value;
        if (of->lasts != 1 || of->counts != 1) return owners_wrong(reader, i, of, "lacks a family");
        if (of->steps != (run % 2 ? CLONE | BUILD : BUILD | PUSH)) return owners_wrong(reader, i, of, "has not these steps");
        if (run > atomic_load(&owners->v[i].begun)) return owners_wrong(reader, i, of, "has a run that never was");
        if (run < reader->seen[i]) return owners_wrong(reader, i, of, "went back");
        if (!deletions && run < reader->done[i]) return owners_wrong(reader, i, of, "lacks the newest run");
        if (of->runs < 1 || of->runs > of->value) return owners_wrong(reader, i, of, "counts runs that never were");
        reader->seen[i] = run;
    }
    return true;
}

/* Takes a page and checks it. */
static inline bool owners_read(struct owners *owners, struct owners_reader *reader, bool deletions)
{
    char *text;
    size_t len;
    for (int i = 0; i < OWNERS; i++) reader->done[i] = atomic_load(&owners->v[i].done);
    if (cprom_registry_text(owners->registry, &text, &len) != CPROM_OK) {
        snprintf(reader->why, sizeof reader->why, "there is no page");
        return false;
    }
    bool fine = owners_check(owners, reader, text, len, deletions);
    cprom_text_free(text);
    return fine;
}

#endif
