#include "regexp_program.h"

#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 100u   /* brackets in brackets */
#define REPEAT_MAX 1000u /* as in Go */
#define NODES_MAX 20000u
#define CODE_POINT_MAX 0x10ffffu
#define NONE UINT32_MAX

/* The expression as a tree: nodes in one array, the parts of one node linked. */
enum {
    NODE_INST,
    NODE_CAT,
    NODE_ALT,
    NODE_REPEAT,
    NODE_GROUP
};

struct node {
    uint32_t kind, child, next;
    struct re_inst inst; /* NODE_INST */
    uint32_t min, max;   /* NODE_REPEAT; max NONE: any number */
    uint32_t group;      /* NODE_GROUP: its index */
    bool lazy;
};

enum {
    FOLD = 1,
    DOT_ALL = 2,
    LINES = 4,
    LAZY = 8
}; /* i s m U */

struct parser {
    struct regexp *regex;
    const char *start, *at, *end;
    struct node *nodes;
    size_t n_nodes, cap_nodes;
    unsigned flags;
    bool no_names;  /* there is no :] any more, so that it is looked for once */
    unsigned steps; /* of emit_node(): repetitions of nothing make no program, but take time */
    char *error;
    bool failed;
};

static uint32_t fail(struct parser *p, const char *format, ...)
{
    if (!p->failed) {
        char what[REGEXP_ERROR_MAX - 40];
        va_list list;
        va_start(list, format);
        vsnprintf(what, sizeof what, format, list);
        va_end(list);
        snprintf(p->error, REGEXP_ERROR_MAX, "%s, at byte %zu", what, (size_t)(p->at - p->start));
    }
    p->failed = true;
    return NONE;
}

/* Room for one more element of a vector. */
static bool grow(void **vector, size_t n, size_t *cap, size_t size)
{
    if (n < *cap) return true;
    size_t more = *cap ? *cap * 2 : 16;
    void *grown = realloc(*vector, more * size);
    if (!grown) return false;
    *vector = grown;
    *cap = more;
    return true;
}

static uint32_t add_node(struct parser *p, uint32_t kind)
{
    if (p->failed) return NONE;
    if (p->n_nodes >= NODES_MAX) return fail(p, "the expression is too long");
    void *nodes = p->nodes;
    if (!grow(&nodes, p->n_nodes, &p->cap_nodes, sizeof *p->nodes)) return fail(p, "out of memory");
    p->nodes = nodes;
    p->nodes[p->n_nodes] = (struct node){.kind = kind, .child = NONE, .next = NONE};
    return (uint32_t)p->n_nodes++;
}

static uint32_t add_inst(struct parser *p, uint32_t op, uint32_t x)
{
    uint32_t index = add_node(p, NODE_INST);
    if (index != NONE) p->nodes[index].inst = (struct re_inst){op, x, 0};
    return index;
}

static uint32_t add_char(struct parser *p, uint32_t c)
{
    if (!(p->flags & FOLD)) return add_inst(p, RE_CHAR, c);
    if (c > 127) return fail(p, "(?i) is for ASCII letters only");
    uint32_t small = c >= 'A' && c <= 'Z' ? c + 32 : c;
    return add_inst(p, small >= 'a' && small <= 'z' ? RE_CHAR_FOLD : RE_CHAR, small);
}

/* ---- classes ---- */

static void add_range(struct parser *p, uint32_t low, uint32_t high)
{
    struct regexp *regex = p->regex;
    void *ranges = regex->ranges;
    if (p->failed) return;
    if (!grow(&ranges, regex->n_ranges, &regex->cap_ranges, sizeof *regex->ranges)) {
        fail(p, "out of memory");
        return;
    }
    regex->ranges = ranges;
    regex->ranges[regex->n_ranges++] = (struct re_range){low, high};
}

