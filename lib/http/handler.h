/*
 * The handler's inside, and what a server needs of it beside the public face.
 */
#ifndef CPROM_LIB_HTTP_HANDLER_H
#define CPROM_LIB_HTTP_HANDLER_H

#include <cprom/http.h>

#include "http/response.h"
#include "page/stop.h"

/*
 * As cprom_http_handler_handle(). `stop`: whether the response is still wanted; NULL: it is.
 */
cprom_status cprom__http_handle(cprom_http_handler *handler, const cprom_http_request *request,
                                struct cprom__stop *stop, cprom_http_response **response);

/* Whether the answer may take long: a page, whose callbacks run, or the page for people, of all families. */
bool cprom__http_takes_long(const cprom_http_handler *handler, const char *method, const char *target);

/* Whether one more page would be over max_scrapes. */
bool cprom__http_is_full(const cprom_http_handler *handler);

/*
 * The answer `status` (400 and above) to a request that never came to cprom_http_handler_handle(), with a line of text.
 * `request` says whether it is HEAD and how it is framed; NULL: nothing of it could be understood, and the answer says
 * that the connection is closed. Counted like any other. ENOMEM.
 */
cprom_status cprom__http_refuse(cprom_http_handler *handler, const cprom_http_request *request, int status,
                                cprom_http_response **response);

#endif
