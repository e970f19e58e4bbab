/*
 * What the parts of bench_bounds share.
 */
#include "bounds.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static double ns_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

double bounds_cpu(void) { return ns_of(CLOCK_THREAD_CPUTIME_ID); }

double bounds_cpu_of(pthread_t thread)
{
    clockid_t clock;
    return pthread_getcpuclockid(thread, &clock) == 0 ? ns_of(clock) : 0;
}

bool bounds_too_long(double since) { return bounds_cpu() - since > BOUNDS_SECONDS * 1e9; }

void bounds_note(const char *format, ...)
{
    va_list args;
    printf("# ");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

void bounds_count(const char *name, const char *size, double value)
{
    char full[64];
    snprintf(full, sizeof full, "%s_%s", name, size);
    bench_sample(full, "", 1, value);
}

void bounds_ratio(const char *name, const char *size, double value, double control)
{
    char full[64];
    snprintf(full, sizeof full, "%s_%s", name, size);
    bench_sample(full, "x", 1, value / control);
}

cprom_gauge_vec *bounds_vec(cprom_registry *registry, const char *name, double ttl_seconds)
{
    cprom_gauge_vec *vec;
    bench_check(
        cprom_gauge_vec_new(registry,
                            CPROM_OPTS(cprom_opts, .name = name, .help = "Benchmark.", .labels = {"owner", "item"},
                                       .owner = "owner", .ttl_seconds = ttl_seconds),
                            &vec),
        "vector");
    return vec;
}

void bounds_set(cprom_gauge_vec *vec, const char *owner, size_t item)
{
    char text[24];
    snprintf(text, sizeof text, "item%07zu", item);
    bench_check(cprom_gauge_vec_set(vec, CPROM_STRS(owner, text), (double)item), "set");
}

void bounds_scrape(cprom_registry *registry)
{
    cprom_page *page;
    bench_check(cprom_page_open(registry, NULL, &page), "cprom_page_open");
    cprom_page_close(page);
}

void bounds_pause(double ms)
{
    const struct timespec pause = {(time_t)(ms / 1e3), (long)(ms * 1e6) % 1000000000};
    nanosleep(&pause, NULL);
}
