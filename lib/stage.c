#include "stage.h"

#include <string.h>

static void log_failure(struct cprom_registry *registry, const struct cprom__collector *collector, const char *why)
{
    struct cprom__line line;
    if (!registry->log) return;
    const char *name = cprom__collector_name(collector);
    cprom__line_join(&line, "collector \"", (char *)NULL);
    cprom__line_add_cut(&line, name, strlen(name), CPROM__WHY_COLLECTOR);
    cprom__line_add(&line, "\": ");
    cprom__line_add(&line, why);
    cprom__log(registry, &line);
}

/* ---- label pairs ---- */

/* The next label pair that is not empty, still escaped; false: no more. */
static bool next_pair(const char **at, const char *end, const char **pair, size_t *len)
{
    while (*at < end) {
        const char *name = *at, *value = memchr(name, '"', (size_t)(end - name)), *p = value + 1;
        while (*p != '"') p += *p == '\\' ? 2 : 1;
        *at = p + 1 < end ? p + 2 : end;
        if (p == value + 1) continue;
        *pair = name;
        *len = (size_t)(p + 1 - name);
        return true;
    }
    return false;
}

/* Whether two samples are the same series, an empty label value being no label. */
static bool same_series(const struct cprom__sample *a, const struct cprom__sample *b)
{
    if (strcmp(a->desc->name, b->desc->name) != 0) return false;
    const char *at_a = a->text, *at_b = b->text, *pair_a, *pair_b;
    for (;;) {
        size_t len_a, len_b;
        bool more_a = next_pair(&at_a, a->text + a->len, &pair_a, &len_a);
        bool more_b = next_pair(&at_b, b->text + b->len, &pair_b, &len_b);
        if (!more_a || !more_b) return more_a == more_b;
        if (len_a != len_b || memcmp(pair_a, pair_b, len_a) != 0) return false;
    }
}

/* The next byte of an escaped value as it sorts: -1 at the closing quote. */
static int sort_byte(const char **p)
{
    char c = *(*p)++;
    if (c == '"') return -1;
    if (c == '\\') {
        c = *(*p)++;
        if (c == 'n') c = '\n';
    }
    return (unsigned char)c;
}

/*
 * The order of client_golang: fewer labels first, which only matters where descriptors of one family differ, then
 * values. Names decide between what is left, so that the order is one.
 */
static int compare(const struct cprom__sample *a, const struct cprom__sample *b)
{
    if (a->desc->n_labels != b->desc->n_labels) return a->desc->n_labels < b->desc->n_labels ? -1 : 1;
    const char *p = a->text, *end_p = a->text + a->len, *q = b->text, *end_q = b->text + b->len;
    while (p < end_p && q < end_q) {
        p = (const char *)memchr(p, '"', (size_t)(end_p - p)) + 1;
        q = (const char *)memchr(q, '"', (size_t)(end_q - q)) + 1;
        for (;;) {
            int x = sort_byte(&p), y = sort_byte(&q);
            if (x != y) return x < y ? -1 : 1;
            if (x < 0) break;
        }
    }
    size_t common = a->len < b->len ? a->len : b->len;
    int names = memcmp(a->text, b->text, common);
    return names ? names : a->len < b->len ? -1 : a->len > b->len;
}

/* ---- duplicates ---- */

static bool insert_seen(struct cprom__stage *stage, struct cprom__sample *sample)
{
    size_t mask = stage->seen_room - 1, at = (size_t)sample->identity & mask;
    for (; stage->seen[at]; at = (at + 1) & mask) {
        if (stage->seen[at]->identity == sample->identity && same_series(stage->seen[at], sample)) return false;
    }
    stage->seen[at] = sample;
    stage->n_seen++;
    return true;
}

