/* Timers: from a start to seconds. */
#include "store/series.h"

static cprom_timer timer_start(void *handle)
{
    struct cprom_series *series = handle;
    cprom_timer timer = {series, series ? cprom__monotonic_now(series->vec->registry) : 0};
    return timer;
}

cprom_timer cprom_histogram_timer(cprom_histogram *histogram) { return timer_start(histogram); }
cprom_timer cprom_summary_timer(cprom_summary *summary) { return timer_start(summary); }
cprom_timer cprom_gauge_timer(cprom_gauge *gauge) { return timer_start(gauge); }

double cprom_timer_stop(cprom_timer *timer)
{
    if (!timer || !timer->series) return 0;
    struct cprom_series *series = timer->series;
    timer->series = NULL;
    double seconds = (double)(cprom__monotonic_now(series->vec->registry) - timer->start) / 1e9;
    switch (series->vec->desc->type) {
    case CPROM_HISTOGRAM: cprom_histogram_observe((cprom_histogram *)series, seconds); break;
    case CPROM_SUMMARY: cprom_summary_observe((cprom_summary *)series, seconds); break;
    case CPROM_GAUGE: cprom_gauge_set((cprom_gauge *)series, seconds); break;
    case CPROM_UNTYPED: /* none of these has a timer */
    case CPROM_COUNTER:
    case CPROM_INFO:
    case CPROM_STATESET:
    case CPROM_GAUGE_HISTOGRAM: break;
    }
    return seconds;
}
