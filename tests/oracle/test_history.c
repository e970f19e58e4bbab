/* The checker of histories: right ones pass, among them all that a simulation can do; no wrong one does. */
#include "support/cprom_test.h"

#include "history.h"

#define A HISTORY_ABSENT

static struct history history;

/* One call of a thread, from a moment to a moment; what is not set is 0. */
#define CALL(from, to, ...) history_add(&history, &(struct history_op){.begin = from, .end = to, __VA_ARGS__})
#define ADD(from, to, t, k, v) CALL(from, to, .kind = HISTORY_ADD, .thread = t, .key = k, .value = v)
#define SET(from, to, t, k, v) CALL(from, to, .kind = HISTORY_SET, .thread = t, .key = k, .value = v)
#define HOLD(from, to, t, k) CALL(from, to, .kind = HISTORY_HOLD, .thread = t, .key = k)
#define ADD_HELD(from, to, t, k, v) CALL(from, to, .kind = HISTORY_ADD_HELD, .thread = t, .key = k, .value = v)
#define GET(from, to, t, k, v) CALL(from, to, .kind = HISTORY_GET, .thread = t, .key = k, .value = v)
#define DELETE(from, to, t, k, n) CALL(from, to, .kind = HISTORY_DELETE, .thread = t, .key = k, .removed = n)
#define MARK(from, to, t) CALL(from, to, .kind = HISTORY_MARK, .thread = t)
#define SWEEP(from, to, t, n) CALL(from, to, .kind = HISTORY_SWEEP, .thread = t, .removed = n, .effects = {1, 1, 1, 1})
/* Series 0 and 1 become a and b, or go. */
#define COMMIT(from, to, t, n, a, b)                                                                                   \
    CALL(from, to, .kind = HISTORY_CHANGE, .thread = t, .removed = n, .values = {a, b},                                \
         .effects = {(a) == A ? HISTORY_REMOVES : HISTORY_SETS, (b) == A ? HISTORY_REMOVES : HISTORY_SETS})
#define PAGE(from, to, t, a, b) CALL(from, to, .kind = HISTORY_PAGE, .thread = t, .values = {a, b, A, A})

static void assert_verdict(enum history_verdict wanted)
{
    enum history_verdict verdict = history_check(&history);
    if (verdict != wanted) print_error("verdict %d, not %d; %s\n", verdict, wanted, history.why);
    assert_int_equal(verdict, wanted);
    assert_true((verdict == HISTORY_WRONG) == (history.why[0] != '\0'));
    history_free(&history);
    history_init(&history);
}

static void test_history_check_one_thread_follows_its_calls(void **state)
{
    PAGE(1, 2, 0, A, A);
    ADD(3, 4, 0, 0, 5);
    SET(5, 6, 0, 1, 7);
    PAGE(7, 8, 0, 5, 7);
    DELETE(9, 10, 0, 0, 1);
    DELETE(11, 12, 0, 0, 0);
    GET(13, 14, 0, 0, A);
    COMMIT(15, 16, 0, 1, 3, A);
    PAGE(17, 18, 0, 3, A);
    HOLD(19, 20, 0, 0);
    ADD_HELD(21, 22, 0, 0, 2);
    GET(23, 24, 0, 0, 5);
    assert_verdict(HISTORY_RIGHT);
}

static void test_history_check_lost_update_is_wrong(void **state)
{
    ADD(1, 4, 0, 0, 1);
    ADD(2, 3, 1, 0, 1);
    PAGE(5, 6, 2, 1, A);
    assert_verdict(HISTORY_WRONG);
    ADD(1, 4, 0, 0, 1);
    ADD(2, 3, 1, 0, 1);
    PAGE(5, 6, 2, 2, A);
    assert_verdict(HISTORY_RIGHT);
    /* One of the two may still be on its way. */
    ADD(1, 6, 0, 0, 1);
    ADD(2, 3, 1, 0, 1);
    PAGE(4, 5, 2, 1, A);
    assert_verdict(HISTORY_RIGHT);
}

