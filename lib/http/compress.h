/*
 * The library's own content coding: gzip (page/gzip.h), for pages that it is worth for. Only compress.c knows the encoder, so
 * that CPROM_GZIP=0 leaves it out.
 */
#ifndef CPROM_LIB_HTTP_COMPRESS_H
#define CPROM_LIB_HTTP_COMPRESS_H

#include "store/context.h"

#ifndef CPROM_GZIP
#define CPROM_GZIP 1
#endif

struct cprom__gzip;

#if CPROM_GZIP

/* An encoder for this page, which is as it was opened before and after. NULL: the page is small, or out of memory. */
struct cprom__gzip *cprom__http_compress_new(struct cprom_registry *registry, cprom_page *page);
/* The page is at its beginning, and the coded body begins; the same bytes each time. */
void cprom__http_compress_begin(struct cprom__gzip *gzip, cprom_page *page);
/* Writes up to `cap` bytes of the coded body and returns how many; 0 at the end. `*read`: of the page, to make them. */
size_t cprom__http_compress_read(struct cprom__gzip *gzip, char *buf, size_t cap, size_t *read);
void cprom__http_compress_free(struct cprom_registry *registry, struct cprom__gzip *gzip);

#else

static inline struct cprom__gzip *cprom__http_compress_new(struct cprom_registry *registry, cprom_page *page)
{
    (void)registry;
    (void)page;
    return NULL;
}

static inline void cprom__http_compress_begin(struct cprom__gzip *gzip, cprom_page *page)
{
    (void)gzip;
    (void)page;
}

static inline size_t cprom__http_compress_read(struct cprom__gzip *gzip, char *buf, size_t cap, size_t *read)
{
    *read = 0;
    (void)gzip;
    (void)buf;
    (void)cap;
    return 0;
}

static inline void cprom__http_compress_free(struct cprom_registry *registry, struct cprom__gzip *gzip)
{
    (void)registry;
    (void)gzip;
}

#endif
#endif
