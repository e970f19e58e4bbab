/*
 * cprom: Prometheus instrumentation for C programs.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CPROM_CPROM_H
#define CPROM_CPROM_H

/*==============================================================================
 * Overview
 *
 * A registry holds families; a family has a name, a help text, a type and label
 * names; a series is one set of label values of a family. A program puts series
 * on the page in two ways, and may mix them:
 *
 *  - Direct instrumentation. A counter, gauge, histogram, summary, info or stateset, alone or as
 *    a vector (a map from label values to series), lives in the program and is
 *    updated as things happen. A series of a vector stays until it is deleted.
 *  - Callback collectors. A function runs at each scrape and emits constant
 *    metrics from the program's own state.
 *
 *      cprom_gauge_vec *duration;
 *      cprom_gauge_vec_new(cprom_registry_default(),
 *                          CPROM_OPTS(cprom_opts, .name = "step_duration_seconds",
 *                                     .help = "Wall time of the step in the latest run.",
 *                                     .labels = {"pipeline", "step"}), &duration);
 *      cprom_gauge_vec_set(duration, CPROM_STRS("a", "clone"), 1.5);
 *      cprom_gauge_vec_delete(duration, CPROM_STRS("a", "clone"));
 *
 * Conventions, true for every function unless its comment says otherwise:
 *
 *  - Pointers. "Borrowed": read during the call only. "Copied": the same, and the
 *    library keeps a copy of what it needs. "New reference": the caller owns it and
 *    gives it back with the matching _unref. What a _new function stores in its
 *    last parameter belongs to the registry: it dies with the registry, or when
 *    cprom_registry_unregister() removes its family. Strings are NUL-terminated.
 *  - Results are last parameters. On failure a pointer is NULL and a number 0, if
 *    there is a place for it: numbers may be asked for or left out (NULL).
 *  - Errors. Everything that can fail returns cprom_status; a status may always be
 *    ignored: what an update had to drop is counted, see cprom_stats. (A
 *    cprom_update that is out of memory changes nothing; its commit says so, and
 *    nothing is counted.) A NULL instrument, vector or handle makes an update a
 *    no-op; elsewhere NULL for something that must be there is CPROM_EINVAL, except
 *    in _free, _unref, _close and _stop, which take NULL. So is an options struct
 *    whose size is not known (below).
 *  - Threads. "MT-safe": may be called from any thread at any time. "Lock-free":
 *    also takes no lock and never waits, but for a thread's first update, for what
 *    is said at by-label updates and at ttl_seconds, and where a commit or a removal
 *    is at work on the vector: then the first call for a series that was not used
 *    since may wait for it. "Init-only": must not run
 *    while another thread uses the same object. No function may be called from a
 *    signal handler.
 *  - Cancellation is disabled inside every call, and in the functions of the program that
 *    it runs; behind it, it is as before. What gathers is a cancellation point where it
 *    begins, and holds nothing then: cprom_page_open() and what is made of it, _text,
 *    _write_file, _value, _lint, _each, and answering a request by HTTP. Nothing else is one.
 *    All this is for deferred cancellation: in a thread that may be cancelled
 *    asynchronously (PTHREAD_CANCEL_ASYNCHRONOUS), the library must not be called.
 *  - Functions of the program that do not return. Those that collect or tell a value, and
 *    those that _each, _visit and _lint call, and begin and feed of a coding, may throw (C++)
 *    or end their thread (pthread_exit). The call ends there, gives back all that it held,
 *    its locks and memory, and an exception goes on to the caller. A collector has failed
 *    then, as where it returns a status; there is no page, and the next one runs it again.
 *    All others must return: allocate, release, clocks, log, the `free` of a context, end of
 *    a coding. No function may leave its caller by longjmp(): the collector would run for
 *    ever. Nor, where pthread_exit() does not unwind (musl), by that, or by being cancelled
 *    after it has enabled that itself; exceptions may pass there, too.
 *  - Units are base units: seconds, bytes. Times on the clock are nanoseconds.
 *============================================================================*/

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
#include <initializer_list>
#endif

#ifndef CPROM_API
#if defined(__GNUC__)
#define CPROM_API __attribute__((visibility("default")))
#else
#define CPROM_API
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*==============================================================================
 * Status
 *============================================================================*/

typedef enum cprom_status {
    CPROM_OK = 0,
    CPROM_ENOMEM = -1,    /* an allocation failed; nothing changed */
    CPROM_EINVAL = -2,    /* an argument that is never right, a missing help text, a bad bound or option */
    CPROM_ENAME = -3,     /* a metric name that is malformed, reserved, or lacks the suffix its type or unit demands */
    CPROM_ELABELS = -4,   /* label names or their number: malformed, reserved, twice, missing or unknown */
    CPROM_EUTF8 = -5,     /* a help text or label value is not UTF-8, or a label value is over CPROM_VALUE_MAX bytes */
    CPROM_EEXIST = -6,    /* the family, collector or series is already there */
    CPROM_ECONFLICT = -7, /* the family's sample names collide with those of another family */
    CPROM_ENOENT = -8,    /* no such family, series or sample, or the registry was freed */
    CPROM_ELIMIT = -9,    /* a limit of the library or of the vector is reached */
    CPROM_ESTALE = -10,   /* somebody newer was first: see cprom_update_commit() */
    CPROM_EBUSY = -11,    /* a page inside a callback, or a server that would have to stop itself */
    CPROM_ESYS = -12,     /* a system call failed; errno tells */
    CPROM_EPARTIAL = -13  /* part of what an update staged was refused; the rest took effect */
} cprom_status;

/* The status as a short text, for log lines. Static; never NULL. MT-safe, lock-free. */
CPROM_API const char *cprom_status_string(cprom_status status);

#define CPROM_VERSION "0.1.0"

/* The version of the library that runs, as CPROM_VERSION is that of the header. Static. MT-safe, lock-free. */
CPROM_API const char *cprom_version(void);

/*==============================================================================
 * Limits, lists and options
 *============================================================================*/

#define CPROM_LABELS_MAX 32         /* label names of one family */
#define CPROM_CONST_LABELS_MAX 8    /* const labels of one registry */
#define CPROM_VALUE_MAX 65536       /* bytes of one label value */
#define CPROM_BOUNDS_MAX 1000       /* bucket bounds of one histogram */
#define CPROM_STATES_MAX 64         /* states of one stateset */

/* Label values in the order in which the family declares its label names. */
typedef struct cprom_strs {
    const char *const *v;
    size_t n;
} cprom_strs;

typedef struct cprom_label {
    const char *name;
    const char *value;
} cprom_label;

/* Label pairs in any order. */
typedef struct cprom_labels {
    const cprom_label *v;
    size_t n;
} cprom_labels;

/*
 * CPROM_STRS("a", "clone")            a list of label values; CPROM_NO_STRS is the empty one
 * CPROM_LABELS({"pipeline", "a"})     a list of label pairs; CPROM_NO_LABELS is the empty one
 * CPROM_OPTS(type, .field = value)    a pointer to an options struct; C only
 * CPROM_INIT(type)                    an options struct with every default, to be filled field by field
 *
 * Lists and options are meant to be passed, not kept: they live until the end of
 * the enclosing block in C and of the full expression in C++.
 *
 * Every options struct begins with `size`, set by these macros; zero is the default
 * of every other field. A size of 0, or a longer struct than the library knows with
 * anything but zeros behind, is CPROM_EINVAL.
 */
#ifdef __cplusplus
} /* extern "C" */
static inline cprom_strs cprom__strs(std::initializer_list<const char *> list)
{
    cprom_strs strs = {list.begin(), list.size()};
    return strs;
}
static inline cprom_labels cprom__labels(std::initializer_list<cprom_label> list)
{
    cprom_labels labels = {list.begin(), list.size()};
    return labels;
}
template <typename T> static inline T cprom__init()
{
    T opts = T();
    opts.size = sizeof(T);
    return opts;
}
extern "C" {
#define CPROM_STRS(...) cprom__strs({__VA_ARGS__})
#define CPROM_NO_STRS cprom__strs({})
#define CPROM_LABELS(...) cprom__labels({__VA_ARGS__})
#define CPROM_NO_LABELS cprom__labels({})
#define CPROM_INIT(type) cprom__init<type>()
#else
#define CPROM_STRS(...)                                                                                                \
    ((cprom_strs){(const char *const[]){__VA_ARGS__},                                                                  \
                  sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)})
#define CPROM_NO_STRS ((cprom_strs){NULL, 0})
#define CPROM_LABELS(...)                                                                                              \
    ((cprom_labels){(const cprom_label[]){__VA_ARGS__}, sizeof((const cprom_label[]){__VA_ARGS__}) / sizeof(cprom_label)})
#define CPROM_NO_LABELS ((cprom_labels){NULL, 0})
#define CPROM_INIT(type) ((type){.size = sizeof(type)})
#define CPROM_OPTS(type, ...) (&(const type){.size = sizeof(type), __VA_ARGS__})
#endif

/*==============================================================================
 * Text
 *============================================================================*/

/*
 * Copies `text` (borrowed) to `buf` as UTF-8: what is not UTF-8 in it becomes U+FFFD, one for each maximal subpart, as
 * Unicode recommends and browsers do it: bytes that begin a character and do not end it are one, every other byte is one
 * for itself. Like snprintf: it writes at most `cap` bytes with the NUL, and returns how long all of it would be without;
 * 0 for NULL. What does not fit is cut off between two characters. `buf` may be NULL where cap is 0, and must not overlap
 * `text`. At most three times as long as `text`; text that is UTF-8 is copied as it is. MT-safe, lock-free.
 */
