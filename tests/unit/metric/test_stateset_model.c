/* Vectors of statesets beside a naive model, over random operations: values, sizes, and the pages of both formats. */
#include "support/formats.h"
#include "support/updates.h"

enum {
    VALUES = 6,
    LABELS_MAX = 2,
    SERIES = VALUES * VALUES,
    PAIRS = 8,
    N_STATES = 5,
    STEPS = 400
};

static const char *const values[VALUES] = {"a", "", "a!", "a\n", "a\"\\b", "\xc3\xa4"};
static const char *const states[N_STATES] = {"on", "on!", "o\"n", "o\nn", "\xc3\xb6"};

/* The family is "m"; where its label comes among the others is what these differ in. */
static const struct {
    const char *labels[LABELS_MAX];
    const char *consts[3];
    const char *prefix;
} worlds[] = {
    {{NULL}, {NULL}, NULL},          {{"a"}, {NULL}, NULL},          {{"z"}, {NULL}, NULL},
    {{"z", "a"}, {NULL}, NULL},      {{"a", "b"}, {NULL}, NULL},     {{"z", "y"}, {NULL}, NULL},
    {{NULL}, {"b", "c", "z"}, NULL}, {{NULL}, {"n", "o"}, NULL},     {{"z"}, {"b", "c"}, NULL},
    {{"z"}, {"b", "n"}, NULL},       {{"a"}, {"b", "n", "c"}, NULL}, {{"z", "a"}, {"b", "l", "n"}, NULL},
    {{"l", "n"}, {"a", "z"}, NULL},  {{"m", "zz"}, {"n"}, "z"}, /* the family is "zm" */
};
#define WORLDS COUNT(worlds)

typedef struct model {
    ct_fixture *fixture;
    cprom_registry *r;
    cprom_stateset_vec *vec;
    const char *labels[LABELS_MAX], *consts[3], *name;
    size_t n_labels, n_series;
    bool alive[SERIES];
    uint64_t mask[SERIES];
    cprom_stateset *handle[SERIES];
    uint64_t seed, invalid;
} model;

static size_t pick(model *m, size_t n) { return (size_t)(next_random(&m->seed) % n); }

static const char *value_of(size_t series, size_t label) { return values[label ? series / VALUES : series % VALUES]; }

static cprom_strs strs_of(const model *m, size_t series, const char **out)
{
    for (size_t i = 0; i < m->n_labels; i++) out[i] = value_of(series, i);
    return (cprom_strs){out, m->n_labels};
}

#define STRS(i) strs_of(m, i, (const char *[LABELS_MAX]){NULL})

/*==============================================================================
 * The page, the plain way: every line as a list of pairs, sorted
 *============================================================================*/

typedef struct line {
    cprom_label pairs[PAIRS];
    size_t n, series;
    const char *state;
    bool on;
} line;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const cprom_label *)a)->name, ((const cprom_label *)b)->name);
}

static int by_values(const void *left, const void *right)
{
    const line *a = left, *b = right;
    for (size_t i = 0; i < a->n; i++) {
        int order = strcmp(a->pairs[i].value, b->pairs[i].value);
        if (order) return order;
    }
    return 0;
}

/* In both formats the order of series, and within one that of the states. */
static int by_series(const void *left, const void *right)
{
    line a = *(const line *)left, b = *(const line *)right;
    for (size_t i = 0; i < a.n; i++) {
        if (a.pairs[i].value == a.state) a.pairs[i].value = b.pairs[i].value = "";
    }
    int order = by_values(&a, &b);
    return order ? order : strcmp(a.state, b.state);
}

static char *put_escaped(char *out, const char *value)
{
    for (; *value; value++) {
        if (*value == '\n' || *value == '"' || *value == '\\') *out++ = '\\';
        *out++ = *value == '\n' ? 'n' : *value;
    }
    return out;
}

