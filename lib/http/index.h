/*
 * The page at /: a list of families.
 */
#ifndef CPROM_LIB_HTTP_INDEX_H
#define CPROM_LIB_HTTP_INDEX_H

#include "page/gather.h"

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

#endif
