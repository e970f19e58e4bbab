/* The checker of lives: records by hand that are right, and such that are wrong by one thing. */
#include "support/cprom_test.h"

#include "lives.h"

#define A LIVES_ABSENT
#define U LIVES_UNKNOWN

static struct lives lives;

/* One call of a thread, from a moment to a moment; what is not set is 0. */
#define CALL(from, to, t, ...) lives_add(&lives, &(struct lives_op){.begin = from, .end = to, .thread = t, __VA_ARGS__})
#define DONE(n) .answer = {n, U, U, U, U}
#define ADD(from, to, t, k, v) CALL(from, to, t, .kind = LIVES_ADD, .key = k, .value = v, DONE(1))
#define SET(from, to, t, k, v) CALL(from, to, t, .kind = LIVES_SET, .key = k, .value = v, DONE(1))
#define REFUSED(from, to, t, k) CALL(from, to, t, .kind = LIVES_SET, .key = k, .value = 1, DONE(0))
#define HOLD(from, to, t, k, h) CALL(from, to, t, .kind = LIVES_HOLD, .key = k, .handle = h, DONE(1))
#define SET_HELD(from, to, t, k, h, v)                                                                                 \
    CALL(from, to, t, .kind = LIVES_SET_HELD, .key = k, .handle = h, .value = v, DONE(U))
#define LET_GO(from, to, t, k, h) CALL(from, to, t, .kind = LIVES_LET_GO, .key = k, .handle = h, DONE(U))
#define GET(from, to, t, k, v) CALL(from, to, t, .kind = LIVES_GET, .key = k, .value = v, DONE(U))
#define SIZE(from, to, t, n) CALL(from, to, t, .kind = LIVES_SIZE, .scope = 7, DONE(n))
#define DELETE(from, to, t, k, n) CALL(from, to, t, .kind = LIVES_DELETE, .key = k, DONE(n))
#define MARK(from, to, t) CALL(from, to, t, .kind = LIVES_MARK, DONE(U))
#define TICK(from, to, t) CALL(from, to, t, .kind = LIVES_TICK, DONE(U))
#define LIST(...)                                                                                                      \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
#define PAGE(from, to, t, ...) CALL(from, to, t, .kind = LIVES_PAGE, .scope = 63, .values = LIST(__VA_ARGS__), DONE(U))
#define EACH(from, to, t, a, b, c)                                                                                     \
    CALL(from, to, t, .kind = LIVES_EACH, .scope = 7, .values = {a, b, c, A, A, A}, DONE(U))
/* Sets the series of the mask to the value. */
#define COMMIT(from, to, t, mask, v, created, updated)                                                                 \
    CALL(from, to, t, .kind = LIVES_CHANGE, .effects = EFFECTS(LIVES_SETS, mask, LIVES_NONE),                          \
         .values = {v, v, v, v, v, v}, .answer = {U, created, updated, 0, 0})
#define EFFECTS(effect, mask, otherwise)                                                                               \
    {                                                                                                                  \
        (mask) & 1 ? effect : otherwise, (mask)&2 ? effect : otherwise, (mask)&4 ? effect : otherwise,                 \
            (mask)&8 ? effect : otherwise, (mask)&16 ? effect : otherwise, (mask)&32 ? effect : otherwise              \
    }
#define REMOVE(from, to, t, mask, n)                                                                                   \
    CALL(from, to, t, .kind = LIVES_CHANGE, .scope = mask, .lingers = 1,                                               \
         .effects = EFFECTS(LIVES_REMOVES, mask, LIVES_NONE), .answer = {U, U, U, n, U})
#define CLEAR(from, to, t, mask)                                                                                       \
    CALL(from, to, t, .kind = LIVES_CHANGE, .scope = mask, .effects = EFFECTS(LIVES_REMOVES, mask, LIVES_NONE),        \
         .answer = {U, U, U, U, U})
#define SWEEP(from, to, t, mask, n)                                                                                    \
    CALL(from, to, t, .kind = LIVES_SWEEP, .scope = mask, .lingers = 1,                                                \
         .effects = EFFECTS(LIVES_REMOVES, mask, LIVES_NONE), .answer = {U, U, U, n, U})
