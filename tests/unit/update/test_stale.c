/*
 * Which updates are stale: (a) one created later committed a scope that overlaps one of its own; (b) a removal by match
 * has overlapped its scopes or staged series. Everything else is not.
 */
#include "support/updates.h"
#include "store/context.h"

/* ---- two matches, by all pairs, against a model ---- */

/* Per label of {p, s, t}: not named, or with one of two values. */
struct match {
    int value[3];
};

static const char *const names[3] = {"p", "s", "t"};
static const char *const values[2][3] = {{"1", "x\"", "1"}, {"2", "x\\", "1 "}};

static cprom_labels match_labels(const struct match *match, cprom_label *out, bool backwards)
{
    cprom_labels labels = {out, 0};
    for (int k = 0; k < 3; k++) {
        int i = backwards ? 2 - k : k;
        if (match->value[i]) out[labels.n++] = (cprom_label){names[i], values[match->value[i] - 1][i]};
    }
    return labels;
}

static struct match match_number(int n) { return (struct match){{n % 3, n / 3 % 3, n / 9}}; }

static bool match_overlap(const struct match *a, const struct match *b)
{
    bool overlap = true;
    for (int i = 0; i < 3; i++) overlap = overlap && !(a->value[i] && b->value[i] && a->value[i] != b->value[i]);
    return overlap;
}

static cprom_gauge_vec *three_labels(cprom_registry *r, const char *name, const char *owner)
{
    cprom_gauge_vec *vec;
    cprom_opts opts = CPROM_INIT(cprom_opts);
    opts.name = name;
    opts.help = "h";
    /* Declared in an order that is not that of the page. */
    opts.labels[0] = "t";
    opts.labels[1] = "p";
    opts.labels[2] = "s";
    opts.owner = owner;
    assert_ok(cprom_gauge_vec_new(r, &opts, &vec));
    return vec;
}

/* What happens between the creation and the commit of the update under test. */
enum event {
    NEWER_COMMITS, /* stale where scopes overlap */
    OLDER_COMMITS, /* never */
    NEWER_OTHER_VECTOR,
    NEWER_ABANDONED,
    NEWER_FAILS_STALE,
    ONE_CALL,
    DELETES,
    DELETES_EVERYWHERE,
    DELETES_BEFORE, /* before the creation */
    SWEEPS,
    EVENTS
};

static bool happen(enum event event, cprom_registry *r, cprom_gauge_vec *g, cprom_gauge_vec *h, cprom_update *older,
                   cprom_labels match)
{
    cprom_update *update;
    switch (event) {
    case NEWER_COMMITS:
    case NEWER_OTHER_VECTOR:
    case NEWER_ABANDONED:
        update = up_new(r);
        assert_ok(cprom_update_gauge_vec_replace(update, event == NEWER_OTHER_VECTOR ? h : g, match));
        if (event == NEWER_ABANDONED) cprom_update_free(update);
        else up_commit(update, 0, 0, 0, 0);
        return event == NEWER_COMMITS;
    case NEWER_FAILS_STALE:
        update = up_new(r);
        assert_ok(cprom_update_gauge_vec_replace(update, g, match));
        assert_ok(cprom_update_gauge_vec_replace(update, h, CPROM_LABELS({"p", "9"})));
        assert_ok(cprom_gauge_vec_delete_matching(h, CPROM_LABELS({"p", "9"}), NULL));
        up_commit_fails(update, CPROM_ESTALE);
        return false;
    case OLDER_COMMITS:
        assert_ok(cprom_update_gauge_vec_replace(older, g, match));
        assert_ok(cprom_update_commit(older, NULL));
        return false;
    case ONE_CALL: assert_ok(cprom_gauge_vec_replace(g, match, NULL, 0, NULL)); return true;
    case DELETES:
    case DELETES_BEFORE:
        if (match.n) assert_ok(cprom_gauge_vec_delete_matching(g, match, NULL));
        else assert_ok(cprom_gauge_vec_clear(g));
        return event == DELETES;
    case DELETES_EVERYWHERE:
        if (!match.n) return false;
        assert_ok(cprom_registry_delete_matching(r, match, NULL));
        return true;
    case SWEEPS: {
        cprom_mark mark = cprom_registry_mark(r);
        if (match.n) assert_ok(cprom_gauge_vec_sweep(g, match, mark, NULL));
        if (match.n) assert_ok(cprom_registry_sweep(r, match, mark, NULL));
        return false;
    }
    default: fail(); return false;
    }
}

