/* Makes vectors and plain instruments, registers them, and detaches them at their end. */
#include "registry/vec_new.h"

#include <string.h>

#include "base/opts.h"
#include "base/seconds.h"
#include "base/utf8.h"
#include "registry/families.h"
#include "store/lookup.h"
#include "store/repair.h"
#include "store/turnover.h"

static bool vec_new_is_time(double seconds) { return seconds >= 0 && seconds <= CPROM__SECONDS_MAX; }

cprom_status cprom__vec_new_check_plain(const cprom_opts *o, struct cprom__refusal *refusal)
{
    if (o->labels[0]) {
        *refusal = (struct cprom__refusal){"labels", o->labels[0], "need a vector or a collector"};
        return CPROM_ELABELS;
    }
    if (o->owner || o->max_series || o->overflow || o->ttl_seconds != 0 || o->linger_seconds != 0 || o->bad_utf8 ||
        o->max_series_per_owner) {
        *refusal = (struct cprom__refusal){
            "owner, max_series, overflow, ttl_seconds, linger_seconds, max_series_per_owner or bad_utf8", "",
            "need a vector"};
        return CPROM_EINVAL;
    }
    return CPROM_OK;
}

/* What of the options does not depend on names. */
static cprom_status vec_new_check_opts(const cprom_opts *o, const struct cprom__kind *kind,
                                       struct cprom__refusal *refusal)
{
    *refusal = (struct cprom__refusal){NULL, "", NULL};
    bool bounded = o->max_series || o->max_series_per_owner;
    if (o->overflow != CPROM_REFUSE && (o->overflow != CPROM_FOLD || !kind->folds || !bounded)) {
        *refusal = (struct cprom__refusal){"overflow", "",
                                           "folds only what adds up, and only with max_series or max_series_per_owner"};
    } else if (o->max_series_per_owner && !o->owner) {
        *refusal = (struct cprom__refusal){"max_series_per_owner", "", "needs an owner"};
    } else if (o->exemplars && !kind->exemplars && !kind->bucket_exemplars) {
        *refusal = (struct cprom__refusal){"exemplars", "", "are for counters and histograms"};
    } else if (!vec_new_is_time(o->ttl_seconds)) {
        *refusal = (struct cprom__refusal){"ttl_seconds", "", "is not a time"};
    } else if (!vec_new_is_time(o->linger_seconds)) {
        *refusal = (struct cprom__refusal){"linger_seconds", "", "is not a time"};
    } else if (!cprom__is_bad_utf8(o->bad_utf8)) {
        *refusal = (struct cprom__refusal){"bad_utf8", "", "is none of the ways"};
    }
    return refusal->field ? CPROM_EINVAL : CPROM_OK;
}

static unsigned vec_new_cells_of(const struct cprom__desc *desc)
{
    bool buckets = cprom__kind_has(desc->kind, CPROM__PART_BUCKETS);
    return desc->kind->cells + (buckets ? (unsigned)desc->n_bounds + 1 : 0); /* with +Inf */
}

static void vec_new_take_opts(struct cprom_vec *vec, const cprom_opts *o)
{
    vec->has_owner = o->owner != NULL;
    if (vec->has_owner) vec->owner_label = cprom__desc_label(vec->desc, o->owner);
    vec->max_series = o->max_series;
    vec->max_per_owner = o->max_series_per_owner;
    vec->folds = o->overflow == CPROM_FOLD;
    vec->bad_utf8 = o->bad_utf8;
    vec->ttl = cprom__nanoseconds(o->ttl_seconds);
    vec->linger = cprom__nanoseconds(o->linger_seconds);
    if (vec->ttl || vec->linger) vec->extra_size = sizeof(struct cprom__extra);
    else if (vec->has_owner) vec->extra_size = offsetof(struct cprom__extra, reserved);
}

/* `plain`: the label values of a plain one; NULL: a vector. */
static cprom_status vec_new_make(struct cprom_registry *registry, struct cprom__desc *desc,
                                 const struct cprom__kind_ops *ops, const char *const *plain, const cprom_opts *opts,
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
    vec->ops = ops;
    vec->n_cells = vec_new_cells_of(desc);
    vec->n_striped = vec->n_cells + desc->kind->striped;
    vec->accumulates = desc->kind->accumulates;
    vec->n_exemplars = opts->exemplars ? cprom__exemplar_slots(desc) : 0;
    vec_new_take_opts(vec, opts);
    vec->is_plain = plain != NULL;
    pthread_mutex_init(&vec->map_lock, NULL);
    atomic_init(&vec->refs, 1);
    if (plain && !(vec->plain = cprom__series_plain(vec, plain))) {
        cprom__vec_unref(vec, 1);
        return CPROM_ENOMEM;
    }
    *out = vec;
    return CPROM_OK;
}

