#include "complaints.h"

#include "hash.h"
#include "say.h"

#include <stdbool.h>
#include <string.h>

static bool is_known(const struct complaints *complaints, uint64_t hash)
{
    for (size_t i = 0; i < complaints->n_before && i < COMPLAINTS_MAX; i++) {
        if (complaints->before[i] == hash) return true;
    }
    return false;
}

void complaints_add(struct complaints *complaints, const char *who, const char *what)
{
    if (complaints->n_now < COMPLAINTS_MAX) {
        uint64_t hash = hash_text(0, what);
        complaints->now[complaints->n_now] = hash;
        if (!is_known(complaints, hash)) say("collector %s: %s", who, what);
    }
    complaints->n_now++;
}

void complaints_end(struct complaints *complaints, const char *who)
{
    bool many = complaints->n_now > COMPLAINTS_MAX, were_many = complaints->n_before > COMPLAINTS_MAX;
    if (many && !were_many) say("collector %s: %zu more like these", who, complaints->n_now - COMPLAINTS_MAX);
    if (complaints->n_before && !complaints->n_now) say("collector %s: works again", who);
    memcpy(complaints->before, complaints->now, sizeof complaints->now);
    complaints->n_before = complaints->n_now;
    complaints->n_now = 0;
}
