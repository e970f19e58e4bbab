/*
 * Lives of series, with all options and calls at random, in short rounds; each is checked call by call (oracle/lives.h).
 * CPROM_LIVES_RECORD names a file for the record of a round that cannot have been, or that is not decided;
 * lives_replay checks it again. CPROM_LIVES_SECONDS: for how long; otherwise as long as any stress test.
 */
#include "lives.h"

static void tell(const struct lives_sums *sums)
{
    print_message("%llu rounds, %llu calls, %llu pages; at most %llu states; %llu undecided\n",
                  (unsigned long long)sums->rounds, (unsigned long long)sums->calls, (unsigned long long)sums->pages,
                  (unsigned long long)sums->most, (unsigned long long)sums->undecided);
}

static void play_for(const struct lives_wishes *wishes, double seconds)
{
    static struct lives_round round;
    struct lives_sums sums = {0};
    int64_t start = ct_now();
    for (unsigned n = 0; !n || !ct_over(start, seconds); n++) {
        if (lives_play(&round, wishes, n, &sums) == LIVES_WRONG)
            st_fail(NULL, NULL, "round %u, after %.3f s: this cannot have been:\n%s", n,
                    (double)(ct_now() - start) / 1e9, round.lives[0].why);
    }
    tell(&sums);
    assert_true(sums.pages > 0);
    assert_true(sums.undecided * 10 <= sums.rounds);
}

/* CPROM_LIVES_WISHES='+cap -ttl': rounds with a cap, and none with a ttl. */
static struct lives_wishes wishes_of_caller(void)
{
    static const char *const names[] = {"cap",   "fold",    "owner",   "ttl",     "linger",
                                        "marks", "singles", "changes", "handles", "second", "bound"};
    struct lives_wishes wishes = {.cap = LIVES_CHANCE};
    enum lives_wish *const fields[] = {&wishes.cap,     &wishes.fold,  &wishes.owner,   &wishes.ttl,
                                       &wishes.linger,  &wishes.marks, &wishes.singles, &wishes.changes,
                                       &wishes.handles, &wishes.second, &wishes.bound};
    const char *text = getenv("CPROM_LIVES_WISHES");
    for (unsigned i = 0; text && i < COUNT(names); i++) {
        const char *at = strstr(text, names[i]);
        if (at && at > text) *fields[i] = at[-1] == '+' ? LIVES_ALWAYS : LIVES_NEVER;
    }
    return wishes;
}

static void test_lives_are_such_as_may_be(void **state)
{
    struct lives_wishes wishes = wishes_of_caller();
    const char *seconds = getenv("CPROM_LIVES_SECONDS");
    st_begin(__func__);
    play_for(&wishes, seconds ? atof(seconds) : ct_stress_seconds());
}

/* No two calls at once, so that nothing can go wrong but the checker and what single calls answer. */
static void test_lives_one_call_after_the_other_are_such_as_may_be(void **state)
{
    struct lives_wishes wishes = wishes_of_caller();
    wishes.serial = true;
    st_begin(__func__);
    play_for(&wishes, ct_stress_seconds() / 4);
}

int group_lives(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lives_one_call_after_the_other_are_such_as_may_be),
        cmocka_unit_test(test_lives_are_such_as_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
