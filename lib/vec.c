#include "vec.h"

#include <string.h>

#include "families.h"
#include "names.h"
#include "opts.h"

#define DEAD_MIN 256u /* dead series that a vector's order may hold before anybody looks for them */

const char *const cprom__removal_names[CPROM__REMOVALS] = {"delete", "delete_matching", "clear"};

/* ---- making and unmaking ---- */

static unsigned cells_of(const struct cprom__desc *desc)
{
    switch (desc->type) {
    case CPROM_COUNTER: return 1;
    case CPROM_HISTOGRAM: return (unsigned)desc->n_bounds + 2; /* buckets with +Inf, sum */
    case CPROM_SUMMARY: return 2;                              /* count, sum */
    default: return 0;
    }
}

/* The map and the order, with every series in it. Nobody uses the vector any more. */
static void free_content(struct cprom_vec *vec)
{
    cprom__map_free(&vec->map, &vec->registry->allocator);
    /* release: pairs with the acquire in reclaim.c's reachable(); the vector's users come before the reuse. */
    if (vec->plain) atomic_fetch_sub_explicit(&vec->plain->refs, CPROM__REF, memory_order_release);
    cprom__order_free(&vec->order, &vec->registry->reclaimer);
}

void cprom__vec_unref(struct cprom_vec *vec)
{
    if (atomic_fetch_sub_explicit(&vec->refs, 1, memory_order_acq_rel) != 1) return;
    struct cprom_registry *registry = vec->registry;
    pthread_mutex_destroy(&vec->map_lock);
    cprom__desc_free(vec->desc);
    cprom__release(&registry->allocator, vec, sizeof *vec);
    cprom__registry_unref(registry);
}

void cprom__vec_list(struct cprom_vec *vec) { atomic_fetch_add_explicit(&vec->listed, 1, memory_order_relaxed); }

void cprom__vec_unlist(struct cprom_vec *vec)
{
    if (atomic_fetch_sub_explicit(&vec->listed, 1, memory_order_acq_rel) != 1) return;
    free_content(vec);
    cprom__vec_unref(vec);
}

static cprom_status vec_make(struct cprom_registry *registry, struct cprom__desc *desc, bool plain,
                             struct cprom_vec **out)
{
    struct cprom_vec *vec = cprom__alloc_zeroed(&registry->allocator, sizeof *vec);
    if (!vec) {
        cprom__desc_free(desc);
        return CPROM_ENOMEM;
    }
    cprom__registry_ref(registry);
    vec->registry = registry;
    vec->epoch = &registry->epoch;
    vec->desc = desc;
    vec->n_cells = cells_of(desc);
    vec->is_plain = plain;
    pthread_mutex_init(&vec->map_lock, NULL);
    atomic_init(&vec->refs, 1);
    if (plain && !(vec->plain = cprom__series_plain(vec))) {
        cprom__vec_unref(vec);
        return CPROM_ENOMEM;
    }
    *out = vec;
    return CPROM_OK;
}

cprom_status cprom__vec_new(struct cprom_registry *registry, const cprom_opts *opts, cprom_type type, bool plain,
                            struct cprom_vec **out)
{
    if (out) *out = NULL;
    if (!registry || !opts || !out) return CPROM_EINVAL;
    cprom_opts o;
    if (!cprom__opts_read(&o, sizeof o, opts)) {
        struct cprom__refusal refusal = {"size", "", "is not one that this library knows"};
        cprom__log_refusal(registry, NULL, &refusal);
        return CPROM_EINVAL;
    }
    struct cprom__family_spec spec = {.name = o.name, .help = o.help, .unit = o.unit, .type = type, .labels = o.labels,
                                      .bounds = o.bounds, .n_bounds = o.n_bounds, .instrument = true};
    struct cprom__refusal refusal = {NULL, NULL, NULL};
    struct cprom__desc *desc = NULL;
    cprom_status status = CPROM_OK;
    if (plain && o.labels[0]) {
        refusal = (struct cprom__refusal){"labels", o.labels[0], "needs a vector"};
        status = CPROM_ELABELS;
    } else {
        status = cprom__desc_new(&registry->allocator, &registry->rules, &spec, &desc, &refusal);
    }
    if (status) {
        if (refusal.field) cprom__log_refusal(registry, o.name, &refusal);
        return status;
    }
    struct cprom_vec *vec;
    status = vec_make(registry, desc, plain, &vec);
    if (status) return status;
    status = cprom__families_add_vec(registry, vec);
    if (status) {
        free_content(vec);
        cprom__vec_unref(vec);
        return status;
    }
    if (plain) cprom__series_born(vec);
    *out = vec;
    return CPROM_OK;
}

