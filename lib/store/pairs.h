/*
 * The reader of label text: what stands between the braces on a page, name="value",name="value". Within quotes, \\, \"
 * and \n stand for a backslash, a quote and a line feed. A name stands bare, or in quotes if it needs them:
 * "na\"me"="value".
 *
 * Nobody else takes such text apart. The library itself has written it, and the reader trusts it to be well-formed.
 */
#ifndef CPROM_LIB_STORE_PAIRS_H
#define CPROM_LIB_STORE_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct cprom__piece {
    const char *text;
    size_t len;
};

/* ---- within quotes ---- */

/* The next byte as it is meant; -1: it is the closing quote. Moves behind what it has read. */
static inline int cprom__pair_byte(const char **at)
{
    char c = *(*at)++;
    if (c == '"') return -1;
    if (c == '\\') {
        c = *(*at)++;
        if (c == 'n') c = '\n';
    }
    return (unsigned char)c;
}

/* What stands from `at` to the closing quote, still escaped. */
static inline struct cprom__piece cprom__pair_quoted(const char *at)
{
    const char *end = at;
    while (*end != '"') end += *end == '\\' ? 2 : 1;
    return (struct cprom__piece){at, (size_t)(end - at)};
}

/* ---- names and values: pieces of the text without the quotes around them ---- */

/* Whether it means this text. */
bool cprom__pair_means(struct cprom__piece escaped, const char *plain);

/* Writes what it means, which is no longer than it is itself; returns the byte behind. */
char *cprom__pair_unescape(char *out, struct cprom__piece escaped);

/* Whether two mean the same. What is escaped has one form, so that they need not be unescaped for it. */
static inline bool cprom__pair_equal(struct cprom__piece a, struct cprom__piece b)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): both are set */
    return a.len == b.len && memcmp(a.text, b.text, a.len) == 0;
}

/* ---- pairs, one after the other ---- */

struct cprom__pairs {
    const char *at, *end; /* `at` is behind a closing quote, but for the first pair */
};

/* The next pair's name; moves to the first byte of its value. false: there is none. */
static inline bool cprom__pairs_name(struct cprom__pairs *pairs, struct cprom__piece *name)
{
    if (pairs->at == pairs->end) return false;
    const char *at = pairs->at;
    if (*at == ',') at++; /* no name begins with one, bare or quoted */
    if (*at == '"') {
        *name = cprom__pair_quoted(at + 1);
        at = name->text + name->len + 1;
    } else {
        const char *end = memchr(at, '=', (size_t)(pairs->end - at));
        *name = (struct cprom__piece){at, (size_t)(end - at)};
        at = end;
    }
    pairs->at = at + strlen("=\"");
    return true;
}

/* The value, once the name is read; moves behind it. Byte by byte it is read by cprom__pair_byte(&pairs->at). */
static inline struct cprom__piece cprom__pairs_value(struct cprom__pairs *pairs)
{
    struct cprom__piece value = cprom__pair_quoted(pairs->at);
    pairs->at = value.text + value.len + 1;
    return value;
}

#endif
