#define _POSIX_C_SOURCE 200809L

#include "filter.h"

#include "regexp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWERS_MAX 8192

struct answer {
    char *name;
    bool matches;
};

struct filter {
    struct regexp *regexp;
    struct answer *answers;
    size_t n, room, next;
};

bool filter_new(const char *expression, struct filter **filter, char *why, size_t n_why)
{
    char error[REGEXP_ERROR_MAX] = "out of memory";
    *filter = NULL;
    if (!*expression) return true;
    struct filter *made = calloc(1, sizeof *made);
    if (made) made->regexp = regexp_new(expression, strlen(expression), error);
    if (made && made->regexp) {
        *filter = made;
        return true;
    }
    snprintf(why, n_why, "\"%s\": %s", expression, error);
    free(made);
    return false;
}

void filter_free(struct filter *filter)
{
    if (!filter) return;
    for (size_t i = 0; i < filter->n; i++) free(filter->answers[i].name);
    free(filter->answers);
    regexp_free(filter->regexp);
    free(filter);
}

void filter_rewind(struct filter *filter)
{
    if (filter) filter->next = 0;
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
    /* Without memory it is as if there were no expression. */
    bool matches = regexp_match(filter->regexp, name, strlen(name), NULL) == 1;
    if (answer) {
        free(answer->name);
        *answer = (struct answer){strdup(name), matches};
    }
    return matches;
}
