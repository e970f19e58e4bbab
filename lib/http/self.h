/*
 * What a handler knows of itself. Relaxed: single numbers, read while others write.
 */
#ifndef CPROM_LIB_HTTP_SELF_H
#define CPROM_LIB_HTTP_SELF_H

#include "registry/emit.h"

#define CPROM__HTTP_CODES 14 /* statuses that are answered */
#define CPROM__HTTP_BOUNDS 11

struct cprom__http_self {
    _Atomic uint64_t codes[CPROM__HTTP_CODES];        /* responses, by status */
    _Atomic uint64_t buckets[CPROM__HTTP_BOUNDS + 1]; /* scrapes, by duration; +Inf last */
    _Atomic uint64_t nanoseconds;                     /* of all scrapes */
    _Atomic size_t in_flight;                         /* scrapes */
};

void cprom__http_self_count(struct cprom__http_self *self, int status);
void cprom__http_self_observe(struct cprom__http_self *self, int64_t nanoseconds);
/* For struct cprom__self. */
void cprom__http_self_emit(void *self, struct cprom_scrape *out);

#endif