static void check_scopes(ct_fixture *fixture, const char *owner)
{
    cprom_registry *r = fixture->registry;
    cprom_gauge_vec *g = three_labels(r, "g", owner), *h = three_labels(r, "h", owner);
    for (int mine = 0; mine < 27; mine++) {
        for (int theirs = 0; theirs < 27; theirs++) {
            for (int event = 0; event < EVENTS; event++) {
                struct match a = match_number(mine), b = match_number(theirs);
                cprom_label mine_labels[3], their_labels[3];
                cprom_labels match = match_labels(&b, their_labels, mine % 2 == 0);
                if (event == DELETES_BEFORE) happen(DELETES_BEFORE, r, g, h, NULL, match);
                cprom_update *older = up_new(r), *update = up_new(r);
                assert_ok(cprom_update_gauge_vec_replace(update, g, match_labels(&a, mine_labels, theirs % 2 == 0)));
                bool overtakes = event != DELETES_BEFORE && happen((enum event)event, r, g, h, older, match);
                if (overtakes && match_overlap(&a, &b)) up_commit_fails(update, CPROM_ESTALE);
                else up_commit(update, 0, 0, 0, 0);
                cprom_update_free(older);
            }
        }
    }
}

static void test_update_stale_by_scope_all_pairs_of_matches(void **state) { check_scopes(*state, NULL); }
static void test_update_stale_by_scope_all_pairs_of_matches_with_owner(void **state) { check_scopes(*state, "s"); }

/* Whatever the hashes of their values are. */
static void test_update_stale_by_scope_all_pairs_of_matches_with_one_hash(void **state)
{
    TESTS_BEGIN;
    memset(&r->key, 0, sizeof r->key);
    check_scopes(*state, NULL);
}

/* Staged series without a scope: removals overtake them, scopes do not. */
static void check_series(cprom_registry *r, cprom_gauge_vec *g, cprom_gauge_vec *h, bool by_handle)
{
    for (int mine = 0; mine < 8; mine++) {
        struct match a = {{1 + mine % 2, 1 + mine / 2 % 2, 1 + mine / 4}};
        const char *const p = values[a.value[0] - 1][0], *const s = values[a.value[1] - 1][1],
                          *const t = values[a.value[2] - 1][2];
        for (int theirs = 0; theirs < 27; theirs++) {
            for (int event = 0; event < EVENTS; event++) {
                struct match b = match_number(theirs);
                cprom_label labels[3];
                cprom_labels match = match_labels(&b, labels, false);
                if (event == DELETES_BEFORE) happen(DELETES_BEFORE, r, g, h, NULL, match);
                cprom_gauge *handle = by_handle ? cprom_gauge_vec_with(g, CPROM_STRS(t, p, s)) : NULL;
                cprom_update *older = up_new(r), *update = up_new(r);
                if (by_handle) assert_ok(cprom_update_gauge_set(update, handle, 1));
                else assert_ok(cprom_update_gauge_vec_set(update, g, CPROM_STRS(t, p, s), 1));
                bool removal = event == DELETES || event == DELETES_EVERYWHERE;
                /* What else takes the handle's series away makes a refused entry: another test's subject. */
                if (removal || (!by_handle && event != DELETES_BEFORE)) {
                    removal = happen((enum event)event, r, g, h, older, match) && removal;
                }
                if (removal && match_overlap(&a, &b)) up_commit_fails(update, CPROM_ESTALE);
                else up_commit(update, !by_handle, by_handle, 0, 0);
                cprom_gauge_unref(handle);
                cprom_update_free(older);
                assert_ok(cprom_gauge_vec_clear(g));
            }
        }
    }
}

static void test_update_stale_by_series_all_matches(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = three_labels(r, "g", NULL), *h = three_labels(r, "h", NULL);
    check_series(r, g, h, false);
}

static void test_update_stale_by_handle_all_matches(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = three_labels(r, "g", "s"), *h = three_labels(r, "h", "s");
    check_series(r, g, h, true);
}

/* ---- consequences ---- */

