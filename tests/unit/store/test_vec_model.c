/* A vector beside a naive model, over random operations. */
#include "support/kinds.h"

/* The model: a sorted array of label values. */

#define MODEL_LABELS 3
#define MODEL_HANDLES 12

typedef struct entry {
    const char *values[MODEL_LABELS]; /* as declared: z, a, m */
    double value;
    unsigned id; /* never used twice */
} entry;

typedef struct model {
    ct_fixture *fixture;
    const kind *k;
    cprom_vec *vec;
    const char *const *alphabet;
    size_t n_alphabet;
    entry entries[1000];
    size_t n;
    unsigned next_id;
    struct {
        cprom_series *series;
        unsigned id;
        double value;
    } handles[MODEL_HANDLES];
    uint64_t seed, detached;
    size_t bound; /* of what has the same z; 0: none */
    uint64_t refused, folded;
} model;

static size_t pick(model *m, size_t n)
{
    m->seed ^= m->seed << 13;
    m->seed ^= m->seed >> 7;
    m->seed ^= m->seed << 17;
    return (size_t)(m->seed >> 24) % n;
}

/* By the sorted label names: a, m, z. */
static int compare_values(const char *const *x, const char *const *y)
{
    static const size_t order[MODEL_LABELS] = {1, 2, 0};
    for (size_t i = 0; i < MODEL_LABELS; i++) {
        int c = strcmp(x[order[i]], y[order[i]]);
        if (c) return c;
    }
    return 0;
}

static size_t model_place(const model *m, const char *const *values)
{
    size_t i = 0;
    while (i < m->n && compare_values(m->entries[i].values, values) < 0) i++;
    return i;
}

static entry *model_find(model *m, const char *const *values)
{
    size_t i = model_place(m, values);
    return i < m->n && compare_values(m->entries[i].values, values) == 0 ? &m->entries[i] : NULL;
}

static entry *model_get(model *m, const char *const *values)
{
    entry *found = model_find(m, values);
    if (found) return found;
    size_t i = model_place(m, values);
    memmove(&m->entries[i + 1], &m->entries[i], (m->n - i) * sizeof *m->entries);
    m->n++;
    memcpy(m->entries[i].values, values, sizeof m->entries[i].values);
    m->entries[i].value = 0;
    m->entries[i].id = ++m->next_id;
    return &m->entries[i];
}

/* As long as there is room; NULL: there is none. A counter's goes to the owner's `other` then. */
static entry *model_get_bounded(model *m, const char *const *values)
{
    size_t owned = 0;
    entry *found = model_find(m, values);
    if (found || !m->bound) return found ? found : model_get(m, values);
    for (size_t i = 0; i < m->n; i++)
        owned += strcmp(m->entries[i].values[0], values[0]) == 0 && strcmp(m->entries[i].values[1], "other") != 0;
    if (owned < m->bound) return model_get(m, values);
    bool folds = m->k->type == CPROM_COUNTER;
    m->refused += !folds;
    m->folded += folds;
    return folds ? model_get(m, (const char *const[]){values[0], "other", "other"}) : NULL;
}

static size_t model_remove(model *m, const bool *asked, const char *const *values)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->n; i++) {
        bool matches = true;
        for (size_t l = 0; l < MODEL_LABELS; l++) {
            matches = matches && (!asked[l] || strcmp(m->entries[i].values[l], values[l]) == 0);
        }
        if (!matches) m->entries[kept++] = m->entries[i];
    }
    size_t removed = m->n - kept;
    m->n = kept;
    return removed;
}

static void put_value(char **out, const char *value)
{
    for (; *value; value++) {
        if (*value == '\\' || *value == '"' || *value == '\n') *(*out)++ = '\\';
        *(*out)++ = *value == '\n' ? 'n' : *value;
    }
}

