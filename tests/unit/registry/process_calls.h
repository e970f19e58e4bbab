/*
 * What the tests of the process metrics share: system calls that can be watched and made hard, and values on a page.
 */
#ifndef CPROM_TESTS_PROCESS_CALLS_H
#define CPROM_TESTS_PROCESS_CALLS_H

#include "support/cprom_test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define UNLIMITED 18446744073709551615.0

static const char *const names[] = {"process_cpu_seconds_total",
                                    "process_open_fds",
                                    "process_max_fds",
                                    "process_virtual_memory_bytes",
                                    "process_resident_memory_bytes",
                                    "process_start_time_seconds",
                                    "process_virtual_memory_max_bytes",
                                    "process_threads"};

/*==============================================================================
 * System calls, interposed: what the library opens, and reads that are interrupted or short
 *============================================================================*/

extern struct process_calls {
    bool watched;    /* opens are counted */
    bool hard;       /* every other read is interrupted, the others give one byte */
    bool old_kernel; /* that does not tell the number of descriptors */
    bool exhausted;  /* no descriptor is left */
    unsigned opens, without_cloexec, reads;
} calls;

/*==============================================================================
 * Pages
 *============================================================================*/

/* The value of one metric; NaN: it is not on the page. */
static inline double value_in(const ct_page *page, const char *name)
{
    const parser_sample *sample = parser_find(page->parsed, name);
    if (!sample) return NAN;
    /* A young process has used no tick yet, and a limit may be set to 0. */
    bool may_be_0 = strcmp(name, "process_cpu_seconds_total") == 0 || strstr(name, "_max_");
    assert_true(isfinite(sample->value) && (may_be_0 ? sample->value >= 0 : sample->value > 0));
    return sample->value;
}

static inline double value_of(cprom_registry *registry, const char *name)
{
    ct_page page = ct_page_read(registry, NULL, 65536);
    double value = value_in(&page, name);
    ct_page_free(&page);
    return value;
}

static inline unsigned count_dir(const char *path)
{
    unsigned n = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

/* Without the one that lists them. */
static inline unsigned count_fds(void) { return count_dir("/proc/self/fd") - 1; }

static inline double cpu_used(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 + (double)usage.ru_stime.tv_sec +
           (double)usage.ru_stime.tv_usec / 1e6;
}

/* So that process_cpu_seconds_total is above 0. */
static inline void burn(void)
{
    for (double start = cpu_used(); cpu_used() < start + 0.05;) {
    }
}

#endif
