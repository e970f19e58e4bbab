/*
 * How many series die or are born under one hold of a vector's map lock, by counting between the unlocks themselves: the
 * linker hands them to this file.
 */
#include "support/updates.h"
#include "store/series.h"


enum { MANY = 12000, AT_MOST = 4096 };

int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);

static struct {
    struct cprom_vec *vec;
    size_t here, most, all; /* in this hold, in the largest, in all */
} holds;

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    if (holds.vec && mutex == &holds.vec->map_lock) {
        if (holds.here > holds.most) holds.most = holds.here;
        holds.here = 0;
    }
    return __real_pthread_mutex_unlock(mutex);
}

static void count_series(enum cprom__seam point)
{
    bool counts = point == CPROM__SEAM_KILL_MARKED || point == CPROM__SEAM_CREATE_ALIVE;
    holds.here += counts;
    holds.all += counts;
}

static cprom_gauge_vec *fill(cprom_registry *r, cprom_opts opts)
{
    cprom_gauge_vec *vec;
    char s[16];
    opts.size = sizeof opts;
    opts.name = "g";
    opts.help = "h";
    opts.labels[0] = "p";
    opts.labels[1] = "s";
    assert_ok(cprom_gauge_vec_new(r, &opts, &vec));
    for (int i = 0; i < MANY; i++) {
        snprintf(s, sizeof s, "%d", i);
        assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("a", s), i));
    }
    memset(&holds, 0, sizeof holds);
    holds.vec = (struct cprom_vec *)vec;
    cprom__seam_hook = count_series;
    return vec;
}

/* Asserts that so many died or were born, and how. */
static void assert_holds(size_t all)
{
    cprom__seam_hook = NULL;
    holds.vec = NULL;
    assert_int_equal(holds.here, 0);
    assert_int_equal(holds.all, all);
    assert_true(holds.most <= AT_MOST);
}

enum way { CLEAR, MATCH, MATCH_EVERYWHERE, SWEEP, SWEEP_EVERYWHERE, REPLACE, UNREGISTER, WAYS };

static void remove_by(enum way way, cprom_registry *r, cprom_gauge_vec *vec)
{
    const cprom_labels all = CPROM_LABELS({"p", "a"});
    cprom_mark mark;
    switch (way) {
    case CLEAR: assert_ok(cprom_gauge_vec_clear(vec)); break;
    case MATCH: assert_ok(cprom_gauge_vec_delete_matching(vec, all, NULL)); break;
    case MATCH_EVERYWHERE: assert_ok(cprom_registry_delete_matching(r, all, NULL)); break;
    case SWEEP:
        mark = cprom_registry_mark(r);
        assert_ok(cprom_gauge_vec_sweep(vec, all, mark, NULL));
        break;
    case SWEEP_EVERYWHERE:
        mark = cprom_registry_mark(r);
        assert_ok(cprom_registry_sweep(r, all, mark, NULL));
        break;
    case REPLACE: assert_ok(cprom_gauge_vec_replace(vec, all, NULL, 0, NULL)); break;
    case UNREGISTER: assert_ok(cprom_registry_unregister(r, "g")); break;
    default: fail();
    }
}

static void test_hold_of_a_removal_is_bounded(void **state)
{
    for (int owner = 0; owner < 2; owner++) {
        for (int linger = 0; linger < 2; linger++) {
            for (int way = 0; way < WAYS; way++) {
                ct_fixture *fixture = ct_fixture_new();
                cprom_gauge_vec *vec = fill(fixture->registry, (cprom_opts){.owner = owner ? "p" : NULL,
                                                                            .linger_seconds = linger});
                remove_by((enum way)way, fixture->registry, vec);
                assert_holds(MANY);
                ct_fixture_free(fixture);
            }
        }
    }
}

/* What it removes and what it makes. */
static void test_hold_of_a_commit_is_bounded(void **state)
{
    for (int owner = 0; owner < 2; owner++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry *r = fixture->registry;
        cprom_gauge_vec *vec = fill(r, (cprom_opts){.owner = owner ? "p" : NULL});
        cprom_update *update = up_new(r);
        char s[16];
        assert_ok(ALL(vec));
        for (int i = 0; i < MANY; i++) {
            snprintf(s, sizeof s, "new %d", i);
            assert_ok(SET(vec, i, "a", s));
        }
        up_commit(update, MANY, 0, MANY, 0);
        assert_holds((size_t)2 * MANY);
        ct_fixture_free(fixture);
    }
}

static void test_hold_of_an_expiry_is_bounded(void **state)
{
    for (int way = 0; way < 3; way++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry *r = fixture->registry;
        cprom_gauge_vec *vec = fill(r, (cprom_opts){.ttl_seconds = 10, .max_series = MANY});
        size_t all = MANY;
        ct_clock_advance(&fixture->clock, 11 * SECOND);
        if (way == 0) {
            for (int i = 0; i < 3; i++) {
                char *text = up_text(r);
                assert_int_equal(holds.all, i == 2 ? MANY : (i + 1) * AT_MOST);
                cprom_text_free(text);
            }
        } else if (way == 1) {
            cprom_registry_trim(r);
        } else {
            assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("b", "1"), 1)); /* full: what is over makes room */
            all = holds.all;
            assert_true(all > 1);
        }
        assert_holds(all);
        ct_fixture_free(fixture);
    }
}

int group_holds(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hold_of_a_removal_is_bounded),
        cmocka_unit_test(test_hold_of_a_commit_is_bounded),
        cmocka_unit_test(test_hold_of_an_expiry_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