static void add_folded(struct parser *p, uint32_t low, uint32_t high)
{
    add_range(p, low, high);
    if (!(p->flags & FOLD)) return;
    if (high > 127) fail(p, "(?i) is for ASCII letters only");
    for (uint32_t c = low; c <= high && c < 128; c++) {
        if (c >= 'a' && c <= 'z') add_range(p, c - 32, c - 32);
        if (c >= 'A' && c <= 'Z') add_range(p, c + 32, c + 32);
    }
}

/* Ranges of low and high bytes, two by two, ascending. */
static const char *named_class(const char *name, size_t n)
{
    static const struct {
        const char *name, *ranges;
    } classes[] = {{"alnum", "09AZaz"},
                   {"alpha", "AZaz"},
                   {"ascii", "\x01\x7f"},
                   {"blank", "\t\t  "},
                   {"cntrl", "\x01\x1f\x7f\x7f"},
                   {"digit", "09"},
                   {"graph", "!~"},
                   {"lower", "az"},
                   {"print", " ~"},
                   {"punct", "!/:@[`{~"},
                   {"space", "\t\r  "},
                   {"upper", "AZ"},
                   {"word", "09AZ__az"},
                   {"xdigit", "09AFaf"},
                   {"d", "09"},
                   {"s", "\t\n\f\r  "},
                   {"w", "09AZ__az"}};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (strlen(classes[i].name) == n && memcmp(classes[i].name, name, n) == 0) return classes[i].ranges;
    }
    return NULL;
}

/* Puts the ranges of a named class, or what is not in it, into the class that is being made. */
static void add_named(struct parser *p, const char *ranges, bool negated)
{
    uint32_t next = 0;
    /* "ascii" and "cntrl" begin with NUL, which a string cannot have. */
    bool with_nul = ranges[0] == 1;
    for (size_t i = 0; ranges[i]; i += 2) {
        uint32_t low = i == 0 && with_nul ? 0 : (unsigned char)ranges[i], high = (unsigned char)ranges[i + 1];
        if (!negated) {
            add_range(p, low, high);
            /* \w and others have both cases; lower and upper do not. */
            if (p->flags & FOLD && low == 'a' && high == 'z') add_range(p, 'A', 'Z');
            if (p->flags & FOLD && low == 'A' && high == 'Z') add_range(p, 'a', 'z');
        } else if (low > next) {
            add_range(p, next, low - 1);
        }
        next = high + 1;
    }
    if (negated) add_range(p, next, CODE_POINT_MAX);
}

static int compare_ranges(const void *a, const void *b)
{
    const struct re_range *x = a, *y = b;
    return (x->low > y->low) - (x->low < y->low);
}

/* Puts the ranges from `first` on in order, those that meet in one: a character is looked for by halves. */
static void sort_ranges(struct regexp *regex, size_t first)
{
    if (regex->n_ranges == first) return;
    size_t to = first;
    qsort(regex->ranges + first, regex->n_ranges - first, sizeof *regex->ranges, compare_ranges);
    for (size_t i = first + 1; i < regex->n_ranges; i++) {
        struct re_range *last = &regex->ranges[to], next = regex->ranges[i];
        if (next.low > last->high) regex->ranges[++to] = next;
        else if (next.high > last->high) last->high = next.high;
    }
    regex->n_ranges = to + 1;
}

static uint32_t add_class(struct parser *p, size_t first, bool negated)
{
    struct regexp *regex = p->regex;
    void *classes = regex->classes;
    if (p->failed) return NONE;
    sort_ranges(regex, first);
    if (!grow(&classes, regex->n_classes, &regex->cap_classes, sizeof *regex->classes)) return fail(p, "out of memory");
    regex->classes = classes;
    regex->classes[regex->n_classes] =
        (struct re_class){.first = (uint32_t)first, .n = (uint32_t)(regex->n_ranges - first), .negated = negated};
    return add_inst(p, RE_CLASS, (uint32_t)regex->n_classes++);
}

