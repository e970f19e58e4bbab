#include "bcrypt.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 16
#define SALT_BYTES 16
#define HASH_BYTES 23
#define SALT_CHARS 22
#define HASH_CHARS 31
#define KEY_MAX 72

/* Blowfish's subkeys and substitutions (Schneier, 1993). */
struct blowfish {
    uint32_t p[ROUNDS + 2];
    uint32_t s[4][256];
};
#define WORDS (sizeof(struct blowfish) / sizeof(uint32_t))

/* ---- the beginning: the fraction of pi ---- */

#define DIGITS (WORDS + 5) /* of 32 bits: the whole part, the fraction, and some that take the errors of rounding */

/* value /= by; words before `first` are 0. Returns the first that is not. */
static size_t divide(uint32_t value[DIGITS], const uint32_t from[DIGITS], uint32_t by, size_t first)
{
    uint64_t rest = 0;
    size_t begin = first;
    for (size_t i = first; i < DIGITS; i++) {
        uint64_t part = rest << 32 | from[i];
        value[i] = (uint32_t)(part / by);
        rest = part % by;
    }
    while (begin < DIGITS && value[begin] == 0) begin++;
    return begin;
}

static void add(uint32_t sum[DIGITS], const uint32_t value[DIGITS], size_t first, bool subtract)
{
    uint64_t carry = subtract; /* the complement, and one */
    for (size_t i = DIGITS; i-- > 0;) {
        uint32_t word = i < first ? 0 : value[i];
        carry += (uint64_t)sum[i] + (subtract ? ~word : word);
        sum[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

/* sum += factor * arctan(1 / x), or -= */
static void add_arctan(uint32_t sum[DIGITS], uint32_t factor, uint32_t x, bool negative)
{
    uint32_t power[DIGITS] = {factor}, term[DIGITS] = {0};
    size_t first = divide(power, power, x, 0);
    for (uint32_t k = 1; first < DIGITS; k += 2) {
        memset(term, 0, sizeof term);
        size_t begin = divide(term, power, k, first);
        add(sum, term, begin, negative != (k % 4 == 3));
        first = divide(power, power, x * x, first);
    }
}

static struct blowfish beginning;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Machin, 1706. This is shorter than a table of 1042 numbers, and takes some hundredths of a second. */
static void compute_pi(void)
{
    static uint32_t pi[DIGITS];
    add_arctan(pi, 16, 5, false);
    add_arctan(pi, 4, 239, true);
    memcpy(&beginning, pi + 1, sizeof beginning);
}

/* ---- Blowfish ---- */

static void encipher(const struct blowfish *state, uint32_t block[2])
{
    uint32_t left = block[0], right = block[1];
    for (int i = 0; i < ROUNDS; i++) {
        left ^= state->p[i];
        right ^= ((state->s[0][left >> 24] + state->s[1][left >> 16 & 255]) ^ state->s[2][left >> 8 & 255]) +
                 state->s[3][left & 255];
        uint32_t swap = left;
        left = right;
        right = swap;
    }
    block[0] = right ^ state->p[ROUNDS + 1];
    block[1] = left ^ state->p[ROUNDS];
}

/* The next 32 bits of bytes that repeat. */
static uint32_t next_word(const unsigned char *bytes, size_t n, size_t *at)
{
    uint32_t word = 0;
    for (int i = 0; i < 4; i++, *at = (*at + 1) % n) word = word << 8 | bytes[*at];
    return word;
}

/* `salt` NULL: zeros. */
static void expand(struct blowfish *state, const unsigned char *salt, const unsigned char *key, size_t n_key)
{
    uint32_t block[2] = {0, 0}, *words = (uint32_t *)state;
    size_t at = 0;
    for (size_t i = 0; i < ROUNDS + 2; i++) state->p[i] ^= next_word(key, n_key, &at);
    at = 0;
    for (size_t i = 0; i < WORDS; i += 2) {
        if (salt) {
            block[0] ^= next_word(salt, SALT_BYTES, &at);
            block[1] ^= next_word(salt, SALT_BYTES, &at);
        }
        encipher(state, block);
        words[i] = block[0];
        words[i + 1] = block[1];
    }
}

/* ---- bcrypt ---- */

static const char digits[] = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* Six bits a character; the text has enough of them. */
static void decode(unsigned char *bytes, size_t n, const char *text)
{
    uint32_t bits = 0;
    int n_bits = 0;
    for (size_t i = 0; i < n; text++) {
        bits = bits << 6 | (uint32_t)(strchr(digits, *text) - digits);
        n_bits += 6;
        if (n_bits < 8) continue;
        n_bits -= 8;
        bytes[i++] = (unsigned char)(bits >> n_bits);
    }
}

static unsigned cost_of(const char *hash) { return (unsigned)(hash[4] - '0') * 10 + (unsigned)(hash[5] - '0'); }

bool bcrypt_is_hash(const char *hash)
{
    if (strlen(hash) != 7 + SALT_CHARS + HASH_CHARS || strspn(hash + 7, digits) != SALT_CHARS + HASH_CHARS)
        return false;
    if (memcmp(hash, "$2", 2) != 0 || !strchr("aby", hash[2]) || hash[3] != '$' || hash[6] != '$') return false;
    if (hash[4] < '0' || hash[4] > '9' || hash[5] < '0' || hash[5] > '9') return false;
    return cost_of(hash) >= 4 && cost_of(hash) <= BCRYPT_COST_MAX;
}

static void encrypt(const struct blowfish *state, unsigned char out[HASH_BYTES])
{
    static const unsigned char text[] = "OrpheanBeholderScryDoubt";
    size_t at = 0, n = 0;
    while (n < HASH_BYTES) {
        uint32_t block[2];
        for (int i = 0; i < 2; i++) block[i] = next_word(text, sizeof text - 1, &at);
        for (int i = 0; i < 64; i++) encipher(state, block);
        for (size_t i = 0; i < 8 && n < HASH_BYTES; i++) out[n++] = (unsigned char)(block[i / 4] >> (24 - 8 * (i % 4)));
    }
}

bool bcrypt_check(const char *password, const char *hash)
{
    unsigned char salt[SALT_BYTES], wanted[HASH_BYTES], made[HASH_BYTES], differs = 0;
    const unsigned char *key = (const unsigned char *)password;
    size_t n_key = strlen(password) + 1; /* with the NUL */
    struct blowfish *state = malloc(sizeof *state);
    if (!state || !bcrypt_is_hash(hash)) {
        free(state);
        return false;
    }
    if (n_key > KEY_MAX) n_key = KEY_MAX;
    decode(salt, sizeof salt, hash + 7);
    decode(wanted, sizeof wanted, hash + 7 + SALT_CHARS);
    pthread_once(&once, compute_pi);
    *state = beginning;
    expand(state, salt, key, n_key);
    for (uint32_t i = 0; i < UINT32_C(1) << cost_of(hash); i++) {
        expand(state, NULL, key, n_key);
        expand(state, NULL, salt, sizeof salt);
    }
    encrypt(state, made);
    free(state);
    /* All of them, so that the time says nothing. */
    for (size_t i = 0; i < HASH_BYTES; i++) differs |= made[i] ^ wanted[i];
    return !differs;
}