CPROM_API size_t cprom_utf8_repair(const char *text, char *buf, size_t cap);

/*==============================================================================
 * Registry
 *
 * Registries are independent of each other, unless one is made the parent of another. A registry is reference counted
 * inside: pages, gathers, handles and updates that are alive when it is freed stay valid.
 *============================================================================*/

typedef struct cprom_registry cprom_registry;

typedef struct cprom_registry_opts {
    size_t size;
    const char *prefix;                                  /* copied; put before every family name but process_* and cprom_* */
    cprom_label const_labels[CPROM_CONST_LABELS_MAX];    /* copied; on every series; a NULL name ends the list */
    /* Memory. Both or neither; `size` is what was asked for. Called from any thread, also while the library holds any
     * of its locks, those of an HTTP server among them: they must neither call the library nor fork, and must wait for
     * nobody who does. Default: malloc and free. */
    void *(*allocate)(void *ctx, size_t size);
    void (*release)(void *ctx, void *ptr, size_t size);
    void *allocator_ctx;
    /* One line without LF for each refusal (of what one cprom_update refuses while it is staged, the first 8, and how many
     * more at its commit), each failed collector, and a vector's first dropped update of each
     * reason. What is not printable, or not UTF-8, is \xNN in it. Never called while the library holds a lock, so that
     * it may call the library and take locks of the program, but those that a caller of the library holds; may run on
     * several threads at once. It, the allocator and the clocks must be there as long as the last handle, page or update. Default: none. */
    void (*log)(void *ctx, const char *line);
    void *log_ctx;
    /* Nanoseconds on a clock that never steps back, and since 1970-01-01 UTC. Called like allocate, with the
     * same rules. Defaults: CLOCK_MONOTONIC and CLOCK_REALTIME. */
    int64_t (*monotonic_clock)(void *ctx);
    int64_t (*wall_clock)(void *ctx);
    void *clock_ctx;
    /*
     * The registry's families appear on the pages of this one, too, and on those of its parent, and so on; default: none.
     * Nothing is inherited: prefix, const labels, statistics and all calls but those for pages are each registry's own.
     *
     * A family of the same name in two registries of the tree is one family on the page. So type, help, unit and label
     * names must agree (otherwise ECONFLICT; bounds and states may differ), and the const labels of the two registries
     * must differ, an empty value being no label (otherwise EEXIST). A page shows each registry at one moment, but not all at the same.
     *
     * Either may be freed first. Children that are freed leave the page; children of a parent that is freed go on as
     * registries without one. The allocator of the topmost parent must be there as long as its descendants, and that of
     * a child as long as pages that show it.
     */
    cprom_registry *parent;
    /*
     * Do without membarrier(2), which cprom_registry_mark() calls, on Linux; for programs whose system call filter
     * kills for it. Then, as on other systems, an update that overlaps a mark may be swept. It is for each registry.
     * The default one cannot have it: take no marks of it in such a program. Where a filter refuses the call with an
     * error, the option is not needed; there, too, an update that overlaps a mark may be swept.
     */
    bool no_membarrier;
} cprom_registry_opts;

/*
 * Makes a registry. `opts` may be NULL for all defaults. The caller frees it with cprom_registry_free().
 * ENOMEM; EINVAL: also one of allocate and release alone; ENAME: prefix; ELABELS, EUTF8: const labels; ENOENT: the
 * parent was freed. MT-safe.
 */
CPROM_API cprom_status cprom_registry_new(const cprom_registry_opts *opts, cprom_registry **registry);

/*
 * Unregisters everything and gives the registry back. Instruments and vectors of it must not be used
 * any more; handles from _with, open pages and updates stay valid. Memory that they still need goes with the
 * last of them. `registry` may be passed only while such a one, or an HTTP handler or server of it, is alive: what
 * would register, show or change something then answers ENOENT. Never waits. The default registry is not freed: a
 * no-op. Init-only; but pages of its ancestors may be opened meanwhile. A plugin that contains the library frees its
 * registries before it is closed; threads that used it may live on.
 */
CPROM_API void cprom_registry_free(cprom_registry *registry);

/*
 * The registry of the process; made at the first call, never NULL, needs no memory. It carries the process metrics
 * (cprom_registry_unregister(cprom_registry_default(), "process") switches them off), unless there was no memory for them
 * at the first call: then cprom_process_collector_new() adds them later. MT-safe.
 */
CPROM_API cprom_registry *cprom_registry_default(void);

/*
 * Removes the instrument, vector or collector that owns the family `name` (its full name, as on the page),
 * or the collector of that name. What was removed must not be used any more, except handles from _with.
 * Never waits: a collector's callback that runs now finishes, none begins after the return, and the `free`
 * of its context runs when the last caller has left. EINVAL; ENOENT. MT-safe.
 */
CPROM_API cprom_status cprom_registry_unregister(cprom_registry *registry, const char *name);

/*
 * Reclaims all that is dead and that nobody holds any more; other calls do the same a little at a time,
 * so that a program never has to call this. Where there is no memory for a list of the vectors, what they have not
 * given away yet stays. A no-op for NULL. MT-safe.
 */
CPROM_API void cprom_registry_trim(cprom_registry *registry);

typedef struct cprom_stats {
    size_t size;                 /* set by CPROM_INIT(cprom_stats) */
    uint64_t families;           /* registered now, by instruments and declared by collectors */
    uint64_t collectors;         /* registered now */
    uint64_t series;             /* alive now, plain instruments included */
    uint64_t series_created;     /* since the registry was made */
    uint64_t series_removed;     /* likewise, by any way of removal */
    uint64_t series_unreclaimed; /* removed, but still in memory; also what a commit made and could not show */
    uint64_t bytes;              /* asked of the allocator and not released */
    uint64_t gathers;            /* pages opened */
    uint64_t collector_failures; /* collectors whose samples were dropped from a page */
    /* updates dropped, by reason */
    uint64_t dropped_nomem;      /* a series could not be created; not for a cprom_update: its commit says it */
    uint64_t dropped_limit;      /* a series would have been over a limit; also what a commit refuses for it */
    uint64_t dropped_invalid;    /* wrong labels, not UTF-8, a negative counter increment; also what a cprom_update
                                  * refuses as EINVAL, ELABELS or EUTF8, scopes too; also samples of collectors
                                  * that .bad_utf8 drops */
    uint64_t dropped_detached;   /* through a handle whose series was removed */
    uint64_t dropped_stale;      /* each cprom_update whose commit answered ESTALE, once */
    uint64_t updates_folded;     /* updates and staged entries that went to the series "other" because of a limit */
    uint64_t exemplars_dropped;  /* exemplars of updates that were not kept; the updates took effect */
    /* who keeps series_unreclaimed from shrinking */
    uint64_t series_pinned;      /* of these, found to be kept by open pages, which show them; after
                                  * cprom_registry_trim() all such are. What else is left then is held by handles that
                                  * were not given back, or by updates that stage them through one */
    uint64_t pages_open;         /* of this registry and its ancestors, and iterations by _each */
    double oldest_page_seconds;  /* how long the oldest of them has been open; 0: none is, or it is being opened */
    /* label values that cannot be one: see .bad_utf8 in cprom_opts */
    uint64_t utf8_repaired;      /* calls, and samples of collectors, whose label values were repaired */
    uint64_t utf8_merged;        /* of these became one with others: rows and entries of one update, and samples of
                                  * collectors, of which the later ones were dropped */
} cprom_stats;

/*
 * Fills `*stats`, whose `size` is set, with the registry's numbers. They are read one by one while others
 * may write. EINVAL: nothing is filled. MT-safe.
 */
CPROM_API cprom_status cprom_registry_stats(cprom_registry *registry, cprom_stats *stats);

/*
 * Deletes, in every vector of the registry that has all these labels, the series with these values; a scrape
 * sees all of them or none. `*removed` is how many. Where a vector says so, they linger. Const labels are not among a
 * vector's labels, and the vectors of children are not touched. EINVAL: also an empty match; ELABELS: a label twice, or
 * NULL in one; ENOENT: no vector has all these labels, or the registry was freed; ENOMEM: nothing changed. Costs, of
 * each of those vectors, its series or those of the owner that the match names. MT-safe.
 */
CPROM_API cprom_status cprom_registry_delete_matching(cprom_registry *registry, cprom_labels match, size_t *removed);

/*==============================================================================
 * What every instrument is made from
 *============================================================================*/

/* A handle to one series, and the map from label values to series, of each kind. */
typedef struct cprom_counter cprom_counter;
typedef struct cprom_counter_vec cprom_counter_vec;
typedef struct cprom_gauge cprom_gauge;
typedef struct cprom_gauge_vec cprom_gauge_vec;
typedef struct cprom_histogram cprom_histogram;
typedef struct cprom_histogram_vec cprom_histogram_vec;
typedef struct cprom_summary cprom_summary;
typedef struct cprom_summary_vec cprom_summary_vec;
typedef struct cprom_info cprom_info;
typedef struct cprom_info_vec cprom_info_vec;
typedef struct cprom_stateset cprom_stateset;
typedef struct cprom_stateset_vec cprom_stateset_vec;

