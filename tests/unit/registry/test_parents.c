#include "support/register.h"

/* Registries with parents: what is on whose page, and what may be registered beside what. */

static cprom_gauge *gauge_new(ct_fixture *in, const char *name, double value)
{
    cprom_gauge *gauge;
    assert_ok(cprom_gauge_new(in->registry, FAMILY(name), &gauge));
    cprom_gauge_set(gauge, value);
    return gauge;
}

static cprom_status try_gauge(ct_fixture *in, const char *name)
{
    return try_register(in->registry, PLAIN, CPROM_GAUGE, FAMILY(name));
}

static void free_registry(ct_fixture *fixture)
{
    cprom_registry_free(fixture->registry);
    fixture->registry = NULL;
}

/*==============================================================================
 * Pages
 *============================================================================*/

static void test_registry_with_a_parent_is_on_all_pages_above_and_its_own(void **state)
{
    ct_fixture *top = *state, *middle = CHILD(top, {"lib", "x"}), *low = BARE_CHILD(middle);
    gauge_new(low, "b", 1);
    gauge_new(middle, "c", 2);
    gauge_new(top, "a", 3);
    ct_assert_page(low->registry, HEADER("b") "b 1\n");
    ct_assert_page(middle->registry, HEADER("b") "b 1\n" HEADER("c") "c{lib=\"x\"} 2\n");
    ct_assert_page(top->registry, HEADER("a") "a 3\n" HEADER("b") "b 1\n" HEADER("c") "c{lib=\"x\"} 2\n");
    ct_fixture_free(low);
    ct_assert_page(top->registry, HEADER("a") "a 3\n" HEADER("c") "c{lib=\"x\"} 2\n");
    ct_fixture_free(middle);
    ct_assert_page(top->registry, HEADER("a") "a 3\n");
}

static void test_registry_with_a_parent_takes_no_prefix_and_no_const_labels_from_it(void **state)
{
    ct_fixture *home = *state, child = {.registry = NULL};
    cprom_registry *parent;
    assert_ok(cprom_registry_new(CPROM_OPTS(cprom_registry_opts, .prefix = "p_", .const_labels = {{"a", "1"}}), &parent));
    assert_ok(cprom_registry_new(CPROM_OPTS(cprom_registry_opts, .prefix = "c_", .parent = parent), &child.registry));
    gauge_new(&child, "g", 1);
    ct_assert_page(parent, HEADER("c_g") "c_g 1\n");
    ct_assert_page(home->registry, "");
    cprom_registry_free(child.registry);
    cprom_registry_free(parent);
}

static void test_page_of_a_parent_shows_the_same_family_of_children_as_one(void **state)
{
    ct_fixture *top = *state, *a = CHILD(top, {"lib", "a"}), *b = CHILD(top, {"lib", "b"}), *c = CHILD(b, {"lib", "c"});
    gauge_new(c, "g", 3);
    gauge_new(b, "g", 2);
    gauge_new(top, "g", 0);
    gauge_new(a, "g", 1);
    ct_assert_page(top->registry, HEADER("g") "g 0\ng{lib=\"a\"} 1\ng{lib=\"b\"} 2\ng{lib=\"c\"} 3\n");
    ct_assert_page(b->registry, HEADER("g") "g{lib=\"b\"} 2\ng{lib=\"c\"} 3\n");
    ct_assert_page(c->registry, HEADER("g") "g{lib=\"c\"} 3\n");
    /* Unregistering in one says nothing of the others. */
    assert_ok(cprom_registry_unregister(b->registry, "g"));
    assert_status(cprom_registry_unregister(b->registry, "g"), CPROM_ENOENT);
    ct_assert_page(top->registry, HEADER("g") "g 0\ng{lib=\"a\"} 1\ng{lib=\"c\"} 3\n");
    ct_fixture_free(c);
    ct_fixture_free(b);
    ct_fixture_free(a);
}