static void test_history_check_update_lost_beside_a_removal_is_wrong(void **state)
{
    /* It goes with what is removed, if it began before; or it makes a new series. */
    ADD(1, 2, 0, 0, 1);
    ADD(3, 6, 0, 0, 1);
    DELETE(4, 5, 1, 0, 1);
    PAGE(7, 8, 2, A, A);
    assert_verdict(HISTORY_RIGHT);
    ADD(1, 2, 0, 0, 1);
    ADD(3, 6, 0, 0, 1);
    DELETE(4, 5, 1, 0, 1);
    PAGE(7, 8, 2, 1, A);
    assert_verdict(HISTORY_RIGHT);
    ADD(1, 2, 0, 0, 1);
    DELETE(3, 4, 1, 0, 1);
    ADD(5, 6, 0, 0, 1);
    PAGE(7, 8, 2, A, A);
    assert_verdict(HISTORY_WRONG);
}

static void test_history_check_resurrected_series_is_wrong(void **state)
{
    SET(1, 2, 0, 0, 5);
    DELETE(3, 4, 1, 0, 1);
    PAGE(5, 6, 2, 5, A);
    assert_verdict(HISTORY_WRONG);
    /* The old value in the new series. */
    ADD(1, 2, 0, 0, 5);
    DELETE(3, 4, 1, 0, 1);
    ADD(5, 6, 0, 0, 1);
    PAGE(7, 8, 2, 6, A);
    assert_verdict(HISTORY_WRONG);
    /* By an old handle. */
    HOLD(1, 2, 0, 0);
    DELETE(3, 4, 1, 0, 1);
    ADD(5, 6, 1, 0, 1);
    ADD_HELD(7, 8, 0, 0, 5);
    PAGE(9, 10, 2, 6, A);
    assert_verdict(HISTORY_WRONG);
    HOLD(1, 2, 0, 0);
    DELETE(3, 4, 1, 0, 1);
    ADD(5, 6, 1, 0, 1);
    ADD_HELD(7, 8, 0, 0, 5);
    PAGE(9, 10, 2, 1, A);
    assert_verdict(HISTORY_RIGHT);
}

static void test_history_check_page_from_the_past_is_wrong(void **state)
{
    SET(1, 2, 0, 0, 1);
    SET(3, 4, 0, 0, 2);
    PAGE(5, 6, 1, 1, A);
    assert_verdict(HISTORY_WRONG);
    /* What one page shows no later one may not know. */
    SET(1, 2, 0, 0, 1);
    SET(3, 8, 0, 0, 2);
    PAGE(4, 5, 1, 2, A);
    PAGE(6, 7, 1, 1, A);
    assert_verdict(HISTORY_WRONG);
    SET(1, 2, 0, 0, 1);
    SET(3, 8, 0, 0, 2);
    PAGE(4, 5, 1, 1, A);
    PAGE(6, 7, 1, 2, A);
    assert_verdict(HISTORY_RIGHT);
    /* Nor from the future. */
    PAGE(1, 2, 1, 1, A);
    SET(3, 4, 0, 0, 1);
    assert_verdict(HISTORY_WRONG);
}

static void test_history_check_torn_commit_is_wrong(void **state)
{
    COMMIT(1, 2, 0, 0, 1, 1);
    COMMIT(3, 6, 0, 0, 2, 2);
    PAGE(4, 5, 1, 2, 1);
    assert_verdict(HISTORY_WRONG);
    COMMIT(1, 2, 0, 0, 1, 1);
    COMMIT(3, 6, 0, 1, A, 2);
    PAGE(4, 5, 1, A, 1);
    assert_verdict(HISTORY_WRONG);
    COMMIT(1, 2, 0, 0, 1, 1);
    COMMIT(3, 6, 0, 2, A, A);
    PAGE(4, 5, 1, 1, A);
    assert_verdict(HISTORY_WRONG);
    /* Two commits, of which the page has a half each. */
    COMMIT(1, 2, 0, 0, 1, 1);
    COMMIT(3, 8, 0, 0, 2, 2);
    COMMIT(4, 7, 1, 0, 3, 3);
    PAGE(5, 6, 2, 2, 3);
    assert_verdict(HISTORY_WRONG);
    /* Single calls are not ordered against each other. */
    SET(1, 2, 0, 0, 1);
    SET(3, 4, 0, 1, 1);
    SET(6, 7, 0, 0, 2);
    SET(8, 9, 0, 1, 2);
    PAGE(5, 10, 1, 1, 2);
    assert_verdict(HISTORY_RIGHT);
    COMMIT(1, 2, 0, 0, 1, 1);
    COMMIT(3, 6, 0, 0, 2, 2);
    PAGE(4, 5, 1, 2, 2);
    assert_verdict(HISTORY_RIGHT);
}

