#include "kinds.h"

#define MAKERS(kind)                                                                                                   \
    static cprom_status kind##_plain(cprom_registry *registry, const cprom_opts *opts, cprom_series **series)          \
    {                                                                                                                  \
        return cprom_##kind##_new(registry, opts, (cprom_##kind **)series);                                            \
    }                                                                                                                  \
    static cprom_status kind##_make(cprom_registry *registry, const cprom_opts *opts, cprom_vec **vec)                 \
    {                                                                                                                  \
        return cprom_##kind##_vec_new(registry, opts, (cprom_##kind##_vec **)vec);                                     \
    }

/* Counter and gauge. */
#define NUMBER(kind)                                                                                                   \
    MAKERS(kind)                                                                                                       \
    static cprom_status kind##_update(cprom_vec *vec, cprom_strs values)                                               \
    {                                                                                                                  \
        return cprom_##kind##_vec_inc((cprom_##kind##_vec *)vec, values);                                              \
    }                                                                                                                  \
    static void kind##_touch(cprom_series *series) { cprom_##kind##_inc((cprom_##kind *)series); }                     \
    static cprom_status kind##_add(cprom_vec *vec, cprom_strs values, double amount)                                   \
    {                                                                                                                  \
        return cprom_##kind##_vec_add((cprom_##kind##_vec *)vec, values, amount);                                      \
    }                                                                                                                  \
    static void kind##_add_to(cprom_series *series, double amount)                                                     \
    {                                                                                                                  \
        cprom_##kind##_add((cprom_##kind *)series, amount);                                                            \
    }                                                                                                                  \
    static double kind##_value(cprom_series *series) { return cprom_##kind##_value((cprom_##kind *)series); }          \
    static cprom_status kind##_get(cprom_vec *vec, cprom_strs values, double *value, double *sum)                      \
    {                                                                                                                  \
        cprom_status status = cprom_##kind##_vec_get((cprom_##kind##_vec *)vec, values, value ? value : sum);          \
        if (value && sum) *sum = *value;                                                                               \
        return status;                                                                                                 \
    }

/* Histogram and summary. */
#define DISTRIBUTION(kind)                                                                                             \
    MAKERS(kind)                                                                                                       \
    static cprom_status kind##_add(cprom_vec *vec, cprom_strs values, double amount)                                   \
    {                                                                                                                  \
        return cprom_##kind##_vec_observe((cprom_##kind##_vec *)vec, values, amount);                                  \
    }                                                                                                                  \
    static cprom_status kind##_update(cprom_vec *vec, cprom_strs values) { return kind##_add(vec, values, 1); }        \
    static void kind##_add_to(cprom_series *series, double amount)                                                     \
    {                                                                                                                  \
        cprom_##kind##_observe((cprom_##kind *)series, amount);                                                        \
    }                                                                                                                  \
    static void kind##_touch(cprom_series *series) { kind##_add_to(series, 1); }                                       \
    static double kind##_value(cprom_series *series) { return (double)cprom_##kind##_count((cprom_##kind *)series); }  \
    static double kind##_sum(cprom_series *series) { return cprom_##kind##_sum((cprom_##kind *)series); }              \
    static cprom_status kind##_get(cprom_vec *vec, cprom_strs values, double *value, double *sum)                      \
    {                                                                                                                  \
        uint64_t count = 0;                                                                                            \
        cprom_status status =                                                                                          \
            cprom_##kind##_vec_get((cprom_##kind##_vec *)vec, values, value ? &count : NULL, sum);                     \
        if (value) *value = (double)count;                                                                             \
        return status;                                                                                                 \
    }

NUMBER(counter)
NUMBER(gauge)
DISTRIBUTION(histogram)
DISTRIBUTION(summary)

#define KIND(type, name, key, sum_key, kind, sum)                                                                      \
    {                                                                                                                  \
        type, name, #kind, key, sum_key, kind##_plain, kind##_make, kind##_update, kind##_touch, kind##_add,           \
            kind##_add_to, kind##_value, sum, kind##_get                                                               \
    }

const kind kinds[KINDS] = {
    KIND(CPROM_COUNTER, "c_total", "c_total", "c_total", counter, counter_value),
    KIND(CPROM_GAUGE, "g", "g", "g", gauge, gauge_value),
    KIND(CPROM_HISTOGRAM, "h", "h_count", "h_sum", histogram, histogram_sum),
    KIND(CPROM_SUMMARY, "s", "s_count", "s_sum", summary, summary_sum),
};
