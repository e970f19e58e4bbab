#include "support/register.h"

/* Each pair of families, against sets of names. */

/* The names that a family takes on a page of either format, after FORMAT.md; ends with "". */
static void claims(cprom_type type, const char *name, char out[8][64])
{
    static const char *const suffixes[][7] = {
        [CPROM_UNTYPED] = {NULL},
        [CPROM_GAUGE] = {NULL},
        [CPROM_COUNTER] = {"_total", "_created", NULL},
        [CPROM_HISTOGRAM] = {"_bucket", "_sum", "_count", "_created", "_info", NULL},
        [CPROM_SUMMARY] = {"_bucket", "_sum", "_count", "_created", "_info", NULL},
        [CPROM_INFO] = {"_info", NULL},
        [CPROM_STATESET] = {NULL},
        [CPROM_GAUGE_HISTOGRAM] = {"_bucket", "_gcount", "_gsum", "_count", "_sum", NULL},
    };
    char base[64];
    size_t len = strlen(name), n = 0;
    strcpy(base, name);
    if (type == CPROM_COUNTER && len > 6 && strcmp(name + len - 6, "_total") == 0) base[len - 6] = '\0';
    bool info = len > 5 && strcmp(name + len - 5, "_info") == 0;
    if (type == CPROM_INFO && info) base[len - 5] = '\0';
    strcpy(out[n++], base);
    if (type == CPROM_INFO && !info) type = CPROM_GAUGE; /* a const one of a foreign name */
    for (const char *const *suffix = suffixes[type]; *suffix; suffix++) {
        strcpy(out[n], base);
        strcat(out[n++], *suffix);
    }
    out[n][0] = '\0';
}

static cprom_status expected_status(cprom_type type_a, const char *a, cprom_type type_b, const char *b)
{
    char claims_a[8][64], claims_b[8][64];
    if (strcmp(a, b) == 0) return CPROM_EEXIST;
    claims(type_a, a, claims_a);
    claims(type_b, b, claims_b);
    for (size_t i = 0; *claims_a[i]; i++) {
        for (size_t k = 0; *claims_b[k]; k++) {
            if (strcmp(claims_a[i], claims_b[k]) == 0) return CPROM_ECONFLICT;
        }
    }
    return CPROM_OK;
}

static const char *const names[] = {
    "x",         "x_total", "x_created",      "x_info",        "x_bucket",       "x_sum",
    "x_count",   "x_",      "x_count_total",  "x_total_total", "x_bucket_total", "x_totals",
    "x_sum_sum", "y",       "x_created_total", "x_total_info", "x_info_total",   "x_gsum",
    "x_gcount",  "x_gsum_sum"};

enum { ALL_MAX = 160 };

typedef struct one {
    cprom_type type;
    const char *name;
} one;

/* All instruments, of which a counter needs _total, an info _info, and gauge histograms. Returns how many. */
static size_t all_families(one out[ALL_MAX])
{
    static const cprom_type types[] = {CPROM_COUNTER, CPROM_GAUGE,    CPROM_HISTOGRAM,      CPROM_SUMMARY,
                                       CPROM_INFO,    CPROM_STATESET, CPROM_GAUGE_HISTOGRAM};
    size_t n = 0;
    for (size_t i = 0; i < COUNT(names); i++) {
        for (size_t t = 0; t < COUNT(types); t++) {
            size_t len = strlen(names[i]);
            bool total = len > 6 && strcmp(names[i] + len - 6, "_total") == 0;
            bool info = len > 5 && strcmp(names[i] + len - 5, "_info") == 0;
            bool fits = types[t] == CPROM_COUNTER ? total : types[t] == CPROM_INFO ? info : true;
            if (fits) out[n++] = (one){types[t], names[i]};
        }
    }
    return n;
}

static void check_pair(ct_fixture *fixture, one a, one b, enum form form_a, enum form form_b)
{
    cprom_opts opts_a = {.size = sizeof opts_a, .name = a.name, .help = "Help."};
    cprom_opts opts_b = {.size = sizeof opts_b, .name = b.name, .help = "Help."};
    cprom_status expected = expected_status(a.type, a.name, b.type, b.name);
    if (a.type == CPROM_STATESET) opts_a.states[0] = "on";
    if (b.type == CPROM_STATESET) opts_b.states[0] = "on";
    if (!fits(form_a, a.type, &opts_a)) form_a = a.type == CPROM_GAUGE_HISTOGRAM ? DECLARED : VEC;
    if (!fits(form_b, b.type, &opts_b)) form_b = b.type == CPROM_GAUGE_HISTOGRAM ? DECLARED : VEC;
    ct_log_clear(&fixture->log);
    assert_ok(try_register(fixture->registry, form_a, a.type, &opts_a));
    cprom_status status = try_register(fixture->registry, form_b, b.type, &opts_b);
    bool logged = ct_log_count(&fixture->log) == (expected != CPROM_OK) &&
                  (!expected || ct_log_has(&fixture->log, b.name, "name", a.name));
    if (status != expected || !logged) {
        print_error("type %d \"%s\" (%s), then type %d \"%s\" (%s): %s; log: %s\n", a.type, a.name, form_name(form_a),
                    b.type, b.name, form_name(form_b), cprom_status_string(status),
                    fixture->log.n ? fixture->log.lines[0] : "(none)");
        fail();
    }
    assert_int_equal(stats_of(fixture->registry).families, expected ? 1 : 2);
    assert_ok(cprom_registry_unregister(fixture->registry, a.name));
    if (!expected) assert_ok(cprom_registry_unregister(fixture->registry, b.name));
}

