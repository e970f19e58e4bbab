/*
 * A naive model of what series live, with what values, and what a page shows: two gauge vectors with labels p and s,
 * every operation that makes, changes or removes series, and updates that stay open. Each operation is done to the
 * library and to the model; model_check() compares page, sizes, values and statistics. All of it asserts.
 *
 * What is done next is chosen at random, or by bytes (tests/fuzz/api.c). Where `fails` is set, allocations fail: then a
 * call must have changed nothing, and succeed when it is repeated.
 */
#ifndef CPROM_TESTS_MODEL_H
#define CPROM_TESTS_MODEL_H

#include "support/updates.h"

enum {
    VECS = 2,
    VALUES = 5,
    SERIES = VALUES * VALUES,
    OPEN = 3,
    STAGED = 12,
    SCOPES = 3,
    ZOMBIES = 8
};

/* In the order of the page, as they are and as they stand there. */
static const char *const model_values[VALUES] = {"", "a", "a\n", "a!", "a\"\\b"};
static const char *const model_escaped[VALUES] = {"", "a", "a\\n", "a!", "a\\\"\\\\b"};

struct model_series {
    bool alive, lingers;
    double value;
    uint64_t epoch; /* of the last touch */
    int64_t touched, until;
    cprom_gauge *handle; /* NULL: nobody holds it */
};

/* Index of a label value, or -1: not named. */
struct model_match {
    int p, s;
};

/* What happened to a vector that may make updates stale. */
struct model_event {
    int vec;
    struct model_match match;
    uint64_t at, started; /* started: of the update whose scope it was; UINT64_MAX: a removal */
};

struct model_update {
    cprom_update *update;
    uint64_t created, started;
    bool has_started;
    bool incomplete; /* memory was out while staging */
    bool orphaned;   /* a vector of it was unregistered */
    int n_scopes, n_staged;
    struct {
        int vec;
        struct model_match match;
    } scope[SCOPES];
    struct {
        int vec, series;
        bool sets;
        double value;
    } staged[STAGED];
};

struct model {
    ct_fixture *fixture;
    cprom_registry *r;
    cprom_gauge_vec *vec[VECS];
    cprom_opts features;
    int64_t ttl, linger;
    size_t cap;
    struct model_series series[VECS][SERIES];
    uint64_t epoch, mark, created, removed, detached, limit, stale, clock;
    struct model_update open[OPEN];
    struct model_event *events;
    size_t n_events;
    cprom_gauge *zombie[ZOMBIES];
    uint64_t seed;
    const uint8_t *bytes; /* in place of the seed, while there are some */
    size_t n_bytes;
    bool fails;
};

static inline int model_pick(struct model *m, int n)
{
    if (!m->n_bytes) return (int)(next_random(&m->seed) % (uint64_t)n);
    m->n_bytes--;
    return *m->bytes++ % n;
}

static inline void model_check(struct model *m);

static inline void model_let_fail(struct model *m)
{
    if (m->fails) ct_alloc_fail_at(&m->fixture->alloc, (size_t)model_pick(m, 10), model_pick(m, 2));
}

/* Whether the call, which answered this, is to be repeated. The model has not been told of it. */
static inline bool model_has_failed(struct model *m, bool nomem)
{
    size_t failed = m->fixture->alloc.failed;
    ct_alloc_fail_at(&m->fixture->alloc, 0, false);
    if (!nomem) return false;
    assert_true(failed > 0);
    model_check(m);
    return true;
}

#define MODEL_CALL(m, status, call)                                                                                    \
    do {                                                                                                               \
        model_let_fail(m);                                                                                             \
        (status) = (call);                                                                                             \
        if (model_has_failed(m, (status) == CPROM_ENOMEM)) (status) = (call);                                          \
    } while (0)

static inline void model_register(struct model *m, int v)
{
    cprom_opts opts = m->features;
    cprom_status status;
    opts.size = sizeof opts;
    opts.name = v ? "h" : "g";
    opts.help = "x";
    opts.labels[0] = v ? "s" : "p"; /* declared in either order */
    opts.labels[1] = v ? "p" : "s";
    opts.owner = v ? NULL : "p";
    if (v) opts.max_series_per_owner = 0;
    MODEL_CALL(m, status, cprom_gauge_vec_new(m->r, &opts, &m->vec[v]));
    assert_ok(status);
}