/* ---- escapes ---- */

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static uint32_t parse_hex(struct parser *p)
{
    uint32_t c = 0;
    if (p->at < p->end && *p->at == '{') {
        const char *digits = ++p->at;
        while (p->at < p->end && hex(*p->at) >= 0 && c <= CODE_POINT_MAX) c = c * 16 + (uint32_t)hex(*p->at++);
        if (p->at == p->end || *p->at != '}' || p->at == digits || c > CODE_POINT_MAX) return fail(p, "invalid \\x");
        p->at++;
        return c;
    }
    if (p->end - p->at < 2 || hex(p->at[0]) < 0 || hex(p->at[1]) < 0) return fail(p, "invalid \\x");
    c = (uint32_t)(hex(p->at[0]) * 16 + hex(p->at[1]));
    p->at += 2;
    return c;
}

static bool is_octal(const struct parser *p, const char *at) { return at < p->end && *at >= '0' && *at <= '7'; }

/* One character, behind a backslash. */
static uint32_t parse_escape(struct parser *p)
{
    if (p->at == p->end) return fail(p, "a backslash at the end");
    char c = *p->at++;
    switch (c) {
    case 'a': return '\a';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'v': return '\v';
    case 'x': return parse_hex(p);
    case 'p':
    case 'P': return fail(p, "\\p is not supported");
    case 'C': return fail(p, "\\C is not supported");
    default: break;
    }
    if (c >= '0' && c <= '7' && (c == '0' || is_octal(p, p->at))) {
        uint32_t value = (uint32_t)(c - '0');
        for (int i = 0; i < 2 && is_octal(p, p->at); i++) value = value * 8 + (uint32_t)(*p->at++ - '0');
        return value;
    }
    bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (word || (unsigned char)c >= 128) {
        p->at--;
        return fail(p, c >= '1' && c <= '9' ? "back references are not supported" : "\\%c is not known", c);
    }
    return (unsigned char)c;
}

/* \d \D \s \S \w \W behind the backslash: its ranges, else NULL. */
static const char *perl_class(const char *at, const char *end, bool *negated)
{
    if (at == end || !strchr("dDsSwW", *at) || *at == '\0') return NULL;
    char small = (char)(*at | 32);
    *negated = small != *at;
    return named_class(&small, 1);
}

/* ---- [...] ---- */

static uint32_t parse_class_char(struct parser *p)
{
    if (p->at == p->end) return fail(p, "[ without ]");
    if (*p->at == '\\') {
        p->at++;
        return parse_escape(p);
    }
    size_t length;
    uint32_t c = utf8_decode(p->at, p->end, &length);
    p->at += length;
    return c;
}

static uint32_t parse_class(struct parser *p)
{
    size_t first = p->regex->n_ranges;
    bool negated = p->at < p->end && *p->at == '^';
    if (negated) p->at++;
    for (bool begin = true; !p->failed; begin = false) {
        if (p->at == p->end) return fail(p, "[ without ]");
        if (*p->at == ']' && !begin) break;
        bool not_in = false;
        const char *ranges;
        if (!p->no_names && p->end - p->at > 2 && p->at[0] == '[' && p->at[1] == ':') {
            const char *name = p->at + 2, *close = name;
            while (close + 1 < p->end && !(close[0] == ':' && close[1] == ']')) close++;
            if (close + 1 < p->end) {
                not_in = *name == '^';
                name += not_in;
                ranges = name <= close ? named_class(name, (size_t)(close - name)) : NULL;
                /* the one-letter names are not for users */
                if (!ranges || close - name < 2) return fail(p, "no such class");
                add_named(p, ranges, not_in);
                p->at = close + 2;
                continue;
            }
            p->no_names = true;
        }
        if (*p->at == '\\' && (ranges = perl_class(p->at + 1, p->end, &not_in))) {
            add_named(p, ranges, not_in);
            p->at += 2;
            continue;
        }
        uint32_t low = parse_class_char(p), high = low;
        if (p->end - p->at >= 2 && p->at[0] == '-' && p->at[1] != ']') {
            p->at++;
            if (*p->at == '\\' && perl_class(p->at + 1, p->end, &not_in)) return fail(p, "a class as end of a range");
            high = parse_class_char(p);
        }
        if (p->failed) return NONE;
        if (low > high) return fail(p, "a range that goes backwards");
        add_folded(p, low, high);
    }
    p->at++;
    return add_class(p, first, negated);
}