/* Of the first vector, to one series with a value. */
#define REPLACE(from, to, t, k, v, created, updated, removed, refused)                                                 \
    CALL(from, to, t, .kind = LIVES_CHANGE, .scope = 7,                                                                \
         .effects = {(k) == 0 ? LIVES_SETS : LIVES_REMOVES, (k) == 1 ? LIVES_SETS : LIVES_REMOVES,                     \
                     (k) == 2 ? LIVES_SETS : LIVES_REMOVES},                                                           \
         .values = {v, v, v}, .answer = {U, created, updated, removed, refused})

static void begin(const struct lives_vec *first)
{
    lives_clear(&lives);
    for (unsigned i = 0; i < LIVES_VECS; i++) {
        if (first) lives.vecs[i] = *first;
        else lives.vecs[i] = (struct lives_vec){.cap = 0};
        lives.vecs[i].first = i * LIVES_KEYS / LIVES_VECS;
        lives.vecs[i].n = LIVES_KEYS / LIVES_VECS;
    }
}

#define BEGIN(...) begin(&(struct lives_vec){__VA_ARGS__})
#define PLAIN begin(NULL)

static void assert_verdict(enum lives_verdict wanted)
{
    enum lives_verdict verdict = lives_check(&lives);
    if (verdict != wanted) print_error("verdict %d, not %d; %s\n", verdict, wanted, lives.why);
    assert_int_equal(verdict, wanted);
    assert_true((verdict == LIVES_WRONG) == (lives.why[0] != '\0'));
}

static void right(void) { assert_verdict(LIVES_RIGHT); }
static void wrong(void) { assert_verdict(LIVES_WRONG); }

static void follow_one_thread(void)
{
    PAGE(1, 2, 0, A, A, A, A, A, A);
    ADD(3, 4, 0, 0, 5);
    SET(5, 6, 0, 4, 7);
    HOLD(7, 8, 0, 1, 1);
    SET_HELD(9, 10, 0, 1, 1, 3);
    PAGE(11, 12, 0, 5, 3, A, A, 7, A);
    EACH(13, 14, 0, 5, 3, A);
    SIZE(15, 16, 0, 2);
    DELETE(17, 18, 0, 0, 1);
    DELETE(19, 20, 0, 0, 0);
    MARK(21, 22, 0);
    COMMIT(23, 24, 0, 2 | 8, 9, 1, 1);
    SWEEP(25, 26, 0, 63, 1);
    PAGE(27, 28, 0, A, 9, A, 9, A, A);
    REPLACE(29, 30, 0, 2, 4, 1, 0, 1, 0);
    SET_HELD(31, 32, 0, 1, 1, 8);
    LET_GO(33, 34, 0, 1, 1);
    GET(35, 36, 0, 1, A);
    REMOVE(37, 38, 0, 63, 2);
    PAGE(39, 40, 0, A, A, A, A, A, A);
}

static void test_lives_one_thread_follows_its_calls(void **state)
{
    PLAIN;
    follow_one_thread();
    right();
    /* And with one wrong answer each. */
    for (size_t i = 0; i < 20; i++) {
        PLAIN;
        follow_one_thread();
        struct lives_op *op = &lives.threads[0].ops[i];
        if (op->kind == LIVES_PAGE || op->kind == LIVES_EACH) op->values[0] = op->values[0] == A ? 1 : A;
        else if (op->kind == LIVES_GET) op->value = 1;
        else if (op->kind == LIVES_SIZE || op->kind == LIVES_DELETE) op->answer.done ^= 1;
        else if (op->answer.removed != U) op->answer.removed++;
        else continue;
        wrong();
    }
}

static void test_lives_value_that_nobody_set_is_wrong(void **state)
{
    PLAIN;
    SET(1, 6, 0, 0, 42);
    GET(2, 3, 1, 0, 0);
    wrong();
    PLAIN;
    COMMIT(1, 6, 0, 1, 42, 1, 0);
    PAGE(2, 3, 1, 0, A, A, A, A, A);
    wrong();
    PLAIN;
    HOLD(1, 6, 0, 0, 0);
    GET(2, 3, 1, 0, 0);
    PAGE(4, 5, 1, 0, A, A, A, A, A);
    right();
}

