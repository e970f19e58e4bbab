/* What regexp_parse.c makes and regexp_match.c runs: a program for a machine that follows all its threads at once. */
#ifndef EXPORTERS_COMMON_REGEXP_PROGRAM_H
#define EXPORTERS_COMMON_REGEXP_PROGRAM_H

#include "regexp.h"

#include <stdint.h>

enum {
    RE_CHAR,      /* the code point x */
    RE_CHAR_FOLD, /* likewise, an ASCII letter in either case; x is the small one */
    RE_ANY,       /* any code point */
    RE_ANY_LINE,  /* any but LF */
    RE_CLASS,     /* one of the class x */
    RE_JUMP,      /* go on at x */
    RE_SPLIT,     /* go on at x, and with less right at y */
    RE_SAVE,      /* the position is that of slot x */
    RE_ASSERT,    /* go on if the position is an x, one of: */
    RE_MATCH
};
enum {
    RE_TEXT_BEGIN,
    RE_TEXT_END,
    RE_LINE_BEGIN,
    RE_LINE_END,
    RE_WORD,
    RE_NO_WORD
};

#define RE_PROGRAM_MAX 10000u

struct re_inst {
    uint32_t op, x, y;
};

struct re_range {
    uint32_t low, high;
};

struct re_class {
    uint32_t first, n; /* in ranges; ascending */
    bool negated;
};

struct regexp {
    struct re_inst *program;
    size_t n_program, cap_program;
    struct re_range *ranges;
    size_t n_ranges, cap_ranges;
    struct re_class *classes;
    size_t n_classes, cap_classes;
    size_t n_groups;
    char *names[REGEXP_GROUPS_MAX]; /* NULL: none */
    struct re_threads *threads;     /* of the machine; made by the first match */
};

void re_threads_free(struct re_threads *threads);

#endif