static inline void model_init(struct model *m, const cprom_opts *features, uint64_t seed)
{
    memset(m, 0, sizeof *m);
    m->fixture = ct_fixture_new();
    m->r = m->fixture->registry;
    m->seed = seed;
    m->ttl = (int64_t)features->ttl_seconds * SECOND;
    m->linger = (int64_t)features->linger_seconds * SECOND;
    m->cap = features->max_series;
    m->features = *features;
    for (int v = 0; v < VECS; v++) model_register(m, v);
}

#define MODEL_STRS(v, i)                                                                                               \
    CPROM_STRS(model_values[(v) ? (i) % VALUES : (i) / VALUES], model_values[(v) ? (i) / VALUES : (i) % VALUES])

static inline cprom_labels model_labels(const struct model_match *match, cprom_label *out)
{
    cprom_labels labels = {out, 0};
    if (match->s >= 0) out[labels.n++] = (cprom_label){"s", model_values[match->s]};
    if (match->p >= 0) out[labels.n++] = (cprom_label){"p", model_values[match->p]};
    return labels;
}

static inline bool model_matches(const struct model_match *match, int i)
{
    return (match->p < 0 || match->p == i / VALUES) && (match->s < 0 || match->s == i % VALUES);
}

static inline struct model_match model_any_match(struct model *m, bool empty)
{
    for (;;) {
        struct model_match match = {model_pick(m, 2 * VALUES) - VALUES, model_pick(m, 2 * VALUES) - VALUES};
        if (match.p >= 0 || match.s >= 0 || empty) return match;
    }
}

static inline size_t model_size(const struct model *m, int v)
{
    size_t n = 0;
    for (int i = 0; i < SERIES; i++) n += m->series[v][i].alive;
    return n;
}

/* Whether this owner, where there are any, has as many as it may. */
static inline bool model_owner_has_all(const struct model *m, int v, int p)
{
    size_t n = 0;
    for (int i = p * VALUES; i < (p + 1) * VALUES; i++) n += m->series[v][i].alive;
    return !v && m->features.max_series_per_owner && n >= m->features.max_series_per_owner;
}

static inline int64_t model_now(const struct model *m) { return atomic_load(&m->fixture->clock.monotonic); }

/* The series is used: it is made if need be. false: it would be one too many. */
static inline bool model_touch(struct model *m, int v, int i)
{
    struct model_series *series = &m->series[v][i];
    if (!series->alive) {
        if (m->cap && model_size(m, v) >= m->cap) return false;
        if (model_owner_has_all(m, v, i / VALUES)) return false;
        *series = (struct model_series){.alive = true};
        m->created++;
    }
    series->epoch = m->epoch;
    series->touched = model_now(m);
    return true;
}

static inline void model_die(struct model *m, int v, int i, bool linger)
{
    struct model_series *series = &m->series[v][i];
    size_t lingering = 0;
    for (int k = 0; k < SERIES; k++) lingering += m->series[v][k].lingers;
    m->removed++;
    series->alive = false;
    series->lingers = linger && m->linger && (!m->cap || lingering < m->cap);
    series->until = model_now(m) + m->linger;
    if (!series->handle) return;
    int place = model_pick(m, ZOMBIES);
    cprom_gauge_unref(m->zombie[place]);
    m->zombie[place] = series->handle;
    series->handle = NULL;
}

/* How many match and die, unless touched since; lingering ones end, where nothing lingers from now on. */
static inline size_t model_remove(struct model *m, int v, struct model_match match, uint64_t since, bool linger)
{
    size_t n = 0;
    for (int i = 0; i < SERIES; i++) {
        struct model_series *series = &m->series[v][i];
        if (!model_matches(&match, i)) continue;
        if (!linger) series->lingers = false;
        if (!series->alive || (since && series->epoch >= since)) continue;
        model_die(m, v, i, linger);
        n++;
    }
    return n;
}

