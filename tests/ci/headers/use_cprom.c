/* Every macro of cprom.h, as C and as C++. Compiled by check.sh, not run. */
#include <cprom/cprom.h>

CPROM_API int use_cprom(cprom_registry *registry);

static bool each(void *ctx, const cprom_view *view)
{
    *(double *)ctx += view->value;
    return true;
}

static cprom_status collect(void *ctx, cprom_scrape *out)
{
    cprom_desc desc = CPROM_INIT(cprom_desc);
    desc.name = "queued";
    desc.type = CPROM_GAUGE;
    desc.labels[0] = "queue";
    return cprom_emit(out, &desc, CPROM_STRS("default"), *(double *)ctx);
}

int use_cprom(cprom_registry *registry)
{
    static double queued = 7;
    cprom_gauge_vec *vec = 0;
    cprom_opts opts = CPROM_INIT(cprom_opts);
    opts.name = "step_duration_seconds";
    opts.help = "Wall time.";
    opts.labels[0] = "pipeline";
    opts.labels[1] = "step";
    cprom_status status = cprom_gauge_vec_new(registry, &opts, &vec);
    const char *step = cprom_version()[0] ? CPROM_VERSION : "";

    cprom_gauge_vec_set(vec, CPROM_STRS("a", step), 1.5);
    cprom_gauge_vec_inc(vec, CPROM_NO_STRS);
    cprom_gauge *gauge = cprom_gauge_vec_with_labels(vec, CPROM_LABELS({"step", step}, {"pipeline", "a"}));
    cprom_gauge_sub(gauge, 1);
    cprom_gauge_unref(gauge);
    size_t n = 0;
    if (cprom_gauge_vec_replace(vec, CPROM_NO_LABELS, NULL, 0, NULL) != CPROM_OK) return -1;
    if (cprom_gauge_vec_delete_matching(vec, CPROM_LABELS({"pipeline", "a"}), &n) != CPROM_OK) return -1;
    double sum = 0;
    cprom_gauge_vec_each(vec, each, &sum);

    cprom_collector_opts collector = CPROM_INIT(cprom_collector_opts);
    collector.name = "queue";
    collector.collect = collect;
    collector.ctx = &queued;
    status = cprom_collector_new(registry, &collector);

#ifndef __cplusplus
    cprom_page *page = NULL;
    cprom_gauge_vec_new(registry, CPROM_OPTS(cprom_opts, .name = "x", .help = "X.", .labels = {"pipeline"}), &vec);
    cprom_page_open(registry, CPROM_OPTS(cprom_page_opts, .self_metrics = true), &page);
    cprom_page_close(page);
#endif

    cprom_stateset *stateset = 0;
    cprom_opts states = CPROM_INIT(cprom_opts);
    enum { QUEUED, RUNNING };
    states.name = "pipeline_state";
    states.help = "Where it is.";
    states.states[QUEUED] = "queued";
    states.states[RUNNING] = "running";
    if (cprom_stateset_new(registry, &states, &stateset) == CPROM_OK) cprom_stateset_enter(stateset, RUNNING);

    char small[CPROM_LABELS_MAX + CPROM_CONST_LABELS_MAX + CPROM_STATES_MAX] = "";
    return (int)status + (int)n + small[0] + (CPROM_VALUE_MAX > CPROM_BOUNDS_MAX ? 0 : 1);
}
