#include "text_settle.h"

#include "hash.h"
#include "lookup.h"

#include <string.h>

static size_t without(const char *name, const char *suffix)
{
    size_t len = strlen(name), n = strlen(suffix);
    return len > n && strcmp(name + len - n, suffix) == 0 ? len - n : 0;
}

/* The family whose name is these bytes with the suffix. */
static struct text_family *find(const struct lookup *families, const char *base, size_t len, const char *suffix)
{
    uint64_t hash = hash_bytes(hash_bytes(0, suffix, strlen(suffix)), base, len);
    struct text_family *family;
    for (size_t place = (size_t)hash; (family = lookup_next(families, hash, &place));) {
        if (strncmp(family->name, base, len) == 0 && strcmp(family->name + len, suffix) == 0) break;
    }
    return family;
}

/* The first of that name stands for all: many files may have it. */
static bool add(struct lookup *families, struct text_family *family, size_t len)
{
    const char *suffix = family->name + len;
    if (find(families, family->name, len, suffix)) return true;
    return lookup_add(families, hash_bytes(hash_bytes(0, suffix, strlen(suffix)), family->name, len), family);
}

/* Under each split of its name that is asked for. */
static bool add_all(struct lookup *families, const struct text_page *page)
{
    for (struct text_family *family = page->families; family; family = family->next) {
        size_t total = without(family->name, "_total"), created = without(family->name, "_created");
        if (!add(families, family, strlen(family->name))) return false;
        if (total && !add(families, family, total)) return false;
        if (created && !add(families, family, created)) return false;
    }
    return true;
}

static bool is_plain(const struct text_family *family)
{
    return family->type == CPROM_GAUGE || family->type == CPROM_UNTYPED;
}

/* Whether it says when a family of the page was made. */
static bool is_created(const struct lookup *families, const struct text_family *family)
{
    size_t len = is_plain(family) ? without(family->name, "_created") : 0;
    if (!len) return false;
    const struct text_family *of = find(families, family->name, len, ""),
                             *total = find(families, family->name, len, "_total");
    return (of && !is_plain(of)) || (total && total->type == CPROM_COUNTER);
}

static bool drop_created(struct text_page *page)
{
    struct lookup families = {0};
    bool enough = add_all(&families, page);
    for (struct text_family **link = &page->families; enough && *link;) {
        if (is_created(&families, *link)) text_drop_family(page, link);
        else link = &(*link)->next;
    }
    lookup_free(&families);
    return enough;
}

/* Whether a family of another name has one that OpenMetrics gives this counter. */
static bool is_crowded(const struct lookup *families, const struct text_family *counter)
{
    static const char *const suffixes[] = {"", "_total", "_created"};
    size_t total = without(counter->name, "_total"), len = total ? total : strlen(counter->name);
    for (size_t i = 0; i < 3; i++) {
        const struct text_family *other = find(families, counter->name, len, suffixes[i]);
        if (other && strcmp(other->name, counter->name) != 0) return true;
    }
    return false;
}

bool text_settle(struct text_page *const pages[], size_t n)
{
    struct lookup families = {0};
    bool enough = true;
    for (size_t i = 0; enough && i < n; i++) enough = drop_created(pages[i]) && add_all(&families, pages[i]);
    for (size_t i = 0; enough && i < n; i++) {
        for (struct text_family *family = pages[i]->families; family; family = family->next) {
            if (family->type == CPROM_COUNTER && is_crowded(&families, family)) family->type = CPROM_UNTYPED;
        }
    }
    lookup_free(&families);
    return enough;
}