/* ---- single operations ---- */

static inline void model_op_set(struct model *m)
{
    int v = model_pick(m, VECS), i = model_pick(m, SERIES), how = model_pick(m, 3);
    double value = model_pick(m, 1000);
    struct model_series *series = &m->series[v][i];
    cprom_status status;
    MODEL_CALL(m, status,
               how == 0 ? cprom_gauge_vec_set(m->vec[v], MODEL_STRS(v, i), value)
                        : cprom_gauge_vec_add(m->vec[v], MODEL_STRS(v, i), how == 1 ? value : 0));
    bool fits = model_touch(m, v, i);
    assert_status(status, fits ? CPROM_OK : CPROM_ELIMIT);
    m->limit += !fits;
    if (!fits) return;
    if (how == 0) series->value = value;
    if (how == 1) series->value += value;
}

/* Takes a handle, uses it or gives it back. */
static inline void model_op_handle(struct model *m)
{
    int v = model_pick(m, VECS), i = model_pick(m, SERIES);
    struct model_series *series = &m->series[v][i];
    int zombie = model_pick(m, ZOMBIES);
    if (m->zombie[zombie] && model_pick(m, 2)) {
        cprom_gauge_set(m->zombie[zombie], 12345);
        m->detached++;
    }
    if (!series->handle) {
        cprom_gauge *handle;
        model_let_fail(m);
        handle = cprom_gauge_vec_with(m->vec[v], MODEL_STRS(v, i));
        bool nomem = !handle && m->fixture->alloc.failed;
        if (model_has_failed(m, nomem)) handle = cprom_gauge_vec_with(m->vec[v], MODEL_STRS(v, i));
        bool fits = model_touch(m, v, i);
        series->handle = handle;
        assert_int_equal(series->handle != NULL, fits);
        m->limit += !fits;
    } else if (model_pick(m, 2)) {
        series->value = model_pick(m, 1000);
        model_touch(m, v, i);
        cprom_gauge_set(series->handle, series->value);
    } else {
        cprom_gauge_unref(series->handle);
        series->handle = NULL;
    }
}

static inline void model_event(struct model *m, int v, struct model_match match, uint64_t started)
{
    m->events = realloc(m->events, (m->n_events + 1) * sizeof *m->events);
    m->events[m->n_events++] = (struct model_event){v, match, ++m->clock, started};
}

static inline void model_op_delete(struct model *m)
{
    int v = model_pick(m, VECS), i = model_pick(m, SERIES);
    cprom_status status;
    MODEL_CALL(m, status, cprom_gauge_vec_delete(m->vec[v], MODEL_STRS(v, i)));
    assert_status(status, m->series[v][i].alive ? CPROM_OK : CPROM_ENOENT);
    if (!status) model_die(m, v, i, true);
}

/* In one vector, or (for v = VECS) in all. */
static inline void model_op_delete_matching(struct model *m)
{
    int v = model_pick(m, VECS + 1);
    struct model_match match = model_any_match(m, false);
    cprom_label labels[2];
    size_t n = 0, removed;
    if (m->cap && m->linger) return; /* which of them linger is open */
    cprom_status status;
    MODEL_CALL(m, status,
               v < VECS ? cprom_gauge_vec_delete_matching(m->vec[v], model_labels(&match, labels), &removed)
                        : cprom_registry_delete_matching(m->r, model_labels(&match, labels), &removed));
    assert_ok(status);
    for (int k = 0; k < VECS; k++) {
        if (v != k && v != VECS) continue;
        n += model_remove(m, k, match, 0, true);
        model_event(m, k, match, UINT64_MAX);
    }
    assert_int_equal(removed, n);
}

static inline void model_op_clear(struct model *m)
{
    int v = model_pick(m, VECS);
    struct model_match all = {-1, -1};
    cprom_status status;
    MODEL_CALL(m, status, cprom_gauge_vec_clear(m->vec[v]));
    assert_ok(status);
    model_remove(m, v, all, 0, false);
    model_event(m, v, all, UINT64_MAX);
}