/* a over b over c over d, and beside each of these but a one more; h is below the one beside d. */
static void test_page_of_a_deep_tree_shows_every_registry(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    ct_fixture *tree[8] = {*state};
    for (int i = 1; i < 4; i++) tree[i] = BARE_CHILD(tree[i - 1]);
    for (int i = 4; i < 7; i++) tree[i] = BARE_CHILD(tree[i - 4]);
    tree[7] = BARE_CHILD(tree[6]);
    for (int i = 0; i < 8; i++) gauge_new(tree[i], names[i], 1);
    static const size_t shown[] = {8, 6, 4, 1, 1, 1, 2, 1};
    for (int i = 0; i < 8; i++) {
        ct_page page = ct_page_read(tree[i]->registry, NULL, 4096);
        assert_int_equal(page.parsed->n_samples, shown[i]);
        ct_page_free(&page);
        for (int k = 0; k < 8; k++) {
            if (k != i) assert_status(try_gauge(tree[i], names[k]), CPROM_EEXIST);
        }
    }
    for (int i = 8; --i;) ct_fixture_free(tree[i]);
}

static void test_page_filter_applies_to_children(void **state)
{
    static const char *const names[] = {"b"};
    ct_fixture *top = *state, *child = BARE_CHILD(top);
    gauge_new(top, "a", 1);
    gauge_new(child, "b", 2);
    gauge_new(child, "c", 3);
    ct_page page = ct_page_read(top->registry, CPROM_OPTS(cprom_page_opts, .names = names, .n_names = 1), 100);
    ct_assert_text_equal(page.text, HEADER("b") "b 2\n");
    ct_page_free(&page);
    ct_fixture_free(child);
}

static void test_registry_calls_reach_the_registry_only(void **state)
{
    ct_fixture *top = *state, *child = CHILD(top, {"lib", "a"});
    cprom_gauge_vec *of_top, *of_child;
    size_t removed;
    assert_ok(cprom_gauge_vec_new(top->registry, FAMILY("g", .labels = {"x"}), &of_top));
    assert_ok(cprom_gauge_vec_new(child->registry, FAMILY("g", .labels = {"x"}), &of_child));
    cprom_mark since = cprom_registry_mark(top->registry);
    assert_ok(cprom_gauge_vec_set(of_top, CPROM_STRS("1"), 1));
    assert_ok(cprom_gauge_vec_set(of_child, CPROM_STRS("1"), 1));
    ct_page page = ct_page_read(top->registry, NULL, 100);
    ct_page_free(&page);
    assert_int_equal(stats_of(top->registry).gathers, 1);
    assert_int_equal(stats_of(child->registry).gathers, 0);
    assert_int_equal(stats_of(top->registry).series, 1);
    assert_int_equal(stats_of(top->registry).families, 1);
    assert_status(cprom_registry_sweep(child->registry, CPROM_LABELS({"x", "1"}), since, &removed), CPROM_EINVAL);
    assert_ok(cprom_registry_delete_matching(top->registry, CPROM_LABELS({"x", "1"}), &removed));
    assert_int_equal(removed, 1);
    assert_int_equal(cprom_gauge_vec_size(of_child), 1);
    ct_assert_page(top->registry, HEADER("g") "g{lib=\"a\",x=\"1\"} 1\n");
    ct_fixture_free(child);
}

/*==============================================================================
 * Registration
 *============================================================================*/