typedef enum cprom_overflow {
    CPROM_REFUSE = 0, /* a new series is refused: ELIMIT */
    CPROM_FOLD = 1    /* its updates go to one more series, whose label values are all "other", but for that of the
                         * owner where it is the owner that has too many; not for gauges, infos and statesets */
} cprom_overflow;

/* What becomes of label values that are not UTF-8, or over CPROM_VALUE_MAX bytes. */
typedef enum cprom_bad_utf8 {
    CPROM_UTF8_REFUSE = 0, /* EUTF8: costs the update, or all that the collector emits */
    CPROM_UTF8_DROP = 1,   /* costs that update or sample only, and is no failure; it is counted */
    CPROM_UTF8_REPAIR = 2  /* they become UTF-8 */
} cprom_bad_utf8;

typedef struct cprom_opts {
    size_t size;
    const char *name;                       /* copied; required; a counter's ends in _total, an info's in _info */
    const char *help;                       /* copied; required; UTF-8 */
    const char *unit;                       /* copied; a suffix of the name, before _total: "seconds"; not for infos, statesets */
    const char *labels[CPROM_LABELS_MAX];   /* copied; label names of a vector; the first NULL ends the list */
    const double *bounds;                   /* copied; histograms: upper bounds, strictly ascending; NULL: .005 to 10 */
    size_t n_bounds;
    const char *states[CPROM_STATES_MAX];   /* copied; statesets: their names, UTF-8; the first NULL ends the list */
    bool exemplars;                         /* counters and histograms: keep the exemplars of updates */
    /* vectors only */
    const char *owner;                      /* one of the labels: what names it in a match costs what that owner has */
    size_t max_series;                      /* at most so many are alive; 0: no limit */
    cprom_overflow overflow;                /* what happens beyond */
    double ttl_seconds;                     /* one that is idle for longer, and that nobody holds, goes; 0: never */
    double linger_seconds;                  /* a deleted one is shown for so much longer; 0: not at all */
    cprom_bad_utf8 bad_utf8;                /* what becomes of label values that cannot be one */
    size_t max_series_per_owner;            /* with an owner: at most so many of each are alive; 0: no limit */
} cprom_opts;

/*
 * CPROM_FOLD: there are `max_series` series and `other` beside them, which _size counts. All label values are "other"
 * there, that of the owner as well, so that a match by owner does not find what was folded. An update that is folded
 * answers OK; _get and _delete of the label values that it named are ENOENT. _with gives a handle to `other` then, for
 * good, also when there is room later. A series that the program itself names so is that one.
 *
 * max_series_per_owner: so that one owner with names without end does not take the places of the others. What is new
 * beyond is refused with ELIMIT, or with CPROM_FOLD goes to the series of that owner whose other label values are all
 * "other": one more for each owner, which a match by owner finds. Within max_series, if that is given too, these count
 * like any others: for which there is no place, that goes to the one whose label values are all "other".
 *
 * ttl_seconds: what is idle and held by nobody is on no page, and _each does not show it. It is removed by the next page,
 * by _each, by cprom_registry_trim(), or by creations, deletions and commits that come later. Until then it is there:
 * _get, _size and _delete find it, and an update makes it go on. Holding is not touching: given back after the time, it goes at
 * once. While somebody looks whether it is idle, an update of it by label values waits for a lock, and so may one
 * through a handle that was taken just then; one through a handle that was held before does not.
 *
 * linger_seconds: with max_series, at most so many linger; further ones go at once. They do not count as alive, neither
 * of the vector nor of an owner.
 *
 * Either is in whole nanoseconds, and 1 at least where it is not 0.
 *
 * bad_utf8: for text of users, which the program does not choose. CPROM_UTF8_DROP: an update answers OK, though it is
 * dropped, and counted as invalid; what a cprom_update stages so is not among result->refused; _with gives NULL.
 * CPROM_UTF8_REPAIR: as cprom_utf8_repair() does it, cut to CPROM_VALUE_MAX bytes, for every call that takes label values:
 * updates and _with, _get, _delete, matches and scopes, rows and whatever a cprom_update stages. Those that can be values
 * are found as fast as ever. Of others, a call makes a copy, on the stack if it is short; without memory for a long one,
 * it is ENOMEM, also where that is not said. Values that become one by this are one series: updates of all of them reach
 * it. Where one update stages several of them, cprom_stats counts that in utf8_merged: what is set last stays, and what
 * is added or observed adds up.
 */

/*
 * The _new functions of instruments and vectors register a family and answer the same way:
 *
 *   EINVAL     NULL or size; help missing; bounds that are not ascending, NaN or -Inf, over CPROM_BOUNDS_MAX, or without
 *              their number; bounds, exemplars, states or a unit on a type that has none; no states, a state that is
 *              empty or stands twice; vector options on a plain instrument; a fold on what does not add up, or without
 *              max_series and max_series_per_owner; the latter without an owner; a time that is negative, NaN or over 1e9;
 *              a bad_utf8 that is none
 *   ENAME      the name is NULL, malformed, begins with cprom_, lacks _total (counter), _info (info) or the unit, is no
 *              label name (stateset), is over CPROM_VALUE_MAX bytes
 *   ELABELS    a label name is malformed, begins with __, stands twice, is a const label of the registry, is over
 *              CPROM_VALUE_MAX bytes, is `le` on a histogram, `quantile` on a summary or the family's name on a stateset
 *              (a const label may not be one of these either); labels on a plain instrument; the owner is none of them
 *   EUTF8      the help text or a state is not UTF-8, or a state is over CPROM_VALUE_MAX bytes
 *   EEXIST     the registry has a family of that name, or one of the same tree and const labels has
 *   ECONFLICT  its sample names would collide with those of another family, in any registry of the tree; or another
 *              registry has the family with another type, help, unit or label names
 *   ENOENT     the registry was freed, and something still keeps it
 *   ENOMEM
 *
 * Each refusal is one line to the log callback that names metric, field and reason (a NULL registry, options or result
 * is plain EINVAL). The instrument belongs to the registry. A plain instrument is on the page at once with the value 0.
 * MT-safe.
 */

/*==============================================================================
 * Gauge
 *============================================================================*/

CPROM_API cprom_status cprom_gauge_new(cprom_registry *registry, const cprom_opts *opts, cprom_gauge **gauge);
CPROM_API cprom_status cprom_gauge_vec_new(cprom_registry *registry, const cprom_opts *opts, cprom_gauge_vec **vec);

/*
 * Updates through a handle cannot fail: on a NULL handle they do nothing; on one whose series was removed the
 * update goes nowhere and is counted as detached. Any value is fine, NaN and infinities included.
 * MT-safe, lock-free.
 */
CPROM_API void cprom_gauge_set(cprom_gauge *gauge, double value);
CPROM_API void cprom_gauge_add(cprom_gauge *gauge, double amount);
static inline void cprom_gauge_sub(cprom_gauge *gauge, double amount) { cprom_gauge_add(gauge, -amount); }
static inline void cprom_gauge_inc(cprom_gauge *gauge) { cprom_gauge_add(gauge, 1); }
static inline void cprom_gauge_dec(cprom_gauge *gauge) { cprom_gauge_add(gauge, -1); }
/* Sets seconds since 1970 by the registry's wall clock. */
CPROM_API void cprom_gauge_set_to_current_time(cprom_gauge *gauge);
/* The value now; 0 for NULL. Reading is not a touch. MT-safe, lock-free. */
CPROM_API double cprom_gauge_value(const cprom_gauge *gauge);

/*
 * Updates by label values, without a handle: they find the series or create it. Of an update and a removal of the
 * same series at the same time, the update comes first, or it makes a new series; it is never lost.
 * EINVAL: vec NULL; ELABELS: not as many values as labels, or a NULL value; EUTF8; ELIMIT; ENOMEM. What fails, but for a
 * NULL vec, is also counted in cprom_stats, so that the status may be ignored. MT-safe; lock-free where the series
 * exists. (Each 64 threads that do this at a time cost the program 4 KiB; without memory for that, a thread takes the
 * vector's lock to look it up.)
 */
CPROM_API cprom_status cprom_gauge_vec_set(cprom_gauge_vec *vec, cprom_strs values, double value);
CPROM_API cprom_status cprom_gauge_vec_add(cprom_gauge_vec *vec, cprom_strs values, double amount);
static inline cprom_status cprom_gauge_vec_sub(cprom_gauge_vec *vec, cprom_strs values, double amount)
{
    return cprom_gauge_vec_add(vec, values, -amount);
}
static inline cprom_status cprom_gauge_vec_inc(cprom_gauge_vec *vec, cprom_strs values)
{
    return cprom_gauge_vec_add(vec, values, 1);
}
static inline cprom_status cprom_gauge_vec_dec(cprom_gauge_vec *vec, cprom_strs values)
{
    return cprom_gauge_vec_add(vec, values, -1);
}
CPROM_API cprom_status cprom_gauge_vec_set_to_current_time(cprom_gauge_vec *vec, cprom_strs values);

/*
 * The value of one series (NULL allowed: is it there?), without creating or touching it. ENOENT; EINVAL; ELABELS.
 * MT-safe; lock-free as updates by label values are.
 */
CPROM_API cprom_status cprom_gauge_vec_get(cprom_gauge_vec *vec, cprom_strs values, double *value);

