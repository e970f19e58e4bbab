/* Matches of gzip, found line by line. */
/*
 * Along the line before while a page goes on in one family; by hash where it does not, and in label values. Digits of
 * numbers are not worth a look: they are literals.
 */
#include "page/gzip_match.h"

#include <stdbool.h>

#include "base/hints.h"
#include "page/gzip_code.h"

#if defined(__GNUC__) && defined(__SSE2__) && !defined(CPROM__GZIP_PORTABLE)
#define GZIP_MATCH_SSE2 1
#include <emmintrin.h>
#endif

#define GZIP_MATCH_HASHED 4u  /* bytes; the shortest match that is found by hash */
#define GZIP_MATCH_NEAR 1024u /* farther back, so short a match takes more bits than literals */
#define GZIP_MATCH_COMMENT 7u /* of "# HELP ", "# TYPE ", "# UNIT " */
/* A line ends before this: what is behind is room for a match of a whole piece, and what is left. */
#define GZIP_MATCH_SEQUENCES_LAST (CPROM__GZIP_SEQUENCES_MAX - CPROM__GZIP_PIECE / CPROM__GZIP_MATCH_MAX - 8)

/* Sequences until now; what is behind `anchor` is in none. */
struct gzip_match_found {
    struct cprom__gzip_sequence *next, *last;
    const unsigned char *anchor;
};

static inline unsigned gzip_match_least(unsigned a, unsigned b) { return a < b ? a : b; }
static inline const unsigned char *gzip_match_first(const unsigned char *a, const unsigned char *b)
{
    return a < b ? a : b;
}

/* How many bytes are the same, up to `max`. Reads CPROM__GZIP_BEHIND bytes behind. */
static inline unsigned gzip_match_common(const unsigned char *a, const unsigned char *b, unsigned max)
{
    unsigned n = 0;
#ifdef GZIP_MATCH_SSE2
    for (; n < max; n += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(a + n)),
                y = _mm_loadu_si128((const __m128i *)(const void *)(b + n));
        unsigned differ = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, y)) ^ 0xffff;
        if (differ) {
            n += cprom__gzip_lowest(differ);
            break;
        }
    }
#else
    for (; n < max; n += 4) {
        uint32_t differ = cprom__gzip_load32(a + n) ^ cprom__gzip_load32(b + n);
        if (differ) {
            n += cprom__gzip_lowest(differ) / 8;
            break;
        }
    }
#endif
    return n < max ? n : max;
}

/* The next of two bytes or line feed; there is one. Reads CPROM__GZIP_BEHIND bytes behind it. */
static inline const unsigned char *gzip_match_next(const unsigned char *p, char a, char b)
{
#ifdef GZIP_MATCH_SSE2
    const __m128i as = _mm_set1_epi8(a), bs = _mm_set1_epi8(b), line_feeds = _mm_set1_epi8('\n');
    for (;; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i is_other = _mm_or_si128(_mm_cmpeq_epi8(x, bs), _mm_cmpeq_epi8(x, line_feeds));
        unsigned is = (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(x, as), is_other));
        if (is) return p + cprom__gzip_lowest(is);
    }
#else
    while (*p != (unsigned char)a && *p != (unsigned char)b && *p != '\n') p++;
    return p;
#endif
}

/* How many of `n` bytes come before a line feed. */
static inline unsigned gzip_match_in_line(const unsigned char *p, unsigned n)
{
#ifdef GZIP_MATCH_SSE2
    const __m128i line_feeds = _mm_set1_epi8('\n');
    for (unsigned i = 0; i < n; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        unsigned is = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, line_feeds));
        if (is) {
            i += cprom__gzip_lowest(is);
            return i < n ? i : n;
        }
    }
    return n;
#else
    const unsigned char *line_feed = memchr(p, '\n', n);
    return line_feed ? (unsigned)(line_feed - p) : n;
#endif
}

/* A match that is longer than one can be. */
static CPROM__NOINLINE struct gzip_match_found gzip_match_add_long(struct gzip_match_found found, unsigned length,
                                                                   unsigned distance)
{
    for (; length >= CPROM__GZIP_MATCH_MIN; found.next++) {
        unsigned part = length < CPROM__GZIP_MATCH_MAX ? length : CPROM__GZIP_MATCH_MAX;
        found.next->length = (uint16_t)part;
        found.next->distance = (uint16_t)distance;
        found.next[1].n_literals = 0;
        found.anchor += part;
        length -= part;
    }
    return found;
}

static inline void gzip_match_add(struct gzip_match_found *found, const unsigned char *p, unsigned length,
                                  unsigned distance)
{
    struct cprom__gzip_sequence *next = found->next, *last = next - 1;
    if (p == found->anchor && distance == last->distance && last->length + length <= CPROM__GZIP_MATCH_MAX) {
        last->length = (uint16_t)(last->length + length); /* it goes on */
        found->anchor = p + length;
        return;
    }
    next->n_literals = (uint16_t)(p - found->anchor);
    found->anchor = p;
    if (length > CPROM__GZIP_MATCH_MAX) {
        *found = gzip_match_add_long(*found, length, distance);
        return;
    }
    next->length = (uint16_t)length;
    next->distance = (uint16_t)distance;
    found->anchor += length;
    found->next++;
}

