#define _GNU_SOURCE
#include "filter.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#define ANSWERS_MAX 8192

struct answer {
    char *name;
    bool matches;
};

/*
 * The compiled expression is there only while new names come: in glibc it grows with use, to hundreds of kilobytes, and
 * all later scrapes do without.
 */
struct filter {
    bool compiled;
    regex_t regex;
    struct answer *answers;
    size_t n, room, next;
    char expression[]; /* translated */
};

/* The length of [:alpha:], [.x.] or [=x=], which may stand in brackets; 0: it is none. */
static size_t class_length(const char *c)
{
    if (*c != '[' || (c[1] != ':' && c[1] != '.' && c[1] != '=')) return 0;
    for (const char *end = c + 2; *end; end++) {
        if (end[0] == c[1] && end[1] == ']') return (size_t)(end - c) + 2;
    }
    return 0;
}

/* Writes the expression without \d and \D; `out` has room for four times its length and the NUL. */
static void translate(const char *expression, char *out)
{
    bool bracket = false;
    for (const char *c = expression; *c; c++) {
        size_t len = bracket ? class_length(c) : 0;
        if (len) {
            memcpy(out, c, len);
            out += len;
            c += len - 1;
        } else if (*c == '\\' && c[1] == 'd') {
            out += sprintf(out, "%s", bracket ? "0-9" : "[0-9]");
            c++;
        } else if (!bracket && *c == '\\' && c[1] == 'D') {
            out += sprintf(out, "[^0-9]");
            c++;
        } else if (!bracket && *c == '\\' && c[1]) {
            *out++ = *c++;
            *out++ = *c;
        } else {
            /* A ] that comes first is one of the characters. */
            bool first = !bracket && *c == '[';
            if (bracket && *c == ']') bracket = false;
            *out++ = *c;
            if (!first) continue;
            bracket = true;
            if (c[1] == '^') *out++ = *++c;
            if (c[1] == ']') *out++ = *++c;
        }
    }
    *out = '\0';
}

/* 0, or what regerror() can explain. */
static int compile(struct filter *filter)
{
    int error = regcomp(&filter->regex, filter->expression, REG_EXTENDED | REG_NOSUB);
    filter->compiled = !error;
    return error;
}

static void forget_compiled(struct filter *filter)
{
    if (filter->compiled) regfree(&filter->regex);
    filter->compiled = false;
}

bool filter_new(const char *expression, struct filter **filter, char *why, size_t n_why)
{
    *filter = NULL;
    if (!*expression) return true;
    struct filter *made = calloc(1, sizeof *made + 4 * strlen(expression) + 1);
    if (!made) {
        snprintf(why, n_why, "out of memory");
        return false;
    }
    translate(expression, made->expression);
    int error = compile(made);
    if (error) {
        char text[128];
        regerror(error, &made->regex, text, sizeof text);
        snprintf(why, n_why, "\"%s\": %s", expression, text);
        free(made);
        return false;
    }
    forget_compiled(made);
    *filter = made;
    return true;
}

void filter_free(struct filter *filter)
{
    if (!filter) return;
    for (size_t i = 0; i < filter->n; i++) free(filter->answers[i].name);
    free(filter->answers);
    forget_compiled(filter);
    free(filter);
}

void filter_rewind(struct filter *filter)
{
    if (!filter) return;
    filter->next = 0;
    if (filter->compiled) {
        forget_compiled(filter);
#ifdef __GLIBC__
        malloc_trim(0);
#endif
    }
}

/* Where the next answer is kept; NULL: nowhere. */
static struct answer *next_answer(struct filter *filter)
{
    if (filter->next == filter->room) {
        size_t room = filter->room ? 2 * filter->room : 8;
        struct answer *answers = room > ANSWERS_MAX ? NULL : realloc(filter->answers, room * sizeof *answers);
        if (!answers) return NULL;
        filter->answers = answers;
        filter->room = room;
    }
    if (filter->next == filter->n) filter->answers[filter->n++] = (struct answer){NULL, false};
    return &filter->answers[filter->next++];
}

bool filter_matches(struct filter *filter, const char *name)
{
    if (!filter) return false;
    struct answer *answer = next_answer(filter);
    if (answer && answer->name && strcmp(answer->name, name) == 0) return answer->matches;
    /* It was compiled once: only memory can be missing. Then it is as if there were no expression. */
    bool matches = (filter->compiled || compile(filter) == 0) && regexec(&filter->regex, name, 0, NULL, 0) == 0;
    if (answer) {
        free(answer->name);
        *answer = (struct answer){strdup(name), matches};
    }
    return matches;
}
