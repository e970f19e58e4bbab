/* Makes and registers collectors, and instruments whose value a function gives. */
#include "registry/collector_new.h"

#include <string.h>

#include "base/opts.h"
#include "base/utf8.h"
#include "registry/collector.h"
#include "registry/families.h"
#include "registry/vec_new.h"
#include "store/repair.h"

static struct cprom__collector *collector_new_collector_make(struct cprom_registry *registry, const char *name,
                                                             size_t n_descs)
{
    struct cprom__collector *collector = cprom__alloc_zeroed(&registry->allocator, sizeof *collector);
    if (!collector) return NULL;
    atomic_init(&collector->refs, 1);
    cprom__arena_init(&collector->memory, &registry->allocator, 256);
    collector->name = cprom__arena_copy(&collector->memory, name, strlen(name));
    collector->families = cprom__arena_alloc(&collector->memory, (n_descs + 1) * sizeof *collector->families);
    collector->registered = cprom__arena_alloc(&collector->memory, (n_descs + 1) * sizeof *collector->registered);
    collector->declared = cprom__arena_alloc(&collector->memory, (n_descs + 1) * sizeof *collector->declared);
    if (!collector->name || !collector->families || !collector->registered || !collector->declared) {
        cprom__collector_unref(collector);
        return NULL;
    }
    return collector;
}

/* The first of those declared before that cannot stand beside `desc`; NULL: none. */
static const struct cprom__desc *collector_new_find_other(const struct cprom_registry *registry,
                                                          const struct cprom__index *by_base,
                                                          const struct cprom__desc *desc)
{
    const struct cprom__registered *first = NULL;
    struct cprom__base bases[CPROM__BASES_MAX];
    size_t n = cprom__desc_bases(desc, &registry->key, bases);
    for (size_t i = 0; i < n; i++) {
        struct cprom__index_node *node = cprom__index_find(by_base, bases[i].hash);
        for (; node; node = node->older) {
            const struct cprom__registered *other = CPROM__INDEXED(node, struct cprom__registered, by_base);
            const struct cprom__desc *its = other->family.desc;
            if (first && first < other) continue;
            if (strcmp(its->name, desc->name) == 0 || cprom__desc_collides(its, desc)) first = other;
        }
    }
    return first ? first->family.desc : NULL;
}

/* `by_base`: the families that it has already. */
static cprom_status collector_new_add_family(struct cprom_registry *registry, struct cprom__collector *collector,
                                             const struct cprom__family_spec *spec, struct cprom__index *by_base)
{
    struct cprom__refusal refusal = {NULL, NULL, NULL};
    struct cprom__desc *desc;
    cprom_status status = cprom__desc_new(&registry->allocator, &registry->rules, spec, &desc, &refusal);
    if (status) {
        if (refusal.field) cprom__log_refusal(registry, spec->name, &refusal);
        return status;
    }
    const struct cprom__desc *other = collector_new_find_other(registry, by_base, desc);
    if (other) {
        bool same = strcmp(other->name, desc->name) == 0;
        refusal = (struct cprom__refusal){"descs", other->name,
                                          same ? "is declared twice" : "is a family whose sample names would collide"};
        cprom__log_refusal(registry, desc->name, &refusal);
        cprom__desc_free(desc);
        return same ? CPROM_EEXIST : CPROM_ECONFLICT;
    }
    size_t n = collector->n_families++;
    collector->declared[n].desc = desc;
    collector->families[n] = (struct cprom__family){desc, NULL, collector};
    collector->registered[n] = (struct cprom__registered){.family = collector->families[n]};
    cprom__index_add(by_base, &collector->registered[n].by_base, cprom__desc_base_hash(desc, &registry->key));
    return CPROM_OK;
}

static cprom_status collector_new_refuse(struct cprom_registry *registry, const char *name, const char *why)
{
    cprom__collector_log(registry, name, " refused: ", why);
    return CPROM_EINVAL;
}