/* Names and values of a plain instrument's labels; there is room for CPROM_LABELS_MAX. */
static cprom_status vec_new_split_labels(cprom_labels labels, const char **names, const char **values,
                                         struct cprom__refusal *refusal)
{
    *refusal = (struct cprom__refusal){"labels", "", "are too many"};
    if (labels.n > CPROM_LABELS_MAX) return CPROM_ELABELS;
    for (size_t i = 0; i < labels.n; i++) {
        *refusal = (struct cprom__refusal){"labels", "", "lack a name or a value"};
        if (!labels.v || !labels.v[i].name || !labels.v[i].value) return CPROM_ELABELS;
        names[i] = labels.v[i].name;
        values[i] = labels.v[i].value;
        size_t len = strlen(values[i]);
        *refusal = (struct cprom__refusal){"labels", names[i], "has a value that is too long or not UTF-8"};
        if (len > CPROM_VALUE_MAX || !cprom__is_utf8(values[i], len)) return CPROM_EUTF8;
    }
    return CPROM_OK;
}

/* As bytes: the caller's pointer is of another type, as which the compiler may take it to be unchanged. */
static void vec_new_hand_out(void *handle, const void *made) { memcpy(handle, &made, sizeof made); }

/* `labels`: of a plain one; NULL: a vector. */
static cprom_status vec_new(struct cprom_registry *registry, const cprom_opts *opts, const struct cprom__kind_ops *ops,
                            const cprom_labels *labels, void *handle)
{
    if (handle) vec_new_hand_out(handle, NULL);
    if (!registry || !opts || !handle) return CPROM_EINVAL;
    cprom_opts o;
    bool plain = labels != NULL;
    const char *names[CPROM_LABELS_MAX] = {NULL}, *values[CPROM_LABELS_MAX];
    if (!cprom__opts_read(&o, sizeof o, opts)) {
        struct cprom__refusal refusal = {"size", "", "is not one that this library knows"};
        cprom__log_refusal(registry, NULL, &refusal);
        return CPROM_EINVAL;
    }
    struct cprom__family_spec spec = {.name = o.name,
                                      .help = o.help,
                                      .unit = o.unit,
                                      .type = ops->type,
                                      .labels = plain ? names : o.labels,
                                      .bounds = o.bounds,
                                      .n_bounds = o.n_bounds,
                                      .states = o.states,
                                      .instrument = true};
    struct cprom__refusal refusal;
    struct cprom__desc *desc = NULL;
    cprom_status status = plain ? cprom__vec_new_check_plain(&o, &refusal) : CPROM_OK;
    if (!status) status = vec_new_check_opts(&o, cprom__kind(ops->type), &refusal);
    if (!status && plain) status = vec_new_split_labels(*labels, names, values, &refusal);
    if (!status) status = cprom__desc_new(&registry->allocator, &registry->rules, &spec, &desc, &refusal);
    if (!status && o.owner && cprom__desc_label(desc, o.owner) == desc->n_labels) {
        refusal = (struct cprom__refusal){"owner", o.owner, "is none of the labels"};
        cprom__desc_free(desc);
        status = CPROM_ELABELS;
    }
    if (status) {
        if (refusal.field) cprom__log_refusal(registry, o.name, &refusal);
        return status;
    }
    struct cprom_vec *vec;
    status = vec_new_make(registry, desc, ops, plain ? values : NULL, &o, &vec);
    if (status) return status;
    const void *made = plain ? (const void *)vec->plain : vec;
    status = cprom__families_add_vec(registry, vec);
    if (status) {
        cprom__vec_content_ref(vec);
        cprom__vec_content_unref(vec); /* the only list: its content goes with it */
        return status;
    }
    /* Now another thread may unregister it by its name: it is not looked at any more. */
    if (plain) cprom__series_born(registry);
    vec_new_hand_out(handle, made);
    return CPROM_OK;
}

cprom_status cprom__vec_new(struct cprom_registry *registry, const cprom_opts *opts, const struct cprom__kind_ops *ops,
                            void *handle)
{
    return vec_new(registry, opts, ops, NULL, handle);
}

cprom_status cprom__vec_new_plain(struct cprom_registry *registry, const cprom_opts *opts,
                                  const struct cprom__kind_ops *ops, cprom_labels labels, void *handle)
{
    return vec_new(registry, opts, ops, &labels, handle);
}

void cprom__vec_detach(struct cprom_vec *vec)
{
    /* release: before the first series dies; pairs with the acquires of gathers, births and commits. */
    atomic_store_explicit(&vec->gone, true, memory_order_release);
    /* Without the gate, since unregistering never waits: pages look at the flag, and so does who wants to be born. */
    cprom__vec_empty(vec);
}
