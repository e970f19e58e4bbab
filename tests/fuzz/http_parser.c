/*
 * libFuzzer: any bytes as requests. The parser must agree with the naive reference, whatever pieces the bytes come in,
 * and touch nothing that is not its own.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle/http_reference.h"
#include "http/parser.h"

#define MAX 4096

static void differs(const char *what, const uint8_t *bytes, size_t n)
{
    fprintf(stderr, "the reference differs: %s\n", what);
    fwrite(bytes, 1, n, stderr);
    abort();
}

static int parse(const uint8_t *bytes, size_t n, size_t piece, size_t *end, size_t *body, bool *close_it, char *room,
                 struct cprom__http_head *head)
{
    static const int statuses[] = {-1, 0, 400, 414, 431};
    struct cprom__http_scan scan = {0};
    enum cprom__http_found found;
    size_t have = 0;
    do {
        have += piece < n - have ? piece : n - have;
        char *copy = malloc(have + 1); /* exactly as many bytes as there are */
        memcpy(copy, bytes, have);
        copy = realloc(copy, have ? have : 1);
        found = cprom__http_scan(&scan, copy, have, MAX);
        free(copy);
    } while (found == CPROM__HTTP_MORE && have < n);
    if (found == CPROM__HTTP_MORE) return -1;
    if (found == CPROM__HTTP_BAD) return 400;
    if (found != CPROM__HTTP_HEAD) return statuses[found];
    char *copy = malloc(scan.done - scan.begin);
    memcpy(copy, bytes + scan.begin, scan.done - scan.begin);
    int status = cprom__http_parse(copy, scan.done - scan.begin, room, head);
    free(copy);
    *end = scan.done;
    *body = head->body;
    *close_it = head->close;
    return status;
}

static bool same(const char *a, bool there, const char *b) { return there ? a && strcmp(a, b) == 0 : !a; }

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static struct ref_verdict v;
    size_t piece = n ? bytes[n - 1] % 16u + 1 : 1;
    for (size_t at = 0; at <= n;) {
        size_t end = 0, body = 0;
        bool close_it = false;
        struct cprom__http_head head;
        size_t room_n = n - at < MAX ? n - at : MAX;
        char *room = malloc(room_n + 1);
        ref_parse((const char *)bytes + at, n - at, MAX, &v);
        int status = parse(bytes + at, n - at, piece > 12 ? MAX : piece, &end, &body, &close_it, room, &head);
        if (status != v.status) differs("status", bytes + at, n - at);
        if (status == 0) {
            if (end != v.head || body != v.body || close_it != v.close) differs("framing", bytes + at, n - at);
            if (!same(head.target, true, v.target) || !same(head.accept, v.has_accept, v.accept) ||
                !same(head.accept_encoding, v.has_accept_encoding, v.accept_encoding) ||
                !same(head.authorization, v.has_authorization, v.authorization) ||
                !same(head.scrape_timeout, v.has_scrape_timeout, v.scrape_timeout)) {
                differs("text", bytes + at, n - at);
            }
        }
        free(room);
        if (status != 0) break;
        at += v.head + v.body;
    }
    return 0;
}