static void test_update_stale_replaces_and_sets_nothing_and_is_final(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    cprom_counter_vec *c = up_counters(r, "c_total", "p");
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("b", "1"), 1));
    cprom_update *update = up_new(r);
    assert_ok(OWNER(g, "a"));
    assert_ok(OWNER(g, "b"));
    assert_ok(SET(g, 1, "a", "1"));
    assert_ok(SET(g, 1, "q", "1"));
    assert_ok(cprom_update_counter_vec_add(update, c, CPROM_STRS("a", "1"), 1));
    assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"p", "a"}), NULL)); /* nothing was there */
    assert_ok(cprom_registry_delete_matching(r, CPROM_LABELS({"p", "a"}), NULL));
    char *before = up_text(r);
    cprom_result result = {7, 7, 7, 7, CPROM_STALE_DELETE};
    assert_status(cprom_update_commit(update, &result), CPROM_ESTALE);
    assert_true(!result.created && !result.updated && !result.removed && !result.refused);
    assert_int_equal(result.reason, CPROM_STALE_DELETE);
    assert_int_equal(up_stats(r).dropped_stale, 1);
    up_commit_fails(update, CPROM_EINVAL);
    up_assert_same(r, before);
    assert_int_equal(cprom_gauge_vec_size(g), 1);
    assert_int_equal(cprom_counter_vec_size(c), 0);
    assert_status(cprom_gauge_vec_delete(g, CPROM_STRS("a", "1")), CPROM_ENOENT);
}

/* A run has ended, whoever was first: what it added counts, but for what was deleted or overtaken. */
static void test_update_stale_counts_what_adds_up_elsewhere(void **state)
{
    static const struct {
        bool deletes, overtakes;
        cprom_stale reason;
        double a, b, other; /* of the counters, afterwards */
    } cases[] = {{false, true, CPROM_STALE_SCOPE, 2, 0, 1},
                 {true, false, CPROM_STALE_DELETE, 0, 1, 1},
                 {true, true, CPROM_STALE_DELETE, 0, 0, 1}};
    for (size_t n = 0; n < COUNT(cases); n++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry *r = fixture->registry;
        cprom_gauge_vec *g = up_gauges(r, "g", "p"), *load = up_gauges(r, "load", NULL);
        cprom_counter_vec *c = up_counters(r, "c_total", "p");
        cprom_counter *held = cprom_counter_vec_with(c, CPROM_STRS("held", "1"));
        assert_ok(cprom_counter_vec_inc(c, CPROM_STRS("a", "1")));
        cprom_update *old = up_new(r);
        assert_ok(cprom_update_gauge_vec_replace(old, g, CPROM_LABELS({"p", "a"})));
        assert_ok(cprom_update_counter_vec_replace(old, c, CPROM_LABELS({"s", "2"})));
        assert_ok(cprom_update_counter_vec_add(old, c, CPROM_STRS("a", "1"), 1));
        assert_ok(cprom_update_counter_vec_add(old, c, CPROM_STRS("b", "2"), 1));
        assert_ok(cprom_update_counter_vec_add(old, c, CPROM_STRS("c", "3"), 1));
        assert_ok(cprom_update_counter_add(old, held, 1));
        assert_ok(cprom_update_gauge_vec_add(old, load, CPROM_STRS("x", "1"), 1));
        assert_ok(cprom_update_gauge_vec_add(old, g, CPROM_STRS("a", "1"), 1)); /* in its scope: it is set */
        assert_ok(cprom_update_gauge_vec_set(old, load, CPROM_STRS("y", "1"), 1));
        if (cases[n].deletes) assert_ok(cprom_registry_delete_matching(r, CPROM_LABELS({"p", "a"}), NULL));
        if (cases[n].overtakes) {
            cprom_update *update = up_new(r);
            assert_ok(OWNER(g, "a"));
            assert_ok(cprom_update_counter_vec_replace(update, c, CPROM_LABELS({"s", "2"})));
            /* It overlaps no scope of the old one: it overtakes nothing. */
            assert_ok(cprom_update_gauge_vec_replace(update, load, CPROM_LABELS({"p", "x"})));
            up_commit(update, 0, 0, 0, 0);
        }
        up_commit_stale(old, cases[n].reason, 2 + (cases[n].b > 0), 1 + (cases[n].a > 1));
        double value = 0;
        assert_status(cprom_counter_vec_get(c, CPROM_STRS("a", "1"), &value), cases[n].a > 0 ? CPROM_OK : CPROM_ENOENT);
        if (cases[n].a > 0) assert_true(value == cases[n].a);
        assert_status(cprom_counter_vec_get(c, CPROM_STRS("b", "2"), &value), cases[n].b > 0 ? CPROM_OK : CPROM_ENOENT);
        assert_ok(cprom_counter_vec_get(c, CPROM_STRS("c", "3"), &value));
        assert_true(value == cases[n].other);
        assert_true(cprom_counter_value(held) == 1);
        assert_ok(cprom_gauge_vec_get(load, CPROM_STRS("x", "1"), &value));
        assert_true(value == 1);
        assert_int_equal(cprom_gauge_vec_size(load), 1);
        assert_int_equal(cprom_gauge_vec_size(g), 0);
        cprom_counter_unref(held);
        ct_fixture_free(fixture);
    }
}