static inline void model_op_mark_and_sweep(struct model *m)
{
    int v = model_pick(m, VECS + 1);
    struct model_match match = model_any_match(m, false);
    cprom_label labels[2];
    size_t n = 0, removed;
    if (m->cap && m->linger) return;
    cprom_mark mark = cprom_registry_mark(m->r);
    m->epoch++; /* counts marks; the registry's also counts changes */
    assert_true(mark.epoch > m->mark);
    m->mark = mark.epoch;
    for (int i = model_pick(m, 20); i > 0; i--) {
        if (model_pick(m, 2)) model_op_set(m);
        else model_op_handle(m);
        if (m->ttl) model_check(m); /* what was held and is over makes room */
    }
    cprom_status status;
    MODEL_CALL(m, status,
               v < VECS ? cprom_gauge_vec_sweep(m->vec[v], model_labels(&match, labels), mark, &removed)
                        : cprom_registry_sweep(m->r, model_labels(&match, labels), mark, &removed));
    assert_ok(status);
    for (int k = 0; k < VECS; k++) {
        if (v == k || v == VECS) n += model_remove(m, k, match, m->epoch, true);
    }
    assert_int_equal(removed, n);
}

/* ---- updates ---- */

static inline void model_staged(struct model *m, struct model_update *u, cprom_status status)
{
    if (model_has_failed(m, status == CPROM_ENOMEM)) u->incomplete = true;
    else assert_ok(status);
}

static inline void model_stage(struct model *m, struct model_update *u)
{
    if (u->n_scopes < SCOPES && model_pick(m, 3) == 0) {
        struct model_match match = model_any_match(m, true);
        cprom_label labels[2];
        int v = model_pick(m, VECS), at = u->n_scopes++;
        u->scope[at].vec = v;
        u->scope[at].match = match;
        model_let_fail(m);
        model_staged(m, u, cprom_update_gauge_vec_replace(u->update, m->vec[v], model_labels(&match, labels)));
    } else if (u->n_staged < STAGED) {
        int v = model_pick(m, VECS), i = model_pick(m, SERIES), at = u->n_staged++;
        double value = model_pick(m, 1000);
        u->staged[at].vec = v;
        u->staged[at].series = i;
        u->staged[at].value = value;
        u->staged[at].sets = model_pick(m, 2);
        model_let_fail(m);
        if (u->staged[at].sets) {
            model_staged(m, u, cprom_update_gauge_vec_set(u->update, m->vec[v], MODEL_STRS(v, i), value));
        } else {
            model_staged(m, u, cprom_update_gauge_vec_add(u->update, m->vec[v], MODEL_STRS(v, i), value));
        }
    }
}

static inline bool model_apart(int a, int b) { return a >= 0 && b >= 0 && a != b; }

/* Whether the event came first, for this update. */
static inline bool model_is_newer(const struct model_event *event, const struct model_update *u)
{
    return event->started == UINT64_MAX ? event->at > u->created : event->started > u->started;
}

static inline bool model_overlaps_scope(const struct model_event *event, const struct model_update *u)
{
    for (int k = 0; k < u->n_scopes; k++) {
        if (event->vec == u->scope[k].vec && !model_apart(event->match.p, u->scope[k].match.p) &&
            !model_apart(event->match.s, u->scope[k].match.s))
            return true;
    }
    return false;
}

static inline cprom_stale model_staleness(const struct model *m, const struct model_update *u)
{
    cprom_stale is = CPROM_STALE_NOT;
    for (size_t e = 0; e < m->n_events; e++) {
        const struct model_event *event = &m->events[e];
        if (!model_is_newer(event, u)) continue;
        bool removal = event->started == UINT64_MAX, hits = model_overlaps_scope(event, u);
        for (int k = 0; k < u->n_staged && removal; k++)
            hits = hits || (event->vec == u->staged[k].vec && model_matches(&event->match, u->staged[k].series));
        cprom_stale by = !hits ? CPROM_STALE_NOT : removal ? CPROM_STALE_DELETE : CPROM_STALE_SCOPE;
        if (by > is) is = by;
    }
    return is;
}

