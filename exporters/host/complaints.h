/*
 * What is wrong at a scrape. A line about it is said when it begins, not again while it lasts, and one more when all is
 * well. However much is wrong, however often that changes, and however often somebody scrapes, few lines are said and
 * kept.
 */
#ifndef CPROM_EXPORTERS_HOST_COMPLAINTS_H
#define CPROM_EXPORTERS_HOST_COMPLAINTS_H

#include <stddef.h>
#include <stdint.h>

#define COMPLAINTS_MAX 32      /* of one scrape; those behind are counted */
#define COMPLAINTS_A_MINUTE 64 /* lines; what lasts is said later */

/* All zeros is none, of no scrape. */
struct complaints {
    uint64_t before[COMPLAINTS_MAX], now[COMPLAINTS_MAX]; /* hashes of those that were said */
    size_t n_said_before, n_said_now;
    size_t n_before, n_now; /* of all */
    int64_t minute;
    size_t lines; /* in that minute */
};

/* A scrape begins; the clock is one that does not go back. */
void complaints_begin(struct complaints *complaints, int64_t seconds);
void complaints_add(struct complaints *complaints, const char *who, const char *what);
/* The scrape is over. */
void complaints_end(struct complaints *complaints, const char *who);

#endif
