/*
 * The owner index: a vector with an owner does the same as one without, at any size and with any values. What it does
 * is compared with a table of what is alive.
 */
#include "support/kinds.h"
#include "support/updates.h"

/* ---- at size ---- */

enum {
    N = 50000,
    BIG = 20000,
    OWNERS = 3000
};

/* The first BIG series are one owner's; of the others each owner has one in OWNERS - 1. */
struct large {
    cprom_gauge_vec *vec;
    bool alive[N];
    uint64_t epoch[N], now;
    size_t n_alive;
};

static int owner_of(int i) { return i < BIG ? 0 : 1 + (i - BIG) % (OWNERS - 1); }

static void label(int i, char *p, char *s)
{
    int owner = owner_of(i);
    sprintf(p, owner % 7 ? "owner-%d" : "o\"%d\\\n", owner);
    sprintf(s, "%d", i);
}

static void set(struct large *l, int i)
{
    char p[32], s[32];
    label(i, p, s);
    assert_ok(cprom_gauge_vec_set(l->vec, CPROM_STRS(p, s), i));
    l->n_alive += !l->alive[i];
    l->alive[i] = true;
    l->epoch[i] = l->now;
}

/* Takes out of the table what the owner has; those for which keep is set stay. */
static size_t take_out(struct large *l, int owner, uint64_t since, const bool *keep)
{
    size_t n = 0;
    for (int i = owner ? BIG + owner - 1 : 0; i < (owner ? N : BIG); i += owner ? OWNERS - 1 : 1) {
        if (!l->alive[i] || (since && l->epoch[i] >= since) || (keep && keep[i])) continue;
        l->alive[i] = false;
        n++;
    }
    l->n_alive -= n;
    return n;
}

static void check(struct large *l, cprom_registry *r)
{
    assert_int_equal(cprom_gauge_vec_size(l->vec), l->n_alive);
    char *text;
    assert_ok(cprom_registry_text(r, &text, NULL));
    size_t n = 0;
    for (char *line = text, *next; *line; line = next) {
        char p[32], s[32], *number;
        next = line;
        while (*next++ != '\n') {
        }
        next[-1] = '\0';
        if (*line == '#') continue;
        number = strstr(line, "s=\"") + 3; /* its value is the number of the series */
        int i = atoi(number);
        assert_in_range(i, 0, N - 1);
        assert_true(l->alive[i]);
        label(i, p, s);
        assert_memory_equal(number, s, strlen(s));
        assert_int_equal(strchr(line, '\\') != NULL, owner_of(i) % 7 == 0);
        assert_true(strtod(strchr(number, '}') + 1, NULL) == i);
        n++;
    }
    cprom_text_free(text);
    assert_int_equal(n, l->n_alive);
}

