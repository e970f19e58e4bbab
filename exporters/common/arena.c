#include "arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_MIN 4000u
#define CHUNK_MAX 256000u

struct arena_chunk {
    struct arena_chunk *next;
    max_align_t bytes[];
};

void *arena_alloc(struct arena *arena, size_t n)
{
    const size_t align = sizeof(max_align_t);
    if (n > SIZE_MAX / 4) return NULL;
    n = n ? (n + align - 1) / align * align : align;
    if (n > arena->room - arena->used) {
        size_t room = arena->chunks ? arena->room * 2 : CHUNK_MIN;
        if (room > CHUNK_MAX) room = CHUNK_MAX;
        if (room < n) room = n;
        struct arena_chunk *chunk = calloc(1, sizeof *chunk + room);
        if (!chunk) return NULL;
        chunk->next = arena->chunks;
        arena->chunks = chunk;
        arena->used = 0;
        arena->room = room;
        arena->bytes += room;
    }
    void *at = (char *)arena->chunks->bytes + arena->used;
    arena->used += n;
    return at;
}

char *arena_copy(struct arena *arena, const char *bytes, size_t n)
{
    char *copy = arena_alloc(arena, n + 1);
    if (copy && n) memcpy(copy, bytes, n);
    return copy;
}

void arena_free(struct arena *arena)
{
    while (arena->chunks) {
        struct arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        free(chunk);
    }
    *arena = (struct arena){0};
}
