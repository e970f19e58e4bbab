/*
 * One callback that emits samples of many families, beside one that emits as many of one family.
 */
#include "bounds.h"

#include <stdio.h>
#include <stdlib.h>

struct emission {
    cprom_desc *descs;
    size_t families, rounds; /* each round has one sample of each family */
    size_t emitted;
};

/* Gives up where it takes too long. */
static cprom_status emit_all(void *ctx, cprom_scrape *out)
{
    struct emission *emission = ctx;
    double start = bounds_cpu();
    emission->emitted = 0;
    for (size_t round = 0; round < emission->rounds; round++) {
        char item[24];
        snprintf(item, sizeof item, "item%07zu", round);
        for (size_t i = 0; i < emission->families; i++) {
            if (emission->emitted % 256 == 0 && bounds_too_long(start)) return CPROM_OK;
            cprom_emit(out, &emission->descs[i], CPROM_STRS(item), 1);
            emission->emitted++;
        }
    }
    return CPROM_OK;
}

static cprom_desc *descs_new(size_t n)
{
    cprom_desc *descs = calloc(n, sizeof *descs);
    if (!descs) bench_check(CPROM_ENOMEM, "descs");
    for (size_t i = 0; i < n; i++) {
        char *name = malloc(24);
        if (!name) bench_check(CPROM_ENOMEM, "names");
        snprintf(name, 24, "family_%07zu", i);
        descs[i] =
            (cprom_desc){.size = sizeof *descs, .name = name, .help = "h", .type = CPROM_GAUGE, .labels = {"item"}};
    }
    return descs;
}

static void descs_free(cprom_desc *descs, size_t n)
{
    for (size_t i = 0; i < n; i++) free((char *)descs[i].name);
    free(descs);
}

/* What opening a page takes for each sample, ns. */
static double cost(const char *row, size_t families, size_t rounds, bool checked)
{
    struct emission emission = {descs_new(families), families, rounds, 0};
    cprom_registry *registry;
    double best = 0;
    bench_check(cprom_registry_new(NULL, &registry), "registry");
    cprom_collector_opts opts = CPROM_INIT(cprom_collector_opts);
    opts.name = "many";
    opts.collect = emit_all;
    opts.ctx = &emission;
    opts.descs = checked ? emission.descs : NULL;
    opts.n_descs = checked ? families : 0;
    bench_check(cprom_collector_new(registry, &opts), "collector");
    for (int i = 0; i < 3 && best * (double)emission.emitted < 1e9; i++) {
        double start = bounds_cpu();
        bounds_scrape(registry);
        double each = (bounds_cpu() - start) / (double)emission.emitted;
        if (i == 0 || each < best) best = each;
    }
    if (emission.emitted < families * rounds)
        bounds_note("%s: stopped after %zu of %zu samples", row, emission.emitted, families * rounds);
    cprom_registry_free(registry);
    descs_free(emission.descs, families);
    return best;
}

static void row(const char *name, const char *size, size_t families, size_t rounds, bool checked)
{
    bounds_ratio(name, size, cost(name, families, rounds, checked), cost(name, 1, families * rounds, checked));
}

void bounds_emissions(void)
{
    row("emit", "1k", 1000, 1, false);
    row("emit", "16k", 16000, 1, false);
    row("emit_checked", "1k", 1000, 1, true);
    row("emit_checked", "16k", 16000, 1, true);
    row("emit_interleaved", "100k", 1000, 100, false);
}