/* Where all that would be folded is left out, nothing is made to fold into. */
static void test_update_stale_leaves_nothing_to_fold(void **state)
{
    TESTS_BEGIN;
    cprom_counter_vec *c;
    assert_ok(cprom_counter_vec_new(
        r, FAMILY("c_total", .labels = {"p", "s"}, .max_series = 1, .overflow = CPROM_FOLD), &c));
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    cprom_counter *held = cprom_counter_vec_with(c, CPROM_STRS("held", "1"));
    cprom_update *old = up_new(r);
    assert_ok(cprom_update_gauge_vec_replace(old, g, CPROM_NO_LABELS));
    assert_ok(cprom_update_counter_vec_add(old, c, CPROM_STRS("a", "1"), 1));
    assert_ok(cprom_update_counter_add(old, held, 1));
    assert_ok(cprom_counter_vec_delete_matching(c, CPROM_LABELS({"p", "a"}), NULL));
    up_commit_stale(old, CPROM_STALE_DELETE, 0, 1);
    assert_true(cprom_counter_value(held) == 1);
    assert_int_equal(cprom_counter_vec_size(c), 1);
    cprom_counter_unref(held);
}

/* What starts later overtakes, whatever was created first. */
static void test_update_start_orders_updates_and_not_removals(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    for (int starts = 0; starts < 2; starts++) {
        cprom_update *first = up_new(r), *update = up_new(r);
        assert_ok(cprom_update_gauge_vec_replace(first, g, CPROM_NO_LABELS));
        assert_ok(ALL(g));
        if (starts) assert_ok(cprom_update_start(first));
        up_commit(starts ? first : update, 0, 0, 0, 0);
        up_commit_stale(starts ? update : first, CPROM_STALE_SCOPE, 0, 0);
    }
    cprom_update *update = up_new(r);
    assert_ok(ALL(g));
    assert_ok(cprom_gauge_vec_clear(g));
    assert_ok(cprom_update_start(update));
    up_commit_stale(update, CPROM_STALE_DELETE, 0, 0);
    assert_status(cprom_update_start(NULL), CPROM_EINVAL);
    update = up_new(r);
    assert_ok(cprom_update_commit(update, NULL));
    assert_status(cprom_update_start(update), CPROM_EINVAL);
    cprom_update_free(update);
}

static void test_update_stale_one_scope_of_many_is_enough(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p"), *h = up_gauges(r, "h", "p");
    cprom_update *mine = up_new(r), *update = up_new(r);
    assert_ok(cprom_update_gauge_vec_replace(mine, g, CPROM_LABELS({"p", "a"})));
    assert_ok(cprom_update_gauge_vec_replace(mine, h, CPROM_LABELS({"p", "a"})));
    assert_ok(cprom_update_gauge_vec_replace(mine, h, CPROM_LABELS({"s", "7"})));
    assert_ok(OWNER(g, "b"));
    assert_ok(cprom_update_gauge_vec_replace(update, h, CPROM_LABELS({"p", "b"}, {"s", "7"})));
    up_commit(update, 0, 0, 0, 0);
    up_commit_fails(mine, CPROM_ESTALE);
}

static void test_update_single_delete_does_not_make_stale(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "1"), 1));
    cprom_update *update = up_new(r);
    assert_ok(OWNER(g, "a"));
    assert_ok(SET(g, 2, "a", "1"));
    assert_ok(cprom_gauge_vec_delete(g, CPROM_STRS("a", "1")));
    assert_status(cprom_gauge_vec_delete_labels(g, CPROM_LABELS({"s", "1"}, {"p", "a"})), CPROM_ENOENT);
    up_commit(update, 1, 0, 0, 0);
    up_assert_lines(r, "g{p=\"a\",s=\"1\"} 2\n");
}

