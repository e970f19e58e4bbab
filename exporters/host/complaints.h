/*
 * What is wrong at a scrape. A line about it is said when it begins, not again while it lasts, and one more when all is
 * well. However much is wrong, few lines are said and kept.
 */
#ifndef CPROM_EXPORTERS_HOST_COMPLAINTS_H
#define CPROM_EXPORTERS_HOST_COMPLAINTS_H

#include <stddef.h>
#include <stdint.h>

#define COMPLAINTS_MAX 32 /* of one scrape; those behind are counted */

/* All zeros is none, of no scrape. */
struct complaints {
    uint64_t before[COMPLAINTS_MAX], now[COMPLAINTS_MAX]; /* hashes */
    size_t n_before, n_now;                               /* may be more */
};

void complaints_add(struct complaints *complaints, const char *who, const char *what);
/* The scrape is over. */
void complaints_end(struct complaints *complaints, const char *who);

#endif