/*==============================================================================
 * The life of a vector's series
 *
 * Written once for all kinds on the base that every vector is. Each function here also has a typed form,
 * cprom_gauge_vec_with() for cprom_vec_with() and so on, for counter, gauge, histogram, summary, info and stateset.
 *
 * A series is born by an update with its label values or by _with, and stays until it is removed. Removed
 * means gone: no scrape that begins later shows it (unless the vector lets deleted series linger: _delete,
 * _delete_matching and _sweep, also across the registry, leave them on the page for a while, without counting them in
 * _size; using the labels again ends that, with the old or the new one on each page. _clear and replace scopes remove
 * at once, and end the lingering of what they match; ttl_seconds removes at once). A handle that is still held then is
 * detached: it stays valid, and updates through it go nowhere and are counted. Using the labels again makes a new
 * series that starts at 0 (an info is always 1).
 *============================================================================*/

typedef struct cprom_vec cprom_vec;       /* what every vector is */
typedef struct cprom_series cprom_series; /* what every handle is */

/*
 * Finds or creates the series with these label values. Returns a new reference, or NULL where an update by label values
 * would fail; but for a NULL vec, that is counted in cprom_stats as a dropped update. MT-safe; lock-free as updates by
 * label values are.
 */
CPROM_API cprom_series *cprom_vec_with(cprom_vec *vec, cprom_strs values);
/* The same by label pairs in any order; every label of the vector must be named once. */
CPROM_API cprom_series *cprom_vec_with_labels(cprom_vec *vec, cprom_labels labels);

/*
 * Another reference to what the caller holds; returns its argument, which may be NULL. From 2^30 of one series at a time it
 * is kept for good, since nobody can count them any more. MT-safe, lock-free.
 */
CPROM_API cprom_series *cprom_series_ref(cprom_series *series);
/*
 * Gives a reference back. A no-op for NULL and for plain instruments. MT-safe; lock-free, unless it is the last one to a
 * removed series: that one frees its memory.
 */
CPROM_API void cprom_series_unref(cprom_series *series);

/*
 * Removes one series; where the vector says so, it lingers. ENOENT when there is none; EINVAL; ELABELS: as for updates.
 * MT-safe.
 */
CPROM_API cprom_status cprom_vec_delete(cprom_vec *vec, cprom_strs values);
CPROM_API cprom_status cprom_vec_delete_labels(cprom_vec *vec, cprom_labels labels);

/*
 * Removes every series that has all these label values; a scrape sees all of them or none gone. `*removed` is how
 * many, also when it is 0. EINVAL: also an empty match (see cprom_vec_clear); ELABELS: a label that the vector does
 * not have (const labels are not its own), one twice, or NULL in one; ENOMEM: nothing changed. Costs the vector's
 * series, or those of the owner that the match names. Where the vector says so, they linger. MT-safe.
 */
CPROM_API cprom_status cprom_vec_delete_matching(cprom_vec *vec, cprom_labels match, size_t *removed);

/*
 * Removes every series, at once: none lingers. A scrape sees all of them or none. EINVAL; ENOMEM: nothing changed.
 * MT-safe.
 */
CPROM_API cprom_status cprom_vec_clear(cprom_vec *vec);

/* How many series there are; 0 for NULL. MT-safe; takes a lock, and waits for a change that is at work on the vector. */
CPROM_API size_t cprom_vec_size(const cprom_vec *vec);

/* One series as cprom_vec_each() shows it; everything in it is borrowed and lives as long as the call. */
typedef struct cprom_view {
    cprom_strs values;        /* label values, in the order of the declaration */
    double value;             /* counter, gauge; info: 1 */
    uint64_t states;          /* stateset: bit i says whether state i of the declaration is on */
    double sum;               /* histogram, summary */
    uint64_t count;           /* histogram, summary */
    const uint64_t *buckets;  /* histogram: cumulative, one per bound, then +Inf; otherwise NULL */
    size_t n_buckets;
} cprom_view;

/*
 * Calls `each` for every series, in the order of the page, over a snapshot taken first: no lock is held
 * meanwhile, so that `each` may update, create and delete. `each` returns false to stop.
 * EINVAL; ENOMEM. MT-safe.
 */
CPROM_API cprom_status cprom_vec_each(cprom_vec *vec, bool (*each)(void *ctx, const cprom_view *view), void *ctx);

/*==============================================================================
 * Update: a staged change over any number of vectors of one registry
 *
 *      cprom_update *run;
 *      cprom_update_new(registry, &run);
 *      cprom_update_gauge_vec_replace(run, duration, CPROM_LABELS({"pipeline", "a"}));
 *      cprom_update_gauge_vec_set(run, duration, CPROM_STRS("a", "build"), 21);
 *      cprom_update_counter_vec_add(run, runs_total, CPROM_STRS("a", "success"), 1);
 *      cprom_update_commit(run, &result);
 *      cprom_update_free(run);
 *
 * Nothing shows before the commit; then a scrape sees all of it or nothing. What matches a replace scope and is not
 * staged is removed at the commit, also if it was created a moment before. Staged series keep their identity: handles
 * live on, counters count on.
 *
 * An update is created when its run is queued. cprom_update_start() says that the run begins; otherwise, it began when
 * it was created. An update becomes stale in two ways:
 *
 *   - Overtaken: an update that started later committed a replace scope on the same vector that overlaps one of its own.
 *     A replace makes no update without a scope stale.
 *   - Deleted: after it was created, a _delete_matching, a _clear or cprom_registry_delete_matching overlapped its
 *     scopes or its staged series. So a run that waits or is in flight cannot bring a deleted pipeline back. A single
 *     _delete, a _sweep and ttl_seconds make nothing stale.
 *
 * Two matches overlap unless they name one label with different values. A stale commit replaces and sets nothing. But what
 * adds up still counts, for the run has ended: what was added to counters and gauges and observed, outside what deleted
 * or overtook it. (An `add` to a gauge inside a scope of its own does not add up: there it is a `set`.)
 *
 * An update belongs to one thread at a time. Updates of different threads may be staged and committed at once.
 *============================================================================*/

typedef struct cprom_update cprom_update;

/* How an update was stale. Of one that was both, DELETE. */
typedef enum cprom_stale {
    CPROM_STALE_NOT = 0,
    CPROM_STALE_SCOPE = 1, /* overtaken */
    CPROM_STALE_DELETE = 2 /* deleted */
} cprom_stale;

typedef struct cprom_result {
    size_t created;    /* series that were not there before, "other" included */
    size_t updated;    /* series that were, likewise */
    size_t removed;    /* by replace scopes */
    size_t refused;    /* what was staged and dropped: wrong input, a limit, a detached handle. What was folded is not
                        * among it: see updates_folded in cprom_stats */
    cprom_stale reason; /* why the commit answered ESTALE */
} cprom_result;

/* Begins an update; free it with cprom_update_free(). ENOMEM; EINVAL; ENOENT: the registry was freed. MT-safe. */
CPROM_API cprom_status cprom_update_new(cprom_registry *registry, cprom_update **update);
/* Always, once, whether committed or not; NULL is fine. */
CPROM_API void cprom_update_free(cprom_update *update);

/*
 * Its run begins: from here on, updates that start later overtake it, and those that started earlier do not. EINVAL: NULL,
 * or started or committed before.
 */
CPROM_API cprom_status cprom_update_start(cprom_update *update);

/*
 * What matches and is not staged goes at the commit, and never lingers. An empty match is the whole vector. Const
 * labels are not among the labels. Several scopes, also overlapping ones, may be staged. EINVAL: update or vector
 * NULL, or of another registry; ELABELS as for cprom_vec_delete_matching(); ENOMEM. The commit will then answer the
 * same and change nothing: without the scope, what it was to remove would stay for ever. What is refused is told to
 * the log callback, with the label that is wrong. The commit costs what cprom_vec_delete_matching() costs, and other
 * commits of the registry wait for it.
 */
CPROM_API cprom_status cprom_update_vec_replace(cprom_update *update, cprom_vec *vec, cprom_labels match);

/*
 * Stages one entry: `set` overwrites, the others add to the value at the commit; entries of one series take effect in
 * the order of staging. Inside a replace scope of the update, gauges and statesets start from nothing: there an `add`
 * is to 0, and states that are not staged are off. EINVAL, ELABELS, EUTF8: this entry is dropped and counted as
 * refused, and the log callback is told the metric, the label, its value and why (see `log`); the commit will answer
 * EPARTIAL. ENOMEM: the update is incomplete, and its commit will answer ENOMEM.
 */
CPROM_API cprom_status cprom_update_gauge_vec_set(cprom_update *update, cprom_gauge_vec *vec, cprom_strs values, double value);
CPROM_API cprom_status cprom_update_gauge_vec_add(cprom_update *update, cprom_gauge_vec *vec, cprom_strs values, double amount);
CPROM_API cprom_status cprom_update_counter_vec_add(cprom_update *update, cprom_counter_vec *vec, cprom_strs values, double amount);
CPROM_API cprom_status cprom_update_histogram_vec_observe(cprom_update *update, cprom_histogram_vec *vec, cprom_strs values,
                                                          double value);
CPROM_API cprom_status cprom_update_summary_vec_observe(cprom_update *update, cprom_summary_vec *vec, cprom_strs values,
                                                        double value);
/* The series is there, if it was not. */
CPROM_API cprom_status cprom_update_info_vec_set(cprom_update *update, cprom_info_vec *vec, cprom_strs values);
/* EINVAL also: there is no such state. */
CPROM_API cprom_status cprom_update_stateset_vec_set(cprom_update *update, cprom_stateset_vec *vec, cprom_strs values,
                                                     unsigned state, bool on);
