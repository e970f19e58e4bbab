/*
 * A commit beside a removal that has had its moment and is still at work: it waits for that only where they share a vector;
 * and what both have done is there at once.
 */
#include "support/amid.h"
#include "support/updates.h"
#include "store/series.h"

#include <sched.h>

enum { MANY = 5000 };

static struct {
    cprom_registry *r;
    cprom_gauge_vec *large, *small;
    cprom_gauge *held;
    pthread_t threads[2];
    cprom_update *update;
    cprom_status status;
    cprom_result result;
    char *text;
    unsigned portions, beside;
    _Atomic bool ended[2]; /* the threads */
} b;

static void commit_small(void)
{
    cprom_update *update;
    AMID(cprom_update_new(b.r, &update) == CPROM_OK);
    AMID(SET(b.small, ++b.beside, "x") == CPROM_OK);
    AMID(cprom_update_commit(update, NULL) == CPROM_OK);
    cprom_update_free(update);
}

/* In each portion: the gate is open; both changes are seen; nothing that the removal covers comes back. */
static void amid_removal(void)
{
    char s[16];
    double value = 0;
    snprintf(s, sizeof s, "%u", MANY - 1 - b.portions);
    AMID(!b.r->gate.taken);
    if (b.r->gate.taken) return;
    commit_small();
    AMID(cprom_gauge_vec_get(b.small, CPROM_STRS("x"), &value) == CPROM_OK && value == b.beside);
    AMID(cprom_gauge_vec_get(b.large, CPROM_STRS("a", s), NULL) == CPROM_ENOENT);
    cprom_gauge_set(b.held, 7);
    AMID(cprom_gauge_vec_set(b.large, CPROM_STRS("a", s), 8) == CPROM_OK);
    commit_small();
    AMID(cprom_gauge_vec_get(b.large, CPROM_STRS("a", s), &value) == CPROM_OK && value == 8);
    if (++b.portions < 4) amid_at(CPROM__SEAM_MATCH_WALKS, 1, amid_removal);
}

static void fill(cprom_registry *r, const char *owner)
{
    char s[16];
    memset(&b, 0, sizeof b);
    b.r = r;
    b.large = up_gauges(r, "large", owner);
    /* Without the label that a registry-wide removal goes by. */
    assert_ok(cprom_gauge_vec_new(r, CPROM_OPTS(cprom_opts, .name = "small", .help = "h", .labels = {"q"}), &b.small));
    for (int i = 0; i < MANY; i++) {
        snprintf(s, sizeof s, "%d", i);
        assert_ok(cprom_gauge_vec_set(b.large, CPROM_STRS("a", s), i));
    }
    b.held = cprom_gauge_vec_with(b.large, CPROM_STRS("kept", "1"));
}

static void test_commit_beside_a_removal_in_another_vector_does_not_wait(void **state)
{
    for (int how = 0; how < 4; how++) {
        ct_fixture *fixture = ct_fixture_new();
        fill(fixture->registry, how % 2 ? "p" : NULL);
        amid_at(CPROM__SEAM_MATCH_WALKS, 1, amid_removal);
        size_t removed;
        if (how / 2) assert_ok(cprom_registry_delete_matching(b.r, CPROM_LABELS({"p", "a"}), &removed));
        else assert_ok(cprom_gauge_vec_delete_matching(b.large, CPROM_LABELS({"p", "a"}), &removed));
        amid_done();
        assert_int_equal(removed, MANY);
        assert_int_equal(cprom_gauge_vec_size(b.large), 1 + b.portions);
        ct_assert_sample(b.r, "large{p=\"kept\",s=\"1\"}", 7);
        ct_assert_sample(b.r, "small{q=\"x\"}", b.beside);
        cprom_gauge_unref(b.held);
        ct_fixture_free(fixture);
    }
}

/* ---- what shares the vector, and pages, come behind it ---- */

static void *commit_in_thread(void *unused)
{
    b.status = cprom_update_commit(b.update, &b.result);
    atomic_store(&b.ended[0], true);
    return NULL;
}

static void *read_in_thread(void *unused)
{
    if (cprom_registry_text(b.r, &b.text, NULL) != CPROM_OK) b.text = NULL;
    atomic_store(&b.ended[1], true);
    return NULL;
}

static const struct cprom__gate_waiter *last_waiter(void)
{
    pthread_mutex_lock(&b.r->removal_gate.lock);
    const struct cprom__gate_waiter *last = b.r->removal_gate.last;
    pthread_mutex_unlock(&b.r->removal_gate.lock);
    return last;
}

/* They come to the removals' gate, and do not get past it. */
static void begin_others(void)
{
    void *(*const runs[])(void *) = {commit_in_thread, read_in_thread};
    for (int i = 0; i < 2; i++) {
        const struct cprom__gate_waiter *before = last_waiter();
        AMID(pthread_create(&b.threads[i], NULL, runs[i], NULL) == 0);
        while (last_waiter() == before && !atomic_load(&b.ended[i])) sched_yield();
        AMID(!atomic_load(&b.ended[i]));
    }
    commit_small();
}

static void test_commit_and_page_behind_a_removal_find_it_finished(void **state)
{
    for (int owner = 0; owner < 2; owner++) {
        ct_fixture *fixture = ct_fixture_new();
        fill(fixture->registry, owner ? "p" : NULL);
        cprom_update *update = b.update = up_new(b.r);
        assert_ok(SET(b.large, 1, "b", "1"));
        assert_ok(SET(b.large, 1, "kept", "1"));
        assert_ok(cprom_update_gauge_vec_replace(update, b.large, CPROM_LABELS({"p", "b"})));
        amid_at(CPROM__SEAM_MATCH_WALKS, 1, begin_others);
        size_t removed;
        assert_ok(cprom_gauge_vec_delete_matching(b.large, CPROM_LABELS({"p", "a"}), &removed));
        for (int i = 0; i < 2; i++) pthread_join(b.threads[i], NULL);
        amid_done();
        assert_int_equal(removed, MANY);
        assert_status(b.status, CPROM_OK);
        assert_int_equal(b.result.created, 1);
        assert_int_equal(b.result.updated, 1);
        assert_non_null(b.text);
        assert_null(strstr(b.text, "large{p=\"a\""));
        cprom_text_free(b.text);
        assert_int_equal(cprom_gauge_vec_size(b.large), 2);
        cprom_update_free(update);
        cprom_gauge_unref(b.held);
        ct_fixture_free(fixture);
    }
}

int group_beside(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commit_beside_a_removal_in_another_vector_does_not_wait),
        cmocka_unit_test(test_commit_and_page_behind_a_removal_find_it_finished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