/* The reference that the maker held passes on to the family list. */
static cprom_status collector_new_enter(struct cprom_registry *registry, struct cprom__collector *collector,
                                        cprom_status status)
{
    if (!status) status = cprom__families_add_collector(registry, collector);
    cprom__collector_unref(collector);
    return status;
}

cprom_status cprom_collector_new(cprom_registry *registry, const cprom_collector_opts *opts)
{
    if (!registry || !opts) return CPROM_EINVAL;
    cprom_collector_opts o;
    if (!cprom__opts_read(&o, sizeof o, opts))
        return collector_new_refuse(registry, NULL, "size is not one that this library knows");
    /* The self-metrics have it as a label value. */
    if (!o.name || !*o.name || strlen(o.name) > CPROM_VALUE_MAX || !cprom__is_utf8(o.name, strlen(o.name))) {
        return collector_new_refuse(registry, NULL, "name is missing, too long or not UTF-8");
    }
    if (!o.collect) return collector_new_refuse(registry, o.name, "collect is missing");
    if (!cprom__is_bad_utf8(o.bad_utf8)) return collector_new_refuse(registry, o.name, "bad_utf8 is none of the ways");
    if (!o.descs != !o.n_descs) return collector_new_refuse(registry, o.name, "descs come without their number");
    struct cprom__collector *collector = collector_new_collector_make(registry, o.name, o.n_descs);
    if (!collector) return CPROM_ENOMEM;
    collector->collect = o.collect;
    collector->ctx = o.ctx;
    collector->bad_utf8 = o.bad_utf8;
    cprom_status status = CPROM_OK;
    struct cprom__index by_base = {NULL};
    const char *at = (const char *)o.descs;
    for (size_t i = 0; i < o.n_descs && !status; i++) {
        cprom_desc d;
        if (!cprom__opts_read(&d, sizeof d, at)) {
            status = collector_new_refuse(registry, o.name, "descs have a size that this library does not know");
            break;
        }
        struct cprom__family_spec spec = {
            .name = d.name, .help = d.help, .unit = d.unit, .type = d.type, .labels = d.labels};
        status = collector_new_add_family(registry, collector, &spec, &by_base);
        if (!status) {
            cprom__index_add(&collector->by_asked, &collector->declared[i].by_asked,
                             cprom__collector_hash_asked(registry, &d, false));
        }
        at += o.descs->size;
    }
    /* Whose registration fails keeps its context. */
    if (!status) collector->free = o.free;
    return collector_new_enter(registry, collector, status);
}

cprom_status cprom__func_new(cprom_registry *registry, const cprom_opts *opts, cprom_type type,
                             double (*value)(void *ctx), void *ctx)
{
    if (!registry || !opts) return CPROM_EINVAL;
    cprom_opts o;
    cprom_status status = CPROM_EINVAL;
    struct cprom__refusal refusal = {NULL, "", NULL};
    if (!cprom__opts_read(&o, sizeof o, opts)) {
        o.name = NULL;
        refusal = (struct cprom__refusal){"size", "", "is not one that this library knows"};
    } else if (!value) {
        refusal = (struct cprom__refusal){"value", "", "is missing"};
    } else if (o.exemplars) {
        refusal = (struct cprom__refusal){"exemplars", "", "are for what the program updates"};
    } else {
        status = cprom__vec_new_check_plain(&o, &refusal);
    }
    if (status) {
        cprom__log_refusal(registry, o.name, &refusal);
        return status;
    }
    struct cprom__family_spec spec = {.name = o.name,
                                      .help = o.help,
                                      .unit = o.unit,
                                      .type = type,
                                      .bounds = o.bounds,
                                      .n_bounds = o.n_bounds,
                                      .states = o.states,
                                      .instrument = true};
    struct cprom__collector *collector = collector_new_collector_make(registry, o.name ? o.name : "", 1);
    if (!collector) return CPROM_ENOMEM;
    struct cprom__index by_base = {NULL};
    status = collector_new_add_family(registry, collector, &spec, &by_base);
    if (!status) collector->name = collector->families[0].desc->name;
    collector->value = value;
    collector->ctx = ctx;
    return collector_new_enter(registry, collector, status);
}