/* Each form in one registry of the tree, and then in another. */
static void test_registration_of_a_family_that_a_relative_with_the_same_const_labels_has_answers_EEXIST(void **state)
{
    ct_fixture *top = *state, *a = CHILD(top, {"lib", "a"}), *b = CHILD(top, {"none", ""}, {"lib", "a"}),
               *c = BARE_CHILD(a), *d = CHILD(top, {"none", ""});
    ct_fixture *pairs[][2] = {{a, b}, {b, a}, {top, c}, {c, top}, {c, d}, {d, c}, {d, top}};
    enum form forms[] = {PLAIN, VEC, FUNC, DECLARED};
    for (size_t i = 0; i < COUNT(pairs); i++) {
        for (int f = 0; f < 4; f++) {
            for (int g = 0; g < 4; g++) {
                ct_fixture *first = pairs[i][0], *second = pairs[i][1];
                const cprom_opts *opts = FAMILY("same");
                assert_ok(try_register(first->registry, forms[f], CPROM_GAUGE, opts));
                ct_log_clear(&second->log);
                assert_status(try_register(second->registry, forms[g], CPROM_GAUGE, opts), CPROM_EEXIST);
                assert_true(ct_log_has(&second->log, "\"same\"", "another registry", "const labels"));
                /* So it is with one that does not agree otherwise. */
                assert_status(try_register(second->registry, forms[g], CPROM_GAUGE, CPROM_OPTS(cprom_opts, .help = "?", .name = "same")),
                              CPROM_EEXIST);
                assert_ok(cprom_registry_unregister(first->registry, "same"));
                assert_ok(try_register(second->registry, forms[g], CPROM_GAUGE, opts));
                assert_ok(cprom_registry_unregister(second->registry, "same"));
            }
        }
    }
    ct_fixture_free(d);
    ct_fixture_free(c);
    ct_fixture_free(b);
    ct_fixture_free(a);
}

static void test_registration_of_a_family_that_a_relative_has_otherwise_answers_ECONFLICT(void **state)
{
    static const struct {
        cprom_type type;
        const char *help, *unit, *labels[3];
    } others[] = {
        {CPROM_SUMMARY, "H.", "seconds", {"x", "y"}}, {CPROM_GAUGE, "H!", "seconds", {"x", "y"}},
        {CPROM_GAUGE, "H.", NULL, {"x", "y"}},        {CPROM_GAUGE, "H.", "seconds", {"x"}},
        {CPROM_GAUGE, "H.", "seconds", {"x", "z"}},   {CPROM_GAUGE, "H.", "seconds", {NULL}},
        {CPROM_GAUGE, NULL, "seconds", {"x", "y"}},   {CPROM_GAUGE, "H.", "seconds", {"x", "y", "z"}},
    };
    ct_fixture *top = *state, *a = CHILD(top, {"lib", "a"}), *b = CHILD(top, {"lib", "b"}), *c = BARE_CHILD(b);
    ct_fixture *where[] = {top, b, c};
    assert_ok(try_register(a->registry, VEC, CPROM_GAUGE,
                           FAMILY("t_seconds", .unit = "seconds", .labels = {"x", "y"})));
    for (size_t w = 0; w < 3; w++) {
        cprom_registry *r = where[w]->registry;
        for (size_t i = 0; i < COUNT(others); i++) {
            cprom_opts opts = CPROM_INIT(cprom_opts);
            opts.name = "t_seconds";
            opts.help = others[i].help;
            opts.unit = others[i].unit;
            memcpy(opts.labels, others[i].labels, sizeof others[i].labels);
            ct_log_clear(&where[w]->log);
            if (opts.help) assert_status(try_register(r, VEC, others[i].type, &opts), CPROM_ECONFLICT);
            assert_status(try_register(r, DECLARED, others[i].type, &opts), CPROM_ECONFLICT);
            assert_true(ct_log_has(&where[w]->log, "\"t_seconds\"", "another registry", "type, help, unit or labels"));
        }
        /* The order of the declaration is nobody's business. */
        assert_ok(try_register(r, VEC, CPROM_GAUGE,
                               FAMILY("t_seconds", .unit = "seconds", .labels = {"y", "x"})));
        assert_ok(cprom_registry_unregister(r, "t_seconds"));
        assert_int_equal(stats_of(r).families, 0);
    }
    ct_fixture_free(c);
    ct_fixture_free(b);
    ct_fixture_free(a);
}

