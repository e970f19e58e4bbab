#include "claims.h"

#include "hash.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 64u

/*
 * One name that a family claims: its own, or one that its samples have or could have. While a page takes the place of
 * another, claims of the one that leaves stay, without users, beside those of the one that comes, so that there is a
 * way back that needs no memory.
 */
struct claim {
    struct claim *next;
    uint64_t hash;             /* of the name */
    const char *family, *help; /* whose it is; behind the name */
    cprom_type type;
    bool own;
    size_t users; /* sources */
    char name[];
};

/* `n` claims; the number of buckets is a power of two. */
struct claims {
    struct claim **buckets;
    size_t n_buckets, n;
};

/* Makes room for more. Without memory for it, finding takes longer, that is all. */
static void grow(struct claims *claims)
{
    size_t n_buckets = claims->n_buckets * 2;
    struct claim **buckets = calloc(n_buckets, sizeof *buckets);
    if (!buckets) return;
    for (size_t i = 0; i < claims->n_buckets; i++) {
        for (struct claim *claim = claims->buckets[i], *next; claim; claim = next) {
            struct claim **bucket = &buckets[claim->hash & (n_buckets - 1)];
            next = claim->next;
            claim->next = *bucket;
            *bucket = claim;
        }
    }
    free(claims->buckets);
    claims->buckets = buckets;
    claims->n_buckets = n_buckets;
}

/* Of the name as a whole, wherever its suffix begins. */
static uint64_t hash_of(const char *base, size_t len, const char *suffix)
{
    char piece[128];
    uint64_t hash = 0;
    size_t n = 0;
    for (size_t i = 0; i < len || suffix[i - len]; i++) {
        if (n == sizeof piece) {
            hash = hash_bytes(hash, piece, n);
            n = 0;
        }
        piece[n++] = i < len ? base[i] : suffix[i - len];
    }
    return hash_bytes(hash, piece, n);
}

/* The name without _total of a counter, and what stands behind it, as far as samples in either format go. */
static size_t base_of(const struct text_family *family, const char *const **suffixes)
{
    static const char *const plain[] = {"", NULL}, *const counter[] = {"", "_total", "_created", NULL},
                             *const whole[] = {"", "_bucket", "_sum", "_count", "_created", "_info", NULL};
    size_t len = strlen(family->name);
    *suffixes = plain;
    if (family->type == CPROM_HISTOGRAM || family->type == CPROM_SUMMARY) *suffixes = whole;
    if (family->type != CPROM_COUNTER) return len;
    *suffixes = counter;
    return len > 6 && strcmp(family->name + len - 6, "_total") == 0 ? len - 6 : len;
}

static bool same_help(const char *a, const char *b) { return a && b ? strcmp(a, b) == 0 : a == b; }

/* The claim of this very family on base and suffix; with family NULL that of anybody who uses it. */
static struct claim **find(struct claims *claims, const char *base, size_t len, const char *suffix,
                           const struct text_family *family)
{
    uint64_t hash = hash_of(base, len, suffix);
    struct claim **link = &claims->buckets[hash & (claims->n_buckets - 1)];
    for (; *link; link = &(*link)->next) {
        const struct claim *claim = *link;
        if (claim->hash != hash || strncmp(claim->name, base, len) != 0) continue;
        if (strcmp(claim->name + len, suffix) != 0) continue;
        if (family ? strcmp(claim->family, family->name) == 0 && claim->type == family->type &&
                         same_help(claim->help, family->help)
                   : claim->users > 0) {
            break;
        }
    }
    return link;
}

/* A claim that is not there yet. */
static bool add(struct claims *claims, const struct text_family *family, size_t len, const char *suffix, bool own)
{
    if (claims->n >= claims->n_buckets) grow(claims);
    size_t name_len = len + strlen(suffix) + 1, family_len = strlen(family->name) + 1;
    size_t help_len = family->help ? strlen(family->help) + 1 : 0;
    struct claim *claim = calloc(1, sizeof *claim + name_len + family_len + help_len);
    if (!claim) return false;
    memcpy(claim->name, family->name, len);
    memcpy(claim->name + len, suffix, name_len - len);
    claim->family = memcpy(claim->name + name_len, family->name, family_len);
    if (family->help) claim->help = memcpy(claim->name + name_len + family_len, family->help, help_len);
    claim->type = family->type;
    claim->own = own;
    claim->hash = hash_of(family->name, len, suffix);
    struct claim **bucket = &claims->buckets[claim->hash & (claims->n_buckets - 1)];
    claim->next = *bucket;
    *bucket = claim;
    claims->n++;
    return true;
}

enum change {
    LEAVE,
    ENTER,
    PURGE
};

/* The claims of one family, as far as they are there; PURGE: frees those without users. */
static void change(struct claims *claims, const struct text_family *family, enum change what)
{
    const char *const *suffix;
    size_t len = base_of(family, &suffix);
    for (; *suffix; suffix++) {
        struct claim **link = find(claims, family->name, len, *suffix, family), *claim = *link;
        if (!claim) continue;
        if (what == ENTER) claim->users++;
        if (what == LEAVE) claim->users--;
        if (what != PURGE || claim->users) continue;
        *link = claim->next;
        free(claim);
        claims->n--;
    }
}

/* Those of the families up to `end`. */
static void change_all(struct claims *claims, const struct text_page *page, const struct text_family *end,
                       enum change what)
{
    for (const struct text_family *family = page ? page->families : NULL; family != end; family = family->next) {
        change(claims, family, what);
    }
}

