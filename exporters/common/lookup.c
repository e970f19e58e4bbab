#include "lookup.h"

#include <stdlib.h>

static bool grow(struct lookup *lookup)
{
    size_t room = lookup->room ? lookup->room * 2 : 64;
    struct lookup grown = {calloc(room, sizeof *grown.at), calloc(room, sizeof *grown.hashes), 0, room};
    if (!grown.at || !grown.hashes) {
        lookup_free(&grown);
        return false;
    }
    for (size_t i = 0; i < lookup->room; i++) {
        if (lookup->at[i]) lookup_add(&grown, lookup->hashes[i], lookup->at[i]);
    }
    lookup_free(lookup);
    *lookup = grown;
    return true;
}

bool lookup_add(struct lookup *lookup, uint64_t hash, void *entry)
{
    if (lookup->n * 2 >= lookup->room && !grow(lookup)) return false;
    size_t i = (size_t)hash & (lookup->room - 1);
    while (lookup->at[i]) i = (i + 1) & (lookup->room - 1);
    lookup->at[i] = entry;
    lookup->hashes[i] = hash;
    lookup->n++;
    return true;
}

void *lookup_next(const struct lookup *lookup, uint64_t hash, size_t *place)
{
    if (!lookup->room) return NULL;
    for (size_t i = *place & (lookup->room - 1); lookup->at[i]; i = (i + 1) & (lookup->room - 1)) {
        *place = i + 1;
        if (lookup->hashes[i] == hash) return lookup->at[i];
    }
    return NULL;
}

void lookup_free(struct lookup *lookup)
{
    free(lookup->at);
    free(lookup->hashes);
    *lookup = (struct lookup){0};
}
