/* The lines of a file, of which one that is odd costs itself alone. */
#ifndef CPROM_EXPORTERS_HOST_LINES_H
#define CPROM_EXPORTERS_HOST_LINES_H

#include "host.h"

struct lines {
    struct scrape *scrape;
    const char *root, *path;
    char *at, *end;
    size_t number;    /* of the line at hand, from 1 */
    bool may_be_open; /* the last line needs no LF: files that people write, and those of sysfs */
    bool is_open;     /* the line at hand has none */
};

/* Reads the file. false: see errno. */
bool lines_try(struct lines *lines, struct scrape *scrape, struct reader *reader, const char *root, const char *path);
/* Likewise, with the reader of all. false: the collector has failed, since it cannot be read, or is empty. */
bool lines_open(struct lines *lines, struct scrape *scrape, const char *root, const char *path);
/* Likewise, of a file that may be empty. */
bool lines_open_any(struct lines *lines, struct scrape *scrape, const char *root, const char *path);
/* Likewise, of one that need not be there: then it is false, too, and nothing has failed. */
bool lines_open_if_there(struct lines *lines, struct scrape *scrape, const char *root, const char *path);
/*
 * The next line, without its LF; NULL: there are no more. Left out are empty lines, and, failing the collector, those
 * with a NUL, and a last one that is cut short.
 */
char *lines_next(struct lines *lines);

/* fail(), with the file and the line at hand in front. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
bool lines_fail(const struct lines *lines, const char *format, ...);

#endif
