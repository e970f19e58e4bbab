/*
 * One connection of the HTTP server: bytes in, requests answered one after the other, bytes out. It never waits.
 */
#ifndef CPROM_LIB_HTTP_CONN_H
#define CPROM_LIB_HTTP_CONN_H

#include <cprom/http.h>

#include "http/parser.h"
#include "http/peers.h"
#include "page/stop.h"
#include "store/context.h"

enum cprom__conn_state {
    CPROM__CONN_READING, /* a request is not whole yet; or none came on a new connection */
    CPROM__CONN_WRITING, /* a response is not whole yet */
    CPROM__CONN_IDLE,    /* between requests */
    CPROM__CONN_LINGERS  /* closed on our side; what still comes is thrown away until the peer closes too, since a
                            close() with bytes unread would take the response away from the peer */
};

/* What a connection waits for. */
enum cprom__conn_wait {
    CPROM__CONN_TO_READ,
    CPROM__CONN_TO_WRITE,
    CPROM__CONN_TO_ANSWER, /* for its turn among those whose answer may take long; nothing of the peer's */
    CPROM__CONN_OVER
};

/* What all connections of a server have in common; immutable. */
struct cprom__conn_rules {
    struct cprom_registry *registry; /* for memory and the clock */
    cprom_http_handler *handler;
    bool (*authorize)(void *ctx, const cprom_http_request *request);
    void *authorize_ctx;
    struct cprom__stop *stopping; /* once asked, responses are not wanted any more */
    size_t head_max;
    int64_t head_ns, idle_ns, stall_ns, response_ns; /* how long each may take; stall: without progress */
};

struct cprom__conn {
    /* Guarded by the server. */
    struct cprom__conn *next; /* in the server's queue */
    size_t slot;
    struct cprom__peer *peer;
    bool queued; /* waits for a thread or has one, which then owns what follows */

    int fd;
    enum cprom__conn_state state;
    enum cprom__conn_wait wait;
    bool late;        /* the request took too long */
    bool unread;      /* `in` has bytes that were not looked at */
    int64_t since;    /* when the state began */
    int64_t progress; /* WRITING: when the peer last took bytes */
    uint64_t sent;    /* WRITING: bytes of this response */
    cprom_http_response *response;
    struct cprom__http_scan scan;
    size_t skip; /* bytes of a body that are still to come, to be thrown away */
    size_t len;  /* of `in` */
    char in[];   /* head_max bytes */
};

/* NULL: no memory; the descriptor stays the caller's. */
struct cprom__conn *cprom__conn_new(const struct cprom__conn_rules *rules, int fd);
/* Whatever it was at. Does not close the descriptor. */
void cprom__conn_free(const struct cprom__conn_rules *rules, struct cprom__conn *conn);

/* Does what can be done now, and a bounded amount of that; of answers that may take long, one that was waited for. `room`: head_max bytes, of the calling thread. */
void cprom__conn_run(const struct cprom__conn_rules *rules, struct cprom__conn *conn, char *room);

/* When it will have taken too long. */
int64_t cprom__conn_deadline(const struct cprom__conn_rules *rules, const struct cprom__conn *conn);
/* Whether that is to be told to the peer, by another run; otherwise the connection is just closed. */
bool cprom__conn_is_late(struct cprom__conn *conn);

/* Whether it has a page of which the peer has taken nothing for a second. */
bool cprom__conn_holds_page(const struct cprom__conn *conn, int64_t now);
/* Which of two should go first if one must: what is over or idle, then what is late, and last what is in flow. */
bool cprom__conn_goes_before(const struct cprom__conn *a, const struct cprom__conn *b, int64_t now);

#endif