static void test_lives_births_of_a_change_are_one_moment(void **state)
{
    PLAIN;
    COMMIT(1, 8, 0, 1 | 8, 5, 2, 0);
    GET(2, 3, 1, 0, 5);
    GET(4, 5, 1, 3, 5);
    right();
    PLAIN;
    COMMIT(1, 8, 0, 1 | 8, 5, 2, 0);
    GET(2, 3, 1, 0, 5);
    GET(4, 5, 1, 3, A);
    wrong();
    PLAIN;
    COMMIT(1, 8, 0, 1 | 8, 5, 2, 0);
    PAGE(2, 3, 1, 5, A, A, A, A, A);
    wrong();
    /* Single updates as well: 6 on top of what the commit made. */
    PLAIN;
    COMMIT(1, 8, 0, 1 | 8, 5, 2, 0);
    ADD(2, 3, 1, 0, 1);
    ADD(4, 5, 1, 3, 1);
    PAGE(9, 10, 1, 6, A, A, 5, A, A);
    wrong();
}

static void test_lives_deaths_of_a_change_are_one_moment(void **state)
{
    PLAIN;
    COMMIT(1, 2, 0, 1 | 8, 5, 2, 0);
    CLEAR(3, 10, 0, 63);
    GET(4, 5, 1, 3, A);
    GET(6, 7, 1, 0, 5);
    wrong();
    /* What is set later stays, if what is set earlier stays. */
    for (unsigned order = 0; order < 2; order++) {
        PLAIN;
        CLEAR(1, 10, 0, 7);
        SET(2, 3, 1, 0, 1);
        SET(4, 5, 1, 1, 1);
        PAGE(11, 12, 1, order ? A : 1, order ? 1 : A, A, A, A, A);
        if (order) right();
        else wrong();
    }
}

static void test_lives_values_of_a_change_are_ordered_per_series(void **state)
{
    PLAIN;
    COMMIT(1, 2, 0, 3, 5, 2, 0);
    COMMIT(3, 10, 0, 3, 6, 0, 2);
    GET(4, 5, 1, 0, 6);
    GET(6, 7, 1, 1, 5);
    right();
    /* But not on a page; and not before what it makes is there. */
    PLAIN;
    COMMIT(1, 2, 0, 3, 5, 2, 0);
    COMMIT(3, 10, 0, 3, 6, 0, 2);
    PAGE(4, 5, 1, 6, 5, A, A, A, A);
    wrong();
    PLAIN;
    COMMIT(1, 2, 0, 1, 5, 1, 0);
    COMMIT(3, 10, 0, 3, 6, 1, 1);
    GET(4, 5, 1, 0, 6);
    GET(6, 7, 1, 1, A);
    wrong();
}

static void test_lives_full_is_an_answer_where_there_is_no_room(void **state)
{
    BEGIN(.cap = 1);
    SET(1, 2, 0, 0, 1);
    REFUSED(3, 4, 0, 1);
    right();
    BEGIN(.cap = 1);
    SET(1, 2, 0, 0, 1);
    REFUSED(3, 4, 0, 0);
    wrong();
    BEGIN(.cap = 2);
    SET(1, 2, 0, 0, 1);
    REFUSED(3, 4, 0, 1);
    wrong();
    BEGIN(.cap = 1);
    SET(1, 2, 0, 0, 1);
    SET(3, 4, 0, 1, 1);
    wrong();
    /* One that goes and comes. */
    BEGIN(.cap = 1);
    SET(1, 2, 0, 0, 1);
    DELETE(3, 6, 0, 0, 1);
    REFUSED(4, 5, 1, 0);
    wrong();
    /* What goes with a replacement makes room for what comes with it, and for nobody else. */
    BEGIN(.cap = 1);
    SET(1, 2, 0, 0, 1);
    REPLACE(3, 6, 0, 1, 1, 0, 0, 1, 1);
    REFUSED(4, 5, 1, 2);
    wrong();
    BEGIN(.cap = 1);
    SET(1, 2, 0, 0, 1);
    REPLACE(3, 6, 0, 1, 1, 1, 0, 1, 0);
    REFUSED(4, 5, 1, 2);
    right();
    BEGIN(.cap = 1);
    SET(1, 2, 0, 0, 1);
    REPLACE(3, 6, 0, 1, 1, 1, 0, 1, 0);
    SET(4, 5, 1, 2, 1);
    wrong();
}