static void compare_pages(model *m)
{
    char *text = malloc(200 + m->n * 1000), *out = text, number[PARSER_NUMBER_MAX];
    assert_non_null(text);
    if (m->n) out += sprintf(out, "# HELP %s h\n# TYPE %s %s\n", m->k->name, m->k->name, m->k->type_name);
    for (size_t i = 0; i < m->n; i++) {
        out += sprintf(out, "%s{a=\"", m->k->name);
        put_value(&out, m->entries[i].values[1]);
        out += sprintf(out, "\",m=\"");
        put_value(&out, m->entries[i].values[2]);
        out += sprintf(out, "\",z=\"");
        put_value(&out, m->entries[i].values[0]);
        out += sprintf(out, "\"} %s\n", parser_number(m->entries[i].value, number));
    }
    *out = '\0';
    ct_page page = ct_page_read(m->fixture->registry, NULL, 1 + pick(m, 5000));
    ct_assert_text_equal(page.text, text);
    ct_page_free(&page);
    free(text);
}

static void handle_operation(model *m, const char *const *values)
{
    size_t slot = pick(m, MODEL_HANDLES);
    cprom_series *series = m->handles[slot].series;
    if (!series) {
        const entry *wanted = model_get_bounded(m, values);
        m->handles[slot].series = cprom_vec_with(m->vec, (cprom_strs){values, MODEL_LABELS});
        assert_int_equal(m->handles[slot].series != NULL, wanted != NULL);
        if (wanted) m->handles[slot].id = wanted->id;
        return;
    }
    entry *alive = NULL;
    for (size_t i = 0; i < m->n && !alive; i++) {
        if (m->entries[i].id == m->handles[slot].id) alive = &m->entries[i];
    }
    for (size_t n = pick(m, 3); n; n--) {
        m->k->touch(series);
        if (alive) alive->value++;
        else m->detached++;
    }
    if (alive) m->handles[slot].value = alive->value;
    /* One that is detached keeps what it had when it was last seen alive, or what others added until it died. */
    assert_true(alive ? m->k->value(series) == alive->value : m->k->value(series) >= m->handles[slot].value);
    if (pick(m, 3) == 0) {
        cprom_series_unref(series);
        m->handles[slot].series = NULL;
        m->handles[slot].value = 0;
    }
}

static void remove_operation(model *m, const char *const *values)
{
    static const char *const names[MODEL_LABELS] = {"z", "a", "m"};
    cprom_label labels[MODEL_LABELS];
    bool asked[MODEL_LABELS] = {false};
    size_t n = 0, removed, which = pick(m, 200);
    if (which < 150) {
        for (size_t l = 0; l < MODEL_LABELS; l++) asked[l] = true;
        removed = model_remove(m, asked, values);
        assert_status(cprom_vec_delete(m->vec, (cprom_strs){values, MODEL_LABELS}), removed ? CPROM_OK : CPROM_ENOENT);
        return;
    }
    if (which == 199) {
        assert_ok(cprom_vec_clear(m->vec));
        m->n = 0;
        return;
    }
    /* One label seldom: it removes many. In any order. */
    size_t skipped = pick(m, MODEL_LABELS), first = pick(m, MODEL_LABELS);
    for (size_t i = 0; i < MODEL_LABELS; i++) {
        size_t l = (first + i) % MODEL_LABELS;
        if (l == skipped || (which > 190 && n == 1)) continue;
        asked[l] = true;
        labels[n++] = (cprom_label){names[l], values[l]};
    }
    cprom_labels match = {labels, n};
    if (which % 2) assert_ok(cprom_vec_delete_matching(m->vec, match, &removed));
    else assert_ok(cprom_registry_delete_matching(m->fixture->registry, match, &removed));
    assert_int_equal(removed, model_remove(m, asked, values));
}