CPROM_API cprom_status cprom_update_stateset_vec_enter(cprom_update *update, cprom_stateset_vec *vec, cprom_strs values,
                                                       unsigned state);
/*
 * The same through a plain instrument or a handle. The update keeps a reference of its own, so that the handle may be
 * given back; until the commit, this keeps the series from expiring, which an entry by label values does not. If its
 * series is gone by the commit, the entry is refused. ENOENT: its family was unregistered; the commit will answer the
 * same.
 */
CPROM_API cprom_status cprom_update_gauge_set(cprom_update *update, cprom_gauge *gauge, double value);
CPROM_API cprom_status cprom_update_gauge_add(cprom_update *update, cprom_gauge *gauge, double amount);
CPROM_API cprom_status cprom_update_counter_add(cprom_update *update, cprom_counter *counter, double amount);
CPROM_API cprom_status cprom_update_histogram_observe(cprom_update *update, cprom_histogram *histogram, double value);
CPROM_API cprom_status cprom_update_summary_observe(cprom_update *update, cprom_summary *summary, double value);

/*
 * The same with an exemplar, as in cprom_counter_add_with_exemplar(): the run's number, or its trace, on the bucket of its
 * duration. The labels are copied now; the exemplar appears with the commit, where the value goes, and nowhere if the value
 * does not take effect. A page that is being opened meanwhile may show it beside the value from before. One that is not kept
 * costs the value nothing, and is counted and logged now.
 */
CPROM_API cprom_status cprom_update_counter_vec_add_with_exemplar(cprom_update *update, cprom_counter_vec *vec,
                                                                  cprom_strs values, double amount, cprom_labels labels,
                                                                  int64_t timestamp_ms);
CPROM_API cprom_status cprom_update_histogram_vec_observe_with_exemplar(cprom_update *update, cprom_histogram_vec *vec,
                                                                        cprom_strs values, double value,
                                                                        cprom_labels labels, int64_t timestamp_ms);
CPROM_API cprom_status cprom_update_counter_add_with_exemplar(cprom_update *update, cprom_counter *counter, double amount,
                                                              cprom_labels labels, int64_t timestamp_ms);
CPROM_API cprom_status cprom_update_histogram_observe_with_exemplar(cprom_update *update, cprom_histogram *histogram,
                                                                    double value, cprom_labels labels,
                                                                    int64_t timestamp_ms);

/*
 * Makes the change. `*result` (NULL allowed) says what it was; all zeros but `refused` on failure.
 * EPARTIAL: all but what result->refused counts took effect. ESTALE: only what adds up did, and result->reason says why.
 * ENOMEM: nothing changed; if the commit itself ran out of memory, it may be tried again. ENOENT: a vector of it was
 * unregistered, or the registry was freed; nothing changed. EINVAL, ELABELS: a scope was refused; nothing changed.
 * EINVAL also: NULL, or committed before.
 */
CPROM_API cprom_status cprom_update_commit(cprom_update *update, cprom_result *result);

/* One row of cprom_gauge_vec_replace(). */
typedef struct cprom_gauge_row {
    cprom_strs values;
    double value;
} cprom_gauge_row;

/*
 * The one-call form: these rows are the series that match now, all others of the match go, and never linger. Borrows
 * the rows; NULL is fine where n_rows is 0. A row outside the match is set like any other, and the next call with that
 * match does not remove it. Of two rows with the same labels the last counts. It counts as an update created at the
 * call, and is never stale. EINVAL; ELABELS: the match; ENOMEM: nothing changed. EPARTIAL: some rows were refused, as
 * result->refused counts. MT-safe.
 */
CPROM_API cprom_status cprom_gauge_vec_replace(cprom_gauge_vec *vec, cprom_labels match, const cprom_gauge_row *rows,
                                               size_t n_rows, cprom_result *result);
/* Infos have no values: a row is its label values. */
CPROM_API cprom_status cprom_info_vec_replace(cprom_info_vec *vec, cprom_labels match, const cprom_strs *rows,
                                              size_t n_rows, cprom_result *result);

/*==============================================================================
 * Mark and sweep: values show at once; what was not touched since the mark goes
 *
 *      cprom_mark since = cprom_registry_mark(registry);
 *      ...updates...
 *      cprom_gauge_vec_sweep(duration, CPROM_LABELS({"pipeline", "a"}), since, NULL);
 *
 * Every update touches, add(0) and _with as well; reading does not.
 *============================================================================*/

typedef struct cprom_mark {
    uint64_t registry; /* its number, which no other registry of the process has, also when it has been freed */
    uint64_t epoch;
} cprom_mark;

/*
 * A new mark; a zero one for NULL. What is written after it has returned is not swept by it. Of an update that runs all
 * the while from before the mark until the sweep, either may be: it is swept, or it stays. MT-safe; waits for at most
 * a portion of one gather's copying, or for changes that are at work, and calls membarrier(2) on Linux (see no_membarrier).
 */
CPROM_API cprom_mark cprom_registry_mark(cprom_registry *registry);

/*
 * Removes every series that has all these label values and was not touched since the mark; a scrape sees all of them or
 * none gone. EINVAL: also an empty match, a zero mark or one of another registry, or of a freed one; ELABELS, ENOMEM as for
 * cprom_vec_delete_matching(). MT-safe.
 */
CPROM_API cprom_status cprom_vec_sweep(cprom_vec *vec, cprom_labels match, cprom_mark since, size_t *removed);
/*
 * The same for every vector that has these labels, counters and histograms too. If not every run touches all of them,
 * sweep the vectors of the run one by one (cprom_gauge_vec_sweep). EINVAL as for cprom_vec_sweep(); ELABELS, ENOENT,
 * ENOMEM as for cprom_registry_delete_matching(). MT-safe.
 */
CPROM_API cprom_status cprom_registry_sweep(cprom_registry *registry, cprom_labels match, cprom_mark since, size_t *removed);

/*==============================================================================
 * Callback collectors
 *============================================================================*/

typedef enum cprom_type {
    CPROM_UNTYPED = 0,
    CPROM_COUNTER = 1,
    CPROM_GAUGE = 2,
    CPROM_HISTOGRAM = 3,
    CPROM_SUMMARY = 4,
    CPROM_INFO = 5,           /* its value is 1 */
    CPROM_STATESET = 6,       /* instruments only: a callback emits a gauge of 0 or 1 with a label for the state */
    CPROM_GAUGE_HISTOGRAM = 7 /* callbacks only: how what is there now is distributed; a histogram in text 0.0.4 */
} cprom_type;

/* What a const metric is. Kept by the caller, who may make it static; copied where it is declared or emitted. */
typedef struct cprom_desc {
    size_t size;
    const char *name;                       /* required; a counter's should end in _total, an info's in _info */
    const char *help;                       /* NULL: the page has no HELP line */
    const char *unit;                       /* a suffix of the name */
    cprom_type type;
    const char *labels[CPROM_LABELS_MAX];   /* the first NULL ends the list */
} cprom_desc;

/* The page under construction, as a callback sees it. */
typedef struct cprom_scrape cprom_scrape;

typedef struct cprom_collector_opts {
    size_t size;
    const char *name;                                        /* copied; required: in self-metrics, log lines and for unregister */
    cprom_status (*collect)(void *ctx, cprom_scrape *out);   /* required */
    void *ctx;                                               /* handed to collect and free */
    void (*free)(void *ctx);                                 /* once, when the collector is gone; NULL: none */
    const cprom_desc *descs;                                 /* copied; the families it may emit; none: unchecked */
    size_t n_descs;
    cprom_bad_utf8 bad_utf8;                                 /* what becomes of label values that cannot be one */
} cprom_collector_opts;

/*
 * Registers a collector. Its callback runs at each scrape, on the thread that scrapes, before the vectors are
 * read, never twice at the same time: a second scrape waits for it, up to its own deadline. No lock is held
 * meanwhile; the callback may use the library, but not open a page of any registry (EBUSY). Collectors that
 * it registers run from the next page on.
 *
 * With `descs` the collector is checked: the families are its own from now on and it may emit no others. Without, it
 * is unchecked, and whatever it emits is checked against the other families of the page.
 *
 * What one call emits is kept or dropped as a whole: if the callback returns anything but CPROM_OK, if an emission
 * is refused, or if the samples are duplicates or collide with what was registered earlier, the page goes without
 * them, one line in the log names collector, family, labels and reason (at most one a minute for each collector; that it
 * is late is said once, until it is in time again), and cprom_collector_success says 0. If it does
 * not return (see above), there is no page at all: the call that opens it ends, too.
 *
 * bad_utf8: by default a label value that is not UTF-8, or over CPROM_VALUE_MAX bytes, is a refused emission and costs all of
 * them. CPROM_UTF8_DROP: that sample is left out, and counted as invalid; CPROM_UTF8_REPAIR: it is repaired as in a vector
 * (see cprom_opts). Samples that become the same series by this are no duplicates: the later one is dropped, and counted in
 * utf8_merged. A collector's first sample that is dropped in one of these ways is a line in the log.
 *
 * EINVAL: NULL, sizes, no `collect`, `descs` without their number, a type that callbacks do not emit, a bad_utf8 that is
 * none, and `name`: NULL,
 * empty, not UTF-8 or over CPROM_VALUE_MAX bytes. ENAME, ELABELS, EUTF8, EEXIST, ECONFLICT and EINVAL of the descs as
 * for instruments, but a counter without _total, an info without _info and a missing help are fine. EEXIST also for a
 * collector of the same name, and for a family that is declared twice; ENOENT: the registry was freed; ENOMEM. On failure
 * `free` is not called. MT-safe.
 */