void cprom__vec_detach(struct cprom_vec *vec)
{
    atomic_store_explicit(&vec->gone, true, memory_order_release);
    if (vec->is_plain) {
        cprom__series_kill(vec, vec->plain, 0);
    } else {
        struct cprom__match all = {.n = 0};
        cprom__vec_remove_matching(vec, &all, CPROM__REMOVED_CLEAR);
    }
}

/* ---- dropping and cleaning up ---- */

void cprom__vec_drop(struct cprom_vec *vec, enum cprom__drop reason)
{
    struct cprom_registry *registry = vec->registry;
    atomic_fetch_add_explicit(&registry->dropped[reason], 1, memory_order_relaxed);
    if (!registry->log) return;
    unsigned bit = 1u << reason;
    if (atomic_fetch_or_explicit(&vec->logged, bit, memory_order_relaxed) & bit) return;
    struct cprom__line line;
    cprom__line_join(&line, "metric \"", vec->desc->name, "\": update dropped: ", cprom__drop_names[reason],
                     " (more of these are only counted)", (char *)NULL);
    cprom__log(registry, &line);
}

/* Under the order lock. */
static void retire(struct cprom_vec *vec, const struct cprom__chain *chain)
{
    atomic_fetch_sub_explicit(&vec->dead, chain->n, memory_order_relaxed);
    cprom__retire_chain(&vec->registry->reclaimer, chain);
}

void cprom__vec_work(struct cprom_vec *vec)
{
    struct cprom_registry *registry = vec->registry;
    size_t dead = atomic_load_explicit(&vec->dead, memory_order_relaxed);
    size_t live = atomic_load_explicit(&vec->live, memory_order_relaxed);
    if (CPROM__UNLIKELY(dead > DEAD_MIN && dead > live / 4) && pthread_mutex_trylock(&registry->order_lock) == 0) {
        struct cprom__chain chain = {0, 0, 0};
        cprom__order_step(&vec->order, &registry->reclaimer, &chain);
        retire(vec, &chain);
        pthread_mutex_unlock(&registry->order_lock);
    }
    cprom__reclaim_some(&registry->reclaimer);
}

void cprom__vec_trim(struct cprom_vec *vec)
{
    struct cprom_registry *registry = vec->registry;
    size_t chunks = SIZE_MAX;
    /* A step at a time, so that a gather can come in between. Each looks at one more young and one more sorted chunk. */
    for (size_t step = 0; step < chunks && atomic_load_explicit(&vec->dead, memory_order_relaxed); step++) {
        struct cprom__chain chain = {0, 0, 0};
        pthread_mutex_lock(&registry->order_lock);
        if (step == 0) {
            size_t series = atomic_load_explicit(&vec->live, memory_order_relaxed) + vec->order.n_young_series +
                            vec->order.n_sorted_series + atomic_load_explicit(&vec->dead, memory_order_relaxed);
            chunks = 2 * (series / CPROM__ORDER_CHUNK + vec->order.n_sorted + 2);
        }
        cprom__order_step(&vec->order, &registry->reclaimer, &chain);
        retire(vec, &chain);
        pthread_mutex_unlock(&registry->order_lock);
    }
}

/* ---- removing ---- */

cprom_status cprom_vec_delete(cprom_vec *vec, cprom_strs strs)
{
    if (!vec) return CPROM_EINVAL;
    struct cprom__values values;
    cprom_status status = cprom__values_measure(vec, strs, &values);
    if (status) return status;
    status = CPROM_ENOENT;
    struct cprom__slab *slab = &vec->registry->slab;
    pthread_mutex_lock(&vec->map_lock);
    struct cprom__probe probe = cprom__map_probe(&vec->map, values.hash);
    for (uint32_t ref; status && (ref = cprom__probe_next(&probe)) != 0;) {
        struct cprom_series *series = cprom__slab_at(slab, ref);
        if (!cprom__desc_matches(vec->desc, series->text, series->len, series->escaped, &values)) continue;
        cprom__series_kill(vec, series, ref);
        cprom__map_tidy(&vec->map, &vec->registry->reclaimer, values.hash);
        status = CPROM_OK;
    }
    pthread_mutex_unlock(&vec->map_lock);
    if (status) return status;
    atomic_fetch_add_explicit(&vec->removed[CPROM__REMOVED_DELETE], 1, memory_order_relaxed);
    cprom__vec_work(vec);
    return CPROM_OK;
}