static void run_model(ct_fixture *fixture, size_t which, size_t bound, const char *const *alphabet, size_t n_alphabet)
{
    static model m;
    memset(&m, 0, sizeof m);
    m.fixture = fixture;
    m.k = &kinds[which % 2];
    m.alphabet = alphabet;
    m.n_alphabet = n_alphabet;
    m.seed = 1234567 + which;
    m.bound = bound;
    uint64_t detached_before = stats_of(fixture->registry).dropped_detached;
    cprom_opts opts = *CPROM_OPTS(cprom_opts, .name = m.k->name, .help = "h", .labels = {"z", "a", "m"});
    opts.owner = bound ? "z" : NULL;
    opts.max_series_per_owner = bound;
    opts.overflow = bound && m.k->type == CPROM_COUNTER ? CPROM_FOLD : CPROM_REFUSE;
    assert_ok(m.k->make(fixture->registry, &opts, &m.vec));
    for (size_t round = 0; round < 100000; round++) {
        const char *values[MODEL_LABELS];
        for (size_t l = 0; l < MODEL_LABELS; l++) values[l] = alphabet[pick(&m, n_alphabet)];
        cprom_strs strs = {values, MODEL_LABELS};
        size_t what = pick(&m, 1000);
        double value;
        if (what < 500) {
            entry *wanted = model_get_bounded(&m, values);
            assert_status(m.k->update(m.vec, strs), wanted ? CPROM_OK : CPROM_ELIMIT);
            if (wanted) wanted->value++;
        } else if (what < 600) {
            const entry *found = model_find(&m, values);
            assert_status(m.k->get(m.vec, strs, &value, NULL), found ? CPROM_OK : CPROM_ENOENT);
            assert_true(value == (found ? found->value : 0));
        } else if (what < 750) {
            handle_operation(&m, values);
        } else if (what < 990) {
            remove_operation(&m, values);
        } else if (what < 995) {
            compare_pages(&m);
        } else if (what == 995) {
            cprom_registry_trim(fixture->registry);
        }
        assert_int_equal(cprom_vec_size(m.vec), m.n);
    }
    compare_pages(&m);
    cprom_stats stats = stats_of(fixture->registry);
    assert_int_equal(stats.dropped_detached - detached_before, m.detached);
    assert_int_equal(stats.dropped_limit, m.refused);
    assert_int_equal(stats.updates_folded, m.folded);
    assert_true(m.detached > 500);
    assert_int_equal(m.refused + m.folded > 5000, bound > 0);
    for (size_t i = 0; i < MODEL_HANDLES; i++) cprom_series_unref(m.handles[i].series);
    assert_ok(cprom_registry_unregister(fixture->registry, m.k->name));
}

#define RUN_MODEL(which, bound, ...)                                                                                   \
    do {                                                                                                               \
        static const char *const alphabet[] = {__VA_ARGS__};                                                           \
        run_model(*state, which, bound, alphabet, COUNT(alphabet));                                                    \
    } while (0)

static void test_random_operations_plain_values_agree_with_model(void **state)
{
    RUN_MODEL(0, 0, "a", "b", "c", "aa", "ab", "zzzzzzzzzzzzzzzzzzzz", "zzzzzzzzzzzzzzzzzzzy", "0", "");
}

static void test_random_operations_escapes_agree_with_model(void **state)
{
    RUN_MODEL(1, 0, "\"", "\\", "\n", "\\n", "\"\"", "", "\\\\\\\\\\\\\\\\", "\\\\\\\\\\\\\\\\\n", "x\",z=\"");
}

static void test_random_operations_neighbours_of_quotes_agree_with_model(void **state)
{
    RUN_MODEL(2, 0, "x", "x!", "x\"", "x#", "x\x01", "x\n", "x\t", "x ", "x\\", "x]");
}

static void test_random_operations_beyond_ascii_agree_with_model(void **state)
{
    RUN_MODEL(3, 0, "\xc3\xa4", "\xc3\xb6", "\xe2\x82\xac", "\xf0\x9f\x8d\xba", "\x7f", "~", "\xc3\xa4\n", "{},=");
}

/* Owners whose names need escapes, and whose names begin alike. */
static void test_random_operations_with_a_bound_per_owner_agree_with_model(void **state)
{
    RUN_MODEL(4, 20, "\"", "\\", "\n", "\\n", "\"\"", "", "\\\\\\\\", "\\\\\\\\\n", "x\",z=\"", "x");
}

static void test_random_operations_with_a_bound_per_owner_that_refuses_agree_with_model(void **state)
{
    RUN_MODEL(5, 12, "a", "b", "other ", "aa", "\\", "zzzzzzzzzzzzzzzzzzzz", "zzzzzzzzzzzzzzzzzzzy", "\xc3\xa4", "");
}

int group_vec_model(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_random_operations_plain_values_agree_with_model),
        TEST(test_random_operations_escapes_agree_with_model),
        TEST(test_random_operations_neighbours_of_quotes_agree_with_model),
        TEST(test_random_operations_beyond_ascii_agree_with_model),
        TEST(test_random_operations_with_a_bound_per_owner_agree_with_model),
        TEST(test_random_operations_with_a_bound_per_owner_that_refuses_agree_with_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
