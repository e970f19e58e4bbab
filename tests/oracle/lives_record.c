#include "lives.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[LIVES_KINDS] = {"add",    "set",  "hold", "add-held", "set-held",
                                               "let-go", "get",  "size", "delete",   "change",
                                               "sweep",  "mark", "tick", "page",     "each"};

void lives_add(struct lives *lives, const struct lives_op *op)
{
    size_t *n = &lives->threads[op->thread].n, *room = &lives->threads[op->thread].room;
    if (*n == *room) {
        *room = *room ? *room * 2 : 256;
        struct lives_op *grown = realloc(lives->threads[op->thread].ops, *room * sizeof *grown);
        if (!grown) abort();
        lives->threads[op->thread].ops = grown;
    }
    lives->threads[op->thread].ops[(*n)++] = *op;
}

void lives_clear(struct lives *lives)
{
    for (unsigned i = 0; i < LIVES_THREADS; i++) {
        free(lives->threads[i].ops);
        lives->threads[i].ops = NULL;
        lives->threads[i].n = lives->threads[i].room = 0;
    }
    lives->why[0] = '\0';
}

void lives_tell(const struct lives_op *op, char *out, size_t room)
{
    int n = snprintf(out, room, "%" PRIu64 " %" PRIu64 " %u %s %u %u %d %d %d %d %d %d %u %u", op->begin, op->end,
                     op->thread, kinds[op->kind], op->key, op->handle, (int)op->value, op->answer.done,
                     op->answer.created, op->answer.updated, op->answer.removed, op->answer.refused,
                     (unsigned)op->scope, (unsigned)op->lingers);
    for (unsigned k = 0; k < LIVES_KEYS && n > 0 && (size_t)n < room; k++) {
        int len = op->values[k] == LIVES_ABSENT
                      ? snprintf(out + n, room - (size_t)n, " %c-", "-=:+?"[op->effects[k]])
                      : snprintf(out + n, room - (size_t)n, " %c%d", "-=:+?"[op->effects[k]], (int)op -> values[k]);
        n = len > 0 ? n + len : len;
    }
}

bool lives_write(const struct lives *lives, FILE *file)
{
    char line[512];
    for (unsigned i = 0; i < LIVES_VECS; i++) {
        const struct lives_vec *vec = &lives->vecs[i];
        fprintf(file, "vec %u %u %u %u %d %d %d\n", vec->first, vec->n, vec->cap, vec->shared, vec->folds, vec->expires,
                vec->lingers);
    }
    for (unsigned i = 0; i < LIVES_THREADS; i++) {
        for (size_t k = 0; k < lives->threads[i].n; k++) {
            lives_tell(&lives->threads[i].ops[k], line, sizeof line);
            fprintf(file, "%s\n", line);
        }
    }
    return fflush(file) == 0 && !ferror(file);
}

static bool read_kind(const char *name, enum lives_kind *kind)
{
    for (unsigned i = 0; i < LIVES_KINDS; i++) {
        if (strcmp(kinds[i], name) != 0) continue;
        *kind = (enum lives_kind)i;
        return true;
    }
    return false;
}

static bool read_series(char **at, struct lives_op *op, unsigned key)
{
    static const char effects[] = "-=:+?";
    if (**at != ' ') return false;
    const char *effect = strchr(effects, *++*at);
    if (!effect || !*effect) return false;
    op->effects[key] = (uint8_t)(effect - effects);
    op->values[key] = LIVES_ABSENT;
    if (*++*at == '-' && ((*at)[1] == ' ' || (*at)[1] == '\n')) {
        ++*at;
        return true;
    }
    char *end;
    op->values[key] = (int32_t)strtol(*at, &end, 10);
    bool read = end != *at;
    *at = end;
    return read;
}

static bool read_op(char *line, struct lives_op *op)
{
    char name[16];
    int value, used = 0;
    unsigned scope, lingers;
    struct lives_answer *answer = &op->answer;
    memset(op, 0, sizeof *op);
    if (sscanf(line, "%" SCNu64 " %" SCNu64 " %u %15s %u %u %d %d %d %d %d %d %u %u%n", &op->begin, &op->end,
               &op->thread, name, &op->key, &op->handle, &value, &answer->done, &answer->created, &answer->updated,
               &answer->removed, &answer->refused, &scope, &lingers, &used) != 14)
        return false;
    op->value = value;
    op->scope = (uint8_t)scope;
    op->lingers = (uint8_t)lingers;
    if (!read_kind(name, &op->kind) || op->thread >= LIVES_THREADS || op->key >= LIVES_KEYS ||
        op->handle >= LIVES_HANDLES)
        return false;
    char *at = line + used;
    for (unsigned key = 0; key < LIVES_KEYS; key++) {
        if (!read_series(&at, op, key)) return false;
    }
    return *at == '\n';
}

bool lives_read(struct lives *lives, FILE *file)
{
    char line[512];
    unsigned vecs = 0;
    memset(lives, 0, sizeof *lives);
    while (fgets(line, sizeof line, file)) {
        struct lives_op op;
        if (strncmp(line, "vec ", 4) == 0 && vecs < LIVES_VECS) {
            struct lives_vec *vec = &lives->vecs[vecs++];
            int folds, expires, lingers;
            if (sscanf(line, "vec %u %u %u %u %d %d %d", &vec->first, &vec->n, &vec->cap, &vec->shared, &folds, &expires,
                       &lingers) != 7 ||
                vec->first > LIVES_KEYS || vec->n > LIVES_KEYS - vec->first || vec->shared > vec->n)
                return false;
            vec->folds = folds;
            vec->expires = expires;
            vec->lingers = lingers;
        } else if (read_op(line, &op)) {
            lives_add(lives, &op);
        } else {
            return false;
        }
    }
    return vecs == LIVES_VECS;
}
