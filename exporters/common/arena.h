/* Memory that is given back all at once. */
#ifndef EXPORTERS_COMMON_ARENA_H
#define EXPORTERS_COMMON_ARENA_H

#include <stddef.h>

struct arena {
    struct arena_chunk *chunks; /* the newest first */
    size_t used, room;          /* of the newest */
    size_t bytes;               /* of all chunks */
};

/* Zeros, aligned for anything; NULL: no memory. All zeros is an empty arena. */
void *arena_alloc(struct arena *arena, size_t n);
/* The bytes with a NUL behind; NULL: no memory. */
char *arena_copy(struct arena *arena, const char *bytes, size_t n);
void arena_free(struct arena *arena);

#endif
