/*
 * The handler's inside, and what a server needs of it beside the public face.
 */
#ifndef CPROM_LIB_HTTP_HANDLER_H
#define CPROM_LIB_HTTP_HANDLER_H

#include <cprom/http.h>

#include "page/gather.h"
#include "http/response.h"

/*
 * The answer `status` (400 and above) to a request that never came to cprom_http_handler_handle(), with a line of text.
 * `request` says whether it is HEAD and how it is framed; NULL: nothing of it could be understood, and the answer says
 * that the connection is closed. Counted like any other. ENOMEM.
 */
cprom_status cprom__http_refuse(cprom_http_handler *handler, const cprom_http_request *request, int status,
                                cprom_http_response **response);

/* ---- http_index.c ---- */

/* What it shows: the families of a registry and its descendants, each once. */
struct cprom__http_index {
    const char *program, *path;
    struct cprom__snapshot tree; /* lists only */
    struct cprom__http_row *rows;
    size_t n;
};

/* Lists the families of now. ENOENT: the registry was freed; ENOMEM. */
cprom_status cprom__http_index_open(struct cprom__http_index *index, struct cprom_registry *registry);
/* With `out` NULL, how many bytes the page has; otherwise also writes it. */
size_t cprom__http_index(const struct cprom__http_index *index, char *out);
void cprom__http_index_close(struct cprom__http_index *index);

/* ---- http_self.c: what a handler knows of itself. Relaxed: single numbers, read while others write. ---- */

#define CPROM__HTTP_CODES 16
#define CPROM__HTTP_BOUNDS 11

struct cprom__http_self {
    _Atomic uint64_t codes[CPROM__HTTP_CODES];         /* responses, by status */
    _Atomic uint64_t buckets[CPROM__HTTP_BOUNDS + 1];  /* scrapes, by duration; +Inf last */
    _Atomic uint64_t nanoseconds;                      /* of all scrapes */
    _Atomic size_t in_flight;                          /* scrapes */
};

void cprom__http_self_count(struct cprom__http_self *self, int status);
void cprom__http_self_observe(struct cprom__http_self *self, int64_t nanoseconds);
/* For struct cprom__self. */
void cprom__http_self_emit(void *self, struct cprom_scrape *out);

#endif