static void test_registration_of_sample_names_that_collide_with_a_relative_answers_ECONFLICT(void **state)
{
    static const struct {
        cprom_type type;
        const char *name;
    } pairs[][2] = {
        {{CPROM_HISTOGRAM, "x"}, {CPROM_GAUGE, "x_sum"}},      {{CPROM_COUNTER, "x_total"}, {CPROM_GAUGE, "x"}},
        {{CPROM_SUMMARY, "x"}, {CPROM_COUNTER, "x_count_total"}}, {{CPROM_COUNTER, "x_total"}, {CPROM_HISTOGRAM, "x"}},
        {{CPROM_HISTOGRAM, "x_total"}, {CPROM_GAUGE, "x_total_bucket"}},
    };
    ct_fixture *top = *state, *a = CHILD(top, {"lib", "a"}), *b = CHILD(top, {"lib", "b"});
    ct_fixture *where[][2] = {{a, b}, {b, a}, {a, top}, {top, b}};
    for (size_t i = 0; i < COUNT(pairs); i++) {
        for (size_t w = 0; w < 8; w++) {
            ct_fixture *first = where[w / 2][0], *second = where[w / 2][1];
            size_t one = w % 2;
            const char *name = pairs[i][one].name, *other = pairs[i][!one].name;
            assert_ok(try_register(first->registry, PLAIN, pairs[i][one].type, FAMILY(name)));
            ct_log_clear(&second->log);
            assert_status(try_register(second->registry, PLAIN, pairs[i][!one].type, FAMILY(other)), CPROM_ECONFLICT);
            assert_true(ct_log_has(&second->log, other, name, "collide"));
            assert_status(try_register(second->registry, DECLARED, pairs[i][!one].type, FAMILY(other)), CPROM_ECONFLICT);
            assert_ok(cprom_registry_unregister(first->registry, name));
            assert_ok(try_register(second->registry, PLAIN, pairs[i][!one].type, FAMILY(other)));
            assert_ok(cprom_registry_unregister(second->registry, other));
        }
    }
    ct_fixture_free(b);
    ct_fixture_free(a);
}

static void test_registration_in_registries_without_a_common_page_is_free(void **state)
{
    ct_fixture *top = *state, *child = BARE_CHILD(top), *other = ct_fixture_new(), *cousin = BARE_CHILD(other);
    gauge_new(child, "g", 1);
    gauge_new(cousin, "g", 2);
    assert_status(try_gauge(top, "g"), CPROM_EEXIST);
    assert_status(try_gauge(other, "g"), CPROM_EEXIST);
    ct_assert_page(top->registry, HEADER("g") "g 1\n");
    ct_assert_page(other->registry, HEADER("g") "g 2\n");
    ct_fixture_free(cousin);
    ct_fixture_free(other);
    ct_fixture_free(child);
}

static void test_collector_new_with_the_name_of_a_relatives_collector_is_fine(void **state)
{
    ct_fixture *top = *state, *child = BARE_CHILD(top);
    cprom_collector_opts opts = CPROM_INIT(cprom_collector_opts);
    opts.name = "queue";
    opts.collect = collect_nothing;
    assert_ok(cprom_collector_new(top->registry, &opts));
    assert_ok(cprom_collector_new(child->registry, &opts));
    assert_status(cprom_collector_new(child->registry, &opts), CPROM_EEXIST);
    assert_false(ct_log_has(&child->log, "another registry"));
    assert_ok(cprom_registry_unregister(child->registry, "queue"));
    assert_int_equal(stats_of(top->registry).collectors, 1);
    ct_fixture_free(child);
}

/*==============================================================================
 * Who is freed first
 *============================================================================*/