static void test_owner_random_operations_on_many_series_match_a_table(void **state)
{
    TESTS_BEGIN;
    struct large *l = calloc(1, sizeof *l);
    bool *keep = calloc(N, sizeof *keep);
    uint64_t seed = 3;
    char p[32], s[32];
    l->vec = up_gauges(r, "g", "p");
    l->now = 1;
    for (int i = 0; i < N; i++) set(l, (int)((long)i * 7919 % N)); /* in no order of the owners */
    check(l, r);
    for (int step = 0; step < 400; step++) {
        int i = (int)(next_random(&seed) % N), owner = next_random(&seed) % 100 ? owner_of(BIG + i % (N - BIG)) : 0;
        label(owner ? BIG + owner - 1 : 0, p, s);
        size_t removed, expected;
        switch (next_random(&seed) % 6) {
        case 0:
        case 1:
            for (int k = 0; k < 50; k++) set(l, (int)(next_random(&seed) % N));
            break;
        case 2:
            assert_ok(cprom_gauge_vec_delete_matching(l->vec, CPROM_LABELS({"p", p}), &removed));
            assert_int_equal(removed, take_out(l, owner, 0, NULL));
            break;
        case 3:
            label(i, p, s);
            assert_status(cprom_gauge_vec_delete(l->vec, CPROM_STRS(p, s)), l->alive[i] ? CPROM_OK : CPROM_ENOENT);
            l->n_alive -= l->alive[i];
            l->alive[i] = false;
            break;
        case 4: {
            cprom_mark mark = cprom_registry_mark(r);
            l->now++;
            for (int k = 0; k < 20; k++) set(l, (int)(next_random(&seed) % N));
            assert_ok(cprom_gauge_vec_sweep(l->vec, CPROM_LABELS({"p", p}), mark, &removed));
            assert_int_equal(removed, take_out(l, owner, l->now, NULL));
            break;
        }
        default: {
            cprom_update *update = up_new(r);
            memset(keep, 0, N * sizeof *keep);
            assert_ok(OWNER(l->vec, p));
            size_t created = 0, updated = 0;
            for (int k = 0; k < 10; k++) {
                int of = owner ? BIG + owner - 1 + (OWNERS - 1) * (int)(next_random(&seed) % 9)
                               : (int)(next_random(&seed) % BIG);
                if (of >= N || keep[of]) continue;
                label(of, p, s);
                assert_ok(SET(l->vec, of, p, s));
                keep[of] = true;
                created += !l->alive[of];
                updated += l->alive[of];
            }
            expected = take_out(l, owner, 0, keep);
            up_commit(update, created, updated, expected, 0);
            for (int of = 0; of < N; of++) {
                if (!keep[of]) continue;
                l->n_alive += !l->alive[of];
                l->alive[of] = true;
                l->epoch[of] = l->now;
            }
        }
        }
        if (step % 200 == 0) check(l, r);
    }
    check(l, r);
    assert_ok(cprom_gauge_vec_clear(l->vec));
    memset(l->alive, 0, sizeof l->alive);
    l->n_alive = 0;
    check(l, r);
    set(l, 0);
    set(l, N - 1);
    check(l, r);
    free(keep);
    free(l);
}

/* Big owners: removals from the beginning, the end and the middle of what they have, again and again. */
static void test_owner_big_owner_loses_series_singly_and_at_once(void **state)
{
    TESTS_BEGIN;
    enum {
        BIG_OWNER = 1000
    };
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    char s[16];
    for (int order = 0; order < 4; order++) {
        for (int i = 0; i < BIG_OWNER; i++) {
            snprintf(s, sizeof s, "%d", i);
            assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", s), i));
        }
        for (int k = 0; k < BIG_OWNER; k++) {
            int i = order == 0 ? k : order == 1 ? BIG_OWNER - 1 - k : k * 377 % BIG_OWNER;
            if (order == 3 && k % 3) continue;
            snprintf(s, sizeof s, "%d", i);
            assert_ok(cprom_gauge_vec_delete(g, CPROM_STRS("a", s)));
        }
        size_t removed;
        assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"p", "a"}), &removed));
        assert_int_equal(removed, order == 3 ? BIG_OWNER - (BIG_OWNER + 2) / 3 : 0);
        assert_int_equal(cprom_gauge_vec_size(g), 0);
    }
}

/* ---- values ---- */

static void test_owner_values_that_look_alike_are_apart(void **state)
{
    TESTS_BEGIN;
    static const char *const owners[] = {"",     "a",  "a\"", "a\\\"", "a\\",       "a\\\\",        "a\n",
                                         "a\\n", "\"", "\\",  "\n",    "a\",s=\"x", "\xe4\xb8\xad", "\xe4\xb8\xad\"",
                                         "a ",   " a"};
    enum {
        MANY = COUNT(owners)
    };
    cprom_gauge_vec *g = up_gauges(r, "g", "p"), *h = up_gauges(r, "h", "s");
    for (int round = 0; round < MANY; round++) {
        for (int i = 0; i < MANY; i++) {
            for (int k = 0; k < MANY; k++) {
                assert_ok(cprom_gauge_vec_set(g, CPROM_STRS(owners[i], owners[k]), i));
                assert_ok(cprom_gauge_vec_set(h, CPROM_STRS(owners[k], owners[i]), i));
            }
        }
        size_t removed;
        assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"p", owners[round]}), &removed));
        assert_int_equal(removed, MANY);
        cprom_update *update = up_new(r);
        assert_ok(cprom_update_gauge_vec_replace(update, h, CPROM_LABELS({"s", owners[round]})));
        assert_ok(SET(h, 1, owners[0], owners[round]));
        up_commit(update, 0, 1, MANY - 1, 0);
        double value;
        for (int i = 0; i < MANY; i++) {
            assert_status(cprom_gauge_vec_get(g, CPROM_STRS(owners[i], owners[round]), &value),
                          i == round ? CPROM_ENOENT : CPROM_OK);
            assert_status(cprom_gauge_vec_get(h, CPROM_STRS(owners[1], owners[i]), &value),
                          i == round ? CPROM_ENOENT : CPROM_OK);
        }
        assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"s", "x"}, {"p", "a"}), &removed));
        assert_int_equal(removed, 0);
        assert_ok(cprom_gauge_vec_delete_matching(
            g, CPROM_LABELS({"s", owners[round]}, {"p", owners[(round + 1) % MANY]}), &removed));
        assert_int_equal(removed, 1);
    }
    ct_page page = ct_page_read(r, NULL, 65536);
    ct_page_free(&page);
}