static void test_lives_an_owner_has_his_share(void **state)
{
    BEGIN(.shared = 2);
    SET(1, 2, 0, 0, 1);
    REFUSED(3, 4, 0, 1);
    SET(5, 6, 0, 2, 1);
    right();
    BEGIN(.shared = 2);
    SET(1, 2, 0, 0, 1);
    SET(3, 4, 0, 1, 1);
    wrong();
    BEGIN(.shared = 2);
    SET(1, 2, 0, 0, 1);
    REFUSED(3, 4, 0, 2);
    wrong();
    BEGIN(.shared = 2);
    SET(1, 2, 0, 0, 1);
    DELETE(3, 4, 0, 0, 1);
    REFUSED(5, 6, 0, 1);
    wrong();
}

static void test_lives_what_has_no_room_is_folded(void **state)
{
    BEGIN(.cap = 1, .folds = true);
    ADD(1, 2, 0, 0, 1);
    ADD(3, 4, 0, 1, 2);
    ADD(5, 6, 0, 0, 4);
    PAGE(7, 8, 0, 5, A, 2, A, A, A);
    right();
    BEGIN(.cap = 1, .folds = true);
    ADD(1, 2, 0, 0, 1);
    ADD(3, 4, 0, 0, 4);
    PAGE(5, 6, 0, 1, A, 4, A, A, A);
    wrong();
    /* The other series is made with the amount. */
    for (int32_t seen = 0; seen <= 3; seen += 3) {
        BEGIN(.cap = 1, .folds = true);
        ADD(1, 2, 0, 0, 1);
        CALL(3, 8, 0, .kind = LIVES_CHANGE, .effects = {LIVES_ADDS, LIVES_ADDS}, .values = {3, 3},
             .answer = {U, 1, 1, 0, 0});
        GET(4, 5, 1, 2, seen);
        if (seen) right();
        else wrong();
    }
    BEGIN(.cap = 1, .folds = true);
    ADD(1, 2, 0, 3, 1);
    CALL(3, 8, 0, .kind = LIVES_CHANGE, .effects = {[3] = LIVES_REMOVES, [4] = LIVES_ADDS}, .values = {[4] = 3},
         .scope = 8, .answer = {U, 1, 0, 1, 0});
    PAGE(9, 10, 1, A, A, A, A, A, 3);
    wrong();
}