static void test_history_check_wrong_answers_are_wrong(void **state)
{
    SET(1, 2, 0, 0, 1);
    DELETE(3, 4, 1, 0, 0);
    assert_verdict(HISTORY_WRONG);
    DELETE(1, 2, 1, 0, 1);
    assert_verdict(HISTORY_WRONG);
    SET(1, 2, 0, 0, 1);
    COMMIT(3, 4, 1, 0, A, A);
    assert_verdict(HISTORY_WRONG);
    /* Two that both removed one series. */
    SET(1, 2, 0, 0, 1);
    DELETE(3, 6, 0, 0, 1);
    DELETE(4, 5, 1, 0, 1);
    assert_verdict(HISTORY_WRONG);
    SET(1, 2, 0, 0, 1);
    GET(3, 4, 1, 0, 2);
    assert_verdict(HISTORY_WRONG);
}

static void test_history_check_sweep_of_a_touched_series_is_wrong(void **state)
{
    SET(1, 2, 0, 0, 1);
    SET(3, 4, 0, 1, 1);
    MARK(5, 6, 1);
    SET(7, 8, 0, 0, 2);
    SWEEP(9, 10, 1, 1);
    PAGE(11, 12, 2, 2, A);
    assert_verdict(HISTORY_RIGHT);
    SET(1, 2, 0, 0, 1);
    MARK(5, 6, 1);
    SET(7, 8, 0, 0, 2);
    SWEEP(9, 10, 1, 1);
    assert_verdict(HISTORY_WRONG);
    SET(1, 2, 0, 0, 1);
    MARK(5, 6, 1);
    SWEEP(9, 10, 1, 0);
    assert_verdict(HISTORY_WRONG);
}

/*------------------------------------------------------------------------------
 * A simulation: threads in turn, at random, begin calls, do a part of them, and end them
 *----------------------------------------------------------------------------*/

static uint64_t seed;