/* All kinds: the extra of a series stands behind its cells, if it has any of its own. */
static void test_owner_on_all_kinds_of_vectors(void **state)
{
    TESTS_BEGIN;
    double bounds[300];
    assert_ok(cprom_bounds_linear(1, 1, 300, bounds));
    for (const kind *k = kinds; k < kinds + KINDS; k++) {
        cprom_opts opts = *FAMILY(k->name, .labels = {"p", "s"}, .owner = "s");
        cprom_vec *vec;
        char p[16], s[16];
        if (k->type == CPROM_HISTOGRAM) {
            opts.bounds = bounds;
            opts.n_bounds = COUNT(bounds);
        }
        assert_ok(k->make(r, &opts, &vec));
        /* More than may have stripes, so that there are both sorts. */
        for (int i = 0; i < 600; i++) {
            snprintf(p, sizeof p, "%d", i);
            snprintf(s, sizeof s, "%.*s", 1 + i % 7, "12345678");
            cprom_series *series = cprom_vec_with(vec, CPROM_STRS(p, s));
            k->add_to(series, i);
            cprom_series_unref(series);
        }
        for (int i = 0; i < 7; i++) {
            size_t removed;
            snprintf(s, sizeof s, "%.*s", 1 + i, "12345678");
            assert_ok(cprom_vec_delete_matching(vec, CPROM_LABELS({"s", s}), &removed));
            assert_int_equal(removed, 600 / 7 + (i < 600 % 7));
            ct_page page = ct_page_read(r, NULL, 65536);
            ct_page_free(&page);
        }
        assert_int_equal(cprom_vec_size(vec), 0);
    }
}

static void test_owner_must_be_one_of_the_labels(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *vec;
    assert_status(
        cprom_gauge_vec_new(r, CPROM_OPTS(cprom_opts, .name = "g", .help = "h", .labels = {"p"}, .owner = "q"), &vec),
        CPROM_ELABELS);
    assert_null(vec);
    assert_true(ct_log_has(&fixture->log, "g", "owner", "q"));
    cprom_gauge *gauge;
    assert_status(cprom_gauge_new(r, CPROM_OPTS(cprom_opts, .name = "g", .help = "h", .owner = "q"), &gauge),
                  CPROM_EINVAL);
}

static void test_owner_index_is_reclaimed(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    char p[16];
    size_t early = 0;
    for (int i = 0; i < 10000; i++) {
        snprintf(p, sizeof p, "%d", i);
        assert_ok(cprom_gauge_vec_set(g, CPROM_STRS(p, "x"), 1));
        assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"p", p}), NULL));
        if (i == 1000) early = up_stats(r).bytes;
    }
    assert_in_range(up_stats(r).bytes, 1, early + early / 2);
}

/* ---- reclaimed meanwhile ---- */

static struct {
    cprom_registry *registry;
    cprom_gauge_vec *other;
    int removed;
} amid;

/* Reuses what is dead: the series of this vector then lie where those of the other did. */
static void *reuse(void *arg)
{
    cprom_registry_trim(amid.registry);
    for (int i = 0; i < 40; i++) {
        char p[16];
        snprintf(p, sizeof p, "%02d-%02d", amid.removed, i);
        cprom_gauge_vec_set(amid.other, CPROM_STRS(p, "x"), 1);
    }
    return NULL;
}

