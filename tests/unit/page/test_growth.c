#include "base/seam.h"
#include "support/work.h"

/* What a page costs whose collectors emit many families: counted in comparisons and copied bytes. */

static cprom_desc *descs;
static size_t n_descs, rounds;

static cprom_status emit_all(void *ctx, cprom_scrape *out)
{
    for (size_t k = 0; k < rounds; k++) {
        char value[32];
        snprintf(value, sizeof value, "%zu", k);
        for (size_t i = 0; i < n_descs; i++) cprom_emit(out, &descs[i], CPROM_STRS(value), 1);
    }
    return CPROM_OK;
}

static double one(void *ctx) { return 1; }

/* `beside`: with as many families that are registered. */
static void show(size_t n, size_t times, bool declared, bool beside)
{
    ct_fixture *fixture = ct_fixture_new();
    char(*names)[32] = calloc(n, sizeof *names);
    descs = calloc(n, sizeof *descs);
    assert_true(descs && names);
    n_descs = n;
    rounds = times;
    for (size_t i = 0; i < n; i++) {
        ct_work_name(names[i], i);
        descs[i] = (cprom_desc){.size = sizeof *descs, .name = names[i], .type = CPROM_GAUGE, .labels = {"l"}};
        char other[32];
        ct_work_name(other, n + i);
        if (beside) assert_ok(cprom_gauge_func_new(fixture->registry, OPTS(.name = other, .help = "H."), one, NULL));
    }
    assert_ok(cprom_collector_new(fixture->registry,
                                  CPROM_OPTS(cprom_collector_opts, .name = "c", .collect = emit_all,
                                             .descs = declared ? descs : NULL, .n_descs = declared ? n : 0)));
    cprom_page *page;
    assert_ok(cprom_page_open(fixture->registry, NULL, &page));
    cprom_page_close(page);
    assert_int_equal(ct_log_count(&fixture->log), 0);
    ct_fixture_free(fixture);
    free(descs);
    free(names);
}

static void unchecked(size_t n) { show(n, 1, false, false); }
static void checked(size_t n) { show(n, 1, true, false); }
static void interleaved(size_t n) { show(n, 4, false, false); }
static void beside_registered(size_t n) { show(n, 1, false, true); }

static cprom_status emit_one(void *ctx, cprom_scrape *out) { return cprom_emit(out, ctx, CPROM_STRS("v"), 1); }

/* Each registry has one collector, which emits a family of its own. */
static void registries(size_t n)
{
    ct_fixture *fixture = ct_fixture_new();
    char(*names)[32] = calloc(n, sizeof *names);
    descs = calloc(n, sizeof *descs);
    cprom_registry **children = calloc(n, sizeof(cprom_registry *));
    assert_true(descs && names && children);
    for (size_t i = 0; i < n; i++) {
        ct_work_name(names[i], i);
        descs[i] = (cprom_desc){.size = sizeof *descs, .name = names[i], .type = CPROM_GAUGE, .labels = {"l"}};
        assert_ok(cprom_registry_new(CPROM_OPTS(cprom_registry_opts, .parent = fixture->registry,
                                                .const_labels = {{"child", names[i]}}),
                                     &children[i]));
        assert_ok(cprom_collector_new(
            children[i], CPROM_OPTS(cprom_collector_opts, .name = "c", .collect = emit_one, .ctx = &descs[i])));
    }
    cprom_page *page;
    assert_ok(cprom_page_open(fixture->registry, NULL, &page));
    cprom_page_close(page);
    for (size_t i = 0; i < n; i++) cprom_registry_free(children[i]);
    ct_fixture_free(fixture);
    free(children);
    free(descs);
    free(names);
}

static void test_page_of_many_registries_grows_linearly(void **state) { ct_assert_grows_linearly(registries); }
static void test_page_of_many_unchecked_families_grows_linearly(void **state) { ct_assert_grows_linearly(unchecked); }
static void test_page_of_many_checked_families_grows_linearly(void **state) { ct_assert_grows_linearly(checked); }
static void test_page_of_interleaved_families_grows_linearly(void **state) { ct_assert_grows_linearly(interleaved); }
static void test_page_of_families_beside_registered_ones_grows_linearly(void **state)
{
    ct_assert_grows_linearly(beside_registered);
}

/* ---- what comes in between the sort and the copying ---- */

enum { LATE = 100 };

static cprom_gauge_vec *late_vec;
static size_t late_vectors, late_copied; /* bytes, from the first vector's turn in the gate to the second's */

static void make_late(enum cprom__seam point)
{
    if (point == CPROM__SEAM_GATHER_READY) {
        for (int i = 0; i < LATE; i++) {
            char value[32];
            ct_work_name(value, 1000000 + (size_t)i);
            assert_ok(cprom_gauge_vec_set(late_vec, CPROM_STRS(value), 1));
        }
    }
    if (point == CPROM__SEAM_GATHER_VECTOR) late_copied = ct_work_now().copied - (late_vectors++ ? late_copied : 0);
}

/* Bytes that are copied in the gate for a vector of n series and those that come late. */
static size_t copied_in_the_gate(size_t n)
{
    ct_fixture *fixture = ct_fixture_new();
    cprom_gauge_vec *next;
    assert_ok(cprom_gauge_vec_new(fixture->registry, OPTS(.name = "a", .help = "H.", .labels = {"l"}), &late_vec));
    assert_ok(cprom_gauge_vec_new(fixture->registry, OPTS(.name = "b", .help = "H.", .labels = {"l"}), &next));
    for (size_t i = 0; i < n; i++) {
        char value[32];
        ct_work_name(value, i);
        assert_ok(cprom_gauge_vec_set(late_vec, CPROM_STRS(value), 1));
    }
    late_vectors = 0;
    cprom__seam_hook = make_late;
    char *text;
    assert_ok(cprom_registry_text(fixture->registry, &text, NULL));
    cprom__seam_hook = NULL;
    assert_int_equal(late_vectors, 2);
    size_t lines = 0;
    for (const char *line = text; (line = strstr(line, "\na{")) != NULL; line++) lines++;
    assert_int_equal(lines, n + LATE);
    cprom_text_free(text);
    ct_fixture_free(fixture);
    return late_copied;
}

static void test_page_what_comes_late_moves_no_other_rows_in_the_gate(void **state)
{
    assert_int_equal(copied_in_the_gate(4000), copied_in_the_gate(40));
}

int group_growth(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_of_many_unchecked_families_grows_linearly),
        cmocka_unit_test(test_page_of_many_checked_families_grows_linearly),
        cmocka_unit_test(test_page_of_interleaved_families_grows_linearly),
        cmocka_unit_test(test_page_of_families_beside_registered_ones_grows_linearly),
        cmocka_unit_test(test_page_what_comes_late_moves_no_other_rows_in_the_gate),
        cmocka_unit_test(test_page_of_many_registries_grows_linearly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