static void test_lives_lingering_series_are_on_pages_until_their_time_is_over(void **state)
{
    BEGIN(.lingers = true);
    SET(1, 2, 0, 0, 5);
    DELETE(3, 4, 0, 0, 1);
    PAGE(5, 6, 0, 5, A, A, A, A, A);
    EACH(7, 8, 0, A, A, A);
    GET(9, 10, 0, 0, A);
    SIZE(11, 12, 0, 0);
    TICK(13, 14, 0);
    PAGE(15, 16, 0, A, A, A, A, A, A);
    right();
    BEGIN(.lingers = true);
    SET(1, 2, 0, 0, 5);
    DELETE(3, 4, 0, 0, 1);
    PAGE(5, 6, 0, A, A, A, A, A, A);
    wrong();
    BEGIN(.lingers = true);
    SET(1, 2, 0, 0, 5);
    DELETE(3, 4, 0, 0, 1);
    EACH(7, 8, 0, 5, A, A);
    wrong();
    BEGIN(.lingers = true);
    SET(1, 2, 0, 0, 5);
    DELETE(3, 4, 0, 0, 1);
    TICK(5, 6, 0);
    PAGE(7, 8, 0, 5, A, A, A, A, A);
    wrong();
    /* Used again: the old one or the new one, without a gap. */
    for (int32_t seen = 4; seen <= 6; seen++) {
        BEGIN(.lingers = true);
        SET(1, 2, 0, 0, 5);
        DELETE(3, 10, 0, 0, 1);
        SET(11, 20, 0, 0, 6);
        PAGE(4, 19, 1, seen == 4 ? A : seen, A, A, A, A, A);
        if (seen == 4) wrong();
        else right();
    }
    /* Also where the new one has counted less than the old one had, and something else died behind the page's moment. */
    BEGIN(.lingers = true, .folds = true, .cap = 1);
    ADD(1, 2, 0, 0, 5);
    ADD(3, 4, 0, 3, 1);
    DELETE(5, 6, 0, 0, 1);
    CLEAR(8, 9, 0, 8);
    ADD(10, 11, 0, 0, 3);
    PAGE(7, 12, 1, 3, A, A, 1, A, A);
    right();
    /* A clear and a replacement end it. */
    BEGIN(.lingers = true);
    SET(1, 2, 0, 0, 5);
    DELETE(3, 4, 0, 0, 1);
    CLEAR(5, 6, 0, 7);
    PAGE(7, 8, 0, 5, A, A, A, A, A);
    wrong();
}

static void test_lives_a_page_has_one_reading_of_the_clock(void **state)
{
    for (unsigned shown = 0; shown < 4; shown++) {
        BEGIN(.lingers = true);
        COMMIT(1, 2, 0, 1 | 8, 5, 2, 0);
        REMOVE(3, 4, 0, 63, 2);
        TICK(6, 7, 0);
        PAGE(5, 8, 1, shown & 1 ? 5 : A, A, A, shown & 2 ? 5 : A, A, A);
        if (shown == 0 || shown == 3) right();
        else wrong();
        BEGIN(.expires = true);
        COMMIT(1, 2, 0, 1 | 8, 5, 2, 0);
        TICK(6, 7, 0);
        PAGE(5, 8, 1, shown & 1 ? 5 : A, A, A, shown & 2 ? 5 : A, A, A);
        if (shown == 0 || shown == 3) right();
        else wrong();
    }
    /* One that is idle is not there for a commit that comes meanwhile; it is if somebody may hold it. */
    for (unsigned shown = 0; shown < 4; shown++) {
        for (unsigned held = 0; held < 2; held++) {
            BEGIN(.expires = true);
            COMMIT(1, 2, 0, 1 | 8, 5, 2, 0);
            TICK(3, 4, 0);
            if (held) HOLD(5, 6, 2, 3, 0);
            COMMIT(8, 9, 0, 1 | 8, 6, 0, 2);
            PAGE(7, 10, 1, shown & 1 ? 5 : A, A, A, shown & 2 ? 5 : A, A, A);
            if (shown == (held ? 2 : 0)) right();
            else wrong();
        }
    }
    /* It comes after the moment: what is deleted between them is there, and what is idle by then is not; not otherwise. */
    for (unsigned shown = 0; shown < 4; shown++) {
        for (unsigned deleted_first = 0; deleted_first < 2; deleted_first++) {
            BEGIN(.expires = true);
            SET(1, 2, 0, 0, 5);
            HOLD(3, 4, 0, 1, 0);
            DELETE(deleted_first ? 6 : 8, deleted_first ? 7 : 9, 0, 1, 1);
            TICK(deleted_first ? 8 : 6, deleted_first ? 9 : 7, 0);
            PAGE(5, 10, 1, shown & 1 ? 5 : A, shown & 2 ? 0 : A, A, A, A, A);
            if (!deleted_first && shown == 1) wrong();
            else right();
        }
    }
}