static void test_new_every_pair_of_families_collides_exactly_if_their_names_do(void **state)
{
    static const enum form forms[] = {PLAIN, VEC, DECLARED};
    ct_fixture *fixture = *state;
    one all[ALL_MAX];
    size_t n = all_families(all), turn = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++, turn++) {
            check_pair(fixture, all[i], all[k], forms[turn % 3], forms[turn / 3 % 3]);
        }
    }
}

static void test_new_named_collisions_are_conflicts_in_both_orders(void **state)
{
    static const one pairs[][2] = {
        {{CPROM_COUNTER, "x_total"}, {CPROM_GAUGE, "x"}},
        {{CPROM_COUNTER, "x_total"}, {CPROM_HISTOGRAM, "x"}},
        {{CPROM_COUNTER, "x_total"}, {CPROM_SUMMARY, "x"}},
        {{CPROM_COUNTER, "x_total"}, {CPROM_GAUGE, "x_created"}},
        {{CPROM_HISTOGRAM, "x"}, {CPROM_GAUGE, "x_bucket"}},
        {{CPROM_HISTOGRAM, "x"}, {CPROM_GAUGE, "x_sum"}},
        {{CPROM_HISTOGRAM, "x"}, {CPROM_GAUGE, "x_count"}},
        {{CPROM_HISTOGRAM, "x"}, {CPROM_GAUGE, "x_created"}},
        {{CPROM_HISTOGRAM, "x"}, {CPROM_GAUGE, "x_info"}},
        {{CPROM_HISTOGRAM, "x"}, {CPROM_COUNTER, "x_count_total"}},
        {{CPROM_HISTOGRAM, "x"}, {CPROM_HISTOGRAM, "x_count"}},
        {{CPROM_GAUGE_HISTOGRAM, "x"}, {CPROM_GAUGE, "x_bucket"}},
        {{CPROM_GAUGE_HISTOGRAM, "x"}, {CPROM_GAUGE, "x_gsum"}},
        {{CPROM_GAUGE_HISTOGRAM, "x"}, {CPROM_GAUGE, "x_gcount"}},
        {{CPROM_GAUGE_HISTOGRAM, "x"}, {CPROM_GAUGE, "x_sum"}},
        {{CPROM_GAUGE_HISTOGRAM, "x"}, {CPROM_GAUGE, "x_count"}},
        {{CPROM_GAUGE_HISTOGRAM, "x"}, {CPROM_COUNTER, "x_count_total"}},
        {{CPROM_GAUGE_HISTOGRAM, "x"}, {CPROM_GAUGE_HISTOGRAM, "x_gsum"}},
        {{CPROM_GAUGE_HISTOGRAM, "x"}, {CPROM_COUNTER, "x_total"}},
        {{CPROM_SUMMARY, "x"}, {CPROM_GAUGE, "x_bucket"}},
        {{CPROM_SUMMARY, "x"}, {CPROM_GAUGE, "x_sum"}},
        {{CPROM_SUMMARY, "x"}, {CPROM_GAUGE, "x_count"}},
        {{CPROM_SUMMARY, "x"}, {CPROM_GAUGE, "x_created"}},
        {{CPROM_SUMMARY, "x"}, {CPROM_SUMMARY, "x_sum"}},
        {{CPROM_INFO, "x_info"}, {CPROM_GAUGE, "x"}},
        {{CPROM_INFO, "x_info"}, {CPROM_STATESET, "x"}},
        {{CPROM_INFO, "x_info"}, {CPROM_COUNTER, "x_total"}},
        {{CPROM_INFO, "x_info"}, {CPROM_HISTOGRAM, "x"}},
        {{CPROM_INFO, "x_info"}, {CPROM_SUMMARY, "x"}},
    };
    ct_fixture *fixture = *state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        for (int order = 0; order < 2; order++) {
            one a = pairs[i][order], b = pairs[i][!order];
            assert_int_equal(expected_status(a.type, a.name, b.type, b.name), CPROM_ECONFLICT);
            check_pair(fixture, a, b, PLAIN, VEC);
        }
    }
}

static void test_collector_new_descs_collide_with_each_other_it_is_refused(void **state)
{
    ct_fixture *fixture = *state;
    one all[ALL_MAX];
    size_t n = all_families(all);
    all[n++] = (one){CPROM_INFO, "x"};
    all[n++] = (one){CPROM_INFO, "x_count"};
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++) {
            if (all[i].type == CPROM_STATESET || all[k].type == CPROM_STATESET) continue; /* not for collectors */
            cprom_desc descs[2] = {{.size = sizeof(cprom_desc), .name = all[i].name, .type = all[i].type},
                                   {.size = sizeof(cprom_desc), .name = all[k].name, .type = all[k].type}};
            cprom_status expected = expected_status(all[i].type, all[i].name, all[k].type, all[k].name);
            ct_log_clear(&fixture->log);
            assert_status(cprom_collector_new(fixture->registry,
                                              CPROM_OPTS(cprom_collector_opts, .name = "c", .collect = collect_nothing,
                                                         .descs = descs, .n_descs = 2)),
                          expected);
            assert_int_equal(ct_log_count(&fixture->log), expected != CPROM_OK);
            if (expected) assert_true(ct_log_has(&fixture->log, all[i].name, all[k].name));
            else assert_ok(cprom_registry_unregister(fixture->registry, "c"));
            assert_int_equal(stats_of(fixture->registry).families, 0);
        }
    }
}

int group_collisions(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_new_every_pair_of_families_collides_exactly_if_their_names_do),
        TEST(test_new_named_collisions_are_conflicts_in_both_orders),
        TEST(test_collector_new_descs_collide_with_each_other_it_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
