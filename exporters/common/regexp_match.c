#include "regexp_program.h"

#include "buffer.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_MAX (2 * REGEXP_GROUPS_MAX)
#define NO_CHAR UINT32_MAX /* before the first and behind the last character */

/* The threads of one position, those with more right first; the program counters are a sparse set. */
struct list {
    uint32_t *sparse, *dense;
    const char **slots; /* n_slots per entry of dense */
    size_t n;
};

/* What is left to do while a thread is put in: a program counter, or a slot to be set back. */
struct todo {
    uint32_t pc;
    uint32_t slot;
    const char *back;
};

struct re_threads {
    struct list lists[2];
    struct todo *stack;
    size_t n_slots;
};

void re_threads_free(struct re_threads *threads)
{
    if (!threads) return;
    for (int i = 0; i < 2; i++) {
        free(threads->lists[i].sparse);
        free(threads->lists[i].dense);
        free(threads->lists[i].slots);
    }
    free(threads->stack);
    free(threads);
}

static struct re_threads *threads_new(const struct regexp *regex)
{
    struct re_threads *threads = calloc(1, sizeof *threads);
    if (!threads) return NULL;
    size_t n = regex->n_program;
    bool ok = true;
    threads->n_slots = 2 * regex->n_groups;
    for (int i = 0; i < 2; i++) {
        struct list *l = &threads->lists[i];
        l->sparse = calloc(n, sizeof *l->sparse);
        l->dense = calloc(n, sizeof *l->dense);
        l->slots = calloc(n * threads->n_slots + 1, sizeof *l->slots);
        ok = ok && l->sparse && l->dense && l->slots;
    }
    /* Each program counter is put in once; each leaves at most two things to do. */
    threads->stack = calloc(2 * n + 2, sizeof *threads->stack);
    if (ok && threads->stack) return threads;
    re_threads_free(threads);
    return NULL;
}

static bool has(const struct list *l, uint32_t pc)
{
    uint32_t at = l->sparse[pc];
    return at < l->n && l->dense[at] == pc;
}

static bool is_word(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool holds(uint32_t assertion, uint32_t before, uint32_t behind)
{
    switch (assertion) {
    case RE_TEXT_BEGIN: return before == NO_CHAR;
    case RE_TEXT_END: return behind == NO_CHAR;
    case RE_LINE_BEGIN: return before == NO_CHAR || before == '\n';
    case RE_LINE_END: return behind == NO_CHAR || behind == '\n';
    case RE_WORD: return is_word(before) != is_word(behind);
    default: return is_word(before) == is_word(behind);
    }
}

/* Puts in a thread at `pc` and all that it leads to without a character. `slots` come back as they were. */
static void put(const struct regexp *regex, struct list *l, uint32_t pc, const char **slots, const char *at,
                uint32_t before, uint32_t behind)
{
    struct todo *stack = regex->threads->stack;
    size_t n_slots = regex->threads->n_slots, n = 0;
    stack[n++] = (struct todo){.pc = pc, .slot = UINT32_MAX};
    while (n > 0) {
        struct todo next = stack[--n];
        if (next.slot != UINT32_MAX) {
            slots[next.slot] = next.back;
            continue;
        }
        for (pc = next.pc; !has(l, pc);) {
            const struct re_inst *inst = &regex->program[pc];
            l->sparse[pc] = (uint32_t)l->n;
            l->dense[l->n] = pc;
            size_t entry = l->n++;
            if (inst->op == RE_JUMP) {
                pc = inst->x;
            } else if (inst->op == RE_SPLIT) {
                stack[n++] = (struct todo){.pc = inst->y, .slot = UINT32_MAX};
                pc = inst->x;
            } else if (inst->op == RE_SAVE) {
                stack[n++] = (struct todo){.slot = inst->x, .back = slots[inst->x]};
                slots[inst->x] = at;
                pc++;
            } else if (inst->op == RE_ASSERT) {
                if (!holds(inst->x, before, behind)) break;
                pc++;
            } else {
                if (n_slots > 0) memcpy(l->slots + entry * n_slots, slots, n_slots * sizeof *slots);
                break;
            }
        }
    }
}

static bool in_class(const struct regexp *regex, uint32_t index, uint32_t c)
{
    const struct re_class *class = &regex->classes[index];
    const struct re_range *ranges = regex->ranges + class->first;
    uint32_t low = 0, high = class->n; /* the first range that ends at c or behind it */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (ranges[middle].high < c) low = middle + 1;
        else high = middle;
    }
    bool in = low < class->n && c >= ranges[low].low;
    return in != class->negated;
}

static bool takes(const struct regexp *regex, const struct re_inst *inst, uint32_t c)
{
    switch (inst->op) {
    case RE_CHAR: return c == inst->x;
    case RE_CHAR_FOLD: return (c >= 'A' && c <= 'Z' ? c + 32 : c) == inst->x;
    case RE_ANY: return true;
    case RE_ANY_LINE: return c != '\n';
    case RE_CLASS: return in_class(regex, inst->x, c);
    default: return false;
    }
}

int regexp_match(struct regexp *regex, const char *text, size_t n, struct regexp_span *spans)
{
    if (!regex->threads && !(regex->threads = threads_new(regex))) return -1;
    struct re_threads *threads = regex->threads;
    size_t n_slots = threads->n_slots;
    struct list *now = &threads->lists[0], *then = &threads->lists[1];
    const char *slots[SLOTS_MAX] = {NULL}, *found[SLOTS_MAX] = {NULL};
    const char *at = text, *end = text + n;
    uint32_t before = NO_CHAR;
    bool matched = false;
    now->n = 0;
    for (;;) {
        size_t length = 0;
        uint32_t behind = at < end ? utf8_decode(at, end, &length) : NO_CHAR;
        if (!matched) {
            memset(slots, 0, n_slots * sizeof *slots);
            put(regex, now, 0, slots, at, before, behind);
        }
        size_t next_length = 0;
        const char *next = at + length;
        uint32_t next_behind = NO_CHAR;
        if (behind != NO_CHAR && next < end) next_behind = utf8_decode(next, end, &next_length);
        then->n = 0;
        for (size_t i = 0; i < now->n; i++) {
            const struct re_inst *inst = &regex->program[now->dense[i]];
            if (inst->op == RE_MATCH) {
                matched = true;
                if (!spans) return 1;
                if (n_slots > 0) memcpy(found, now->slots + i * n_slots, n_slots * sizeof *found);
                break; /* those behind it have less right */
            }
            if (behind != NO_CHAR && takes(regex, inst, behind)) {
                if (n_slots > 0) memcpy(slots, now->slots + i * n_slots, n_slots * sizeof *slots);
                put(regex, then, now->dense[i] + 1, slots, next, behind, next_behind);
            }
        }
        struct list *other = now;
        now = then;
        then = other;
        if (behind == NO_CHAR || (matched && now->n == 0)) break;
        before = behind;
        at = next;
    }
    if (!matched) return 0;
    for (size_t i = 0; spans && i < regex->n_groups; i++) {
        const char *from = found[2 * i], *to = found[2 * i + 1];
        spans[i] = from && to ? (struct regexp_span){from, (size_t)(to - from)} : (struct regexp_span){NULL, 0};
    }
    return 1;
}