static void test_lives_idle_series_expire_unless_they_are_held(void **state)
{
    for (unsigned shown = 0; shown < 2; shown++) {
        BEGIN(.expires = true);
        SET(1, 2, 0, 0, 5);
        TICK(3, 4, 0);
        PAGE(5, 6, 0, shown ? 5 : A, A, A, A, A, A);
        if (shown) wrong();
        else right();
        BEGIN(.expires = true);
        SET(1, 2, 0, 0, 5);
        TICK(3, 4, 0);
        ADD(5, 6, 0, 0, 1);
        PAGE(7, 8, 0, shown ? 6 : 1, A, A, A, A, A);
        right();
        BEGIN(.expires = true);
        HOLD(1, 2, 0, 0, 0);
        TICK(3, 4, 0);
        PAGE(5, 6, 0, shown ? 0 : A, A, A, A, A, A);
        if (shown) right();
        else wrong();
        BEGIN(.expires = true);
        HOLD(1, 2, 0, 0, 0);
        LET_GO(3, 4, 0, 0, 0);
        TICK(5, 6, 0);
        PAGE(7, 8, 0, shown ? 0 : A, A, A, A, A, A);
        if (shown) wrong();
        else right();
    }
    /* It was there before the tick; who takes the handle touches it once more, before or after that. */
    for (unsigned shown = 0; shown < 2; shown++) {
        BEGIN(.expires = true);
        HOLD(1, 6, 0, 0, 0);
        PAGE(2, 3, 1, 0, A, A, A, A, A);
        TICK(4, 5, 1);
        LET_GO(7, 8, 0, 0, 0);
        PAGE(9, 10, 1, shown ? 0 : A, A, A, A, A, A);
        right();
    }
    /* A handle is attached when it is handed out. */
    BEGIN(.expires = true);
    SET(1, 2, 0, 0, 5);
    TICK(3, 4, 1);
    HOLD(5, 6, 0, 0, 0);
    SET_HELD(7, 8, 0, 0, 0, 3);
    GET(9, 10, 0, 0, A);
    wrong();
}

static void test_lives_what_is_touched_after_a_mark_is_not_swept(void **state)
{
    PLAIN;
    SET(1, 2, 0, 0, 1);
    MARK(3, 4, 0);
    SET(5, 6, 1, 0, 2);
    SWEEP(7, 8, 0, 7, 1);
    wrong();
    /* By whose mark: that of the second thread is older. */
    PLAIN;
    MARK(1, 2, 1);
    SET(3, 4, 0, 0, 1);
    MARK(5, 6, 0);
    SWEEP(7, 8, 1, 7, 0);
    SWEEP(9, 10, 0, 7, 1);
    right();
    PLAIN;
    MARK(1, 2, 1);
    SET(3, 4, 0, 0, 1);
    MARK(5, 6, 0);
    SWEEP(7, 8, 1, 7, 1);
    wrong();
    /* A commit is swept whole or not at all. */
    for (int n = 0; n < 3; n++) {
        PLAIN;
        COMMIT(1, 2, 0, 1 | 8, 5, 2, 0);
        COMMIT(3, 8, 0, 1 | 8, 6, 0, 2);
        MARK(4, 5, 1);
        SWEEP(9, 10, 1, 63, n);
        if (n == 1) wrong();
        else right();
    }
    /* An update that was seen to come after the mark; as long as it has not returned, it may be swept. */
    for (int n = 0; n < 2; n++) {
        PLAIN;
        SET(1, 2, 0, 0, 1);
        SET(3, n ? 20 : 10, 0, 0, 2);
        MARK(4, 5, 1);
        GET(6, 7, 1, 0, 1);
        GET(8, 9, 1, 0, 2);
        SWEEP(11, 12, 1, 7, 1);
        if (n) right();
        else wrong();
    }
}

static void test_lives_a_page_has_one_moment_for_deletions(void **state)
{
    for (unsigned shown = 0; shown < 4; shown++) {
        PLAIN;
        COMMIT(1, 2, 0, 1 | 8, 5, 2, 0);
        DELETE(4, 5, 0, 0, 1);
        DELETE(6, 7, 0, 3, 1);
        PAGE(3, 8, 1, shown & 1 ? 5 : A, A, A, shown & 2 ? 5 : A, A, A);
        if (shown == 1) wrong();
        else right();
    }
    /* One that was there when the page began to decide is on it, and not the one that was made afterwards. */
    PLAIN;
    COMMIT(1, 2, 0, 1 | 8, 5, 2, 0);
    DELETE(4, 5, 0, 0, 1);
    DELETE(6, 7, 0, 3, 1);
    SET(8, 9, 0, 3, 6);
    PAGE(3, 10, 1, 5, A, A, 6, A, A);
    wrong();
    /* Deleted, seen to be deleted, and shown. */
    PLAIN;
    SET(1, 2, 0, 0, 5);
    DELETE(3, 4, 0, 0, 1);
    PAGE(5, 6, 1, 5, A, A, A, A, A);
    wrong();
}