CPROM_API cprom_status cprom_collector_new(cprom_registry *registry, const cprom_collector_opts *opts);

/*
 * A counter or gauge without labels whose value a function tells at each scrape. It is a collector that has the
 * family's name. `opts` as for a plain instrument, without exemplars. Statuses as for instruments; EINVAL also: `value`
 * is NULL. MT-safe.
 *
 * There is no `free`: what `value` uses must be there until the family is unregistered or the registry freed, and no
 * call runs any more, since neither waits for one. Where nobody can know that, cprom_collector_new() frees its context
 * when the last call has ended.
 */
CPROM_API cprom_status cprom_counter_func_new(cprom_registry *registry, const cprom_opts *opts, double (*value)(void *ctx),
                                              void *ctx);
CPROM_API cprom_status cprom_gauge_func_new(cprom_registry *registry, const cprom_opts *opts, double (*value)(void *ctx),
                                            void *ctx);

/*
 * Emission, within a callback only, on its thread. Everything is copied. A refusal also fails the collector, so
 * that the status need not be looked at:
 *
 *   EINVAL   the desc or its type; a negative timestamp; an info's value is not 1; for histograms and summaries see below
 *   ENAME, EUTF8, ELABELS   the desc or the values (EUTF8 of values: unless .bad_utf8 says otherwise)
 *   ENOENT   a checked collector emits a family that it did not declare (by name, type and label names)
 *   ENOMEM   the page cannot be opened
 */
CPROM_API cprom_status cprom_emit(cprom_scrape *out, const cprom_desc *desc, cprom_strs values, double value);
/* With a timestamp: milliseconds since 1970, not negative. Prometheus never marks such a series stale. */
CPROM_API cprom_status cprom_emit_at(cprom_scrape *out, const cprom_desc *desc, cprom_strs values, double value,
                                     int64_t timestamp_ms);

typedef struct cprom_const_histogram {
    size_t size;
    const double *bounds;       /* upper bounds, strictly ascending; +Inf may be left out, otherwise its bucket is the count */
    const uint64_t *buckets;    /* cumulative, one per bound */
    size_t n_bounds;
    uint64_t count;             /* all observations; not less than the last bucket */
    double sum;                 /* in OpenMetrics, that of a gauge histogram is x_gsum, and its count x_gcount */
    int64_t timestamp_ms;       /* 0: none */
} cprom_const_histogram;

typedef struct cprom_const_summary {
    size_t size;
    const double *quantiles;    /* 0 to 1, strictly ascending */
    const double *values;       /* one per quantile */
    size_t n_quantiles;
    uint64_t count;
    double sum;
    int64_t timestamp_ms;       /* 0: none */
} cprom_const_summary;

/*
 * For histograms and gauge histograms. From page to page, the counts and the sum of a histogram only grow; those of a gauge
 * histogram may fall, and its sum may be negative. EINVAL also: bounds or buckets that do not ascend, a NaN bound.
 */
CPROM_API cprom_status cprom_emit_histogram(cprom_scrape *out, const cprom_desc *desc, cprom_strs values,
                                            const cprom_const_histogram *histogram);
/* EINVAL also: quantiles out of order or range. */
CPROM_API cprom_status cprom_emit_summary(cprom_scrape *out, const cprom_desc *desc, cprom_strs values,
                                          const cprom_const_summary *summary);

/*
 * When the scrape should be over, in nanoseconds of the monotonic clock of the registry that has the collector;
 * INT64_MAX: no limit, or NULL. Within a callback, on its thread.
 */
CPROM_API int64_t cprom_scrape_deadline(const cprom_scrape *out);

/*==============================================================================
 * Page
 *
 * A page is one exposition. Opening it runs the callbacks and takes a snapshot; reading turns the snapshot into
 * text, a piece at a time, into memory of the caller. A page may be read by one thread at a time, at any pace;
 * what it shows stays in memory until it is closed.
 *
 * A commit, or a removal of several series, is on a page whole or not at all. Single updates of different series are in
 * no order on it, neither among each other nor to commits. The count of a distribution is that of its buckets; its sum
 * may lack or have observations that were made meanwhile.
 *============================================================================*/

typedef struct cprom_page cprom_page;

typedef enum cprom_format {
    CPROM_TEXT_0_0_4 = 0,        /* Prometheus text format, version 0.0.4 */
    CPROM_OPENMETRICS_0_0_1 = 1, /* the next, under the name that it had before */
    CPROM_OPENMETRICS_1_0 = 2    /* OpenMetrics text format, version 1.0.0 */
} cprom_format;

typedef struct cprom_page_opts {
    size_t size;
    cprom_format format;
    const char *const *names;   /* borrowed; only families with one of these names, or one of these sample names;
                                 * checked collectors that have none of them do not run */
    size_t n_names;             /* 0: all */
    double timeout_seconds;     /* collectors that have not begun by then are skipped and fail; 0: no limit */
    bool self_metrics;          /* add the cprom_* families: what the registry did and dropped */
    bool created;               /* OpenMetrics: x_created, when a counter, histogram or summary of the program began */
} cprom_page_opts;

/*
 * Runs the callbacks (see cprom_collector_new) and takes the snapshot. `opts` may be NULL. Close the page with
 * cprom_page_close(). Two pages may be open at once, and a page may outlive its registry.
 * ENOMEM; EINVAL: also an unknown format, a timeout that is negative or NaN, or `names` that are missing; EBUSY: inside
 * a callback; ENOENT: the registry was freed. MT-safe.
 */
CPROM_API cprom_status cprom_page_open(cprom_registry *registry, const cprom_page_opts *opts, cprom_page **page);

/*
 * Writes up to `cap` bytes to `buf` and returns how many; 0 at the end, for cap 0, and for NULL. Cannot fail, allocates
 * nothing. A page belongs to one thread at a time.
 */
CPROM_API size_t cprom_page_read(cprom_page *page, char *buf, size_t cap);
/* Gives back the page and what it shows; NULL is fine. On any thread. */
CPROM_API void cprom_page_close(cprom_page *page);

/*
 * Visiting: the families and samples of an open page as values, for programs that send them somewhere in a form of their
 * own. What is shown is what the page was opened with (registry, names, self-metrics); format and .created do not matter:
 * exemplars and created times are always shown.
 * Every view, and all that it points to, is borrowed and lives until the callback returns. `size` is how much of it the
 * library has filled: look at a field that your header knows only if it lies within `size`.
 */

/* A name and a value, as they are meant: without quotes and escapes, and not NUL-terminated. */
typedef struct cprom_pair {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
} cprom_pair;

typedef struct cprom_family_view {
    size_t size;
    const char *name;           /* with the registry's prefix; _total and _info are part of it where they were given */
    const char *help, *unit;    /* NULL: none */
    cprom_type type;
} cprom_family_view;

/* A series of the family, whole: a histogram with its buckets is one. What is not of its type is 0 or NULL. */
typedef struct cprom_sample_view {
    size_t size;
    const cprom_pair *labels;   /* sorted by name, const labels among them */
    size_t n_labels;
    bool has_timestamp;         /* given by a callback */
    int64_t timestamp_ms;       /* since 1970 */
    bool has_created;           /* counters, histograms and summaries of the program */
    int64_t created_ms;         /* since 1970: when the series began */
    double value;               /* counter, gauge, untyped; info: 1 */
    uint64_t count;             /* histogram, gauge histogram, summary */
    double sum;                 /* likewise */
    const double *bounds;       /* histogram, gauge histogram: upper bounds, +Inf last */
    const uint64_t *buckets;    /* likewise: cumulative, one per bound; the last is the count */
    size_t n_buckets;
    const double *quantiles;    /* summary of a callback */
    const double *quantile_values;
    size_t n_quantiles;
    const char *const *states;  /* stateset: names, sorted */
    size_t n_states;
    uint64_t states_on;         /* bit i says whether states[i] is on; sorted, i is not the index of the declaration */
} cprom_sample_view;

typedef struct cprom_exemplar_view {
    size_t size;
    const cprom_pair *labels;
    size_t n_labels;
    double value;
    int64_t timestamp_ms;       /* 0: none */
    size_t bucket;              /* histogram: its index in the sample's bounds and buckets; otherwise 0 */
} cprom_exemplar_view;

/* Each returns false to stop; NULL: not called. */
typedef struct cprom_visitor {
    size_t size;
    bool (*family)(void *ctx, const cprom_family_view *family); /* before its samples, once; one without any is not there */
    bool (*sample)(void *ctx, const cprom_family_view *family, const cprom_sample_view *sample);
    /* After its sample, in the order of the buckets. */
    bool (*exemplar)(void *ctx, const cprom_family_view *family, const cprom_sample_view *sample,
                     const cprom_exemplar_view *exemplar);
    void *ctx;
} cprom_visitor;

/*
 * Visits the whole page, in its order, whatever was read of it. Allocates nothing and takes no lock; the callbacks may
 * call anything but the visit and the close of this page. OK also where a callback stopped it; EINVAL: an argument is NULL,
 * or the visitor's `size` is not set or something in it is not known to this library. A page belongs to one thread at a time.
 */
CPROM_API cprom_status cprom_page_visit(cprom_page *page, const cprom_visitor *visitor);