static inline uint16_t *gzip_match_place(struct cprom__gzip_window *window, const unsigned char *p)
{
    return &window->places[(cprom__gzip_load32(p) * 2654435761u) >> (32 - CPROM__GZIP_HASH_BITS)];
}

/* The match of GZIP_MATCH_HASHED bytes or more at `p` with where its hash was last, up to `end`; its length, or 0. */
static inline unsigned gzip_match_look_up(struct cprom__gzip_window *window, const unsigned char *p,
                                          const unsigned char *end, unsigned *distance)
{
    uint16_t *place = gzip_match_place(window, p), here = (uint16_t)(window->base + (uint32_t)(p - window->bytes));
    unsigned back = (uint16_t)(here - *place);
    *place = here;
    *distance = back;
    if (!back || back > (size_t)(p - window->bytes) || cprom__gzip_load32(p) != cprom__gzip_load32(p - back)) return 0;
    unsigned rest = (unsigned)(end - p),
             n = gzip_match_common(p, p - back, gzip_match_least(rest, CPROM__GZIP_MATCH_MAX));
    return n >= GZIP_MATCH_HASHED && (n > GZIP_MATCH_HASHED || back <= GZIP_MATCH_NEAR) ? n : 0;
}

/* Adds a match that may begin before `p`. */
static inline void gzip_match_add_around(struct cprom__gzip_window *window, struct gzip_match_found *found,
                                         const unsigned char *p, unsigned length, unsigned distance)
{
    while (p > found->anchor && (size_t)(p - window->bytes) > distance && p[-1] == p[-1 - (int)distance]) p--, length++;
    gzip_match_add(found, p, length, distance);
}

/* Whether the digits around `p` are a number: they come behind a space. */
static inline bool gzip_match_in_number(const unsigned char *p, const unsigned char *line)
{
    while (p > line && *--p != ' ') {
        if (*p == '"') return false;
    }
    return true;
}

struct gzip_match_line {
    const unsigned char *start, *name, *name_end;
};

/* A match of `n` bytes at `p`, if that is worth it. Where it ends. */
static CPROM__NOINLINE const unsigned char *gzip_match_take(struct cprom__gzip_window *window,
                                                            struct gzip_match_found *found, const unsigned char *p,
                                                            unsigned n, unsigned distance)
{
    if (n < GZIP_MATCH_HASHED) return p;
    gzip_match_add_around(window, found, p, n, distance);
    return p + n;
}

/* From `p` to `until` by hash, byte by byte; a match may go on up to `end`. Where it came to. */
static CPROM__NOINLINE const unsigned char *gzip_match_search(struct cprom__gzip_window *window,
                                                              struct gzip_match_found *found, const unsigned char *p,
                                                              const unsigned char *until, const unsigned char *end)
{
    while (p < until && p + GZIP_MATCH_HASHED <= end && found->next < found->last) {
        unsigned distance, n = gzip_match_look_up(window, p, end, &distance);
        if (!n) {
            p++;
            continue;
        }
        p = gzip_match_take(window, found, p, n, distance);
        *gzip_match_place(window, p - 2) = (uint16_t)(window->base + (uint32_t)(p - 2 - window->bytes));
    }
    return p;
}

/*
 * The beginning of a line that is not of the family of the line before: a comment, or the name of a sample. Where it came
 * to; *distance is how far back the rest may be like, or 0.
 */
static CPROM__NOINLINE const unsigned char *gzip_match_other_line(struct cprom__gzip_window *window,
                                                                  struct gzip_match_found *found,
                                                                  const struct gzip_match_line *before,
                                                                  struct gzip_match_line *line,
                                                                  const unsigned char *stop, unsigned *distance)
{
    const unsigned char *p = line->start, *end = p + gzip_match_in_line(p, (unsigned)(stop - p));
    bool is_comment = *p == '#';
    line->name = gzip_match_first(is_comment ? p + GZIP_MATCH_COMMENT : p, end);
    line->name_end = gzip_match_first(gzip_match_next(line->name, ' ', '{'), end);
    *distance = 0;
    /* As the last line that began like this one; the name as in the line before. */
    p = gzip_match_search(window, found, p, p + 1, end);
    if (before->start && p < line->name_end) {
        if (p < line->name) p = line->name;
        const unsigned char *like = before->name + (p - line->name);
        unsigned n = gzip_match_common(p, like, (unsigned)(gzip_match_first(line->name_end + 1, end) - p));
        p = gzip_match_take(window, found, p, n, (unsigned)(p - like));
    }
    p = gzip_match_search(window, found, p, is_comment ? end : line->name_end, end);
    /* The same labels may follow. */
    if (!is_comment && before->start && *line->name_end == '{' && *before->name_end == '{' && p >= line->name_end) {
        const unsigned char *like = before->name_end + (p - line->name_end);
        unsigned n = gzip_match_common(p, like, (unsigned)(end - p));
        if (n >= GZIP_MATCH_HASHED) *distance = (unsigned)(p - like);
        p = gzip_match_take(window, found, p, n, *distance);
    }
    return p;
}

