/*
 * Requests, and what can become of them on a bad day: the same ones from the same random start.
 */
#ifndef CPROM_TESTS_HTTP_MUTATE_H
#define CPROM_TESTS_HTTP_MUTATE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "support/sanitized.h"

/* How many a test tries; ThreadSanitizer has nothing to find where there is one thread. */
#if CT_THREAD_SANITIZED
#define MUTATE_REQUESTS 20000
#else
#define MUTATE_REQUESTS 200000
#endif

struct mutate {
    uint64_t state;
};

static inline uint32_t mutate_random(struct mutate *m, uint32_t below)
{
    m->state = m->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((m->state >> 33) % below);
}

static const char *const mutate_seeds[] = {
    "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /-/healthy HTTP/1.1\r\nHost: localhost:9464\r\nUser-Agent: Prometheus/2.42.0\r\n"
    "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n"
    "Accept-Encoding: gzip\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: [::1]:9464\r\nConnection: keep-alive\r\n\r\n",
    "GET /metrics?name[]=up HTTP/1.0\r\n\r\n",
    "GET /-/healthy HTTP/1.0\r\nConnection: keep-alive\r\nAccept: a\r\naccept: b\r\nACCEPT:\tc \r\n\r\n",
    "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 38\r\n\r\nGET /metrics HTTP/1.1\r\nHost: smuggled\r\n\r\n",
    "POST /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "POST /metrics HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "\r\n\r\nGET http://a/-/healthy HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Basic Zm9v\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.0\r\n\r\n",
};
#define MUTATE_SEEDS COUNT(mutate_seeds)

static const char *const mutate_bits[] = {"\r\n",
                                          "\n",
                                          "\r",
                                          " ",
                                          "\t",
                                          ":",
                                          ",",
                                          "\r\n ",
                                          "\r\n\t",
                                          "\r\n\r\n",
                                          " :",
                                          "  ",
                                          "HTTP/1.1",
                                          "HTTP/1.0",
                                          "HTTP/3.0",
                                          "Host: b\r\n",
                                          "Content-Length: 0\r\n",
                                          "Content-Length: +1\r\n",
                                          "Content-Length: 99999999999999999999999\r\n",
                                          "Content-Length: 1, 1\r\n",
                                          "Content-Length: 65537\r\n",
                                          "Transfer-Encoding: chunked\r\n",
                                          "Transfer-Encoding: identity\r\n",
                                          "Transfer-Encoding: ,chunked ,\r\n",
                                          "Transfer-Encoding:\vchunked\r\n",
                                          "Connection: close, x\r\n",
                                          "Connection: keep-alive\r\n",
                                          "Accept: d\r\n",
                                          "Accept-Encoding: gzip\r\n",
                                          "Accept-Encoding:\r\n",
                                          "Authorization: Bearer x\r\n",
                                          "Expect: 100-continue\r\n",
                                          "\xff",
                                          "\x7f",
                                          "\x01",
                                          "%00",
                                          "x-prometheus-scrape-timeout-seconds: 3\r\n",
                                          "GET / HTTP/1.1\r\nHost: a\r\n\r\n"};
#define MUTATE_BITS COUNT(mutate_bits)

/* Writes a request, or some, changed in up to five places, to `out` of `cap` bytes (at least 1024); how many bytes. */
static inline size_t mutate_next(struct mutate *m, char *out, size_t cap)
{
    const char *seed = mutate_seeds[mutate_random(m, MUTATE_SEEDS)];
    size_t len = strlen(seed);
    memcpy(out, seed, len);
    for (uint32_t times = mutate_random(m, 6); times; times--) {
        size_t at = mutate_random(m, (uint32_t)len + 1), n;
        const char *bit = mutate_bits[mutate_random(m, MUTATE_BITS)];
        switch (mutate_random(m, 7)) {
        case 0: /* a byte changes */
            if (at < len) out[at] = (char)mutate_random(m, 256);
            break;
        case 1: /* a bit flips */
            if (at < len) out[at] = (char)(out[at] ^ (1 << mutate_random(m, 8)));
            break;
        case 2: /* some go */
            n = mutate_random(m, 8) + 1;
            if (at + n > len) n = len - at;
            memmove(out + at, out + at + n, len - at - n);
            len -= n;
            break;
        case 3: /* some come twice */
            n = mutate_random(m, 30);
            if (at + n > len || len + n > cap) break;
            memmove(out + at + n, out + at, len - at);
            len += n;
            break;
        case 4: /* the rest is missing */
            if (mutate_random(m, 4) == 0 && at) len = at;
            break;
        case 5: /* a field line more, at the end of a line */
            for (n = 0; n < len && at < len && out[at] != '\n'; n++) at++;
            if (at < len) at++;
            /* fall through */
        default:
            n = strlen(bit);
            if (len + n > cap) break;
            memmove(out + at + n, out + at, len - at);
            memcpy(out + at, bit, n);
            len += n;
        }
    }
    return len;
}

#endif