/* ---- everything else ---- */

static uint32_t parse_alternatives(struct parser *p, unsigned depth);

static bool name_is_taken(const struct parser *p, const char *name, size_t n)
{
    for (size_t i = 0; i < p->regex->n_groups; i++) {
        const char *other = p->regex->names[i];
        if (other && strlen(other) == n && memcmp(other, name, n) == 0) return true;
    }
    return false;
}

/* `at` is behind "(?P<" or "(?<". The name, or NULL. */
static char *parse_name(struct parser *p)
{
    const char *name = p->at;
    while (p->at < p->end && (*p->at == '_' || (*p->at >= '0' && *p->at <= '9') || (*p->at >= 'a' && *p->at <= 'z') ||
                              (*p->at >= 'A' && *p->at <= 'Z')))
        p->at++;
    size_t n = (size_t)(p->at - name);
    if (n == 0 || p->at == p->end || *p->at != '>') {
        fail(p, "a group's name is letters, digits and _");
        return NULL;
    }
    if (name_is_taken(p, name, n)) {
        fail(p, "two groups of one name");
        return NULL;
    }
    p->at++;
    char *copy = malloc(n + 1);
    if (!copy) {
        fail(p, "out of memory");
        return NULL;
    }
    memcpy(copy, name, n);
    copy[n] = '\0';
    return copy;
}

/* `at` is behind "(?": flags, up to ) or : which stays. */
static void parse_flags(struct parser *p)
{
    bool off = false, any = false;
    for (; p->at < p->end && *p->at != ')' && *p->at != ':'; p->at++) {
        unsigned flag = 0;
        if (*p->at == '-' && !off) {
            off = true;
            any = false;
            continue;
        }
        if (*p->at == 'i') flag = FOLD;
        if (*p->at == 's') flag = DOT_ALL;
        if (*p->at == 'm') flag = LINES;
        if (*p->at == 'U') flag = LAZY;
        if (!flag) {
            fail(p, "(? with something that is not supported");
            return;
        }
        any = true;
        p->flags = off ? p->flags & ~flag : p->flags | flag;
    }
    if (p->at == p->end) fail(p, "( without )");
    else if (off && !any) fail(p, "(?- without a flag");
    else if (!off && !any && *p->at == ')') fail(p, "(? without a flag");
}

/* `at` is behind "(". NONE without a failure: it only set flags. */
static uint32_t parse_group(struct parser *p, unsigned depth)
{
    size_t left = (size_t)(p->end - p->at);
    unsigned flags = p->flags;
    uint32_t group = NONE;
    char *name = NULL;
    if (depth >= DEPTH_MAX) return fail(p, "too many brackets in brackets");
    if (left >= 1 && *p->at == '?') {
        if (left >= 3 && memcmp(p->at, "?P<", 3) == 0) {
            p->at += 3;
            name = parse_name(p);
        } else if (left >= 2 && p->at[1] == '<' && !(left >= 3 && (p->at[2] == '=' || p->at[2] == '!'))) {
            p->at += 2;
            name = parse_name(p);
        } else {
            p->at++;
            parse_flags(p);
            if (p->failed) return NONE;
            if (*p->at++ == ')') return NONE;
            uint32_t inside = parse_alternatives(p, depth + 1);
            p->flags = flags;
            if (p->failed) return NONE;
            if (p->at == p->end) return fail(p, "( without )");
            p->at++;
            return inside;
        }
        if (p->failed) return NONE;
    }
    if (p->regex->n_groups == REGEXP_GROUPS_MAX) {
        free(name);
        return fail(p, "more than %u groups", REGEXP_GROUPS_MAX);
    }
    p->regex->names[p->regex->n_groups] = name;
    group = (uint32_t)p->regex->n_groups++;
    uint32_t inside = parse_alternatives(p, depth + 1), around = add_node(p, NODE_GROUP);
    p->flags = flags;
    if (p->failed) return NONE;
    if (p->at == p->end) return fail(p, "( without )");
    p->at++;
    p->nodes[around].child = inside;
    p->nodes[around].group = group;
    return around;
}