static void test_lives_handles_are_detached_by_removals(void **state)
{
    PLAIN;
    HOLD(1, 2, 0, 0, 0);
    HOLD(3, 4, 0, 1, 1);
    DELETE(5, 6, 1, 0, 1);
    SET(7, 8, 1, 0, 7);
    SET_HELD(9, 10, 0, 0, 0, 8);
    SET_HELD(11, 12, 0, 1, 1, 9);
    PAGE(13, 14, 0, 7, 9, A, A, A, A);
    right();
    PLAIN;
    HOLD(1, 2, 0, 0, 0);
    DELETE(5, 6, 1, 0, 1);
    SET(7, 8, 1, 0, 7);
    SET_HELD(9, 10, 0, 0, 0, 8);
    GET(13, 14, 0, 0, 8);
    wrong();
}

static void test_lives_record_is_read_as_it_was_written(void **state)
{
    static struct lives again;
    char one[512], other[512];
    FILE *file = tmpfile();
    assert_non_null(file);
    BEGIN(.cap = 2, .folds = true, .lingers = true);
    follow_one_thread();
    SET(41, 42, 3, 0, -5);
    assert_true(lives_write(&lives, file));
    rewind(file);
    assert_true(lives_read(&again, file));
    fclose(file);
    assert_memory_equal(again.vecs, lives.vecs, sizeof lives.vecs);
    for (unsigned i = 0; i < LIVES_THREADS; i++) {
        assert_int_equal(again.threads[i].n, lives.threads[i].n);
        for (size_t k = 0; k < again.threads[i].n; k++) {
            lives_tell(&again.threads[i].ops[k], one, sizeof one);
            lives_tell(&lives.threads[i].ops[k], other, sizeof other);
            assert_string_equal(one, other);
        }
    }
    assert_int_equal(lives_check(&again), lives_check(&lives));
    lives_clear(&again);
    file = tmpfile();
    assert_non_null(file);
    fputs("vec 0 3 0 0 0 0 0\nvec 3 3 0 0 0 0 0\n1 2 0 nothing\n", file);
    rewind(file);
    assert_false(lives_read(&again, file));
    fclose(file);
    lives_clear(&again);
}

static int end(void **state)
{
    lives_clear(&lives);
    return 0;
}

int group_lives(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lives_one_thread_follows_its_calls),
        cmocka_unit_test(test_lives_value_that_nobody_set_is_wrong),
        cmocka_unit_test(test_lives_births_of_a_change_are_one_moment),
        cmocka_unit_test(test_lives_deaths_of_a_change_are_one_moment),
        cmocka_unit_test(test_lives_values_of_a_change_are_ordered_per_series),
        cmocka_unit_test(test_lives_full_is_an_answer_where_there_is_no_room),
        cmocka_unit_test(test_lives_an_owner_has_his_share),
        cmocka_unit_test(test_lives_what_has_no_room_is_folded),
        cmocka_unit_test(test_lives_lingering_series_are_on_pages_until_their_time_is_over),
        cmocka_unit_test(test_lives_a_page_has_one_reading_of_the_clock),
        cmocka_unit_test(test_lives_idle_series_expire_unless_they_are_held),
        cmocka_unit_test(test_lives_what_is_touched_after_a_mark_is_not_swept),
        cmocka_unit_test(test_lives_a_page_has_one_moment_for_deletions),
        cmocka_unit_test(test_lives_handles_are_detached_by_removals),
        cmocka_unit_test(test_lives_record_is_read_as_it_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