static void explain(const struct claim *claim, const struct text_family *family, struct text_error *error)
{
    static const char *const types[] = {"untyped", "a counter", "a gauge", "a histogram", "a summary"};
    if (claim->own) {
        text_fail(error, family->line, "%.80s: the name is the exporter's own", family->name);
    } else if (strcmp(claim->family, family->name) != 0) {
        text_fail(error, family->line, "%.60s and %.60s cannot be on one page: their samples could have one name",
                  family->name, claim->family);
    } else {
        text_fail(error, family->line, "%.80s is %s here, and %s elsewhere", family->name, types[family->type],
                  types[claim->type]);
    }
}

/* Takes the help of those who have the family already. */
static bool adopt_help(struct claims *claims, struct text_page *page, struct text_family *family)
{
    const struct claim *there = *find(claims, family->name, strlen(family->name), "", NULL);
    if (!there || same_help(there->help, family->help)) return true;
    family->help = there->help ? arena_copy(&page->memory, there->help, strlen(there->help)) : NULL;
    return family->help || !there->help;
}

/* Whose claim keeps the family off the page; NULL: nobody's. */
static const struct claim *find_conflict(struct claims *claims, const struct text_family *family)
{
    const char *const *suffix;
    size_t len = base_of(family, &suffix);
    for (; *suffix; suffix++) {
        const struct claim *there = *find(claims, family->name, len, *suffix, NULL);
        if (there && (there->own || there->type != family->type || strcmp(there->family, family->name) != 0))
            return there;
    }
    return NULL;
}

static bool is_plain(cprom_type type) { return type == CPROM_COUNTER || type == CPROM_GAUGE || type == CPROM_UNTYPED; }

/* Takes the type of those who have the family already, where samples of both look the same. */
static void adopt_type(struct claims *claims, struct text_family *family)
{
    const struct claim *there = *find(claims, family->name, strlen(family->name), "", NULL);
    if (!there || there->own || strcmp(there->family, family->name) != 0) return;
    if (is_plain(there->type) && is_plain(family->type)) family->type = there->type;
}

enum entry {
    ENTERED,
    CONFLICT,
    NO_MEMORY
};

/* Claims all names of the family; without memory, claims without users are left. */
static enum entry enter(struct claims *claims, struct text_page *page, struct text_family *family, bool own,
                        struct text_error *error)
{
    if (strncmp(family->name, "cprom_", 6) == 0) {
        text_fail(error, family->line, "%.80s: names with cprom_ in front are the library's", family->name);
        return CONFLICT;
    }
    if (!own) adopt_type(claims, family);
    const struct claim *there = find_conflict(claims, family);
    if (there) {
        explain(there, family, error);
        /* What is untyped claims its own name alone. */
        if (own || family->type != CPROM_COUNTER) return CONFLICT;
        family->type = CPROM_UNTYPED;
        if (find_conflict(claims, family)) return CONFLICT;
    }
    const char *const *suffix;
    size_t len = base_of(family, &suffix);
    bool enough = adopt_help(claims, page, family);
    for (; *suffix && enough; suffix++) {
        enough = *find(claims, family->name, len, *suffix, family) || add(claims, family, len, *suffix, own);
    }
    if (enough) {
        change(claims, family, ENTER);
        return ENTERED;
    }
    text_fail(error, 0, "out of memory");
    return NO_MEMORY;
}

/* Goes on without a family of others that cannot be there. false: *link is the one that ended it. */
static bool enter_all(struct claims *claims, struct text_page *page, struct text_family ***link, bool own,
                      struct text_error *error)
{
    while (**link) {
        enum entry entry = enter(claims, page, **link, own, error);
        if (entry == ENTERED) {
            *link = &(**link)->next;
        } else if (entry == CONFLICT && !own) {
            text_leave_out(page, error->line, "%s", error->what);
            text_drop_family(page, *link);
        } else {
            return false;
        }
    }
    return true;
}

bool claims_replace(struct claims *claims, const struct text_page *old, struct text_page *page, bool own,
                    struct text_error *error)
{
    struct text_family **link = &page->families;
    change_all(claims, old, NULL, LEAVE);
    bool entered = enter_all(claims, page, &link, own, error);
    if (!entered) {
        change_all(claims, page, *link, LEAVE);
        change_all(claims, old, NULL, ENTER);
        change(claims, *link, PURGE);
    }
    change_all(claims, page, NULL, PURGE);
    change_all(claims, old, NULL, PURGE);
    return entered;
}

bool claims_has(struct claims *claims, const struct text_family *family)
{
    const struct claim *claim = *find(claims, family->name, strlen(family->name), "", family);
    return claim && claim->users;
}

void claims_remove(struct claims *claims, const struct text_page *page)
{
    change_all(claims, page, NULL, LEAVE);
    change_all(claims, page, NULL, PURGE);
}

struct claims *claims_new(void)
{
    struct claims *claims = calloc(1, sizeof *claims);
    if (!claims) return NULL;
    claims->n_buckets = BUCKETS_MIN;
    claims->buckets = calloc(claims->n_buckets, sizeof(struct claim *));
    if (claims->buckets) return claims;
    free(claims);
    return NULL;
}

void claims_free(struct claims *claims)
{
    if (!claims) return;
    for (size_t i = 0; i < claims->n_buckets; i++) {
        while (claims->buckets[i]) {
            struct claim *claim = claims->buckets[i];
            claims->buckets[i] = claim->next;
            free(claim);
        }
    }
    free(claims->buckets);
    free(claims);
}