static bool reserve_seen(struct cprom__stage *stage, size_t more)
{
    if ((stage->n_seen + more) * 2 <= stage->seen_room) return true;
    size_t room = 64;
    while (room < (stage->n_seen + more) * 2) room *= 2;
    struct cprom__sample **seen = cprom__arena_alloc(&stage->snapshot->memory, room * sizeof *seen);
    if (!seen) return false;
    memset(seen, 0, room * sizeof *seen);
    struct cprom__sample **old = stage->seen;
    size_t old_room = stage->seen_room;
    stage->seen = seen;
    stage->seen_room = room;
    stage->n_seen = 0;
    for (size_t i = 0; i < old_room; i++) {
        if (old[i]) insert_seen(stage, old[i]);
    }
    return true;
}

/* Takes samples out again, from `first` up to but not with `end`. Their run of places is closed by re-inserting. */
static void forget(struct cprom__stage *stage, struct cprom__sample *first, const struct cprom__sample *end)
{
    for (struct cprom__sample *sample = first; sample != end; sample = sample->next) {
        size_t mask = stage->seen_room - 1, at = (size_t)sample->identity & mask;
        while (stage->seen[at] != sample) at = (at + 1) & mask;
        stage->seen[at] = NULL;
        stage->n_seen--;
        for (at = (at + 1) & mask; stage->seen[at]; at = (at + 1) & mask) {
            struct cprom__sample *moved = stage->seen[at];
            stage->seen[at] = NULL;
            stage->n_seen--;
            insert_seen(stage, moved);
        }
    }
}

/* ---- families ---- */