static unsigned pick(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

enum {
    SIMULATED = 4
};

struct call {
    struct history_op op;
    bool running;
    unsigned part; /* parts that were done */
    bool attached; /* of an ADD: what it has found is still there */
};

struct simulation {
    int32_t values[HISTORY_KEYS];
    struct call calls[SIMULATED];
    int gate;
};

static void simulate_kill(struct simulation *simulation, unsigned key)
{
    simulation->values[key] = A;
    for (unsigned i = 0; i < SIMULATED; i++) {
        if (simulation->calls[i].op.key == key) simulation->calls[i].attached = false;
    }
}

static void simulate_begin(struct call *call, unsigned thread)
{
    static const enum history_kind kinds[] = {HISTORY_ADD,    HISTORY_ADD,    HISTORY_SET,
                                              HISTORY_DELETE, HISTORY_CHANGE, HISTORY_PAGE};
    memset(call, 0, sizeof *call);
    call->running = true;
    call->op =
        (struct history_op){.kind = kinds[pick(6)], .thread = thread, .key = pick(3), .begin = history_now(&history)};
    call->op.value = (int32_t)(1 + pick(1000000));
    for (unsigned i = 0; i < 3 && call->op.kind == HISTORY_CHANGE; i++) {
        call->op.effects[i] = (uint8_t)(1 + pick(3));
        call->op.values[i] = (int32_t)pick(1000000);
    }
}

/* The next part of a call; true: it was the last one. */
static bool simulate_part(struct simulation *simulation, struct call *call, unsigned thread)
{
    struct history_op *op = &call->op;
    int32_t *value = &simulation->values[op->key];
    unsigned part = call->part++;
    if (op->kind == HISTORY_CHANGE || op->kind == HISTORY_PAGE) {
        if (simulation->gate >= 0 && simulation->gate != (int)thread) {
            call->part--;
            return false;
        }
        simulation->gate = (int)thread;
        int32_t *at = &simulation->values[part];
        if (op->kind == HISTORY_PAGE) {
            op->values[part] = *at;
        } else if (part < 3 && op->effects[part] == HISTORY_REMOVES) {
            op->removed += *at != A;
            simulate_kill(simulation, part);
        } else if (part < 3) {
            *at = op->effects[part] == HISTORY_SETS || *at == A ? op->values[part] : *at + op->values[part];
        }
        if (part + 1 == HISTORY_KEYS) simulation->gate = -1;
        return part + 1 == HISTORY_KEYS;
    }
    if (op->kind == HISTORY_DELETE) {
        op->removed = *value != A;
        simulate_kill(simulation, op->key);
        return true;
    }
    if (part == 0) {
        if (*value == A) *value = 0;
        call->attached = true;
        return false;
    }
    if (call->attached) *value = op->kind == HISTORY_SET ? op->value : *value + op->value;
    return true;
}

static void simulate(unsigned n)
{
    struct simulation simulation = {.gate = -1};
    for (unsigned i = 0; i < HISTORY_KEYS; i++) simulation.values[i] = A;
    for (unsigned begun = 0, running = 0; begun < n || running;) {
        unsigned thread = pick(SIMULATED);
        struct call *call = &simulation.calls[thread];
        if (!call->running) {
            if (begun == n) continue;
            simulate_begin(call, thread);
            begun++;
            running++;
        } else if (simulate_part(&simulation, call, thread)) {
            call->op.end = history_now(&history);
            history_add(&history, &call->op);
            call->running = false;
            running--;
        }
    }
}

static void test_history_check_whatever_a_simulation_does_is_right(void **state)
{
    for (seed = 1; seed <= 40;) {
        uint64_t first = seed;
        simulate(60);
        assert_verdict(HISTORY_RIGHT);
        seed = first + 1;
    }
}

/* One value on one page is another: wrong, or at least seldom right by chance. */
static void test_history_check_whatever_a_simulation_did_not_do_is_wrong(void **state)
{
    unsigned wrong = 0, tried = 0;
    for (uint64_t round = 1; round <= 40; round++) {
        seed = round;
        simulate(60);
        struct history_op *page = NULL;
        for (unsigned i = 0; i < SIMULATED; i++) {
            for (size_t k = 0; k < history.threads[i].n; k++) {
                struct history_op *op = &history.threads[i].ops[k];
                if (op->kind == HISTORY_PAGE && (!page || pick(4) == 0)) page = op;
            }
        }
        if (page) {
            unsigned key = pick(3);
            page->values[key] = page->values[key] == A ? 77 : pick(2) ? A : page->values[key] + 1;
            tried++;
            wrong += history_check(&history) == HISTORY_WRONG;
        }
        history_free(&history);
        history_init(&history);
    }
    print_message("%u of %u are wrong\n", wrong, tried);
    assert_true(tried > 30);
    assert_true(wrong >= tried * 8 / 10); /* a series may have been away for a moment */
}

int group_history(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history_check_one_thread_follows_its_calls),
        cmocka_unit_test(test_history_check_lost_update_is_wrong),
        cmocka_unit_test(test_history_check_update_lost_beside_a_removal_is_wrong),
        cmocka_unit_test(test_history_check_resurrected_series_is_wrong),
        cmocka_unit_test(test_history_check_page_from_the_past_is_wrong),
        cmocka_unit_test(test_history_check_torn_commit_is_wrong),
        cmocka_unit_test(test_history_check_wrong_answers_are_wrong),
        cmocka_unit_test(test_history_check_sweep_of_a_touched_series_is_wrong),
        cmocka_unit_test(test_history_check_whatever_a_simulation_does_is_right),
        cmocka_unit_test(test_history_check_whatever_a_simulation_did_not_do_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
