/* The allocator hook with its count of bytes, and arenas over it. */
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

#include "base/unwind.h"

static void *alloc_ask(const struct cprom__allocator *allocator, size_t size)
{
    if (!allocator->allocate) return malloc(size);
    CPROM__UNCANCELLED;
    return allocator->allocate(allocator->ctx, size);
}

static void alloc_give_back(const struct cprom__allocator *allocator, void *ptr, size_t size)
{
    if (!allocator->release) {
        free(ptr);
        return;
    }
    CPROM__UNCANCELLED;
    allocator->release(allocator->ctx, ptr, size);
}

void cprom__allocator_init(struct cprom__allocator *allocator, void *(*allocate)(void *, size_t),
                           void (*release)(void *, void *, size_t), void *ctx)
{
    allocator->allocate = allocate;
    allocator->release = release;
    allocator->ctx = ctx;
    atomic_init(&allocator->bytes, 0);
}

void *cprom__alloc(struct cprom__allocator *allocator, size_t size)
{
    void *ptr = alloc_ask(allocator, size);
    if (ptr) atomic_fetch_add_explicit(&allocator->bytes, size, memory_order_relaxed);
    return ptr;
}

void *cprom__alloc_zeroed(struct cprom__allocator *allocator, size_t size)
{
    void *ptr = cprom__alloc(allocator, size);
    if (ptr) memset(ptr, 0, size);
    return ptr;
}

void cprom__release(struct cprom__allocator *allocator, void *ptr, size_t size)
{
    if (!ptr) return;
    atomic_fetch_sub_explicit(&allocator->bytes, size, memory_order_relaxed);
    alloc_give_back(allocator, ptr, size);
}

#define ALLOC_ARENA_ALIGN 16u
#define ALLOC_ARENA_BLOCK_MAX ((size_t)256 * 1024)

struct cprom__arena_block {
    struct cprom__arena_block *older;
    size_t size; /* of `bytes` */
    size_t used;
    _Alignas(ALLOC_ARENA_ALIGN) char bytes[];
};

void cprom__arena_init(struct cprom__arena *arena, struct cprom__allocator *allocator, size_t first_size)
{
    arena->allocator = allocator;
    arena->blocks = NULL;
    arena->next_size = first_size;
}

void *cprom__arena_alloc(struct cprom__arena *arena, size_t size)
{
    size = (size + ALLOC_ARENA_ALIGN - 1) & ~(size_t)(ALLOC_ARENA_ALIGN - 1);
    struct cprom__arena_block *block = arena->blocks;
    if (!block || block->size - block->used < size) {
        size_t block_size = size > arena->next_size ? size : arena->next_size;
        block = cprom__alloc(arena->allocator, sizeof *block + block_size);
        if (!block) return NULL;
        block->older = arena->blocks;
        block->size = block_size;
        block->used = 0;
        arena->blocks = block;
        if (arena->next_size < ALLOC_ARENA_BLOCK_MAX) arena->next_size *= 2;
    }
    void *ptr = block->bytes + block->used;
    block->used += size;
    return ptr;
}

char *cprom__arena_copy(struct cprom__arena *arena, const char *bytes, size_t len)
{
    char *copy = cprom__arena_alloc(arena, len + 1);
    if (!copy) return NULL;
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

void cprom__arena_free(struct cprom__arena *arena)
{
    while (arena->blocks) {
        struct cprom__arena_block *block = arena->blocks;
        arena->blocks = block->older;
        cprom__release(arena->allocator, block, sizeof *block + block->size);
    }
}