static bool parse_number(const char **at, const char *end, uint32_t *number)
{
    const char *digits = *at;
    for (*number = 0; *at < end && **at >= '0' && **at <= '9'; ++*at) {
        if (*number <= REPEAT_MAX) *number = *number * 10 + (uint32_t)(**at - '0');
    }
    return *at > digits;
}

/* * + ? {n} {n,} {n,m}. false: there is none here; something else in braces stands for itself. */
static bool parse_repeat(struct parser *p, uint32_t *min, uint32_t *max)
{
    if (p->at == p->end) return false;
    const char *at = p->at + 1;
    switch (*p->at) {
    case '*': *min = 0, *max = NONE; break;
    case '+': *min = 1, *max = NONE; break;
    case '?': *min = 0, *max = 1; break;
    case '{':
        if (!parse_number(&at, p->end, min)) return false;
        *max = *min;
        if (at < p->end && *at == ',') {
            at++;
            if (at < p->end && *at == '}') *max = NONE;
            else if (!parse_number(&at, p->end, max)) return false;
        }
        if (at == p->end || *at != '}') return false;
        at++;
        if (*min > REPEAT_MAX || (*max != NONE && (*max > REPEAT_MAX || *max < *min))) fail(p, "invalid repeat count");
        break;
    default: return false;
    }
    p->at = at;
    return true;
}

static uint32_t parse_escaped(struct parser *p)
{
    bool not_in = false;
    const char *ranges = perl_class(p->at, p->end, &not_in);
    size_t first = p->regex->n_ranges;
    if (ranges) {
        p->at++;
        add_named(p, ranges, not_in);
        return add_class(p, first, false);
    }
    if (p->at < p->end) {
        switch (*p->at) {
        case 'A': p->at++; return add_inst(p, RE_ASSERT, RE_TEXT_BEGIN);
        case 'z': p->at++; return add_inst(p, RE_ASSERT, RE_TEXT_END);
        case 'b': p->at++; return add_inst(p, RE_ASSERT, RE_WORD);
        case 'B': p->at++; return add_inst(p, RE_ASSERT, RE_NO_WORD);
        default: break;
        }
    }
    uint32_t c = parse_escape(p);
    return p->failed ? NONE : add_char(p, c);
}

static uint32_t parse_char(struct parser *p)
{
    size_t length;
    uint32_t c = utf8_decode(p->at, p->end, &length);
    if (c == 0xfffd && length == 1) return fail(p, "not UTF-8");
    p->at += length;
    switch (c) {
    case '.': return add_inst(p, p->flags & DOT_ALL ? RE_ANY : RE_ANY_LINE, 0);
    case '^': return add_inst(p, RE_ASSERT, p->flags & LINES ? RE_LINE_BEGIN : RE_TEXT_BEGIN);
    case '$': return add_inst(p, RE_ASSERT, p->flags & LINES ? RE_LINE_END : RE_TEXT_END);
    case '[': return parse_class(p);
    case '\\': return parse_escaped(p);
    default: return add_char(p, c);
    }
}

static void append(struct parser *p, uint32_t parent, uint32_t *last, uint32_t child)
{
    if (p->failed) return;
    if (*last == NONE) p->nodes[parent].child = child;
    else p->nodes[*last].next = child;
    *last = child;
}

