/*
 * What stays in memory for a page or an iteration that does not show it; and how many series of 1 KiB there may be.
 */
#include "bounds.h"

#include <stdio.h>
#include <string.h>

/* A vector of n series, and one of a single series. */
struct pair {
    struct bench_memory memory;
    cprom_registry *registry;
    cprom_gauge_vec *large, *small;
    size_t n;
    size_t kept; /* bytes, when the large one has been cleared */
};

static void pair_make(struct pair *pair, size_t n)
{
    pair->registry = bench_registry(&pair->memory);
    pair->large = bounds_vec(pair->registry, "large", 0);
    pair->small = bounds_vec(pair->registry, "small", 0);
    pair->n = n;
    bounds_set(pair->small, "owner", 0);
    for (size_t i = 0; i < n; i++) bounds_set(pair->large, "owner", i);
}

static void clear_large(struct pair *pair)
{
    bench_check(cprom_gauge_vec_clear(pair->large), "clear");
    /* Series are reused only when two more rounds have begun. */
    for (int i = 0; i < 4; i++) cprom_registry_trim(pair->registry);
    pair->kept = pair->memory.bytes;
}

static bool clear_in_each(void *ctx, const cprom_view *view)
{
    (void)view;
    clear_large(ctx);
    return true;
}

enum holder {
    NOBODY,
    PAGE,
    FILTERED_PAGE,
    EACH
};

/* Bytes that are left of the large vector. */
static double kept_by(enum holder holder, size_t n)
{
    struct pair pair = {0};
    pair_make(&pair, n);
    cprom_page *page = NULL;
    const char *const names[] = {"small"};
    cprom_page_opts opts = CPROM_INIT(cprom_page_opts);
    opts.names = names;
    opts.n_names = holder == FILTERED_PAGE;
    if (holder == PAGE || holder == FILTERED_PAGE)
        bench_check(cprom_page_open(pair.registry, &opts, &page), "cprom_page_open");
    if (holder == EACH) bench_check(cprom_gauge_vec_each(pair.small, clear_in_each, &pair), "each");
    else clear_large(&pair);
    cprom_page_close(page);
    cprom_registry_free(pair.registry);
    return (double)pair.kept;
}

static void pins(size_t n, const char *size)
{
    double nobody = kept_by(NOBODY, n), all = kept_by(PAGE, n) - nobody;
    bounds_ratio("pinned_filtered", size, kept_by(FILTERED_PAGE, n) - nobody, all);
    bounds_ratio("pinned_each", size, kept_by(EACH, n) - nobody, all);
}

/* Neither how many fit nor another vector is to suffer; only a documented limit of this one. */
static void long_series(size_t n, const char *size)
{
    struct bench_memory memory;
    cprom_registry *registry = bench_registry(&memory);
    cprom_gauge_vec *vec = bounds_vec(registry, "long", 0), *other = bounds_vec(registry, "other", 0);
    char value[1025];
    size_t fit = 0, refused = 0;
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (; fit < n && !refused; fit++) {
        char item[24];
        snprintf(item, sizeof item, "item%07zu", fit);
        cprom_status status = cprom_gauge_vec_set(vec, CPROM_STRS(value, item), 1);
        if (status == CPROM_ELIMIT) break;
        refused += status != CPROM_OK;
    }
    refused += cprom_gauge_vec_set(other, CPROM_STRS("owner", "item"), 1) != CPROM_OK;
    if (fit < n) bounds_note("long_refused: %zu of %zu series of 1 KiB fit", fit - (refused > 0), n);
    bounds_count("long_refused", size, (double)refused);
    cprom_registry_free(registry);
}

void bounds_memory(void)
{
    pins(1000, "1k");
    pins(200000, "200k");
    if (!bench_quick) long_series(600000, "600k");
}