static void test_registry_free_of_a_parent_leaves_its_children_on_their_own(void **state)
{
    ct_fixture *top = *state, *middle = CHILD(top, {"m", "1"}), *a = CHILD(middle, {"lib", "a"}),
               *b = CHILD(middle, {"lib", "b"}), *low = CHILD(a, {"lib", "low"});
    cprom_gauge *gauge = gauge_new(a, "g", 1);
    gauge_new(b, "g", 2);
    gauge_new(low, "g", 3);
    gauge_new(middle, "h", 4);
    free_registry(middle);
    ct_assert_page(top->registry, "");
    cprom_gauge_set(gauge, 5);
    ct_assert_page(a->registry, HEADER("g") "g{lib=\"a\"} 5\ng{lib=\"low\"} 3\n");
    ct_assert_page(b->registry, HEADER("g") "g{lib=\"b\"} 2\n");
    /* What was one page is three. */
    assert_ok(try_register(top->registry, PLAIN, CPROM_SUMMARY, FAMILY("g")));
    assert_ok(try_gauge(b, "h"));
    assert_ok(try_register(low->registry, PLAIN, CPROM_SUMMARY, FAMILY("h")));
    assert_status(try_gauge(a, "h"), CPROM_ECONFLICT);
    ct_fixture_free(low);
    assert_ok(try_gauge(a, "h"));
    ct_fixture *again = CHILD(b, {"lib", "again"});
    gauge_new(again, "g", 6);
    ct_assert_page(b->registry, HEADER("g") "g{lib=\"again\"} 6\ng{lib=\"b\"} 2\n" HEADER("h") "h{lib=\"b\"} 0\n");
    ct_fixture_free(b);
    ct_assert_page(again->registry, HEADER("g") "g{lib=\"again\"} 6\n");
    ct_fixture_free(again);
    ct_fixture_free(a);
    ct_fixture_free(middle);
}

static void test_registry_free_of_the_topmost_keeps_its_memory_for_the_children_only(void **state)
{
    ct_fixture *top = ct_fixture_new(), *child = BARE_CHILD(top), *low = BARE_CHILD(child);
    gauge_new(top, "t", 1);
    gauge_new(low, "g", 1);
    free_registry(top);
    free_registry(child);
    assert_int_equal(child->alloc.blocks, 0);
    assert_true(top->alloc.blocks > 0);
    ct_assert_page(low->registry, HEADER("g") "g 1\n");
    assert_ok(try_gauge(low, "t"));
    free_registry(low);
    assert_int_equal(low->alloc.blocks, 0);
    assert_int_equal(top->alloc.blocks, 0);
    ct_fixture_free(low);
    ct_fixture_free(child);
    ct_fixture_free(top);
}

/* Wherever it stands among its brothers and sisters. */
static void test_registry_free_of_any_child_leaves_the_others(void **state)
{
    static const char *const names[] = {"a", "b", "c"};
    ct_fixture *top = *state;
    for (int order = 0; order < 6; order++) {
        int first = order / 2, second = (first + 1 + order % 2) % 3, last = 3 - first - second;
        int goes[] = {first, second, last};
        ct_fixture *children[3];
        for (int i = 0; i < 3; i++) {
            children[i] = BARE_CHILD(top);
            gauge_new(children[i], names[i], 1);
        }
        for (int gone = 0; gone < 3; gone++) {
            ct_fixture_free(children[goes[gone]]);
            ct_page page = ct_page_read(top->registry, NULL, 4096);
            assert_int_equal(page.parsed->n_samples, 2 - gone);
            for (int k = gone + 1; k < 3; k++) assert_non_null(parser_find(page.parsed, names[goes[k]]));
            ct_page_free(&page);
            ct_fixture *new = BARE_CHILD(top); /* goes to the end of the list, and away from there */
            ct_fixture_free(new);
        }
    }
    ct_assert_page(top->registry, "");
}

