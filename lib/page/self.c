/* The metrics of the library about itself. */
#include "page/self.h"

#include <string.h>

#include "registry/families.h"
#include "store/vec.h"

static const char self_success_name[] = "cprom_collector_success";

static void self_emit(struct cprom_scrape *out, const cprom_desc *desc, const char *a, const char *b, double value)
{
    const char *values[2] = {a, b};
    cprom_strs strs = {values, b ? 2 : 1};
    cprom_emit(out, desc, strs, value); /* a failure stays in the scrape */
}

/* Descriptors are made where they are needed: each has room for labels that none of these has. */

static void self_series(const struct cprom__families *families, struct cprom_scrape *out)
{
    const cprom_desc desc =
        CPROM__OWN_GAUGE(.name = "cprom_series", .help = "Series of the family that are alive.", .labels = {"family"});
    for (size_t i = 0; i < families->n; i++) {
        const struct cprom_vec *vec = families->v[i].vec;
        if (!vec) continue;
        size_t live = atomic_load_explicit(&vec->live, memory_order_relaxed);
        self_emit(out, &desc, vec->desc->name, NULL, (double)live);
    }
}

static void self_removed(const struct cprom__families *families, struct cprom_scrape *out)
{
    const cprom_desc desc =
        CPROM__OWN_COUNTER(.name = "cprom_series_removed_total", .help = "Series removed from the family, by reason.",
                           .labels = {"family", "reason"});
    for (size_t i = 0; i < families->n; i++) {
        const struct cprom_vec *vec = families->v[i].vec;
        for (int reason = 0; vec && !vec->is_plain && reason < CPROM__REMOVALS; reason++) {
            uint64_t removed = atomic_load_explicit(&vec->removed[reason], memory_order_relaxed);
            self_emit(out, &desc, vec->desc->name, cprom__removal_names[reason], (double)removed);
        }
    }
}

static void self_unreclaimed(const struct cprom__source *source, struct cprom_scrape *out)
{
    const cprom_desc desc =
        CPROM__OWN_GAUGE(.name = "cprom_series_unreclaimed",
                         .help =
                             "Series that are removed and still in memory, by what keeps them: open pages, or handles "
                             "and reclaiming that is still to come.",
                         .labels = {"kept_by"});
    const struct cprom__unreclaimed unreclaimed = cprom__unreclaimed(&source->registry->reclaimer);
    uint64_t others = unreclaimed.series - unreclaimed.pinned;
    for (size_t i = 0; i < source->families->n; i++) {
        const struct cprom_vec *vec = source->families->v[i].vec;
        if (vec) others += atomic_load_explicit(&vec->dead, memory_order_relaxed);
    }
    self_emit(out, &desc, "page", NULL, (double)unreclaimed.pinned);
    self_emit(out, &desc, "other", NULL, (double)others);
}

static void self_dropped(struct cprom_registry *registry, struct cprom_scrape *out)
{
    const cprom_desc desc = CPROM__OWN_COUNTER(.name = "cprom_dropped_updates_total",
                                               .help = "Updates that were dropped, by reason.", .labels = {"reason"});
    for (int reason = 0; reason < CPROM__DROPS; reason++) {
        uint64_t dropped = atomic_load_explicit(&registry->dropped[reason], memory_order_relaxed);
        self_emit(out, &desc, cprom__drop_names[reason], NULL, (double)dropped);
    }
}

static void self_collectors(const struct cprom__source *source, struct cprom_scrape *out)
{
    const cprom_desc success =
        CPROM__OWN_GAUGE(.name = self_success_name, .help = "Whether the collector's samples are on this page.",
                         .labels = {"collector"});
    const cprom_desc duration =
        CPROM__OWN_GAUGE(.name = "cprom_collector_duration_seconds", .help = "How long the collector's callback took.",
                         .unit = "seconds", .labels = {"collector"});
    for (size_t i = 0; i < source->n_results; i++) {
        self_emit(out, &success, source->results[i].name, NULL, source->results[i].success);
    }
    for (size_t i = 0; i < source->n_results; i++) {
        self_emit(out, &duration, source->results[i].name, NULL, (double)source->results[i].duration / 1e9);
    }
}

void cprom__self_metrics(const struct cprom__source *source, struct cprom_scrape *out)
{
    self_series(source->families, out);
    self_removed(source->families, out);
    self_unreclaimed(source, out);
    self_dropped(source->registry, out);
    self_collectors(source, out);
}

void cprom__self_metrics_join(struct cprom__sample *sample, const struct cprom__sample *other)
{
    if (strcmp(sample->desc->name, self_success_name) != 0) sample->value += other->value;
    else if (other->value < sample->value) sample->value = other->value;
}
