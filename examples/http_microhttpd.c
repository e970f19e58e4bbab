/*
 * The page in a server of libmicrohttpd: cprom answers, libmicrohttpd frames and sends.
 *
 *   http_microhttpd [PORT]      serves until its standard input ends
 */
#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <cprom/http.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct asked {
    bool whole;    /* the head has come; libmicrohttpd calls once more when a body has, too */
    char target[]; /* as it came: libmicrohttpd takes the query off and decodes the rest */
};

static void *begin_request(void *cls, const char *uri, struct MHD_Connection *connection)
{
    (void)cls, (void)connection;
    struct asked *asked = calloc(1, sizeof *asked + strlen(uri) + 1);
    if (asked) strcpy(asked->target, uri);
    return asked;
}

static void end_request(void *cls, struct MHD_Connection *connection, void **asked, enum MHD_RequestTerminationCode why)
{
    (void)cls, (void)connection, (void)why;
    free(*asked);
    *asked = NULL;
}

static ssize_t read_body(void *response, uint64_t pos, char *buf, size_t max)
{
    (void)pos;
    size_t n = cprom_http_response_body(response, buf, max);
    if (n) return (ssize_t)n;
    return cprom_http_response_must_close(response) ? MHD_CONTENT_READER_END_WITH_ERROR
                                                    : MHD_CONTENT_READER_END_OF_STREAM;
}

static void free_response(void *response) { cprom_http_response_free(response); }

static enum MHD_Result answer(void *handler, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **request_state)
{
    (void)url, (void)upload;
    struct asked *asked = *request_state;
    if (!asked) return MHD_NO;
    if (!asked->whole || *upload_size) {
        asked->whole = true;
        *upload_size = 0; /* bodies are of no interest */
        return MHD_YES;
    }
    cprom_http_request request = CPROM_INIT(cprom_http_request);
    request.method = method;
    request.target = asked->target;
    request.http_1_0 = strcmp(version, "HTTP/1.0") == 0;
    request.accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept");
    request.accept_encoding = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept-Encoding");
    request.scrape_timeout =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Prometheus-Scrape-Timeout-Seconds");
    cprom_http_response *response;
    if (cprom_http_handler_handle(handler, &request, &response) != CPROM_OK) return MHD_NO;

    uint64_t length = 0;
    if (!cprom_http_response_length(response, &length)) length = MHD_SIZE_UNKNOWN;
    unsigned status = (unsigned)cprom_http_response_status(response);
    struct MHD_Response *reply = MHD_create_response_from_callback(length, 32768, read_body, response, free_response);
    if (!reply) {
        cprom_http_response_free(response);
        return MHD_NO;
    }
    const char *name, *value;
    for (size_t i = 0; cprom_http_response_header(response, i, &name, &value); i++) {
        MHD_add_response_header(reply, name, value);
    }
    enum MHD_Result result = MHD_queue_response(connection, status, reply);
    MHD_destroy_response(reply); /* frees the cprom response, once it is sent */
    return result;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 9464))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

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
    if (cprom_http_handler_new(registry, NULL, &handler) != CPROM_OK) return 1;
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, answer, handler, MHD_OPTION_SOCK_ADDR,
                         (struct sockaddr *)&address, MHD_OPTION_URI_LOG_CALLBACK, begin_request, NULL,
                         MHD_OPTION_NOTIFY_COMPLETED, end_request, NULL, MHD_OPTION_END);
    if (!daemon) {
        fprintf(stderr, "cannot listen\n");
        return 1;
    }
    printf("http://127.0.0.1:%u/\n", (unsigned)MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    while (getchar() != EOF) continue;
    MHD_stop_daemon(daemon);
    cprom_http_handler_free(handler);
    return 0;
}
