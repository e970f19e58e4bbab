/* Label values that cannot be one become values that can. */
#include "store/repair.h"

#include <string.h>

#include "base/utf8.h"

bool cprom__is_bad_utf8(cprom_bad_utf8 option)
{
    return option == CPROM_UTF8_REFUSE || option == CPROM_UTF8_DROP || option == CPROM_UTF8_REPAIR;
}

/* With the NUL; 0: it can be one as it is. */
static size_t repair_room(const char *value)
{
    size_t len = strlen(value);
    if (len <= CPROM_VALUE_MAX && cprom__is_utf8(value, len)) return 0;
    size_t all = cprom_utf8_repair(value, NULL, 0);
    return (all < CPROM_VALUE_MAX ? all : CPROM_VALUE_MAX) + 1;
}

cprom_status cprom__repair(struct cprom_registry *registry, cprom_strs values, struct cprom__repaired *repaired)
{
    size_t room[CPROM_LABELS_MAX], size = 0;
    for (size_t i = 0; i < values.n; i++) {
        repaired->v[i] = values.v[i];
        room[i] = repair_room(values.v[i]);
        size += room[i];
    }
    repaired->n = values.n;
    repaired->allocator = &registry->allocator;
    repaired->far_size = size;
    repaired->far = NULL;
    if (!size) return CPROM_OK;
    if (size > sizeof repaired->near && !(repaired->far = cprom__alloc(repaired->allocator, size))) return CPROM_ENOMEM;
    char *out = repaired->far ? repaired->far : repaired->near;
    for (size_t i = 0; i < values.n; i++) {
        if (!room[i]) continue;
        cprom_utf8_repair(values.v[i], out, room[i]);
        repaired->v[i] = out;
        out += room[i];
    }
    atomic_fetch_add_explicit(&registry->utf8_repaired, 1, memory_order_relaxed);
    return CPROM_OK;
}

void cprom__repaired_free(struct cprom__repaired *repaired)
{
    if (repaired->far) cprom__release(repaired->allocator, repaired->far, repaired->far_size);
}