/* Puts a repetition around `last`, the last part of `cat`, which must be no repetition itself. */
static void repeat(struct parser *p, uint32_t cat, uint32_t before, uint32_t *last, uint32_t min, uint32_t max)
{
    bool lazy = p->at < p->end && *p->at == '?';
    if (lazy) p->at++;
    uint32_t around = add_node(p, NODE_REPEAT);
    if (p->failed) return;
    p->nodes[around].child = *last;
    p->nodes[around].min = min;
    p->nodes[around].max = max;
    p->nodes[around].lazy = lazy != ((p->flags & LAZY) != 0);
    if (before == NONE) p->nodes[cat].child = around;
    else p->nodes[before].next = around;
    *last = around;
}

static uint32_t parse_sequence(struct parser *p, unsigned depth)
{
    uint32_t cat = add_node(p, NODE_CAT), last = NONE, before = NONE;
    bool repeatable = false; /* `last` is there, and no repetition was put around it */
    bool quoted = false;     /* between \Q and \E */
    while (!p->failed && p->at < p->end) {
        uint32_t min, max;
        if (p->end - p->at >= 2 && p->at[0] == '\\' && p->at[1] == (quoted ? 'E' : 'Q')) {
            quoted = !quoted;
            p->at += 2;
            continue;
        }
        if (!quoted && (*p->at == '|' || *p->at == ')')) break;
        if (!quoted && parse_repeat(p, &min, &max)) {
            if (p->failed) break;
            if (!repeatable) fail(p, last == NONE ? "nothing to repeat" : "a repetition of a repetition");
            else repeat(p, cat, before, &last, min, max);
            repeatable = false;
            continue;
        }
        uint32_t part;
        if (quoted) {
            size_t length;
            uint32_t c = utf8_decode(p->at, p->end, &length);
            p->at += length;
            part = add_char(p, c);
        } else if (*p->at == '(') {
            p->at++;
            part = parse_group(p, depth);
            if (part == NONE) {
                repeatable = false;
                continue;
            }
        } else {
            part = parse_char(p);
        }
        before = last;
        append(p, cat, &last, part);
        repeatable = true;
    }
    return cat;
}

static uint32_t parse_alternatives(struct parser *p, unsigned depth)
{
    uint32_t alt = add_node(p, NODE_ALT), last = NONE;
    for (;;) {
        append(p, alt, &last, parse_sequence(p, depth));
        if (p->failed || p->at == p->end || *p->at != '|') return alt;
        p->at++;
    }
}

/* ---- the program ---- */

static size_t emit(struct parser *p, uint32_t op, size_t x, size_t y)
{
    struct regexp *regex = p->regex;
    void *program = regex->program;
    if (p->failed) return 0;
    if (regex->n_program >= RE_PROGRAM_MAX) {
        fail(p, "the expression is too large");
        return 0;
    }
    if (!grow(&program, regex->n_program, &regex->cap_program, sizeof *regex->program)) {
        fail(p, "out of memory");
        return 0;
    }
    regex->program = program;
    regex->program[regex->n_program] = (struct re_inst){op, (uint32_t)x, (uint32_t)y};
    return regex->n_program++;
}

static void emit_node(struct parser *p, uint32_t index);

/* Where a split leads: into what stands behind it, or to `out`; a lazy one prefers the latter. */
static void aim(struct parser *p, size_t split, size_t out, bool lazy)
{
    if (p->failed) return;
    struct re_inst *inst = &p->regex->program[split];
    inst->x = (uint32_t)(lazy ? out : split + 1);
    inst->y = (uint32_t)(lazy ? split + 1 : out);
}