static size_t place(const struct cprom__stage *stage, const char *name)
{
    size_t low = 0, high = stage->n_kept;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(stage->kept[middle].desc->name, name) < 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

static struct cprom__kept *find_kept(const struct cprom__stage *stage, const char *name)
{
    size_t at = place(stage, name);
    return at < stage->n_kept && strcmp(stage->kept[at].desc->name, name) == 0 ? &stage->kept[at] : NULL;
}

static struct cprom__kept *add_kept(struct cprom__stage *stage, const struct cprom__desc *desc)
{
    if (stage->n_kept == stage->kept_room) {
        size_t room = stage->kept_room ? stage->kept_room * 2 : 16;
        struct cprom__kept *kept = cprom__arena_alloc(&stage->snapshot->memory, room * sizeof *kept);
        if (!kept) return NULL;
        if (stage->n_kept) memcpy(kept, stage->kept, stage->n_kept * sizeof *kept);
        stage->kept = kept;
        stage->kept_room = room;
    }
    size_t at = place(stage, desc->name);
    memmove(stage->kept + at + 1, stage->kept + at, (stage->n_kept - at) * sizeof *stage->kept);
    stage->n_kept++;
    stage->kept[at] = (struct cprom__kept){desc, NULL, NULL, 0};
    return &stage->kept[at];
}

static bool same_text(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }

/* Whether the families that an unchecked collector brought can stand on the page; if not, why. */
static const char *check_brought(struct cprom__stage *stage, const struct cprom_scrape *scrape, const char **family)
{
    const char *other;
    for (struct cprom__brought *brought = scrape->brought; brought; brought = brought->next) {
        const struct cprom__desc *desc = brought->desc;
        *family = desc->name;
        cprom_status status = cprom__families_check(stage->snapshot->families, desc, &other);
        if (status == CPROM_EEXIST) return "the family belongs to somebody else";
        if (status) return "the sample names would collide with a registered family";
        for (size_t i = 0; i < stage->n_kept; i++) {
            if (strcmp(stage->kept[i].desc->name, desc->name) == 0) return "a collector registered earlier has the family";
            if (cprom__desc_collides(stage->kept[i].desc, desc)) return "the sample names would collide with another family";
        }
        for (struct cprom__brought *next = brought->next; next; next = next->next) {
            if (strcmp(next->desc->name, desc->name) != 0) {
                if (cprom__desc_collides(next->desc, desc)) return "the sample names would collide with another family";
            } else if (next->desc->type != desc->type || !same_text(next->desc->help, desc->help) ||
                       !same_text(next->desc->unit, desc->unit)) {
                return "the family was emitted with another type, help or unit";
            }
        }
    }
    return NULL;
}

static void log_sample(struct cprom__line *why, const struct cprom__sample *sample, const char *reason)
{
    cprom__line_join(why, "family \"", (char *)NULL);
    cprom__line_add_cut(why, sample->desc->name, sample->desc->name_len, CPROM__WHY_FAMILY);
    cprom__line_add(why, "\", labels {");
    cprom__line_add_cut(why, sample->text, sample->len, CPROM__WHY_LABELS);
    cprom__line_add(why, "}: ");
    cprom__line_add(why, reason);
}

/* Keeps what one callback has emitted, or says in scrape->why what is wrong with it. ENOMEM: the page fails. */
static cprom_status keep(struct cprom__stage *stage, struct cprom_scrape *scrape)
{
    const char *family = NULL, *reason = check_brought(stage, scrape, &family);
    if (reason) {
        scrape->status = CPROM_ECONFLICT;
        cprom__line_join(&scrape->why, "family \"", (char *)NULL);
        cprom__line_add_cut(&scrape->why, family, strlen(family), CPROM__WHY_FAMILY);
        cprom__line_add(&scrape->why, "\": ");
        cprom__line_add(&scrape->why, reason);
        return CPROM_OK;
    }
    if (!reserve_seen(stage, scrape->n_samples)) return CPROM_ENOMEM;
    for (struct cprom__sample *sample = scrape->first; sample; sample = sample->next) {
        if (insert_seen(stage, sample)) continue;
        scrape->status = CPROM_EEXIST;
        log_sample(&scrape->why, sample, "the series was emitted twice");
        forget(stage, scrape->first, sample);
        return CPROM_OK;
    }
    for (struct cprom__sample *sample = scrape->first, *next; sample; sample = next) {
        next = sample->next;
        struct cprom__kept *kept = find_kept(stage, sample->desc->name);
        if (!kept) kept = add_kept(stage, sample->desc);
        if (!kept) return CPROM_ENOMEM;
        sample->next = NULL;
        if (kept->last) kept->last->next = sample;
        else kept->first = sample;
        kept->last = sample;
        kept->n++;
    }
    return CPROM_OK;
}

/* ---- running ---- */

static bool wanted(const struct cprom__filter *filter, const struct cprom__collector *collector)
{
    size_t n;
    const struct cprom__family *families = cprom__collector_families(collector, &n);
    for (size_t i = 0; i < n; i++) {
        if (cprom__filter_lets(filter, families[i].desc)) return true;
    }
    return n == 0;
}

/* What it brought goes with the page, whatever becomes of its samples. */
static void adopt(struct cprom__stage *stage, struct cprom_scrape *scrape)
{
    while (scrape->brought) {
        struct cprom__brought *brought = scrape->brought;
        scrape->brought = brought->next;
        brought->next = stage->snapshot->brought;
        stage->snapshot->brought = brought;
    }
}

static cprom_status run(struct cprom__stage *stage, struct cprom__collector *collector)
{
    struct cprom_registry *registry = stage->snapshot->registry;
    struct cprom_scrape scrape = {.registry = registry, .collector = collector, .memory = &stage->snapshot->memory,
                                  .deadline = stage->deadline};
    int64_t duration;
    enum cprom__run how = cprom__collector_run(collector, &scrape, &duration);
    if (how == CPROM__RUN_GONE) return CPROM_OK;
    cprom_status status = scrape.out_of_memory ? CPROM_ENOMEM : CPROM_OK;
    if (how == CPROM__RUN_LATE) {
        scrape.status = CPROM_EBUSY;
        cprom__line_join(&scrape.why, "skipped: the scrape's deadline was over before it could begin", (char *)NULL);
    } else if (!scrape.status) {
        status = keep(stage, &scrape);
    }
    adopt(stage, &scrape);
    if (status) return status;
    if (scrape.status) {
        atomic_fetch_add_explicit(&registry->collector_failures, 1, memory_order_relaxed);
        log_failure(registry, collector, scrape.why.text);
    }
    stage->results[stage->n_results++] =
        (struct cprom__result){cprom__collector_name(collector), scrape.status == CPROM_OK, duration};
    return CPROM_OK;
}

cprom_status cprom__stage_collect(struct cprom__stage *stage)
{
    struct cprom__families *families = stage->snapshot->families;
    if (!families->n_collectors) return CPROM_OK;
    stage->results = cprom__arena_alloc(&stage->snapshot->memory, families->n_collectors * sizeof *stage->results);
    if (!stage->results) return CPROM_ENOMEM;
    for (size_t i = 0; i < families->n_collectors; i++) {
        if (!wanted(stage->filter, families->collectors[i])) continue;
        cprom_status status = run(stage, families->collectors[i]);
        if (status) return status;
    }
    return CPROM_OK;
}

cprom_status cprom__stage_self_metrics(struct cprom__stage *stage)
{
    struct cprom_scrape scrape = {.registry = stage->snapshot->registry, .memory = &stage->snapshot->memory,
                                  .deadline = INT64_MAX};
    cprom__self_metrics(stage, &scrape);
    cprom_status status = scrape.status ? scrape.status : keep(stage, &scrape);
    adopt(stage, &scrape);
    return status;
}

/* ---- groups ---- */

/* Merge sort from the bottom up; stable, and the page has the memory. */
static bool sort_samples(struct cprom__arena *memory, struct cprom__sample **samples, size_t n)
{
    struct cprom__sample **other = cprom__arena_alloc(memory, n * sizeof *other), **from = samples, **to = other;
    if (!other) return false;
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t start = 0; start < n; start += 2 * width) {
            size_t i = start, middle = start + width < n ? start + width : n;
            size_t k = middle, end = start + 2 * width < n ? start + 2 * width : n;
            for (size_t at = start; at < end; at++) {
                bool left = i < middle && (k == end || compare(from[i], from[k]) <= 0);
                to[at] = left ? from[i++] : from[k++];
            }
        }
        struct cprom__sample **moved = from;
        from = to;
        to = moved;
    }
    if (from != samples) memcpy(samples, from, n * sizeof *samples);
    return true;
}

