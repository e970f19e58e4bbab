#include "complaints.h"

#include "hash.h"
#include "say.h"

#include <stdbool.h>
#include <string.h>

static bool is_known(const struct complaints *complaints, uint64_t hash)
{
    for (size_t i = 0; i < complaints->n_said_before; i++) {
        if (complaints->before[i] == hash) return true;
    }
    return false;
}

/* Whether one more line may be said, which is counted. */
static bool may_say(struct complaints *complaints)
{
    if (complaints->lines == COMPLAINTS_A_MINUTE) return false;
    complaints->lines++;
    return true;
}

void complaints_begin(struct complaints *complaints, int64_t seconds)
{
    if (seconds / 60 == complaints->minute) return;
    complaints->minute = seconds / 60;
    complaints->lines = 0;
}

void complaints_add(struct complaints *complaints, const char *who, const char *what)
{
    if (complaints->n_now++ >= COMPLAINTS_MAX) return;
    uint64_t hash = hash_text(0, what);
    bool known = is_known(complaints, hash);
    if (!known && !may_say(complaints)) return;
    complaints->now[complaints->n_said_now++] = hash;
    if (!known) say("collector %s: %s", who, what);
}

void complaints_end(struct complaints *complaints, const char *who)
{
    bool many = complaints->n_now > COMPLAINTS_MAX, were_many = complaints->n_before > COMPLAINTS_MAX;
    if (many && !were_many && may_say(complaints)) {
        say("collector %s: %zu more like these", who, complaints->n_now - COMPLAINTS_MAX);
    }
    if (complaints->n_before && !complaints->n_now && may_say(complaints)) say("collector %s: works again", who);
    memcpy(complaints->before, complaints->now, sizeof complaints->now);
    complaints->n_said_before = complaints->n_said_now;
    complaints->n_before = complaints->n_now;
    complaints->n_said_now = complaints->n_now = 0;
}
