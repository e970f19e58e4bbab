/* Pages through the library's own gzip. */
#include "http/compress.h"

#if CPROM_GZIP

#include "page/gzip.h"
#include "page/page.h"

#define COMPRESS_LEAST 1024 /* bytes of a page: so many fit into a packet as they are */

static bool compress_is_worth_it(cprom_page *page)
{
    char beginning[COMPRESS_LEAST + 1];
    size_t n = 0, more;
    do {
        more = cprom_page_read(page, beginning + n, sizeof beginning - n);
        n += more;
    } while (more && n < sizeof beginning);
    cprom__page_rewind(page);
    return n > COMPRESS_LEAST;
}

struct cprom__gzip *cprom__http_compress_new(struct cprom_registry *registry, cprom_page *page)
{
    return compress_is_worth_it(page) ? cprom__alloc(&registry->allocator, sizeof(struct cprom__gzip)) : NULL;
}

static size_t compress_read_page(void *page, char *buf, size_t cap) { return cprom_page_read(page, buf, cap); }

void cprom__http_compress_begin(struct cprom__gzip *gzip, cprom_page *page)
{
    cprom__gzip_begin(gzip, compress_read_page, page);
}

size_t cprom__http_compress_read(struct cprom__gzip *gzip, char *buf, size_t cap, size_t *read)
{
    uint32_t before = gzip->length;
    size_t made = cprom__gzip_read(gzip, buf, cap);
    *read = (uint32_t)(gzip->length - before); /* the length is modulo 2^32, as it goes into the trailer */
    return made;
}

void cprom__http_compress_free(struct cprom_registry *registry, struct cprom__gzip *gzip)
{
    cprom__release(&registry->allocator, gzip, sizeof *gzip);
}

#endif