/* Label pairs in any order to values in the order of the declaration. */
static cprom_status order_labels(struct cprom_vec *vec, cprom_labels labels, const char **values)
{
    const struct cprom__desc *desc = vec->desc;
    if (labels.n != desc->n_labels) return CPROM_ELABELS;
    memset(values, 0, CPROM_LABELS_MAX * sizeof *values);
    for (size_t i = 0; i < labels.n; i++) {
        if (!labels.v || !labels.v[i].name || !labels.v[i].value) return CPROM_ELABELS;
        size_t index = cprom__desc_label(desc, labels.v[i].name);
        if (index == desc->n_labels || values[index]) return CPROM_ELABELS;
        values[index] = labels.v[i].value;
    }
    return CPROM_OK;
}

cprom_series *cprom_vec_with_labels(cprom_vec *vec, cprom_labels labels)
{
    if (!vec) return NULL;
    const char *values[CPROM_LABELS_MAX];
    if (order_labels(vec, labels, values) != CPROM_OK) {
        cprom__vec_drop(vec, CPROM__DROP_INVALID);
        return NULL;
    }
    return cprom_vec_with(vec, (cprom_strs){values, labels.n});
}

cprom_status cprom_vec_delete_labels(cprom_vec *vec, cprom_labels labels)
{
    if (!vec) return CPROM_EINVAL;
    const char *values[CPROM_LABELS_MAX];
    cprom_status status = order_labels(vec, labels, values);
    return status ? status : cprom_vec_delete(vec, (cprom_strs){values, labels.n});
}

cprom_status cprom__match_resolve(struct cprom_vec *vec, cprom_labels labels, struct cprom__match *match)
{
    const struct cprom__desc *desc = vec->desc;
    match->n = 0;
    if (labels.n > desc->n_labels) return CPROM_ELABELS;
    for (size_t i = 0; i < labels.n; i++) {
        if (!labels.v || !labels.v[i].name || !labels.v[i].value) return CPROM_ELABELS;
        match->label[i] = cprom__desc_label(desc, labels.v[i].name);
        if (match->label[i] == desc->n_labels) return CPROM_ELABELS;
        for (size_t k = 0; k < i; k++) {
            if (match->label[k] == match->label[i]) return CPROM_ELABELS;
        }
    }
    cprom__arena_init(&match->memory, &vec->registry->allocator, 256);
    for (size_t i = 0; i < labels.n; i++) {
        const char *value = labels.v[i].value;
        size_t len = strlen(value), escaped = cprom__escaped_len(value, len);
        match->value[i] = (struct cprom__piece){value, len};
        if (escaped == len) continue;
        char *copy = cprom__arena_alloc(&match->memory, escaped);
        if (!copy) {
            cprom__arena_free(&match->memory);
            return CPROM_ENOMEM;
        }
        cprom__escape(copy, value, len, true);
        match->value[i] = (struct cprom__piece){copy, escaped};
    }
    match->n = labels.n;
    return CPROM_OK;
}

void cprom__match_free(struct cprom__match *match) { cprom__arena_free(&match->memory); }

static bool matches(const struct cprom_vec *vec, const struct cprom_series *series, const struct cprom__match *match)
{
    for (size_t i = 0; i < match->n; i++) {
        size_t len;
        const char *value = cprom__desc_value(vec->desc, series->text, match->label[i], &len);
        if (len != match->value[i].len || memcmp(value, match->value[i].text, len) != 0) return false;
    }
    return true;
}

size_t cprom__vec_remove_matching(struct cprom_vec *vec, const struct cprom__match *match, enum cprom__removal reason)
{
    struct cprom__slab *slab = &vec->registry->slab;
    size_t removed = 0;
    uint64_t cursor = 0;
    for (bool more = true; more;) {
        uint32_t hash = (uint32_t)cursor;
        struct cprom__segment *segment;
        pthread_mutex_lock(&vec->map_lock);
        more = cprom__map_walk(&vec->map, &cursor, &segment);
        for (uint32_t i = 0; more && i <= segment->mask; i++) {
            uint64_t entry = atomic_load_explicit(&segment->entries[i], memory_order_relaxed);
            if (entry <= CPROM__ENTRY_DEAD) continue;
            struct cprom_series *series = cprom__slab_at(slab, (uint32_t)entry);
            if (!matches(vec, series, match)) continue;
            cprom__series_kill(vec, series, (uint32_t)entry);
            removed++;
        }
        if (more) cprom__map_tidy(&vec->map, &vec->registry->reclaimer, hash);
        pthread_mutex_unlock(&vec->map_lock);
        CPROM__SEAM(CPROM__SEAM_MATCH_WALKS);
    }
    atomic_fetch_add_explicit(&vec->removed[reason], removed, memory_order_relaxed);
    return removed;
}

