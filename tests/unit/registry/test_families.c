#include "support/register.h"

#include "registry/hold.h"

/* Trees of registries in which families come and go, against a model that compares all with all. */

enum {
    REGISTRIES = 9,
    FAMILIES = 60,
    STEPS = 6000
};

typedef struct owned {
    struct cprom__desc *desc;
    int registry;
} owned;

typedef struct model {
    ct_log log;
    struct cprom__allocator allocator;
    cprom_registry *registries[REGISTRIES]; /* NULL: none */
    int parents[REGISTRIES];                /* -1: none */
    int born[REGISTRIES];                   /* children stand in the order of their making */
    const char *labels[REGISTRIES];
    owned families[FAMILIES];
    size_t n;
    uint64_t random;
} model;

static unsigned some(model *m, unsigned n) { return (unsigned)(next_random(&m->random) >> 33) % n; }

static int top_of(const model *m, int registry)
{
    while (m->parents[registry] >= 0) registry = m->parents[registry];
    return registry;
}

/* A parent, then its children in the order of their making. Returns how many. */
static int list_tree(const model *m, int top, int out[REGISTRIES], int n)
{
    out[n++] = top;
    for (int last = -1;;) {
        int next = -1;
        for (int i = 0; i < REGISTRIES; i++) {
            if (!m->registries[i] || m->parents[i] != top || m->born[i] <= last) continue;
            if (next < 0 || m->born[i] < m->born[next]) next = i;
        }
        if (next < 0) return n;
        last = m->born[next];
        n = list_tree(m, next, out, n);
    }
}

static cprom_status expect(const model *m, int registry, const struct cprom__desc *desc, const char **other)
{
    int tree[REGISTRIES], n = list_tree(m, top_of(m, registry), tree, 0);
    bool known = false;
    *other = desc->name;
    for (int t = 0; t < n; t++) {
        for (size_t i = 0; i < m->n; i++) {
            const owned *family = &m->families[i];
            if (family->registry != tree[t] || strcmp(family->desc->name, desc->name) != 0) continue;
            if (strcmp(m->labels[tree[t]], m->labels[registry]) == 0) return CPROM_EEXIST;
            if (!cprom__desc_agrees(family->desc, desc)) return CPROM_ECONFLICT;
            known = true;
        }
    }
    for (int t = 0; t < n && !known; t++) {
        const char *first = NULL;
        for (size_t i = 0; i < m->n; i++) {
            const owned *family = &m->families[i];
            if (family->registry != tree[t] || !cprom__desc_collides(family->desc, desc)) continue;
            if (!first || strcmp(family->desc->name, first) < 0) first = family->desc->name;
        }
        if (first) {
            *other = first;
            return CPROM_ECONFLICT;
        }
    }
    return CPROM_OK;
}

static void forget(model *m, size_t i)
{
    cprom__desc_free(m->families[i].desc);
    m->families[i] = m->families[--m->n];
}

static void step_new(model *m, int step)
{
    static const char *const values[] = {"", "1", "2", "3"};
    int at = 0, parent = (int)some(m, REGISTRIES + 1) - 1;
    while (at < REGISTRIES && m->registries[at]) at++;
    if (at == REGISTRIES || (parent >= 0 && !m->registries[parent])) return;
    m->labels[at] = values[some(m, COUNT(values))];
    m->parents[at] = parent;
    m->born[at] = step;
    cprom_registry_opts opts = CPROM_INIT(cprom_registry_opts);
    opts.log = ct_log_line;
    opts.log_ctx = &m->log;
    opts.parent = parent < 0 ? NULL : m->registries[parent];
    opts.const_labels[0] = (cprom_label){"c", m->labels[at]};
    assert_ok(cprom_registry_new(&opts, &m->registries[at]));
}

static void step_free(model *m, int registry)
{
    cprom_registry_free(m->registries[registry]);
    m->registries[registry] = NULL;
    for (int i = 0; i < REGISTRIES; i++) {
        if (m->parents[i] == registry) m->parents[i] = -1;
    }
    for (size_t i = m->n; i--;) {
        if (m->families[i].registry == registry) forget(m, i);
    }
}