static void test_registry_new_below_the_default_registry_is_on_its_page(void **state)
{
    ct_fixture *child = ct_fixture_child(cprom_registry_default(), CPROM_LABELS({"lib", "a"}));
    gauge_new(child, "test_parents_g", 1);
    ct_assert_sample(cprom_registry_default(), "test_parents_g{lib=\"a\"}", 1);
    ct_assert_page(child->registry, HEADER("test_parents_g") "test_parents_g{lib=\"a\"} 1\n");
    /* The process metrics of two: one family. */
    assert_ok(cprom_process_collector_new(child->registry));
    ct_page page = ct_page_read(cprom_registry_default(), NULL, 4096);
    const parser_family *family = parser_family_find(page.parsed, "process_start_time_seconds");
    if (family) assert_int_equal(family->n_samples, 2);
    ct_page_free(&page);
    ct_fixture_free(child);
    ct_assert_no_sample(cprom_registry_default(), "test_parents_g{lib=\"a\"}");
    ct_fixture *bare = ct_fixture_child(cprom_registry_default(), CPROM_NO_LABELS);
    assert_status(cprom_process_collector_new(bare->registry), CPROM_EEXIST);
    ct_fixture_free(bare);
}

/*==============================================================================
 * Memory
 *============================================================================*/

static void test_registry_new_with_a_parent_out_of_memory_changes_nothing(void **state)
{
    ct_fixture *top = *state, fixture = {.registry = NULL};
    ct_log_init(&fixture.log);
    cprom_registry_opts opts = ct_fixture_opts(&fixture);
    opts.parent = top->registry;
    opts.const_labels[0] = (cprom_label){"lib", "a"};
    gauge_new(top, "t", 1);
    for (size_t nth = 1;; nth++) {
        ct_alloc_fail_at(&fixture.alloc, nth, false);
        cprom_status status = cprom_registry_new(&opts, &fixture.registry);
        bool failed = fixture.alloc.failed;
        ct_alloc_fail_at(&fixture.alloc, 0, false);
        ct_assert_page(top->registry, HEADER("t") "t 1\n");
        if (!failed) {
            assert_ok(status);
            assert_in_range(nth, 3, 100);
            break;
        }
        assert_status(status, CPROM_ENOMEM);
        assert_null(fixture.registry);
        assert_int_equal(fixture.alloc.blocks, 0);
    }
    free_registry(&fixture);
    assert_int_equal(fixture.alloc.blocks, 0);
    ct_log_free(&fixture.log);
}

static void test_registry_new_refused_leaves_the_parent_alone(void **state)
{
    ct_fixture *top = *state;
    cprom_registry *child;
    assert_status(cprom_registry_new(CPROM_OPTS(cprom_registry_opts, .parent = top->registry, .prefix = "1"), &child),
                  CPROM_ENAME);
    assert_null(child);
    ct_assert_page(top->registry, "");
}

int group_parents(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_registry_with_a_parent_is_on_all_pages_above_and_its_own),
        TEST(test_registry_with_a_parent_takes_no_prefix_and_no_const_labels_from_it),
        TEST(test_page_of_a_parent_shows_the_same_family_of_children_as_one),
        TEST(test_page_of_a_deep_tree_shows_every_registry),
        TEST(test_page_filter_applies_to_children),
        TEST(test_registry_calls_reach_the_registry_only),
        TEST(test_registration_of_a_family_that_a_relative_with_the_same_const_labels_has_answers_EEXIST),
        TEST(test_registration_of_a_family_that_a_relative_has_otherwise_answers_ECONFLICT),
        TEST(test_registration_of_sample_names_that_collide_with_a_relative_answers_ECONFLICT),
        TEST(test_registration_in_registries_without_a_common_page_is_free),
        TEST(test_collector_new_with_the_name_of_a_relatives_collector_is_fine),
        TEST(test_registry_free_of_a_parent_leaves_its_children_on_their_own),
        TEST(test_registry_free_of_the_topmost_keeps_its_memory_for_the_children_only),
        TEST(test_registry_free_of_any_child_leaves_the_others),
        TEST(test_registry_new_below_the_default_registry_is_on_its_page),
        TEST(test_registry_new_with_a_parent_out_of_memory_changes_nothing),
        TEST(test_registry_new_refused_leaves_the_parent_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