static char *expected_page(const model *m, bool openmetrics)
{
    line *lines = calloc(SERIES * N_STATES, sizeof *lines);
    char *text = malloc(SERIES * N_STATES * 128 + 128), *out = text;
    size_t n = 0;
    assert_true(lines && text);
    for (size_t i = 0; i < m->n_series; i++) {
        for (size_t s = 0; s < N_STATES && m->alive[i]; s++) {
            line *l = &lines[n++];
            l->series = i;
            l->state = states[s];
            l->on = m->mask[i] >> s & 1;
            for (size_t k = 0; k < 3 && m->consts[k]; k++) l->pairs[l->n++] = (cprom_label){m->consts[k], "c"};
            for (size_t k = 0; k < m->n_labels; k++) l->pairs[l->n++] = (cprom_label){m->labels[k], value_of(i, k)};
            l->pairs[l->n++] = (cprom_label){m->name, l->state};
            qsort(l->pairs, l->n, sizeof *l->pairs, by_name);
        }
    }
    qsort(lines, n, sizeof *lines, by_series);
    if (n) out += sprintf(out, "# HELP %s H.\n# TYPE %s %s\n", m->name, m->name, openmetrics ? "stateset" : "gauge");
    for (size_t i = 0; i < n; i++) {
        out += sprintf(out, "%s{", m->name);
        for (size_t k = 0; k < lines[i].n; k++) {
            out += sprintf(out, "%s%s=\"", k ? "," : "", lines[i].pairs[k].name);
            out = put_escaped(out, lines[i].pairs[k].value);
            *out++ = '"';
        }
        out += sprintf(out, "} %d\n", lines[i].on);
    }
    *out = '\0';
    free(lines);
    return text;
}

/*==============================================================================
 * Operations
 *============================================================================*/

static void birth(model *m, size_t i)
{
    if (!m->alive[i]) m->mask[i] = 0;
    m->alive[i] = true;
}

static void death(model *m, size_t i)
{
    m->alive[i] = false;
    cprom_stateset_unref(m->handle[i]);
    m->handle[i] = NULL;
}

static void change(model *m, size_t i, unsigned state, bool on, bool enters)
{
    birth(m, i);
    if (enters) m->mask[i] = 0;
    m->mask[i] = (m->mask[i] & ~(UINT64_C(1) << state)) | (uint64_t)on << state;
}

static void any_single(model *m)
{
    size_t i = pick(m, m->n_series);
    unsigned state = (unsigned)pick(m, N_STATES + 1);
    bool on = pick(m, 2), enters = pick(m, 2), is_state = state < N_STATES;
    if (m->handle[i] && pick(m, 2)) {
        if (enters) cprom_stateset_enter(m->handle[i], state);
        else cprom_stateset_set(m->handle[i], state, on);
    } else {
        cprom_status status = enters ? cprom_stateset_vec_enter(m->vec, STRS(i), state)
                                     : cprom_stateset_vec_set(m->vec, STRS(i), state, on);
        assert_int_equal(status, is_state ? CPROM_OK : CPROM_EINVAL);
    }
    m->invalid += !is_state;
    if (is_state) change(m, i, state, on || enters, enters);
}

static void any_handle(model *m)
{
    size_t i = pick(m, m->n_series);
    if (m->handle[i]) {
        assert_int_equal(cprom_stateset_value(m->handle[i]), m->mask[i]);
        cprom_stateset_unref(m->handle[i]);
        m->handle[i] = NULL;
    } else {
        m->handle[i] = cprom_stateset_vec_with(m->vec, STRS(i));
        assert_non_null(m->handle[i]);
        birth(m, i);
    }
}

static void any_removal(model *m)
{
    size_t i = pick(m, m->n_series), n, removed = 0;
    if (!m->n_labels || pick(m, 2)) {
        assert_int_equal(cprom_stateset_vec_delete(m->vec, STRS(i)), m->alive[i] ? CPROM_OK : CPROM_ENOENT);
        death(m, i);
        return;
    }
    size_t label = pick(m, m->n_labels);
    assert_ok(cprom_stateset_vec_delete_matching(m->vec, CPROM_LABELS({m->labels[label], value_of(i, label)}), &n));
    for (size_t k = 0; k < m->n_series; k++) {
        if (!m->alive[k] || strcmp(value_of(k, label), value_of(i, label)) != 0) continue;
        death(m, k);
        removed++;
    }
    assert_int_equal(n, removed);
}

