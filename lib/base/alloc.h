/*
 * Memory: the registry's allocator hook with a count of its bytes, and arenas over it.
 */
#ifndef CPROM_LIB_BASE_ALLOC_H
#define CPROM_LIB_BASE_ALLOC_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct cprom__allocator {
    void *(*allocate)(void *ctx, size_t size); /* NULL: malloc and free */
    void (*release)(void *ctx, void *ptr, size_t size);
    void *ctx;
    _Atomic uint64_t bytes; /* relaxed; a statistic */
};

/* NULL functions mean malloc and free. */
void cprom__allocator_init(struct cprom__allocator *allocator, void *(*allocate)(void *, size_t),
                           void (*release)(void *, void *, size_t), void *ctx);
void *cprom__alloc(struct cprom__allocator *allocator, size_t size);
void *cprom__alloc_zeroed(struct cprom__allocator *allocator, size_t size);
void cprom__release(struct cprom__allocator *allocator, void *ptr, size_t size);

/*
 * An arena: many small pieces with one life. Nothing is freed singly. Not thread-safe.
 */
struct cprom__arena {
    struct cprom__allocator *allocator;
    struct cprom__arena_block *blocks; /* the newest is the one that pieces are cut from */
    size_t next_size;                  /* of the next block; doubles up to a limit */
};

void cprom__arena_init(struct cprom__arena *arena, struct cprom__allocator *allocator, size_t first_size);
/* Aligned for any scalar; not zeroed. NULL: out of memory, the arena is as it was. */
void *cprom__arena_alloc(struct cprom__arena *arena, size_t size);
char *cprom__arena_copy(struct cprom__arena *arena, const char *bytes, size_t len); /* adds a NUL */
void cprom__arena_free(struct cprom__arena *arena);

#endif
