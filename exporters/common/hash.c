#define _DEFAULT_SOURCE /* getrandom */

#include "hash.h"

#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static uint64_t rotate(uint64_t x, int by) { return x << by | x >> (64 - by); }

static void round_once(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32) + v[3];
    v[2] += v[1];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

/* Little-endian, on any machine. */
static uint64_t read_word(const unsigned char *at, size_t n)
{
    uint64_t word = 0;
    while (n--) word = word << 8 | at[n];
    return word;
}

static void take_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    round_once(v);
    round_once(v);
    v[0] ^= word;
}

uint64_t hash_with(const uint64_t key[2], const void *bytes, size_t n)
{
    const unsigned char *at = bytes, *end = at + (n & ~(size_t)7);
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u,
                     key[1] ^ 0x7465646279746573u};
    for (; at < end; at += 8) take_word(v, read_word(at, 8));
    take_word(v, (uint64_t)n << 56 | read_word(at, n & 7));
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++) round_once(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t drawn[2];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Old kernels and some sandboxes have no getrandom. */
static bool read_urandom(void *key, size_t n)
{
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return false;
    bool whole = read(fd, key, n) == (ssize_t)n;
    close(fd);
    return whole;
}

static void draw_key(void)
{
    if (getrandom(drawn, sizeof drawn, GRND_NONBLOCK) == (ssize_t)sizeof drawn) return;
    if (read_urandom(drawn, sizeof drawn)) return;
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    drawn[0] = (uint64_t)time.tv_sec * 1000000007u + (uint64_t)time.tv_nsec;
    drawn[1] = (uint64_t)getpid() << 32 ^ (uint64_t)(uintptr_t)&time;
    say("no random numbers (getrandom, /dev/urandom): whoever writes metrics may guess how they are hashed");
}

uint64_t hash_bytes(uint64_t before, const void *bytes, size_t n)
{
    pthread_once(&once, draw_key);
    const uint64_t key[2] = {drawn[0] ^ before, drawn[1]};
    return hash_with(key, bytes, n);
}

uint64_t hash_text(uint64_t before, const char *text) { return hash_bytes(before, text, strlen(text) + 1); }