static inline bool model_in_scope(const struct model_update *u, int v, int i)
{
    for (int k = 0; k < u->n_scopes; k++) {
        if (u->scope[k].vec == v && model_matches(&u->scope[k].match, i)) return true;
    }
    return false;
}

/* Whether what a stale update stages of a series still counts: it is added to, and nothing newer was there. */
static inline bool model_counts(const struct model *m, const struct model_update *u, int v, int i)
{
    if (model_in_scope(u, v, i)) return false;
    for (int k = 0; k < u->n_staged; k++) {
        if (u->staged[k].vec == v && u->staged[k].series == i && u->staged[k].sets) return false;
    }
    for (size_t e = 0; e < m->n_events; e++) {
        const struct model_event *event = &m->events[e];
        if (event->vec != v || !model_is_newer(event, u) || !model_matches(&event->match, i)) continue;
        if (event->started == UINT64_MAX || model_overlaps_scope(event, u)) return false;
    }
    return true;
}

static inline cprom_result model_apply(struct model *m, struct model_update *u, cprom_stale stale)
{
    cprom_result result = {0, 0, 0, 0, stale};
    bool staged[VECS][SERIES] = {{false}}, counted[VECS][SERIES] = {{false}}, was[VECS][SERIES];
    for (int k = 0; k < u->n_staged; k++) staged[u->staged[k].vec][u->staged[k].series] = true;
    for (int v = 0; v < VECS; v++) {
        for (int i = 0; i < SERIES; i++) was[v][i] = m->series[v][i].alive;
    }
    for (int k = 0; k < u->n_scopes && !stale; k++) {
        int v = u->scope[k].vec;
        for (int i = 0; i < SERIES; i++) {
            if (!model_matches(&u->scope[k].match, i)) continue;
            m->series[v][i].lingers = false; /* also if what is staged is refused then */
            if (!m->series[v][i].alive || staged[v][i]) continue;
            model_die(m, v, i, false);
            result.removed++;
        }
        model_event(m, v, u->scope[k].match, u->started);
    }
    /* Entries of one series are one, at the place of its first. */
    for (int k = 0; k < u->n_staged; k++) {
        int v = u->staged[k].vec, i = u->staged[k].series;
        if (counted[v][i]) continue;
        counted[v][i] = true;
        if (stale && !model_counts(m, u, v, i)) continue;
        if (!model_touch(m, v, i)) {
            result.refused++;
            m->limit++;
            continue;
        }
        result.created += !was[v][i];
        result.updated += was[v][i];
        if (model_in_scope(u, v, i)) m->series[v][i].value = 0;
        for (int j = k; j < u->n_staged; j++) {
            if (u->staged[j].vec != v || u->staged[j].series != i) continue;
            m->series[v][i].value = u->staged[j].sets ? u->staged[j].value : m->series[v][i].value + u->staged[j].value;
        }
    }
    return result;
}

static inline void model_assert_result(const cprom_result *result, const cprom_result *expected)
{
    assert_int_equal(result->created, expected->created);
    assert_int_equal(result->updated, expected->updated);
    assert_int_equal(result->removed, expected->removed);
    assert_int_equal(result->refused, expected->refused);
    assert_int_equal(result->reason, expected->reason);
}