size_t cprom__gzip_match(struct cprom__gzip_window *window, uint32_t to,
                         struct cprom__gzip_sequence sequences[CPROM__GZIP_SEQUENCES_MAX])
{
    unsigned char *bytes = window->bytes;
    const unsigned char *p = bytes + window->at, *stop = bytes + to;
    sequences[0] = (struct cprom__gzip_sequence){0, 0, 0}; /* so that there is one before the first */
    struct gzip_match_found found = {sequences + 1, sequences + GZIP_MATCH_SEQUENCES_LAST, p};
    struct gzip_match_line before = {NULL, NULL, NULL};
    if (window->has_line)
        before = (struct gzip_match_line){bytes + window->line, bytes + window->name, bytes + window->name_end};
    unsigned char behind = bytes[to];
    bytes[to] = '\n'; /* so that every line has an end */
    while (p < stop) {
        struct gzip_match_line line = {p, p, p};
        unsigned n = 0, distance = 0; /* what is the same so far back */
        bool is_comment = *p == '#';
        if (before.start && !is_comment && *before.start != '#') {
            distance = (unsigned)(p - before.start);
            unsigned rest = (unsigned)(stop - p);
            n = gzip_match_common(p, before.start, gzip_match_least(rest, distance - 1));
            line.name_end = p + (before.name_end - before.start);
            if (n <= (size_t)(before.name_end - before.start) || n < CPROM__GZIP_MATCH_MIN) n = 0;
        }
        if (!n) {
            struct gzip_match_found then = found; /* so that `found` itself stays in registers */
            struct gzip_match_line other = line;
            unsigned back;
            p = gzip_match_other_line(window, &then, &before, &other, stop, &back);
            found = then;
            line = other;
            distance = back;
        }
        for (;;) {
            if (n) {
                gzip_match_add_around(window, &found, p, n, distance);
                p += n;
            }
            if (p >= stop || *p == '\n' || found.next >= found.last) break;
            if (is_comment || *p < '0' || *p > '9' || !gzip_match_in_number(p, line.start)) {
                unsigned back;
                n = p + GZIP_MATCH_HASHED <= stop ? gzip_match_in_line(p, gzip_match_look_up(window, p, stop, &back))
                                                  : 0;
                if (n >= GZIP_MATCH_HASHED) {
                    distance = back;
                    continue;
                }
            }
            /* On to the next quote, of both lines. */
            const unsigned char *quote = gzip_match_next(p, '"', '"');
            if (quote >= stop || *quote == '\n') {
                p = gzip_match_first(quote, stop);
                break;
            }
            const unsigned char *like = distance ? gzip_match_next(p - distance, '"', '"') : p;
            n = 0;
            if (like >= p || *like != '"') {
                distance = 0;
                p = quote > p ? quote : p + 1;
                continue;
            }
            p = quote;
            distance = (unsigned)(p - like);
            unsigned rest = (unsigned)(stop - p);
            n = gzip_match_in_line(p, gzip_match_common(p, like, gzip_match_least(rest, CPROM__GZIP_MATCH_MAX)));
            if (n < CPROM__GZIP_MATCH_MIN) {
                n = 0;
                p++;
            }
        }
        if (found.next >= found.last) break;
        if (p < stop) {
            before = line;
            p++;
        }
    }
    bytes[to] = behind;
    const unsigned char *reached = found.next < found.last ? stop : found.anchor;
    if (reached > found.anchor) {
        *found.next++ = (struct cprom__gzip_sequence){(uint16_t)(reached - found.anchor), 0, 0};
    }
    window->at = (uint32_t)(reached - bytes);
    window->has_line = before.start != NULL;
    if (before.start) {
        window->line = (uint32_t)(before.start - bytes);
        window->name = (uint32_t)(before.name - bytes);
        window->name_end = (uint32_t)(before.name_end - bytes);
    }
    return (size_t)(found.next - sequences);
}

void cprom__gzip_slide(struct cprom__gzip_window *window)
{
    if (window->at + CPROM__GZIP_PIECE <= sizeof window->bytes - CPROM__GZIP_BEHIND) return;
    uint32_t by = window->at - CPROM__GZIP_HISTORY;
    memmove(window->bytes, window->bytes + by, window->end - by);
    window->at -= by;
    window->end -= by;
    window->base += by;
    window->has_line = window->has_line && window->line >= by;
    window->line -= by;
    window->name -= by;
    window->name_end -= by;
}
