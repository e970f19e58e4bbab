/* A /proc of files in a temporary directory, and a tracker on it. */
#ifndef TESTS_EXPORTERS_PROCESS_FIXTURE_H
#define TESTS_EXPORTERS_PROCESS_FIXTURE_H

#include "support/cprom_test.h"

#include <errno.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "groups.h"

typedef struct fixture {
    char path[64];
    struct tracker tracker;
    bool open;
} fixture;

/* What differs from nothing in a process or thread. */
typedef struct what {
    const char *comm, *cmdline; /* NULL: "p", and the comm; spaces in cmdline become NULs */
    char state;                 /* 0: S */
    int ppid;
    unsigned start, user, system, minor, major, threads, voluntary, nonvoluntary, read, write, fds;
    const char *wchan; /* NULL: 0 */
    const char *limit; /* NULL: 100 */
} what;

static inline void fx_write(const fixture *f, const char *name, const char *text, size_t n)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static inline void fx_dir(const fixture *f, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
}

static inline int fx_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

/* Removes a file, or a directory with all in it. */
static inline void fx_remove(const fixture *f, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    assert_int_equal(nftw(path, fx_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* The files of `base`, which is "12" or "12/task/13". */
static inline void fx_put_at(const fixture *f, const char *base, int id, what w)
{
    char name[128], text[1024];
    const char *comm = w.comm ? w.comm : "p", *cmdline = w.cmdline ? w.cmdline : comm;
    fx_dir(f, base);
    snprintf(name, sizeof name, "%s/stat", base);
    int n = snprintf(
        text, sizeof text, "%d (%s) %c %d 1 1 0 -1 0 %u 0 %u 0 %u %u 0 0 20 0 %u 0 %u 4096000 1000 1 2 3\n", id, comm,
        w.state ? w.state : 'S', w.ppid, w.minor, w.major, w.user, w.system, w.threads ? w.threads : 1, w.start);
    fx_write(f, name, text, (size_t)n);
    snprintf(name, sizeof name, "%s/status", base);
    n = snprintf(text, sizeof text,
                 "Name:\tx\nUid:\t1\t0\t0\t0\nVmSwap:\t       2 kB\nvoluntary_ctxt_switches:\t%u\n"
                 "nonvoluntary_ctxt_switches:\t%u\n",
                 w.voluntary, w.nonvoluntary);
    fx_write(f, name, text, (size_t)n);
    snprintf(name, sizeof name, "%s/io", base);
    n = snprintf(text, sizeof text, "rchar: 1\nread_bytes: %u\nwrite_bytes: %u\ncancelled_write_bytes: 0\n", w.read,
                 w.write);
    fx_write(f, name, text, (size_t)n);
    snprintf(name, sizeof name, "%s/wchan", base);
    fx_write(f, name, w.wchan ? w.wchan : "0", strlen(w.wchan ? w.wchan : "0"));
    snprintf(name, sizeof name, "%s/cmdline", base);
    size_t len = strlen(cmdline);
    snprintf(text, sizeof text, "%s", cmdline);
    for (size_t i = 0; i < len; i++) {
        if (text[i] == ' ') text[i] = '\0';
    }
    fx_write(f, name, text, len > 0 ? len + 1 : 0);
}

static inline void fx_put(const fixture *f, int pid, what w)
{
    char base[32], name[128], text[128];
    snprintf(base, sizeof base, "%d", pid);
    fx_put_at(f, base, pid, w);
    snprintf(name, sizeof name, "%d/limits", pid);
    int n = snprintf(text, sizeof text,
                     "Limit  Soft Limit  Hard Limit  Units\nMax open files            %-20s 4096  files\n",
                     w.limit ? w.limit : "100");
    fx_write(f, name, text, (size_t)n);
    snprintf(name, sizeof name, "%d/smaps_rollup", pid);
    n = snprintf(text, sizeof text, "0-1 ---p 0 0:0 0 [rollup]\nRss: 9 kB\nPss:   3 kB\nSwapPss:  1 kB\n");
    fx_write(f, name, text, (size_t)n);
    snprintf(name, sizeof name, "%d/fd", pid);
    fx_dir(f, name);
    for (unsigned i = 0; i < w.fds; i++) {
        snprintf(name, sizeof name, "%d/fd/%u", pid, i);
        fx_write(f, name, "", 0);
    }
    snprintf(name, sizeof name, "%d/task", pid);
    fx_dir(f, name);
}

static inline void fx_put_thread(const fixture *f, int pid, int tid, what w)
{
    char base[64];
    snprintf(base, sizeof base, "%d/task/%d", pid, tid);
    fx_put_at(f, base, tid, w);
}

static inline void fx_make(fixture *f)
{
    *f = (fixture){.open = false};
    snprintf(f->path, sizeof f->path, "/tmp/cprom-process-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    fx_write(f, "stat", "cpu 1 2\nbtime 1000\n", 19);
}

/* The first pass is made, with this configuration. */
static inline void fx_open(fixture *f, struct tracking options, const char *config)
{
    char why[RULES_ERROR_MAX];
    struct rules rules = {0};
    if (!rules_parse(&rules, "c.yml", config, strlen(config), why)) fail_msg("%s", why);
    if (!tracker_open(&f->tracker, &options, &rules, f->path, why, sizeof why)) fail_msg("%s", why);
    f->open = true;
}

static inline void fx_end(fixture *f)
{
    if (f->open) tracker_close(&f->tracker);
    fx_remove(f, "");
}

/* NULL: there is none. */
static inline struct proc_group *fx_group(fixture *f, const char *name)
{
    return (struct proc_group *)table_find(&f->tracker.groups, name, strlen(name));
}

static inline void fx_pass(fixture *f) { assert_int_equal(tracker_update(&f->tracker), RESULT_OK); }

#endif