/* Opens, stages, commits or abandons one of the open updates. */
static inline void model_op_update(struct model *m)
{
    struct model_update *u = &m->open[model_pick(m, OPEN)];
    if (!u->update) {
        cprom_status status;
        cprom_update *update;
        MODEL_CALL(m, status, cprom_update_new(m->r, &update));
        assert_ok(status);
        ++m->clock;
        *u = (struct model_update){.update = update, .created = m->clock, .started = m->clock};
    } else if (!u->has_started && model_pick(m, 12) == 0) {
        assert_ok(cprom_update_start(u->update));
        u->has_started = true;
        u->started = ++m->clock;
    } else if (model_pick(m, 8) == 0) {
        cprom_update_free(u->update);
        u->update = NULL;
    } else if (model_pick(m, 6)) {
        model_stage(m, u);
    } else {
        cprom_result result;
        cprom_status status;
        if (u->incomplete) status = cprom_update_commit(u->update, &result);
        else MODEL_CALL(m, status, cprom_update_commit(u->update, &result));
        cprom_stale stale = u->incomplete || u->orphaned ? CPROM_STALE_NOT : model_staleness(m, u);
        m->stale += stale != CPROM_STALE_NOT;
        cprom_result expected = {0, 0, 0, 0, CPROM_STALE_NOT};
        if (!u->incomplete && !u->orphaned) expected = model_apply(m, u, stale);
        assert_status(status, u->incomplete      ? CPROM_ENOMEM
                              : u->orphaned      ? CPROM_ENOENT
                              : stale            ? CPROM_ESTALE
                              : expected.refused ? CPROM_EPARTIAL
                                                 : CPROM_OK);
        model_assert_result(&result, &expected);
        cprom_update_free(u->update);
        u->update = NULL;
    }
}

static inline void model_op_replace(struct model *m)
{
    struct model_update u = {.n_scopes = 1};
    u.created = u.started = ++m->clock;
    u.scope[0].vec = model_pick(m, VECS);
    u.scope[0].match = model_any_match(m, true);
    cprom_gauge_row rows[STAGED];
    const char *values[STAGED][2];
    int v = u.scope[0].vec;
    u.n_staged = model_pick(m, STAGED);
    for (int k = 0; k < u.n_staged; k++) {
        int i = model_pick(m, SERIES);
        u.staged[k].vec = v;
        u.staged[k].series = i;
        u.staged[k].sets = true;
        u.staged[k].value = k;
        values[k][0] = MODEL_STRS(v, i).v[0];
        values[k][1] = MODEL_STRS(v, i).v[1];
        rows[k] = (cprom_gauge_row){{values[k], 2}, k};
    }
    cprom_label labels[2];
    cprom_result result, expected;
    cprom_status status;
    MODEL_CALL(
        m, status,
        cprom_gauge_vec_replace(m->vec[v], model_labels(&u.scope[0].match, labels), rows, (size_t)u.n_staged, &result));
    expected = model_apply(m, &u, CPROM_STALE_NOT);
    assert_status(status, expected.refused ? CPROM_EPARTIAL : CPROM_OK);
    model_assert_result(&result, &expected);
}

/* The family goes, with its series and with what updates hold of it, and comes again, empty. */
static inline void model_op_unregister(struct model *m)
{
    int v = model_pick(m, VECS);
    cprom_status status;
    MODEL_CALL(m, status, cprom_registry_unregister(m->r, v ? "h" : "g"));
    assert_ok(status);
    model_remove(m, v, (struct model_match){-1, -1}, 0, false);
    for (size_t e = 0; e < m->n_events; e++) {
        if (m->events[e].vec == v) m->events[e].vec = VECS;
    }
    for (int i = 0; i < OPEN; i++) {
        struct model_update *u = &m->open[i];
        for (int k = 0; k < u->n_scopes; k++) {
            if (u->scope[k].vec != v) continue;
            u->scope[k].vec = VECS;
            u->orphaned = true;
        }
        for (int k = 0; k < u->n_staged; k++) {
            if (u->staged[k].vec != v) continue;
            u->staged[k].vec = VECS;
            u->orphaned = true;
        }
    }
    model_register(m, v);
}

/* ---- time and checking ---- */

static inline void model_expire(struct model *m);

static inline void model_op_wait(struct model *m) { ct_clock_advance(&m->fixture->clock, model_pick(m, 5) * SECOND); }

/* A page, which may be refused. */
static inline void model_op_page(struct model *m)
{
    cprom_page *page;
    cprom_status status;
    MODEL_CALL(m, status, cprom_page_open(m->r, NULL, &page));
    assert_ok(status);
    cprom_page_close(page);
    cprom_registry_trim(m->r);
    model_expire(m);
}