static void reuse_after_each(enum cprom__seam point)
{
    pthread_t thread;
    if (point != CPROM__SEAM_KILL_BY_OWNER) return;
    pthread_create(&thread, NULL, reuse, NULL);
    pthread_join(thread, NULL);
    amid.removed++;
}

static void test_owner_series_that_are_reused_while_their_owner_is_removed_are_left_alone(void **state)
{
    TESTS_BEGIN;
    enum {
        SERIES = 60
    };
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    amid.registry = r;
    amid.other = up_gauges(r, "h", "p");
    amid.removed = 0;
    for (int i = 0; i < SERIES; i++) {
        char s[16];
        snprintf(s, sizeof s, "%05d", i);
        assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", s), 1));
    }
    size_t removed;
    cprom__seam_hook = reuse_after_each;
    assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"p", "a"}), &removed));
    cprom__seam_hook = NULL;
    assert_int_equal(removed, SERIES);
    assert_int_equal(amid.removed, SERIES);
    assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"p", "a"}), &removed));
    assert_int_equal(removed, 0);
    assert_int_equal(cprom_gauge_vec_size(g), 0);
    assert_int_equal(cprom_gauge_vec_size(amid.other), SERIES * 40);
    for (int i = 0; i < SERIES * 40; i++) {
        char p[16];
        snprintf(p, sizeof p, "%02d-%02d", i / 40, i % 40);
        assert_ok(cprom_gauge_vec_get(amid.other, CPROM_STRS(p, "x"), NULL));
    }
}

/* Between two portions of a removal, another owner's series and this one's come and go. */
static struct {
    cprom_gauge_vec *vec;
    unsigned portions;
    int next;      /* the old series that is deleted singly */
    size_t singly; /* were still there */
} between;

static void meddle(enum cprom__seam point)
{
    char s[16];
    if (point != CPROM__SEAM_MATCH_WALKS) return;
    between.portions++;
    for (int i = 0; i < 50; i++, between.next -= 3) {
        snprintf(s, sizeof s, "%d", between.next);
        between.singly += cprom_gauge_vec_delete(between.vec, CPROM_STRS("a", s)) == CPROM_OK;
        snprintf(s, sizeof s, "new%u.%d", between.portions, i);
        assert_ok(cprom_gauge_vec_set(between.vec, CPROM_STRS("a", s), 1));
    }
}

static void test_owner_large_one_is_removed_in_portions(void **state)
{
    enum {
        LARGE = 10000
    };
    TESTS_BEGIN;
    char s[16];
    size_t removed;
    cprom_gauge_vec *g = NULL;
    assert_ok(cprom_gauge_vec_new(
        r, CPROM_OPTS(cprom_opts, .name = "g", .help = "H.", .labels = {"p", "s"}, .owner = "p"), &g));
    for (int i = 0; i < LARGE; i++) {
        snprintf(s, sizeof s, "%d", i);
        assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", s), i));
    }
    memset(&between, 0, sizeof between);
    between.vec = g;
    between.next = LARGE - 1;
    cprom__seam_hook = meddle;
    assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"p", "a"}), &removed));
    cprom__seam_hook = NULL;
    /* No hold of the lock is for more than this: others came in so often. */
    assert_true(between.portions >= LARGE / 4096);
    /* What the removal covers is gone for who deletes it singly. */
    assert_int_equal(between.singly, 0);
    assert_int_equal(removed, LARGE);
    assert_int_equal(cprom_gauge_vec_size(g), between.portions * 50);
    for (int i = 0; i < LARGE; i++) {
        snprintf(s, sizeof s, "%d", i);
        assert_int_equal(cprom_gauge_vec_get(g, CPROM_STRS("a", s), NULL), CPROM_ENOENT);
    }
    assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"p", "a"}), &removed));
    assert_int_equal(removed, between.portions * 50);
}

int group_owner(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_owner_random_operations_on_many_series_match_a_table),
        TEST(test_owner_big_owner_loses_series_singly_and_at_once),
        TEST(test_owner_values_that_look_alike_are_apart),
        TEST(test_owner_on_all_kinds_of_vectors),
        TEST(test_owner_must_be_one_of_the_labels),
        TEST(test_owner_index_is_reclaimed),
        TEST(test_owner_series_that_are_reused_while_their_owner_is_removed_are_left_alone),
        TEST(test_owner_large_one_is_removed_in_portions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
