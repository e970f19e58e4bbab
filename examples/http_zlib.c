/*
 * Pages compressed by zlib, for who asks with Accept-Encoding: gzip, as Prometheus does; in cprom's own server. The library
 * has a gzip of its own, which needs none of this: here is how another takes its place, or another coding comes beside it.
 *
 *   http_zlib [ADDRESS]      serves until its standard input ends
 */
#include <cprom/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

static void *gzip_begin(void *ctx)
{
    z_stream *z = calloc(1, sizeof *z);
    (void)ctx;
    /* 15 + 16: a window of 32 KiB, in gzip's format. Level 1 is fast, and a page still shrinks to a tenth. */
    if (z && deflateInit2(z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK) return z;
    free(z);
    return NULL;
}

static bool gzip_feed(void *state, const char *in, size_t n_in, size_t *used, char *out, size_t n_out, size_t *made)
{
    z_stream *z = state;
    z->next_in = (Bytef *)(uintptr_t)in; /* which zlib does not change */
    z->avail_in = (uInt)n_in;
    z->next_out = (Bytef *)out;
    z->avail_out = (uInt)n_out;
    int result = deflate(z, in ? Z_NO_FLUSH : Z_FINISH);
    *used = n_in - z->avail_in;
    *made = n_out - z->avail_out;
    return result == Z_STREAM_END;
}

static void gzip_end(void *state)
{
    deflateEnd(state);
    free(state);
}

int main(int argc, char **argv)
{
    cprom_registry *registry = cprom_registry_default();
    cprom_gauge_vec *squares;
    cprom_gauge_vec_new(registry, CPROM_OPTS(cprom_opts, .name = "square", .help = "The square.", .labels = {"of"}),
                        &squares);
    for (int i = 0; i < 10000; i++) {
        char of[16];
        snprintf(of, sizeof of, "%d", i);
        cprom_gauge_vec_set(squares, CPROM_STRS(of), (double)i * i);
    }

    cprom_http_handler *handler;
    cprom_http_server *server;
    const cprom_http_coding *gzip =
        CPROM_OPTS(cprom_http_coding, .name = "gzip", .begin = gzip_begin, .feed = gzip_feed, .end = gzip_end);
    const char *address = argc > 1 ? argv[1] : "127.0.0.1:9464";
    if (cprom_http_handler_new(registry, NULL, &handler) != CPROM_OK) return 1;
    if (cprom_http_handler_add_coding(handler, gzip) != CPROM_OK) return 1;
    cprom_status status = cprom_http_server_start(
        registry, CPROM_OPTS(cprom_http_server_opts, .address = address, .handler = handler), &server);
    if (status != CPROM_OK) {
        fprintf(stderr, "cannot listen at %s: %s\n", address, cprom_status_string(status));
        return 1;
    }
    printf("http://%s/\n", cprom_http_server_address(server));
    fflush(stdout);
    while (getchar() != EOF) continue;
    cprom_http_server_stop(server);
    cprom_http_handler_free(handler);
    return 0;
}