/* The Content-Type of a page of that format; of the text format for one that is unknown. Static. MT-safe, lock-free. */
CPROM_API const char *cprom_content_type(cprom_format format);

/*
 * The whole page as one string with a NUL behind; its length in `*len` (NULL allowed). Free it with
 * cprom_text_free(), perhaps after the registry. Statuses as for cprom_page_open(). MT-safe.
 */
CPROM_API cprom_status cprom_registry_text(cprom_registry *registry, char **text, size_t *len);
/* NULL is fine. MT-safe. */
CPROM_API void cprom_text_free(char *text);

/*
 * Writes the page (text 0.0.4, all families) to the file `path` (borrowed), for batch jobs and for the directory that
 * node_exporter's textfile collector reads (there the name must end in .prom). Whoever reads the file meanwhile sees
 * the old one or the new one whole, and so does who comes after a crash: the page goes to a temporary file in the same
 * directory, which must be readable, and takes the name when it is on disk. A program that dies in between leaves the
 * temporary file, whose name is .cprom-*.tmp. The permissions are those of the old file, whatever the umask, or 0644 less
 * the umask where there is none; the file belongs to who writes it. A `path` that is a symbolic link is replaced, not
 * followed. Of several writers at once, the last one wins.
 *
 * EINVAL: an argument is NULL, or the path is empty or ends in a slash; ESYS: see errno, and the old file is as it was
 * (only if the directory could not be made durable at the very end, the new one is there already); ENOMEM, EBUSY,
 * ENOENT as for cprom_page_open(), and the old file is as it was. Waits for the disk. MT-safe.
 */
CPROM_API cprom_status cprom_registry_write_file(cprom_registry *registry, const char *path);

/*==============================================================================
 * Counter: like a gauge where nothing else is said, in statuses and threads as well; it never goes down. Adding NaN, an
 * infinity or less than 0 is dropped and counted as invalid. Whole increments are exact up to 2^53.
 *============================================================================*/

CPROM_API cprom_status cprom_counter_new(cprom_registry *registry, const cprom_opts *opts, cprom_counter **counter);
CPROM_API cprom_status cprom_counter_vec_new(cprom_registry *registry, const cprom_opts *opts, cprom_counter_vec **vec);
CPROM_API void cprom_counter_inc(cprom_counter *counter);
CPROM_API void cprom_counter_add(cprom_counter *counter, double amount);
CPROM_API double cprom_counter_value(const cprom_counter *counter);
CPROM_API cprom_status cprom_counter_vec_inc(cprom_counter_vec *vec, cprom_strs values);
/* EINVAL also: the amount is NaN, infinite or negative. */
CPROM_API cprom_status cprom_counter_vec_add(cprom_counter_vec *vec, cprom_strs values, double amount);
CPROM_API cprom_status cprom_counter_vec_get(cprom_counter_vec *vec, cprom_strs values, double *value);

/*
 * An update with an exemplar: what single event it was, a trace id for instance. OpenMetrics pages show, beside a counter
 * or a bucket of a histogram, the last exemplar that was given to it, with the amount or observation as its value. `labels`
 * (copied): names and values together at most 128 code points. `timestamp_ms`: milliseconds since 1970; 0: none.
 *
 * The metric must have been made with .exemplars = true. An exemplar that is not kept (because it is not, the labels are
 * no exemplar's, the time is negative, or memory is out) is counted in cprom_stats; the update takes effect all the same.
 * Statuses and locks are those of the update without an exemplar, but it asks the allocator for memory. MT-safe.
 */
CPROM_API void cprom_counter_add_with_exemplar(cprom_counter *counter, double amount, cprom_labels labels,
                                               int64_t timestamp_ms);
CPROM_API cprom_status cprom_counter_vec_add_with_exemplar(cprom_counter_vec *vec, cprom_strs values, double amount,
                                                           cprom_labels labels, int64_t timestamp_ms);

/*==============================================================================
 * Histogram: observations counted in buckets with upper bounds, and their sum. The default bounds are
 * .005 .01 .025 .05 .1 .25 .5 1 2.5 5 10. A NaN counts in +Inf, and the sum becomes NaN. Statuses and threads are a
 * gauge's: for _new, for updates and reads through a handle, for updates and _get by label values.
 *============================================================================*/

/*
 * Fills `bounds` with n ascending bounds: start, start + width, … EINVAL: NULL, n is 0, width not above 0 or too small
 * for a double beside start, not finite; what is in `bounds` then does not matter. MT-safe, lock-free.
 */
CPROM_API cprom_status cprom_bounds_linear(double start, double width, size_t n, double *bounds);
/* start, start * factor, … EINVAL: n is 0, start not above 0, factor not above 1 or too close to it, not finite; NULL. */
CPROM_API cprom_status cprom_bounds_exponential(double start, double factor, size_t n, double *bounds);

CPROM_API cprom_status cprom_histogram_new(cprom_registry *registry, const cprom_opts *opts, cprom_histogram **histogram);
CPROM_API cprom_status cprom_histogram_vec_new(cprom_registry *registry, const cprom_opts *opts, cprom_histogram_vec **vec);
CPROM_API void cprom_histogram_observe(cprom_histogram *histogram, double value);
CPROM_API uint64_t cprom_histogram_count(const cprom_histogram *histogram);
CPROM_API double cprom_histogram_sum(const cprom_histogram *histogram);
/* Observations at or below the bound `index`; at n_bounds and beyond: all of them; 0 for NULL. */
CPROM_API uint64_t cprom_histogram_bucket(const cprom_histogram *histogram, size_t index);
CPROM_API cprom_status cprom_histogram_vec_observe(cprom_histogram_vec *vec, cprom_strs values, double value);
/* See cprom_counter_add_with_exemplar(). */
CPROM_API void cprom_histogram_observe_with_exemplar(cprom_histogram *histogram, double value, cprom_labels labels,
                                                     int64_t timestamp_ms);
CPROM_API cprom_status cprom_histogram_vec_observe_with_exemplar(cprom_histogram_vec *vec, cprom_strs values, double value,
                                                                 cprom_labels labels, int64_t timestamp_ms);
/* `count` and `sum` may each be NULL. */
CPROM_API cprom_status cprom_histogram_vec_get(cprom_histogram_vec *vec, cprom_strs values, uint64_t *count, double *sum);

/*==============================================================================
 * Summary: count and sum of observations. (Quantiles exist on const summaries only: a histogram gives
 * quantiles that can be aggregated.) Statuses and threads are a gauge's.
 *============================================================================*/

CPROM_API cprom_status cprom_summary_new(cprom_registry *registry, const cprom_opts *opts, cprom_summary **summary);
CPROM_API cprom_status cprom_summary_vec_new(cprom_registry *registry, const cprom_opts *opts, cprom_summary_vec **vec);
CPROM_API void cprom_summary_observe(cprom_summary *summary, double value);
CPROM_API uint64_t cprom_summary_count(const cprom_summary *summary);
CPROM_API double cprom_summary_sum(const cprom_summary *summary);
CPROM_API cprom_status cprom_summary_vec_observe(cprom_summary_vec *vec, cprom_strs values, double value);
CPROM_API cprom_status cprom_summary_vec_get(cprom_summary_vec *vec, cprom_strs values, uint64_t *count, double *sum);

/*==============================================================================
 * Info: something that is described by its labels; the value is always 1. In queries it is joined to other families:
 *
 *      cprom_info_new(registry, CPROM_OPTS(cprom_opts, .name = "ci_build_info", .help = "What runs."),
 *                     CPROM_LABELS({"version", "1.4.2"}, {"revision", "9f09930"}));
 *
 * The name ends in _info. The text format shows it as a gauge; OpenMetrics knows the type, and drops _info from the
 * name in the family's header.
 *============================================================================*/

/*
 * Registers an info of one series and puts it on the page: nothing is left to update. The labels, their names and their
 * values, are copied; there may be none. Statuses as for instruments; ELABELS also: a NULL name or value, too many;
 * EUTF8 also: a value that is not UTF-8 or over CPROM_VALUE_MAX bytes. MT-safe.
 */
CPROM_API cprom_status cprom_info_new(cprom_registry *registry, const cprom_opts *opts, cprom_labels labels);
/* Statuses as for instruments. MT-safe. */
CPROM_API cprom_status cprom_info_vec_new(cprom_registry *registry, const cprom_opts *opts, cprom_info_vec **vec);
/* Creates the series, or touches it. Statuses and threads as for updates by label values. */
CPROM_API cprom_status cprom_info_vec_set(cprom_info_vec *vec, cprom_strs values);
/* Whether the series is there: OK or ENOENT; EINVAL; ELABELS. MT-safe; lock-free as updates by label values are. */
CPROM_API cprom_status cprom_info_vec_get(cprom_info_vec *vec, cprom_strs values);

/*==============================================================================
 * Stateset: which of some states something is in; each is on (1) or off (0), and starts off. The states are declared
 * with the family and named by their index there, so that a C enum goes well with them:
 *
 *      enum { QUEUED, RUNNING, DONE };
 *      cprom_stateset_vec *state;
 *      cprom_stateset_vec_new(registry, CPROM_OPTS(cprom_opts, .name = "ci_pipeline_state", .help = "Where it is.",
 *                                                  .labels = {"pipeline"}, .states = {"queued", "running", "done"}),
 *                             &state);
 *      cprom_stateset_vec_enter(state, CPROM_STRS("a"), RUNNING);
 *
 * On the page each series has one line per state, in a label that has the family's name:
 * ci_pipeline_state{ci_pipeline_state="running",pipeline="a"} 1. The text format shows it as a gauge. A page shows all
 * states of a series as they were at one moment.
 *
 * An index that is no state's: the update is dropped and counted as invalid (EINVAL where there is a status). Other
 * statuses, and threads, are a gauge's.
 *============================================================================*/

