/*
 * The ways to register a family, behind one function.
 */
#ifndef CPROM_TESTS_REGISTER_H
#define CPROM_TESTS_REGISTER_H

#include "kinds.h"

enum form {
    PLAIN = 1,    /* cprom_gauge_new() … */
    VEC = 2,      /* cprom_gauge_vec_new() … */
    FUNC = 4,     /* cprom_gauge_func_new() … */
    DECLARED = 8, /* a collector's desc */
    INSTRUMENTS = PLAIN | VEC | FUNC,
    ALL = INSTRUMENTS | DECLARED
};

static inline const char *form_name(enum form form)
{
    return form == PLAIN ? "plain" : form == VEC ? "vector" : form == FUNC ? "func" : "declared";
}

static inline double zero(void *ctx) { return 0; }
/* Whether the form can say what the options say. */
static inline bool fits(enum form form, cprom_type type, const cprom_opts *opts)
{
    if (type == CPROM_GAUGE_HISTOGRAM && form != DECLARED) return false;
    switch (form) {
    case PLAIN: return !opts->labels[0];
    case FUNC: return !opts->labels[0] && (type == CPROM_COUNTER || type == CPROM_GAUGE);
    case DECLARED: return type != CPROM_STATESET && !opts->bounds && !opts->n_bounds && !opts->states[0];
    default: return true;
    }
}

/* Registers; asserts that the instrument is set exactly if there is one. A collector is named after the family. */
static inline cprom_status try_register(cprom_registry *registry, enum form form, cprom_type type,
                                        const cprom_opts *opts)
{
    static int garbage;
    void *made = &garbage;
    const kind *k;
    cprom_status status;
    if (form == DECLARED) {
        cprom_desc desc = {
            .size = sizeof desc, .name = opts->name, .help = opts->help, .unit = opts->unit, .type = type};
        memcpy(desc.labels, opts->labels, sizeof desc.labels);
        cprom_collector_opts collector = CPROM_INIT(cprom_collector_opts);
        char name[256];
        snprintf(name, sizeof name, "collector of %s", opts->name ? opts->name : "nothing");
        collector.name = name;
        collector.collect = collect_nothing;
        collector.descs = &desc;
        collector.n_descs = 1;
        return cprom_collector_new(registry, &collector);
    }
    if (form == FUNC) {
        return type == CPROM_COUNTER ? cprom_counter_func_new(registry, opts, zero, NULL)
                                     : cprom_gauge_func_new(registry, opts, zero, NULL);
    }
    switch (type) {
    case CPROM_INFO:
        if (form == PLAIN) return cprom_info_new(registry, opts, CPROM_NO_LABELS);
        status = cprom_info_vec_new(registry, opts, (cprom_info_vec **)&made);
        break;
    case CPROM_STATESET:
        status = form == PLAIN ? cprom_stateset_new(registry, opts, (cprom_stateset **)&made)
                               : cprom_stateset_vec_new(registry, opts, (cprom_stateset_vec **)&made);
        break;
    default:
        k = kind_of(type) ? kind_of(type) : kind_of(CPROM_GAUGE);
        status = form == PLAIN ? k->plain(registry, opts, (cprom_series **)&made)
                               : k->make(registry, opts, (cprom_vec **)&made);
        break;
    }
    assert_ptr_not_equal(made, &garbage);
    assert_int_equal(made != NULL, status == CPROM_OK);
    return status;
}

#endif
