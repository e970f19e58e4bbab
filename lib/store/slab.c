/* Slots of any size that 32-bit numbers name. */
#include "store/slab.h"

#include <stdbool.h>

#define SLAB_CHUNK_BYTES_MIN 1024u
#define SLAB_CHUNK_BYTES_MAX (CPROM__SLAB_UNIT << CPROM__SLAB_UNIT_BITS)
#define SLAB_NUMBERS_MAX (1u << (32 - CPROM__SLAB_UNIT_BITS))

struct cprom__slab_chunk {
    struct cprom__slab_chunk *next, *prev; /* among the partial ones of its class */
    size_t bytes;
    uint32_t number;
    uint32_t class;
    uint32_t slots, used, carved; /* `carved` slots have been handed out at least once */
    uint32_t free;                /* unit of the first free slot, which holds the unit of the next; 0 ends */
};

#define SLAB_HEADER_UNITS ((uint32_t)((sizeof(struct cprom__slab_chunk) + CPROM__SLAB_UNIT - 1) / CPROM__SLAB_UNIT))

#define SLAB_EXACT 128u /* up to so many units, a class for each number of them */
#define SLAB_STEPS 8u   /* beyond, classes for each doubling: at most an eighth of a slot is wasted */
#define SLAB_ALONE (CPROM__SLAB_CLASSES - 1)
/* Units of which two fit in a chunk. */
#define SLAB_SHARED_MAX ((SLAB_CHUNK_BYTES_MAX / CPROM__SLAB_UNIT - SLAB_HEADER_UNITS) / 2)

/* The class of a slot of so many units; raises them to what its slots have. */
static uint32_t slab_class(uint32_t *units)
{
    uint32_t doubling = SLAB_EXACT, class = SLAB_EXACT;
    if (*units <= SLAB_EXACT) return *units;
    if (*units > SLAB_SHARED_MAX) return SLAB_ALONE;
    while (*units > doubling * 2) {
        doubling *= 2;
        class += SLAB_STEPS;
    }
    uint32_t step = doubling / SLAB_STEPS, steps = (*units - doubling + step - 1) / step;
    *units = doubling + steps * step < SLAB_SHARED_MAX ? doubling + steps * step : SLAB_SHARED_MAX;
    return class + steps;
}

void cprom__slab_init(struct cprom__slab *slab, struct cprom__allocator *allocator)
{
    slab->allocator = allocator;
    atomic_init(&slab->dir, NULL);
    pthread_mutex_init(&slab->lock, NULL);
    slab->next_number = 1; /* so that no index is 0 or 1 */
    slab->free_numbers = 0;
    for (uint32_t i = 0; i < CPROM__SLAB_CLASSES; i++) slab->classes[i] = (struct cprom__slab_class){NULL, 0};
}

static size_t slab_dir_bytes(uint32_t capacity)
{
    return sizeof(struct cprom__slab_dir) + (size_t)capacity * sizeof(_Atomic(char *));
}

void cprom__slab_destroy(struct cprom__slab *slab)
{
    struct cprom__slab_dir *dir = atomic_load_explicit(&slab->dir, memory_order_relaxed);
    while (dir) {
        struct cprom__slab_dir *older = dir->older;
        cprom__release(slab->allocator, dir, slab_dir_bytes(dir->capacity));
        dir = older;
    }
    pthread_mutex_destroy(&slab->lock);
}

/* A chunk number that the directory has room for; 0: none, or out of memory. */
static uint32_t slab_take_number(struct cprom__slab *slab)
{
    struct cprom__slab_dir *dir = atomic_load_explicit(&slab->dir, memory_order_relaxed);
    if (slab->free_numbers) {
        /* A free number's entry holds the next free number, which nobody takes for an address. */
        uint32_t number = slab->free_numbers;
        slab->free_numbers = (uint32_t)(uintptr_t)atomic_load_explicit(&dir->chunks[number], memory_order_relaxed);
        return number;
    }
    if (slab->next_number == SLAB_NUMBERS_MAX) return 0;
    if (!dir || slab->next_number == dir->capacity) {
        uint32_t capacity = dir ? dir->capacity * 2 : 16;
        struct cprom__slab_dir *grown = cprom__alloc(slab->allocator, slab_dir_bytes(capacity));
        if (!grown) return 0;
        grown->older = dir;
        grown->capacity = capacity;
        for (uint32_t i = 0; i < capacity; i++) {
            char *chunk = dir && i < dir->capacity ? atomic_load_explicit(&dir->chunks[i], memory_order_relaxed) : NULL;
            atomic_init(&grown->chunks[i], chunk);
        }
        atomic_store_explicit(&slab->dir, grown, memory_order_release);
    }
    return slab->next_number++;
}