cprom_status cprom_vec_delete_matching(cprom_vec *vec, cprom_labels labels, size_t *removed)
{
    if (removed) *removed = 0;
    if (!vec || !labels.n) return CPROM_EINVAL;
    struct cprom__match match;
    cprom_status status = cprom__match_resolve(vec, labels, &match);
    if (status) return status;
    cprom__gate_enter(&vec->registry->gate);
    size_t n = cprom__vec_remove_matching(vec, &match, CPROM__REMOVED_MATCH);
    cprom__gate_leave(&vec->registry->gate);
    cprom__match_free(&match);
    cprom__vec_work(vec);
    if (removed) *removed = n;
    return CPROM_OK;
}

cprom_status cprom_vec_clear(cprom_vec *vec)
{
    if (!vec) return CPROM_EINVAL;
    struct cprom__match all = {.n = 0};
    cprom__gate_enter(&vec->registry->gate);
    cprom__vec_remove_matching(vec, &all, CPROM__REMOVED_CLEAR);
    cprom__gate_leave(&vec->registry->gate);
    cprom__vec_work(vec);
    return CPROM_OK;
}

static bool has_all(const struct cprom_vec *vec, cprom_labels labels)
{
    for (size_t i = 0; i < labels.n; i++) {
        if (cprom__desc_label(vec->desc, labels.v[i].name) == vec->desc->n_labels) return false;
    }
    return true;
}

cprom_status cprom_registry_delete_matching(cprom_registry *registry, cprom_labels labels, size_t *removed)
{
    if (removed) *removed = 0;
    if (!registry || !labels.n) return CPROM_EINVAL;
    for (size_t i = 0; i < labels.n; i++) {
        if (!labels.v || !labels.v[i].name || !labels.v[i].value) return CPROM_ELABELS;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(labels.v[i].name, labels.v[k].name) == 0) return CPROM_ELABELS;
        }
    }
    struct cprom__families *families = cprom__registry_families(registry);
    if (!families) return CPROM_ENOENT;
    /* All matches are resolved before anything is removed: out of memory leaves everything as it was. */
    struct cprom__arena memory;
    cprom__arena_init(&memory, &registry->allocator, 1024);
    struct cprom__match **matches_of = cprom__arena_alloc(&memory, (families->n + 1) * sizeof *matches_of);
    cprom_status status = matches_of ? CPROM_ENOENT : CPROM_ENOMEM;
    size_t n = 0, resolved = 0;
    for (; matches_of && resolved < families->n; resolved++) {
        struct cprom_vec *vec = families->v[resolved].vec;
        matches_of[resolved] = NULL;
        if (!vec || vec->is_plain || !has_all(vec, labels)) continue;
        struct cprom__match *match = cprom__arena_alloc(&memory, sizeof *match);
        status = match ? cprom__match_resolve(vec, labels, match) : CPROM_ENOMEM;
        if (status) break;
        matches_of[resolved] = match;
    }
    if (!status) {
        cprom__gate_enter(&registry->gate);
        for (size_t i = 0; i < resolved; i++) {
            if (matches_of[i]) n += cprom__vec_remove_matching(families->v[i].vec, matches_of[i], CPROM__REMOVED_MATCH);
        }
        cprom__gate_leave(&registry->gate);
    }
    for (size_t i = 0; i < resolved; i++) {
        if (!matches_of[i]) continue;
        cprom__match_free(matches_of[i]);
        cprom__vec_work(families->v[i].vec);
    }
    cprom__arena_free(&memory);
    cprom__families_unref(families);
    if (removed) *removed = n;
    return status;
}

size_t cprom_vec_size(const cprom_vec *vec)
{
    return vec ? atomic_load_explicit(&vec->live, memory_order_relaxed) : 0;
}