static void test_update_stage_after_the_removal_is_stale_too(void **state)
{
    /* It counts when the update was created, not when it learned of the series. */
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    cprom_update *update = up_new(r);
    assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"p", "a"}), NULL));
    assert_ok(SET(g, 1, "a", "1"));
    up_commit_fails(update, CPROM_ESTALE);
    up_assert_lines(r, "");
}

static void test_update_commits_of_different_owners_do_not_meet(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    cprom_update *updates[20];
    char p[8];
    for (int i = 0; i < 20; i++) {
        cprom_update *update = updates[i] = up_new(r);
        snprintf(p, sizeof p, "%d", i);
        assert_ok(OWNER(g, p));
        assert_ok(SET(g, i, p, "x"));
    }
    for (int i = 19; i >= 0; i--) up_commit(updates[i], 1, 0, 0, 0);
    assert_int_equal(cprom_gauge_vec_size(g), 20);
}

static void test_update_newest_of_many_overlapping_wins(void **state)
{
    /* Any order of commits: exactly those succeed that are newer than all that have succeeded before. */
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    uint64_t seed = 7;
    for (int round = 0; round < 200; round++) {
        cprom_update *updates[8];
        int order[8], newest = -1;
        for (int i = 0; i < 8; i++) {
            cprom_update *update = updates[i] = up_new(r);
            assert_ok(i % 3 ? OWNER(g, "a") : ALL(g));
            assert_ok(SET(g, i, "a", "x"));
            order[i] = i;
        }
        for (int i = 7; i > 0; i--) {
            int k = (int)(next_random(&seed) % (uint64_t)(i + 1)), moved = order[i];
            order[i] = order[k];
            order[k] = moved;
        }
        for (int i = 0; i < 8; i++) {
            cprom_status status = cprom_update_commit(updates[order[i]], NULL);
            assert_status(status, order[i] > newest ? CPROM_OK : CPROM_ESTALE);
            if (order[i] > newest) newest = order[i];
        }
        for (int i = 0; i < 8; i++) cprom_update_free(updates[i]);
        ct_assert_sample(r, "g{p=\"a\",s=\"x\"}", newest);
    }
}

static void test_vec_replace_is_never_stale_but_makes_stale(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    cprom_update *update = up_new(r), *apart = up_new(r);
    assert_ok(OWNER(g, "a"));
    assert_ok(cprom_update_gauge_vec_replace(apart, g, CPROM_LABELS({"p", "b"})));
    assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"p", "a"}), NULL));
    const cprom_gauge_row row = {CPROM_STRS("a", "1"), 1};
    assert_ok(cprom_gauge_vec_replace(g, CPROM_LABELS({"p", "a"}), &row, 1, NULL));
    assert_ok(cprom_gauge_vec_replace(g, CPROM_LABELS({"p", "a"}), &row, 1, NULL));
    up_commit_fails(update, CPROM_ESTALE);
    up_commit(apart, 0, 0, 0, 0);
    up_assert_lines(r, "g{p=\"a\",s=\"1\"} 1\n");
}

/* The call is parked before its commit; meanwhile somebody newer commits. The oldest update is stale all the same. */
static void *replace_in_thread(void *vec)
{
    const cprom_gauge_row row = {CPROM_STRS("a", "call"), 1};
    assert_ok(cprom_gauge_vec_replace(vec, CPROM_LABELS({"p", "a"}), &row, 1, NULL));
    return NULL;
}

static void test_vec_replace_overtaken_does_not_hide_who_overtook(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    pthread_t thread;
    ct_park(CPROM__SEAM_COMMIT_READY);
    pthread_create(&thread, NULL, replace_in_thread, g);
    ct_park_wait();
    cprom_update *oldest = up_new(r), *update = up_new(r);
    assert_ok(OWNER(g, "a"));
    assert_ok(cprom_update_gauge_vec_replace(oldest, g, CPROM_LABELS({"p", "a"})));
    up_commit(update, 0, 0, 0, 0);
    ct_park_release();
    pthread_join(thread, NULL);
    up_commit_fails(oldest, CPROM_ESTALE);
}

/* ---- what is remembered ---- */