/* Sometimes of the whole vector, sometimes without a scope. */
static void any_update(model *m)
{
    cprom_update *update = up_new(m->r);
    bool replaces = pick(m, 2), staged[SERIES] = {false};
    size_t created = 0, updated = 0, removed = 0, refused = 0;
    if (replaces) assert_ok(cprom_update_stateset_vec_replace(update, m->vec, CPROM_NO_LABELS));
    for (size_t n = pick(m, 8); n; n--) {
        size_t i = pick(m, m->n_series);
        unsigned state = (unsigned)pick(m, N_STATES + 1);
        bool on = pick(m, 2), enters = pick(m, 2), is_state = state < N_STATES;
        cprom_status status = enters ? cprom_update_stateset_vec_enter(update, m->vec, STRS(i), state)
                                     : cprom_update_stateset_vec_set(update, m->vec, STRS(i), state, on);
        assert_int_equal(status, is_state ? CPROM_OK : CPROM_EINVAL);
        refused += !is_state;
        if (!is_state) continue;
        created += !m->alive[i];
        updated += m->alive[i] && !staged[i];
        if (replaces && !staged[i]) m->mask[i] = 0; /* it starts from nothing */
        staged[i] = true; /* one that was just created is no longer to be counted */
        change(m, i, state, on || enters, enters);
    }
    for (size_t i = 0; i < m->n_series && replaces; i++) {
        if (!m->alive[i] || staged[i]) continue;
        death(m, i);
        removed++;
    }
    m->invalid += refused;
    up_commit(update, created, updated, removed, refused);
}

static bool check_view(void *ctx, const cprom_view *view)
{
    model *m = ctx;
    for (size_t i = 0; i < m->n_series; i++) {
        size_t same = 0;
        while (same < m->n_labels && strcmp(view->values.v[same], value_of(i, same)) == 0) same++;
        if (same < m->n_labels) continue;
        assert_true(m->alive[i]);
        assert_int_equal(view->states, m->mask[i]);
        return true;
    }
    fail();
    return false;
}

static void check(model *m)
{
    size_t size = 0;
    for (size_t i = 0; i < m->n_series; i++) {
        uint64_t mask;
        size += m->alive[i];
        assert_int_equal(cprom_stateset_vec_get(m->vec, STRS(i), &mask), m->alive[i] ? CPROM_OK : CPROM_ENOENT);
        if (m->alive[i]) assert_int_equal(mask, m->mask[i]);
    }
    assert_int_equal(cprom_stateset_vec_size(m->vec), size);
    assert_ok(cprom_stateset_vec_each(m->vec, check_view, m));
    assert_int_equal(up_stats(m->r).dropped_invalid, m->invalid);
    assert_int_equal(up_stats(m->r).dropped_detached, 0);
    char *expected = expected_page(m, false);
    ct_assert_page(m->r, expected);
    free(expected);
    expected = expected_page(m, true);
    formats_assert_openmetrics(m->r, expected);
    free(expected);
}

static void run(size_t world, uint64_t seed)
{
    model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->fixture = ct_fixture_new();
    m->seed = seed;
    m->n_series = 1;
    cprom_registry_opts registry_opts = ct_fixture_opts(m->fixture);
    cprom_opts opts = CPROM_INIT(cprom_opts);
    for (size_t i = 0; i < LABELS_MAX && worlds[world].labels[i]; i++) {
        opts.labels[i] = m->labels[m->n_labels++] = worlds[world].labels[i];
        m->n_series *= VALUES;
    }
    for (size_t i = 0; i < 3 && worlds[world].consts[i]; i++) {
        m->consts[i] = worlds[world].consts[i];
        registry_opts.const_labels[i] = (cprom_label){m->consts[i], "c"};
    }
    registry_opts.prefix = worlds[world].prefix;
    m->name = worlds[world].prefix ? "zm" : "m";
    assert_ok(cprom_registry_new(&registry_opts, &m->r));
    opts.name = "m";
    opts.help = "H.";
    for (size_t i = 0; i < N_STATES; i++) opts.states[i] = states[i];
    assert_ok(cprom_stateset_vec_new(m->r, &opts, &m->vec));
    for (int step = 0; step < STEPS; step++) {
        switch (pick(m, 20)) {
        case 0:
        case 1: any_removal(m); break;
        case 2:
        case 3:
        case 4: any_handle(m); break;
        case 5: any_update(m); break;
        default: any_single(m); break;
        }
        if (pick(m, 20) == 0) check(m);
    }
    check(m);
    for (size_t i = 0; i < m->n_series; i++) cprom_stateset_unref(m->handle[i]);
    cprom_registry_free(m->r);
    ct_fixture_free(m->fixture);
    free(m);
}

static void test_stateset_vec_like_a_naive_model_wherever_the_label_sorts(void **state)
{
    for (size_t world = 0; world < WORLDS; world++) {
        for (uint64_t seed = 1; seed <= 3; seed++) run(world, seed * 1000003 + world);
    }
}

int group_stateset_model(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stateset_vec_like_a_naive_model_wherever_the_label_sorts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