static void step_register(model *m, int registry)
{
    static const char *const names[] = {"x",       "x_total",   "x_created", "x_sum",       "x_count",
                                        "x_info",  "x_bucket",  "x_sum_sum", "x_sum_total", "x_total_info",
                                        "y_total", "y_created", "y",         "y_info",      "xx"};
    static const cprom_type types[] = {CPROM_GAUGE, CPROM_COUNTER, CPROM_HISTOGRAM, CPROM_SUMMARY, CPROM_INFO};
    cprom_opts opts = {.size = sizeof opts, .name = names[some(m, COUNT(names))], .help = some(m, 4) ? "H." : "I."};
    cprom_type type = types[some(m, COUNT(types))];
    struct cprom__family_rules rules = {.prefix = NULL};
    struct cprom__family_spec spec = {
        .name = opts.name, .help = opts.help, .type = type, .labels = opts.labels, .instrument = true};
    struct cprom__refusal refusal;
    struct cprom__desc *desc;
    const char *other;
    if (m->n == FAMILIES || cprom__desc_new(&m->allocator, &rules, &spec, &desc, &refusal)) return;
    cprom_status expected = expect(m, registry, desc, &other);
    ct_log_clear(&m->log);
    assert_status(try_register(m->registries[registry], some(m, 2) ? VEC : DECLARED, type, &opts), expected);
    assert_int_equal(ct_log_count(&m->log), expected != CPROM_OK);
    if (!expected) {
        m->families[m->n++] = (owned){desc, registry};
        return;
    }
    char quoted[64];
    snprintf(quoted, sizeof quoted, "name \"%s\"", other);
    if (!ct_log_has(&m->log, quoted)) fail_msg("%s expected: %s", quoted, m->log.lines[0]);
    cprom__desc_free(desc);
}

static void step_unregister(model *m)
{
    if (!m->n) return;
    size_t i = some(m, (unsigned)m->n);
    const owned *family = &m->families[i];
    assert_ok(cprom_registry_unregister(m->registries[family->registry], family->desc->name));
    assert_status(cprom_registry_unregister(m->registries[family->registry], family->desc->name), CPROM_ENOENT);
    forget(m, i);
}

/* A registry's list has what the model has, by name. */
static void check_list(const model *m, int registry)
{
    struct cprom__families *families;
    size_t n = 0;
    assert_ok(cprom__registry_families(m->registries[registry], &families));
    for (size_t i = 0; i < m->n; i++) {
        if (m->families[i].registry != registry) continue;
        assert_non_null(cprom__families_find(families, m->families[i].desc->name));
        n++;
    }
    assert_int_equal(families->n, n);
    assert_int_equal(stats_of(m->registries[registry]).families, n);
    for (size_t i = 1; i < n; i++) assert_true(strcmp(families->v[i - 1].desc->name, families->v[i].desc->name) < 0);
    cprom__families_unref(families);
}

static void test_registrations_in_trees_are_answered_as_if_all_were_compared(void **state)
{
    model m = {.random = 16};
    ct_log_init(&m.log);
    cprom__allocator_init(&m.allocator, NULL, NULL, NULL);
    for (int step = 0; step < STEPS; step++) {
        int registry = (int)some(&m, REGISTRIES);
        unsigned what = some(&m, 40);
        if (!m.registries[registry]) step_new(&m, step);
        else if (what == 0) step_free(&m, registry);
        else if (what < 14) step_unregister(&m);
        else if (what < 18) check_list(&m, registry);
        else step_register(&m, registry);
    }
    for (int i = 0; i < REGISTRIES; i++) {
        if (m.registries[i]) step_free(&m, i);
    }
    assert_int_equal(m.n, 0);
    ct_log_free(&m.log);
}

int group_families(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registrations_in_trees_are_answered_as_if_all_were_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