static void test_update_events_take_no_memory_without_updates(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    char p[16];
    cprom_update_free(up_new(r));
    assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"p", "x"}), NULL));
    size_t before = up_stats(r).bytes;
    for (int i = 0; i < 1000; i++) {
        snprintf(p, sizeof p, "%d", i);
        assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"p", p}), NULL));
        assert_ok(cprom_gauge_vec_replace(g, CPROM_LABELS({"p", p}), NULL, 0, NULL));
        cprom_update *update = up_new(r);
        assert_ok(OWNER(g, p));
        up_commit(update, 0, 0, 0, 0);
    }
    assert_int_equal(up_stats(r).bytes, before);
    /* With one that lives: as much as there are different matches, however often. */
    cprom_update *alive = up_new(r);
    size_t at_first = 0;
    for (int i = 0; i < 1000; i++) {
        snprintf(p, sizeof p, "%d", i % 10);
        assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"p", p}), NULL));
        assert_ok(cprom_gauge_vec_replace(g, CPROM_LABELS({"p", p}), NULL, 0, NULL));
        cprom_update *update = up_new(r);
        assert_ok(OWNER(g, p));
        up_commit(update, 0, 0, 0, 0);
        if (i == 20) at_first = up_stats(r).bytes;
        if (i > 20) assert_true(up_stats(r).bytes <= at_first + 256);
    }
    /* Nothing else has to happen until what concerns nobody any more is forgotten. */
    cprom_update_free(alive);
    assert_int_equal(up_stats(r).bytes, before);
    /* One whose commit has failed for good is as one that has ended. */
    cprom_update *failed = up_new(r);
    assert_status(cprom_update_gauge_vec_replace(failed, g, CPROM_LABELS({"nope", "x"})), CPROM_ELABELS);
    assert_status(cprom_update_commit(failed, NULL), CPROM_ELABELS);
    before = up_stats(r).bytes;
    for (int i = 0; i < 1000; i++) {
        snprintf(p, sizeof p, "%d", i);
        assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"p", p}), NULL));
    }
    assert_int_equal(up_stats(r).bytes, before);
    cprom_update_free(failed);
}

static void test_update_events_go_with_the_last_update_that_is_older(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *vecs[2] = {up_gauges(r, "g", "p"), up_gauges(r, "h", NULL)};
    size_t bytes[4];
    char p[16];
    for (int round = 0; round < 2; round++) { /* in the first, what is kept for good is made */
        cprom_update *updates[3];
        bytes[0] = up_stats(r).bytes;
        for (int u = 0; u < 3; u++) {
            updates[u] = up_new(r);
            for (int i = 0; i < 1000; i++) {
                snprintf(p, sizeof p, "%d.%d", u, i);
                assert_ok(cprom_gauge_vec_delete_matching(vecs[i % 2], CPROM_LABELS({"p", p}), NULL));
            }
            bytes[u + 1] = up_stats(r).bytes;
            assert_true(bytes[u + 1] > bytes[u]);
        }
        cprom_update_free(updates[1]); /* the oldest lives */
        assert_true(up_stats(r).bytes > bytes[2]);
        assert_true(up_stats(r).bytes < bytes[3]);
        up_commit(updates[0], 0, 0, 0, 0); /* those of the third are left */
        assert_int_equal(up_stats(r).bytes, bytes[1]);
        cprom_update_free(updates[2]);
        if (round) assert_int_equal(up_stats(r).bytes, bytes[0]);
    }
}

int group_stale(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_update_stale_by_scope_all_pairs_of_matches),
        TEST(test_update_stale_by_scope_all_pairs_of_matches_with_owner),
        TEST(test_update_stale_by_scope_all_pairs_of_matches_with_one_hash),
        TEST(test_update_stale_by_series_all_matches),
        TEST(test_update_stale_by_handle_all_matches),
        TEST(test_update_stale_replaces_and_sets_nothing_and_is_final),
        cmocka_unit_test(test_update_stale_counts_what_adds_up_elsewhere),
        TEST(test_update_stale_leaves_nothing_to_fold),
        TEST(test_update_start_orders_updates_and_not_removals),
        TEST(test_update_stale_one_scope_of_many_is_enough),
        TEST(test_update_single_delete_does_not_make_stale),
        TEST(test_update_stage_after_the_removal_is_stale_too),
        TEST(test_update_commits_of_different_owners_do_not_meet),
        TEST(test_update_newest_of_many_overlapping_wins),
        TEST(test_vec_replace_is_never_stale_but_makes_stale),
        TEST(test_vec_replace_overtaken_does_not_hide_who_overtook),
        TEST(test_update_events_take_no_memory_without_updates),
        TEST(test_update_events_go_with_the_last_update_that_is_older),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