static void slab_set_chunk(struct cprom__slab *slab, uint32_t number, char *value)
{
    struct cprom__slab_dir *dir = atomic_load_explicit(&slab->dir, memory_order_relaxed);
    atomic_store_explicit(&dir->chunks[number], value, memory_order_release);
}

static void slab_give_number_back(struct cprom__slab *slab, uint32_t number)
{
    slab_set_chunk(slab, number, (char *)(uintptr_t)slab->free_numbers);
    slab->free_numbers = number;
}

static void slab_link_partial(struct cprom__slab *slab, struct cprom__slab_chunk *chunk)
{
    struct cprom__slab_class *class = &slab->classes[chunk->class];
    chunk->prev = NULL;
    chunk->next = class->partial;
    if (chunk->next) chunk->next->prev = chunk;
    class->partial = chunk;
}

static void slab_unlink_partial(struct cprom__slab *slab, struct cprom__slab_chunk *chunk)
{
    if (chunk->next) chunk->next->prev = chunk->prev;
    if (chunk->prev) chunk->prev->next = chunk->next;
    else slab->classes[chunk->class].partial = chunk->next;
}

static struct cprom__slab_chunk *slab_new_chunk(struct cprom__slab *slab, uint32_t class, uint32_t units)
{
    size_t bytes = (size_t)(SLAB_HEADER_UNITS + units) * CPROM__SLAB_UNIT;
    uint32_t slots = 1;
    if (class != SLAB_ALONE) {
        uint32_t doublings = slab->classes[class].chunks < 6 ? slab->classes[class].chunks : 6;
        size_t wanted = (size_t)SLAB_CHUNK_BYTES_MIN << doublings;
        if (bytes < wanted) slots = (uint32_t)((wanted / CPROM__SLAB_UNIT - SLAB_HEADER_UNITS) / units);
        bytes = (size_t)(SLAB_HEADER_UNITS + slots * units) * CPROM__SLAB_UNIT;
    }
    struct cprom__slab_chunk *chunk = cprom__alloc(slab->allocator, bytes);
    if (!chunk) return NULL;
    uint32_t number = slab_take_number(slab);
    if (!number) {
        cprom__release(slab->allocator, chunk, bytes);
        return NULL;
    }
    *chunk = (struct cprom__slab_chunk){.bytes = bytes, .number = number, .class = class, .slots = slots};
    slab->classes[class].chunks++;
    slab_set_chunk(slab, number, (char *)chunk);
    slab_link_partial(slab, chunk);
    return chunk;
}

void *cprom__slab_alloc(struct cprom__slab *slab, size_t size, uint32_t *index)
{
    uint32_t units = (uint32_t)((size + CPROM__SLAB_UNIT - 1) / CPROM__SLAB_UNIT);
    uint32_t class = slab_class(&units);
    void *slot = NULL;
    pthread_mutex_lock(&slab->lock);
    struct cprom__slab_chunk *chunk = slab->classes[class].partial;
    if (!chunk) chunk = slab_new_chunk(slab, class, units);
    if (chunk) {
        uint32_t unit = chunk->free;
        if (unit) {
            chunk->free = *(uint32_t *)(void *)((char *)chunk + (size_t)unit * CPROM__SLAB_UNIT);
        } else {
            unit = SLAB_HEADER_UNITS + chunk->carved++ * units;
        }
        if (++chunk->used == chunk->slots) slab_unlink_partial(slab, chunk);
        slot = (char *)chunk + (size_t)unit * CPROM__SLAB_UNIT;
        *index = chunk->number << CPROM__SLAB_UNIT_BITS | unit;
    }
    pthread_mutex_unlock(&slab->lock);
    return slot;
}

static void slab_free_slot(struct cprom__slab *slab, uint32_t index)
{
    uint32_t unit = index & ((1u << CPROM__SLAB_UNIT_BITS) - 1);
    struct cprom__slab_chunk *chunk = cprom__slab_at(slab, index - unit);
    *(uint32_t *)(void *)((char *)chunk + (size_t)unit * CPROM__SLAB_UNIT) = chunk->free;
    chunk->free = unit;
    if (chunk->used-- == chunk->slots) slab_link_partial(slab, chunk);
    if (chunk->used == 0) {
        slab_unlink_partial(slab, chunk);
        slab->classes[chunk->class].chunks--;
        slab_give_number_back(slab, chunk->number);
        cprom__release(slab->allocator, chunk, chunk->bytes);
    }
}

void cprom__slab_free(struct cprom__slab *slab, uint32_t index) { cprom__slab_free_many(slab, &index, 1); }

void cprom__slab_free_many(struct cprom__slab *slab, const uint32_t *indexes, size_t n)
{
    pthread_mutex_lock(&slab->lock);
    for (size_t i = 0; i < n; i++) slab_free_slot(slab, indexes[i]);
    pthread_mutex_unlock(&slab->lock);
}
