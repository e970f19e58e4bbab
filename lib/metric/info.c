/* Infos. */
#include "registry/vec_new.h"
#include "store/lookup.h"

/* An info's value is 1 from its birth: all that it says is in its labels. */

static void info_read(const struct cprom_series *series, uint64_t *words)
{
    words[0] = atomic_load_explicit(&series->value, memory_order_relaxed);
}

static void info_change(struct cprom_series *series, const struct cprom__change *change)
{
    (void)series;
    (void)change;
}

static const struct cprom__kind_ops info_ops = {.type = CPROM_INFO,
                                                .initial = UINT64_C(0x3ff0000000000000), /* 1 as a double */
                                                .read = info_read,
                                                .change = info_change};

cprom_status cprom_info_new(cprom_registry *registry, const cprom_opts *opts, cprom_labels labels)
{
    struct cprom_series *series;
    return cprom__vec_new_plain(registry, opts, &info_ops, labels, &series);
}

cprom_status cprom_info_vec_new(cprom_registry *registry, const cprom_opts *opts, cprom_info_vec **vec)
{
    return cprom__vec_new(registry, opts, &info_ops, vec);
}

cprom_status cprom_info_vec_set(cprom_info_vec *vec, cprom_strs values)
{
    struct cprom__use use;
    if (!vec) return CPROM_EINVAL;
    struct cprom__hit hit = cprom__series_acquire((struct cprom_vec *)vec, values, CPROM__OP_TOUCH, 0, &use);
    if (CPROM__UNLIKELY(!hit.series)) return cprom__series_done(&use);
    return cprom__series_updated(hit);
}

cprom_status cprom_info_vec_get(cprom_info_vec *vec, cprom_strs values)
{
    struct cprom__sight sight;
    if (!vec) return CPROM_EINVAL;
    cprom_status status = cprom__series_look((struct cprom_vec *)vec, values, &sight);
    if (!status) cprom__series_looked(&sight);
    return status;
}