/* What a scrape does to series whose time is over. */
static inline void model_expire(struct model *m)
{
    for (int v = 0; v < VECS; v++) {
        for (int i = 0; i < SERIES; i++) {
            struct model_series *series = &m->series[v][i];
            if (series->lingers && series->until <= model_now(m)) series->lingers = false;
            if (series->alive && m->ttl && !series->handle && model_now(m) - series->touched > m->ttl) {
                model_die(m, v, i, false);
            }
        }
    }
}

static inline void model_check(struct model *m)
{
    char lines[VECS * SERIES * 64] = "", number[PARSER_NUMBER_MAX];
    size_t len = 0;
    model_expire(m);
    for (int v = 0; v < VECS; v++) {
        for (int i = 0; i < SERIES; i++) {
            const struct model_series *series = &m->series[v][i];
            if (!series->alive && !series->lingers) continue;
            len += (size_t)snprintf(lines + len, sizeof lines - len, "%c{p=\"%s\",s=\"%s\"} %s\n", v ? 'h' : 'g',
                                    model_escaped[i / VALUES], model_escaped[i % VALUES],
                                    parser_number(series->value, number));
        }
    }
    up_assert_lines(m->r, lines);
    cprom_stats stats = up_stats(m->r);
    for (int v = 0; v < VECS; v++) {
        assert_int_equal(cprom_gauge_vec_size(m->vec[v]), model_size(m, v));
        int i = model_pick(m, SERIES);
        double value;
        if (!m->vec[v]) continue; /* it could not be registered, and will be now */
        assert_status(cprom_gauge_vec_get(m->vec[v], MODEL_STRS(v, i), &value),
                      m->series[v][i].alive ? CPROM_OK : CPROM_ENOENT);
        if (m->series[v][i].alive) assert_true(value == m->series[v][i].value);
    }
    assert_int_equal(stats.series, model_size(m, 0) + model_size(m, 1));
    assert_int_equal(stats.series_created, m->created);
    assert_int_equal(stats.series_removed, m->removed);
    assert_int_equal(stats.dropped_detached, m->detached);
    assert_int_equal(stats.dropped_limit, m->limit);
    assert_int_equal(stats.dropped_stale, m->stale);
}

static inline void model_end(struct model *m)
{
    for (int i = 0; i < OPEN; i++) cprom_update_free(m->open[i].update);
    for (int i = 0; i < ZOMBIES; i++) cprom_gauge_unref(m->zombie[i]);
    for (int v = 0; v < VECS; v++) {
        for (int i = 0; i < SERIES; i++) cprom_gauge_unref(m->series[v][i].handle);
    }
    free(m->events);
    ct_fixture_free(m->fixture);
}

static void (*const model_ops[])(struct model *) = {
    model_op_set,   model_op_handle,         model_op_delete,    model_op_delete_matching,
    model_op_clear, model_op_mark_and_sweep, model_op_update,    model_op_replace,
    model_op_wait,  model_op_page,           model_op_unregister};
enum {
    MODEL_OPS = COUNT(model_ops)
};

/* Runs operations chosen by weight, with a check after each. */
struct model_weights {
    int set, handle, delete_one, delete_matching, clear, sweep, update, replace, wait, page, unregister;
    bool fails;
};

static inline void model_run(const cprom_opts *features, const struct model_weights *w, uint64_t seed, int steps)
{
    struct model *m = malloc(sizeof *m);
    model_init(m, features, seed);
    m->fails = w->fails;
    const int weights[MODEL_OPS] = {w->set,   w->handle, w->delete_one, w->delete_matching,
                                    w->clear, w->sweep,  w->update,     w->replace,
                                    w->wait,  w->page,   w->unregister};
    int total = 0;
    for (int i = 0; i < MODEL_OPS; i++) total += weights[i];
    for (int step = 0; step < steps; step++) {
        int pick = model_pick(m, total), op = 0;
        while (pick >= weights[op]) pick -= weights[op++];
        model_ops[op](m);
        model_check(m);
    }
    model_end(m);
    free(m);
}

#endif
