/* bcrypt, against hashes that others made. */
#include "support/cprom_test.h"

#include "bcrypt.h"

static const struct {
    const char *password, *hash;
} known[] = {
    {"", "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."},
    {"a", "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"},
    /* of htpasswd -B */
    {"secret", "$2y$05$oaz0o.ZYcCk9szmqdMTo6u/iG64o6k0i4Plcje2Z5UblkBZ6MnwXe"},
    {"pass w\xC3\xB6rd \xE2\x82\xAC", "$2y$05$E8YyiTdL5J2a1PhDIvAxz.pWT4u3d3J5/p5HmpikiT3NJwFUCORXW"},
    {"0123456789012345678901234567890123456789012345678901234567890123456789ABCDEF",
     "$2y$05$HakP3hGPRfrdsaGZanYQnuympI59RB0NnFO6qtwzYJi7Ae8ZpwnLa"},
    {"abc", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"},
};
#define N (sizeof known / sizeof *known)

static void test_bcrypt_check_known_hashes(void **state)
{
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < N; k++) assert_int_equal(bcrypt_check(known[k].password, known[i].hash), i == k);
    }
}

static void test_bcrypt_check_other_letters_are_the_same(void **state)
{
    char hash[64];
    strcpy(hash, known[N - 1].hash);
    hash[2] = 'y';
    assert_true(bcrypt_check("abc", hash));
    hash[2] = 'b';
    assert_true(bcrypt_check("abc", hash));
    hash[58] ^= 1;
    assert_false(bcrypt_check("abc", hash));
}

static void test_bcrypt_is_hash_takes_nothing_else(void **state)
{
    static const char *const bad[] = {
        "", "secret", "$2a$06$", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0",
        "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0ii", "$2x$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i",
        "$2a$03$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i", "$2a$16$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i",
        "$2a$0x$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8!yx.jNN1ILEf7h0i",
        "$apr1$abc$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILE", "a2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"};
    assert_true(bcrypt_is_hash(known[0].hash));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (bcrypt_is_hash(bad[i])) fail_msg("%s", bad[i]);
        assert_false(bcrypt_check("abc", bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bcrypt_check_known_hashes),
        cmocka_unit_test(test_bcrypt_check_other_letters_are_the_same),
        cmocka_unit_test(test_bcrypt_is_hash_takes_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