static bool make_group(struct cprom__arena *memory, const struct cprom__kept *kept, struct cprom__group *group)
{
    *group = (struct cprom__group){.desc = kept->desc, .n_samples = kept->n};
    group->samples = cprom__arena_alloc(memory, kept->n * sizeof *group->samples);
    if (!group->samples) return false;
    size_t i = 0;
    for (struct cprom__sample *sample = kept->first; sample; sample = sample->next) group->samples[i++] = sample;
    return sort_samples(memory, group->samples, kept->n);
}

cprom_status cprom__stage_groups(struct cprom__stage *stage)
{
    struct cprom__snapshot *snapshot = stage->snapshot;
    const struct cprom__group *of_vecs = snapshot->groups;
    size_t n_of_vecs = snapshot->n_groups, n = 0;
    if (!stage->n_kept) return CPROM_OK;
    struct cprom__group *groups = cprom__arena_alloc(&snapshot->memory, (n_of_vecs + stage->n_kept) * sizeof *groups);
    if (!groups) return CPROM_ENOMEM;
    for (size_t i = 0, k = 0; i < n_of_vecs || k < stage->n_kept;) {
        const struct cprom__kept *kept = k < stage->n_kept ? &stage->kept[k] : NULL;
        if (!kept || (i < n_of_vecs && strcmp(of_vecs[i].desc->name, kept->desc->name) < 0)) {
            groups[n++] = of_vecs[i++];
            continue;
        }
        k++;
        if (!cprom__filter_lets(stage->filter, kept->desc)) continue;
        if (!make_group(&snapshot->memory, kept, &groups[n++])) return CPROM_ENOMEM;
    }
    snapshot->groups = groups;
    snapshot->n_groups = n;
    return CPROM_OK;
}