CPROM_API cprom_status cprom_stateset_new(cprom_registry *registry, const cprom_opts *opts, cprom_stateset **stateset);
CPROM_API cprom_status cprom_stateset_vec_new(cprom_registry *registry, const cprom_opts *opts, cprom_stateset_vec **vec);
/* Switches one state on or off, and leaves the others. */
CPROM_API void cprom_stateset_set(cprom_stateset *stateset, unsigned state, bool on);
/* Switches this one on and all others off, at once. */
CPROM_API void cprom_stateset_enter(cprom_stateset *stateset, unsigned state);
/* Bit i says whether state i is on; 0 for NULL. */
CPROM_API uint64_t cprom_stateset_value(const cprom_stateset *stateset);
CPROM_API cprom_status cprom_stateset_vec_set(cprom_stateset_vec *vec, cprom_strs values, unsigned state, bool on);
CPROM_API cprom_status cprom_stateset_vec_enter(cprom_stateset_vec *vec, cprom_strs values, unsigned state);
CPROM_API cprom_status cprom_stateset_vec_get(cprom_stateset_vec *vec, cprom_strs values, uint64_t *states);

/*==============================================================================
 * Timer: measures a stretch of code in seconds by the registry's monotonic clock.
 *
 *      cprom_timer timer = cprom_histogram_timer(latency);
 *      ...
 *      cprom_timer_stop(&timer);
 *
 * The timer borrows the instrument or handle until it is stopped or forgotten. It belongs to one thread at a time. One of
 * a NULL instrument measures nothing: its stop returns 0.
 *============================================================================*/

typedef struct cprom_timer {
    cprom_series *series;
    int64_t start;
} cprom_timer;

/* MT-safe, lock-free; the clock may be the program's. */
CPROM_API cprom_timer cprom_histogram_timer(cprom_histogram *histogram);
CPROM_API cprom_timer cprom_summary_timer(cprom_summary *summary);
CPROM_API cprom_timer cprom_gauge_timer(cprom_gauge *gauge);
/*
 * Observes (gauge: sets) the seconds since the start and returns them, also where the series was removed meanwhile. A
 * second stop does nothing and returns 0, and so does one of NULL. Lock-free.
 */
CPROM_API double cprom_timer_stop(cprom_timer *timer);

/*==============================================================================
 * Process metrics: what Prometheus' dashboards expect of every program
 *
 *      process_cpu_seconds_total          process_virtual_memory_bytes        process_start_time_seconds
 *      process_open_fds                   process_virtual_memory_max_bytes    process_threads
 *      process_max_fds                    process_resident_memory_bytes
 *
 * On Linux they come from /proc. Elsewhere, and where a file there cannot be read, the metric is not on the page; it is
 * never 0 or NaN. "No limit" is 18446744073709551615, as client_golang has it; limits are the soft ones. The descriptor
 * that the count itself needs is not counted.
 *============================================================================*/

/*
 * Registers the collector "process", which has these families. No prefix comes before their names; the registry's const
 * labels apply. The default registry has it from the beginning. To switch it off: cprom_registry_unregister(registry,
 * "process"). EINVAL: NULL; EEXIST: the registry has it already, or one of the families (or one of the same tree and
 * const labels has); ECONFLICT: with the families of others, as for instruments; ENOENT: the registry was freed; ENOMEM.
 * MT-safe.
 */
CPROM_API cprom_status cprom_process_collector_new(cprom_registry *registry);

/*==============================================================================
 * For the tests of programs: reading back and lint
 *
 *      double value;
 *      cprom_registry_value(registry, "step_duration_seconds", CPROM_LABELS({"step", "build"}, {"pipeline", "a"}), &value);
 *
 * Both run the callbacks, like a page.
 *============================================================================*/

/*
 * The value of one sample, as a page in the text format would show it now. `name` (borrowed) is the sample's name in
 * full: a family's, or that of a distribution with _bucket, _sum or _count. `labels` (borrowed) are all its labels as the
 * page shows them, const labels, `le` and `quantile` included, in any order; one with an empty value may as well be left
 * out. `*value` (NULL allowed: is it there?) is left alone on failure.
 *
 * ENOENT: there is no such sample, or the registry was freed; EINVAL: registry or name NULL; ELABELS: a label twice, or
 * NULL in one; EBUSY: inside a callback; ENOMEM. Costs what a page of that family costs. MT-safe.
 */
CPROM_API cprom_status cprom_registry_value(cprom_registry *registry, const char *name, cprom_labels labels,
                                            double *value);

/*
 * Says what `promtool check metrics` (of Prometheus 2.42) would say of the page, in its words: names that mislead, units
 * that are not base units, missing help texts. It knows more than the page shows: families that have no series yet are
 * looked at as well. What holds for several series of a family is said once.
 *
 * Calls `finding` (NULL allowed) for each, sorted by family and text; both strings are borrowed, for the call only. No
 * lock is held meanwhile, but as in any use of a page, what it shows stays in memory. `*n` (NULL allowed) is how many
 * there are; 0 on failure. EINVAL; EBUSY: inside a callback; ENOENT: the registry was freed; ENOMEM. MT-safe.
 */
CPROM_API cprom_status cprom_registry_lint(cprom_registry *registry,
                                           void (*finding)(void *ctx, const char *family, const char *text), void *ctx,
                                           size_t *n);

/*==============================================================================
 * Typed forms of the vectors' life cycle
 *============================================================================*/

#define CPROM__VEC_FORMS(kind)                                                                                         \
    static inline cprom_##kind *cprom_##kind##_vec_with(cprom_##kind##_vec *vec, cprom_strs values)                    \
    {                                                                                                                  \
        return (cprom_##kind *)cprom_vec_with((cprom_vec *)vec, values);                                               \
    }                                                                                                                  \
    static inline cprom_##kind *cprom_##kind##_vec_with_labels(cprom_##kind##_vec *vec, cprom_labels labels)           \
    {                                                                                                                  \
        return (cprom_##kind *)cprom_vec_with_labels((cprom_vec *)vec, labels);                                        \
    }                                                                                                                  \
    static inline cprom_##kind *cprom_##kind##_ref(cprom_##kind *handle)                                               \
    {                                                                                                                  \
        return (cprom_##kind *)cprom_series_ref((cprom_series *)handle);                                               \
    }                                                                                                                  \
    static inline void cprom_##kind##_unref(cprom_##kind *handle) { cprom_series_unref((cprom_series *)handle); }      \
    static inline cprom_status cprom_##kind##_vec_delete(cprom_##kind##_vec *vec, cprom_strs values)                   \
    {                                                                                                                  \
        return cprom_vec_delete((cprom_vec *)vec, values);                                                             \
    }                                                                                                                  \
    static inline cprom_status cprom_##kind##_vec_delete_labels(cprom_##kind##_vec *vec, cprom_labels labels)          \
    {                                                                                                                  \
        return cprom_vec_delete_labels((cprom_vec *)vec, labels);                                                      \
    }                                                                                                                  \
    static inline cprom_status cprom_##kind##_vec_delete_matching(cprom_##kind##_vec *vec, cprom_labels match,         \
                                                                  size_t *removed)                                     \
    {                                                                                                                  \
        return cprom_vec_delete_matching((cprom_vec *)vec, match, removed);                                            \
    }                                                                                                                  \
    static inline cprom_status cprom_##kind##_vec_sweep(cprom_##kind##_vec *vec, cprom_labels match, cprom_mark since, \
                                                        size_t *removed)                                               \
    {                                                                                                                  \
        return cprom_vec_sweep((cprom_vec *)vec, match, since, removed);                                               \
    }                                                                                                                  \
    static inline cprom_status cprom_update_##kind##_vec_replace(cprom_update *update, cprom_##kind##_vec *vec,        \
                                                                 cprom_labels match)                                   \
    {                                                                                                                  \
        return cprom_update_vec_replace(update, (cprom_vec *)vec, match);                                              \
    }                                                                                                                  \
    static inline cprom_status cprom_##kind##_vec_clear(cprom_##kind##_vec *vec)                                       \
    {                                                                                                                  \
        return cprom_vec_clear((cprom_vec *)vec);                                                                      \
    }                                                                                                                  \
    static inline size_t cprom_##kind##_vec_size(const cprom_##kind##_vec *vec)                                        \
    {                                                                                                                  \
        return cprom_vec_size((const cprom_vec *)vec);                                                                 \
    }                                                                                                                  \
    static inline cprom_status cprom_##kind##_vec_each(cprom_##kind##_vec *vec,                                        \
                                                       bool (*each)(void *ctx, const cprom_view *view), void *ctx)     \
    {                                                                                                                  \
        return cprom_vec_each((cprom_vec *)vec, each, ctx);                                                            \
    }

CPROM__VEC_FORMS(counter)
CPROM__VEC_FORMS(gauge)
CPROM__VEC_FORMS(histogram)
CPROM__VEC_FORMS(summary)
CPROM__VEC_FORMS(info)
CPROM__VEC_FORMS(stateset)
#undef CPROM__VEC_FORMS

#ifdef __cplusplus
}
#endif

#endif