/* Loops are made as in Go, since what a group in them holds depends on it: x* is (x+)?, and x{2,} is xx+. */
static void emit_repeat(struct parser *p, const struct node *around)
{
    struct node n = *around;
    if (n.max == NONE) {
        size_t skip = n.min == 0 ? emit(p, RE_SPLIT, 0, 0) : 0, last = p->regex->n_program;
        for (uint32_t i = 0; (i < n.min || i == 0) && !p->failed; i++) {
            last = p->regex->n_program;
            emit_node(p, n.child);
        }
        size_t split = emit(p, RE_SPLIT, 0, 0), out = split + 1;
        if (p->failed) return;
        p->regex->program[split].x = (uint32_t)(n.lazy ? out : last);
        p->regex->program[split].y = (uint32_t)(n.lazy ? last : out);
        if (n.min == 0) aim(p, skip, out, n.lazy);
        return;
    }
    for (uint32_t i = 0; i < n.min && !p->failed; i++) emit_node(p, n.child);
    /* x{2,4} is xx(x(x)?)?: all optional parts end at the same place. They are linked by y until it is known. */
    size_t last = 0;
    uint32_t n_optional = n.max - n.min;
    for (uint32_t i = 0; i < n_optional && !p->failed; i++) {
        last = emit(p, RE_SPLIT, 0, last);
        emit_node(p, n.child);
    }
    for (uint32_t i = 0; i < n_optional && !p->failed; i++) {
        size_t before = p->regex->program[last].y;
        aim(p, last, p->regex->n_program, n.lazy);
        last = before;
    }
}

static void emit_alternatives(struct parser *p, uint32_t first)
{
    size_t last = 0; /* the jumps to the end, linked by y */
    uint32_t n_jumps = 0;
    for (uint32_t at = first; at != NONE && !p->failed; at = p->nodes[at].next) {
        if (p->nodes[at].next == NONE) {
            emit_node(p, at);
            break;
        }
        size_t split = emit(p, RE_SPLIT, 0, 0);
        emit_node(p, at);
        last = emit(p, RE_JUMP, 0, last);
        n_jumps++;
        aim(p, split, last + 1, false);
    }
    for (; n_jumps > 0 && !p->failed; n_jumps--) {
        struct re_inst *jump = &p->regex->program[last];
        last = jump->y;
        jump->x = (uint32_t)p->regex->n_program;
    }
}

static void emit_node(struct parser *p, uint32_t index)
{
    if (p->failed || index == NONE) return;
    if (++p->steps > 10 * RE_PROGRAM_MAX) {
        fail(p, "the expression is too large");
        return;
    }
    const struct node *n = &p->nodes[index];
    switch (n->kind) {
    case NODE_INST: emit(p, n->inst.op, n->inst.x, 0); break;
    case NODE_CAT:
        for (uint32_t at = n->child; at != NONE; at = p->nodes[at].next) emit_node(p, at);
        break;
    case NODE_ALT: emit_alternatives(p, n->child); break;
    case NODE_REPEAT: emit_repeat(p, n); break;
    default:
        emit(p, RE_SAVE, 2 * (size_t)n->group, 0);
        emit_node(p, n->child);
        emit(p, RE_SAVE, 2 * (size_t)n->group + 1, 0);
        break;
    }
}

struct regexp *regexp_new(const char *pattern, size_t n, char error[REGEXP_ERROR_MAX])
{
    struct parser p = {.start = pattern, .at = pattern, .end = pattern + n, .error = error};
    p.regex = calloc(1, sizeof *p.regex);
    if (!p.regex) {
        snprintf(error, REGEXP_ERROR_MAX, "out of memory");
        return NULL;
    }
    uint32_t root = parse_alternatives(&p, 0);
    if (!p.failed && p.at < p.end) fail(&p, ") without (");
    emit_node(&p, root);
    emit(&p, RE_MATCH, 0, 0);
    free(p.nodes);
    if (!p.failed) return p.regex;
    regexp_free(p.regex);
    return NULL;
}

void regexp_free(struct regexp *regex)
{
    if (!regex) return;
    for (size_t i = 0; i < REGEXP_GROUPS_MAX; i++) free(regex->names[i]);
    re_threads_free(regex->threads);
    free(regex->program);
    free(regex->ranges);
    free(regex->classes);
    free(regex);
}

size_t regexp_groups(const struct regexp *regex) { return regex->n_groups; }

const char *regexp_group_name(const struct regexp *regex, size_t index)
{
    return regex->names[index] ? regex->names[index] : "";
}
