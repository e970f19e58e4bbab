/* The keyed hash, against the vectors that its authors published, and what lines on a terminal may be. */
#include "support/cprom_test.h"

#include <sys/wait.h>
#include <unistd.h>

#include "hash.h"
#include "lookup.h"
#include "say.h"

static void test_hash_with_published_key_is_as_published(void **state)
{
    static const uint64_t key[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
    static const struct {
        size_t n;
        uint64_t hash;
    } vectors[] = {{0, 0x726fdb47dd0e0e31u}, {1, 0x74f839c593dc67fdu}, {15, 0xa129ca6149be45e5u}};
    unsigned char bytes[15];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)i;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        assert_true(hash_with(key, bytes, vectors[i].n) == vectors[i].hash);
    }
}

static void test_hash_bytes_depends_on_what_stands_before(void **state)
{
    assert_true(hash_text(0, "a") == hash_text(0, "a"));
    assert_true(hash_text(0, "a") != hash_text(1, "a"));
    assert_true(hash_text(0, "a") != hash_text(0, "b"));
    assert_true(hash_text(hash_text(0, "ab"), "c") != hash_text(hash_text(0, "a"), "bc"));
}

/* Another process, and so another key. */
static void test_hash_bytes_in_another_process_is_another(void **state)
{
    uint64_t hashes[2];
    for (int i = 0; i < 2; i++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t pid = fork();
        if (pid == 0) {
            uint64_t hash = hash_text(0, "a");
            _exit(write(ends[1], &hash, sizeof hash) != sizeof hash);
        }
        assert_int_equal(read(ends[0], &hashes[i], sizeof *hashes), sizeof *hashes);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        close(ends[0]);
        close(ends[1]);
    }
    assert_true(hashes[0] != hashes[1]);
}

static void test_lookup_finds_all_of_one_hash(void **state)
{
    static int entries[1000];
    struct lookup lookup = {0};
    size_t place = 7;
    assert_null(lookup_next(&lookup, 7, &place));
    for (size_t i = 0; i < 1000; i++) assert_true(lookup_add(&lookup, i % 10, &entries[i]));
    for (size_t hash = 0; hash < 10; hash++) {
        size_t n = 0;
        const int *entry;
        for (place = hash; (entry = lookup_next(&lookup, hash, &place)); n++) {
            assert_int_equal((entry - entries) % 10, hash);
        }
        assert_int_equal(n, 100);
    }
    lookup_free(&lookup);
}

static void assert_clean(const char *text, const char *expected)
{
    char copy[64];
    strcpy(copy, text);
    say_clean(copy);
    assert_string_equal(copy, expected);
}

static void test_say_clean_leaves_no_control_characters(void **state)
{
    assert_clean("plain caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80", "plain caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
    assert_clean("a\nb\x1b[2J\x7f", "a?b?[2J?");
    assert_clean("\xC2\x9B" "2J \xC2\x85\xC2\x80", "??2J ????"); /* C1: CSI, NEL */
    assert_clean("\xC2\xA0", "\xC2\xA0");                       /* no control character */
    assert_clean("\x9B" "2J\xFF\xC3", "?2J??");                  /* C1 in 8-bit sets; cut short */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_bytes_in_another_process_is_another), /* first: this process has drawn no key yet */
        cmocka_unit_test(test_hash_with_published_key_is_as_published),
        cmocka_unit_test(test_hash_bytes_depends_on_what_stands_before),
        cmocka_unit_test(test_lookup_finds_all_of_one_hash),
        cmocka_unit_test(test_say_clean_leaves_no_control_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
