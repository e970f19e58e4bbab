/* Descriptors: what a family is, checked, copied and prepared for rendering. */
#include "store/desc.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/names.h"
#include "base/number.h"
#include "base/thread.h"
#include "base/utf8.h"

static const double desc_default_bounds[] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};

static cprom_status desc_refuse(struct cprom__refusal *refusal, cprom_status status, const char *field,
                                const char *text, const char *reason)
{
    *refusal = (struct cprom__refusal){field, text, reason};
    return status;
}

/* The names' rules; `name` is without the prefix, `full` with it. */
static cprom_status desc_check_name(const struct cprom__family_spec *spec, const char *full,
                                    struct cprom__refusal *refusal)
{
    size_t len = strlen(full);
    if (!cprom__is_metric_name(full)) return desc_refuse(refusal, CPROM_ENAME, "name", full, "is not a metric name");
    if (!spec->internal && (cprom__has_prefix(spec->name, "cprom_") || cprom__has_prefix(full, "cprom_"))) {
        return desc_refuse(refusal, CPROM_ENAME, "name", full, "begins with cprom_, which is the library's own");
    }
    if (len > CPROM_VALUE_MAX)
        return desc_refuse(refusal, CPROM_ENAME, "name", full, "is too long"); /* for self-metrics */
    const struct cprom__kind *kind = cprom__kind(spec->type);
    bool ends = cprom__has_suffix(full, len, kind->suffix);
    if (spec->instrument && *kind->suffix && (!ends || len == strlen(kind->suffix))) {
        return desc_refuse(refusal, CPROM_ENAME, "name", full, kind->refusal);
    }
    if (cprom__kind_has(kind, CPROM__PART_STATES) && !cprom__is_label_name(full)) {
        return desc_refuse(refusal, CPROM_ENAME, "name", full, "is a stateset's and must be a label name, too");
    }
    if (spec->unit && !kind->has_unit) {
        return desc_refuse(refusal, CPROM_EINVAL, "unit", spec->unit, "is for numbers; infos and statesets have none");
    }
    if (spec->unit) {
        size_t base = ends ? len - strlen(kind->suffix) : len;
        size_t unit = strlen(spec->unit);
        if (!*spec->unit || !cprom__has_suffix(full, base, spec->unit) || base <= unit + 1 ||
            full[base - unit - 1] != '_') {
            return desc_refuse(refusal, CPROM_ENAME, "unit", spec->unit, "is not the suffix of the name");
        }
    }
    return CPROM_OK;
}

static cprom_status desc_check_help(const struct cprom__family_spec *spec, struct cprom__refusal *refusal)
{
    if (spec->instrument && (!spec->help || !*spec->help)) {
        return desc_refuse(refusal, CPROM_EINVAL, "help", "", "is missing");
    }
    if (spec->help && !cprom__is_utf8(spec->help, strlen(spec->help))) {
        return desc_refuse(refusal, CPROM_EUTF8, "help", "", "is not UTF-8");
    }
    return CPROM_OK;
}

/* Whether the type itself brings a label of that name; `full` is the family's name with the prefix. */
static bool desc_is_own_label(cprom_type type, const char *full, const char *label)
{
    const char *own = cprom__kind(type)->label;
    return own && strcmp(label, *own ? own : full) == 0;
}

static cprom_status desc_check_labels(const struct cprom__family_rules *rules, const struct cprom__family_spec *spec,
                                      const char *full, size_t n, struct cprom__refusal *refusal)
{
    for (size_t i = 0; i < n; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): n counts them */
        const char *label = spec->labels[i];
        if (strlen(label) > CPROM_VALUE_MAX) return desc_refuse(refusal, CPROM_ELABELS, "labels", label, "is too long");
        if (!cprom__is_label_name(label)) {
            return desc_refuse(refusal, CPROM_ELABELS, "labels", label,
                               cprom__has_prefix(label, "__") ? "begins with __, which is reserved"
                                                              : "is not a label name");
        }
        if (desc_is_own_label(spec->type, full, label)) {
            return desc_refuse(refusal, CPROM_ELABELS, "labels", label, "is reserved on this type");
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(label, spec->labels[k]) == 0)
                return desc_refuse(refusal, CPROM_ELABELS, "labels", label, "stands twice");
        }
        for (size_t k = 0; k < rules->n_const_labels; k++) {
            if (strcmp(label, rules->const_labels[k].name) == 0) {
                return desc_refuse(refusal, CPROM_ELABELS, "labels", label, "is a const label of the registry");
            }
        }
    }
    for (size_t k = 0; k < rules->n_const_labels; k++) {
        const char *label = rules->const_labels[k].name;
        if (desc_is_own_label(spec->type, full, label)) {
            return desc_refuse(refusal, CPROM_ELABELS, "const_labels", label, "is reserved on this type");
        }
    }
    return CPROM_OK;
}

static cprom_status desc_check_bounds(const struct cprom__family_spec *spec, struct cprom__refusal *refusal)
{
    if (!spec->bounds && !spec->n_bounds) return CPROM_OK;
    if (!cprom__kind_has(cprom__kind(spec->type), CPROM__PART_BUCKETS))
        return desc_refuse(refusal, CPROM_EINVAL, "bounds", "", "are for histograms only");
    if (!spec->bounds || !spec->n_bounds)
        return desc_refuse(refusal, CPROM_EINVAL, "bounds", "", "come without their number");
    if (spec->n_bounds > CPROM_BOUNDS_MAX) return desc_refuse(refusal, CPROM_EINVAL, "bounds", "", "are too many");
    for (size_t i = 0; i < spec->n_bounds; i++) {
        if (isnan(spec->bounds[i])) return desc_refuse(refusal, CPROM_EINVAL, "bounds", "NaN", "is no bound");
        if (spec->bounds[i] == -INFINITY) return desc_refuse(refusal, CPROM_EINVAL, "bounds", "-Inf", "is no bound");
        if (i && !(spec->bounds[i] > spec->bounds[i - 1])) {
            return desc_refuse(refusal, CPROM_EINVAL, "bounds", "", "are not strictly ascending");
        }
    }
    return CPROM_OK;
}

static size_t desc_count_states(const struct cprom__family_spec *spec)
{
    size_t n = 0;
    while (spec->states && n < CPROM_STATES_MAX && spec->states[n]) n++;
    return n;
}

static cprom_status desc_check_states(const struct cprom__family_spec *spec, struct cprom__refusal *refusal)
{
    size_t n = desc_count_states(spec);
    if (!cprom__kind_has(cprom__kind(spec->type), CPROM__PART_STATES)) {
        return n ? desc_refuse(refusal, CPROM_EINVAL, "states", spec->states[0], "are for statesets only") : CPROM_OK;
    }
    if (!n) return desc_refuse(refusal, CPROM_EINVAL, "states", "", "are missing");
    for (size_t i = 0; i < n; i++) {
        const char *state = spec->states[i];
        size_t len = strlen(state);
        if (!len) return desc_refuse(refusal, CPROM_EINVAL, "states", "", "has an empty one");
        if (len > CPROM_VALUE_MAX) return desc_refuse(refusal, CPROM_EUTF8, "states", state, "is too long");
        if (!cprom__is_utf8(state, len))
            return desc_refuse(refusal, CPROM_EUTF8, "states", "", "has one that is not UTF-8");
        for (size_t k = 0; k < i; k++) {
            if (strcmp(state, spec->states[k]) != 0) continue;
            return desc_refuse(refusal, CPROM_EINVAL, "states", state, "stands twice");
        }
    }
    return CPROM_OK;
}

/* Cuts the text between the braces into pieces around the values. */
static bool desc_make_pieces(struct cprom__desc *desc, const struct cprom__family_rules *rules)
{
    for (size_t i = 0; i < desc->n_labels; i++) {
        size_t at = i;
        for (; at && strcmp(desc->labels[desc->sorted[at - 1]], desc->labels[i]) > 0; at--) {
            desc->sorted[at] = desc->sorted[at - 1];
        }
        desc->sorted[at] = (uint8_t)i;
    }
    size_t room = 1;
    for (size_t i = 0; i < desc->n_labels; i++) room += strlen(desc->labels[i]) + sizeof ",=\"\"";
    for (size_t i = 0; i < rules->n_const_labels; i++) {
        const cprom_label *label = &rules->const_labels[i];
        room += strlen(label->name) + cprom__escaped_len(label->value, strlen(label->value)) + sizeof ",=\"\"";
    }
    char *out = cprom__arena_alloc(&desc->memory, room), *start = out;
    if (!out) return false;
    size_t next_const = 0;
    for (size_t i = 0; i <= desc->n_labels; i++) {
        const char *name = i < desc->n_labels ? desc->labels[desc->sorted[i]] : NULL;
        char *piece = out;
        if (i) *out++ = '"';
        for (; next_const < rules->n_const_labels && (!name || strcmp(rules->const_labels[next_const].name, name) < 0);
             next_const++) {
            const cprom_label *label = &rules->const_labels[next_const];
            if (out != start) *out++ = ',';
            size_t len = strlen(label->name), value_len = strlen(label->value);
            memcpy(out, label->name, len);
            out += len;
            *out++ = '=';
            *out++ = '"';
            out = cprom__escape(out, label->value, value_len);
            *out++ = '"';
            desc->escaped |= cprom__escaped_len(label->value, value_len) != value_len;
        }
        if (name) {
            if (out != start) *out++ = ',';
            size_t len = strlen(name);
            memcpy(out, name, len);
            out += len;
            *out++ = '=';
            *out++ = '"';
        }
        desc->pieces[i] = (struct cprom__piece){piece, (size_t)(out - piece)};
        desc->pieces_len += desc->pieces[i].len;
    }
    return true;
}

static bool desc_make_bounds(struct cprom__desc *desc, const struct cprom__family_spec *spec)
{
    const double *bounds = spec->bounds ? spec->bounds : desc_default_bounds;
    size_t n = spec->bounds ? spec->n_bounds : sizeof desc_default_bounds / sizeof *desc_default_bounds;
    if (bounds[n - 1] == INFINITY) n--;
    size_t padded = (n + CPROM__BOUNDS_STEP) / CPROM__BOUNDS_STEP * CPROM__BOUNDS_STEP;
    double *copy = cprom__arena_alloc(&desc->memory, padded * sizeof *copy);
    desc->le = cprom__arena_alloc(&desc->memory, (n + 1) * sizeof *desc->le);
    if (!copy || !desc->le) return false;
    for (size_t i = 0; i <= n; i++) {
        char text[CPROM__NUMBER_MAX];
        copy[i] = i < n ? bounds[i] : INFINITY;
        size_t len = cprom__number_double(text, copy[i]), openmetrics_len = cprom__number_openmetrics(text, copy[i]);
        desc->le[i] = (struct cprom__bound){cprom__arena_copy(&desc->memory, text, openmetrics_len), (uint8_t)len,
                                            (uint8_t)openmetrics_len};
        if (!desc->le[i].text) return false;
    }
    for (size_t i = n; i < padded; i++) copy[i] = INFINITY;
    desc->bounds = copy;
    desc->n_bounds = n;
    return true;
}

/* name="state", escaped. */
static bool desc_make_pair(struct cprom__desc *desc, struct cprom__state *state)
{
    size_t len = strlen(state->name), escaped = cprom__escaped_len(state->name, len);
    char *out = cprom__arena_alloc(&desc->memory, desc->name_len + escaped + 3);
    if (!out) return false;
    state->pair = (struct cprom__piece){out, desc->name_len + escaped + 3};
    memcpy(out, desc->name, desc->name_len);
    out += desc->name_len;
    *out++ = '=';
    *out++ = '"';
    out = cprom__escape(out, state->name, len);
    *out = '"';
    return true;
}

/* The states in their order on the page, and the place of their label among the others, const labels included. */
static bool desc_make_states(struct cprom__desc *desc, const struct cprom__family_rules *rules,
                             const struct cprom__family_spec *spec)
{
    desc->n_states = desc_count_states(spec);
    desc->states = cprom__arena_alloc(&desc->memory, desc->n_states * sizeof *desc->states);
    if (!desc->states) return false;
    for (size_t i = 0; i < desc->n_states; i++) {
        struct cprom__state state = {.bit = (unsigned)i};
        size_t at = i;
        state.name = cprom__arena_copy(&desc->memory, spec->states[i], strlen(spec->states[i]));
        if (!state.name || !desc_make_pair(desc, &state)) return false;
        for (; at && strcmp(desc->states[at - 1].name, state.name) > 0; at--) desc->states[at] = desc->states[at - 1];
        desc->states[at] = state;
    }
    size_t before = 0;
    while (before < desc->n_labels && strcmp(desc->labels[desc->sorted[before]], desc->name) < 0) before++;
    desc->state_piece = before;
    desc->state_at = before ? 1 : 0; /* the closing quote of the value before */
    /* Const labels between the label before and this one stand in the same piece. */
    const char *last = before ? desc->labels[desc->sorted[before - 1]] : "";
    for (size_t i = 0; i < rules->n_const_labels; i++) {
        const cprom_label *label = &rules->const_labels[i];
        if (strcmp(label->name, last) < 0 || strcmp(label->name, desc->name) > 0) continue;
        if (desc->state_at) desc->state_at++; /* a comma */
        desc->state_at += strlen(label->name) + cprom__escaped_len(label->value, strlen(label->value)) + 3;
    }
    return true;
}

static bool desc_copy_strings(struct cprom__desc *desc, const struct cprom__family_rules *rules,
                              const struct cprom__family_spec *spec)
{
    struct cprom__arena *memory = &desc->memory;
    if (spec->help && !(desc->help = cprom__arena_copy(memory, spec->help, strlen(spec->help)))) return false;
    if (spec->unit && !(desc->unit = cprom__arena_copy(memory, spec->unit, strlen(spec->unit)))) return false;
    desc->labels = cprom__arena_alloc(memory, (desc->n_labels + 1) * sizeof *desc->labels);
    if (!desc->labels) return false;
    for (size_t i = 0; i < desc->n_labels; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): n_labels counts them */
        desc->labels[i] = cprom__arena_copy(memory, spec->labels[i], strlen(spec->labels[i]));
        if (!desc->labels[i]) return false;
    }
    desc->n_const_labels = rules->n_const_labels;
    desc->const_labels = cprom__arena_alloc(memory, (desc->n_const_labels + 1) * sizeof *desc->const_labels);
    if (!desc->const_labels) return false;
    memcpy(desc->const_labels, rules->const_labels, desc->n_const_labels * sizeof *desc->const_labels);
    if (!desc_make_pieces(desc, rules)) return false;
    if (cprom__kind_has(desc->kind, CPROM__PART_STATES) && !desc_make_states(desc, rules, spec)) return false;
    return !cprom__kind_has(desc->kind, CPROM__PART_BUCKETS) || desc_make_bounds(desc, spec);
}

/* The library's own labels win over const labels of the same name. */
static struct cprom__family_rules desc_rules_for_own(const struct cprom__family_rules *rules,
                                                     const struct cprom__family_spec *spec)
{
    struct cprom__family_rules left = *rules;
    left.n_const_labels = 0;
    for (size_t i = 0; i < rules->n_const_labels; i++) {
        bool own = desc_is_own_label(spec->type, spec->name, rules->const_labels[i].name);
        for (size_t k = 0; k < CPROM_LABELS_MAX && spec->labels[k]; k++) {
            own |= strcmp(spec->labels[k], rules->const_labels[i].name) == 0;
        }
        if (!own) left.const_labels[left.n_const_labels++] = rules->const_labels[i];
    }
    return left;
}

/* In a block of its own: what points at it must point at the beginning of one, for tools that look for leaks. */
static size_t desc_bytes(size_t n_labels)
{
    return sizeof(struct cprom__desc) + (n_labels + 1) * sizeof(struct cprom__piece);
}

cprom_status cprom__desc_new(struct cprom__allocator *allocator, const struct cprom__family_rules *rules,
                             const struct cprom__family_spec *spec, struct cprom__desc **out,
                             struct cprom__refusal *refusal)
{
    *out = NULL;
    if (!spec->name) return desc_refuse(refusal, CPROM_ENAME, "name", "", "is missing");
    if (!cprom__is_kind(spec->type)) return desc_refuse(refusal, CPROM_EINVAL, "type", "", "is unknown");
    const struct cprom__kind *kind = cprom__kind(spec->type);
    if (!kind->emitted && !spec->instrument) {
        return desc_refuse(refusal, CPROM_EINVAL, "type", kind->name, "is for instruments only");
    }
    struct cprom__family_rules own;
    if (spec->internal && spec->labels) {
        own = desc_rules_for_own(rules, spec);
        rules = &own;
    }

    size_t n_labels = 0;
    while (n_labels < CPROM_LABELS_MAX && spec->labels && spec->labels[n_labels]) n_labels++;
    struct cprom__desc *desc = cprom__alloc_zeroed(allocator, desc_bytes(n_labels));
    if (!desc) return CPROM_ENOMEM;
    cprom__arena_init(&desc->memory, allocator, 256);
    desc->type = spec->type;
    desc->kind = kind;
    desc->n_labels = n_labels;

    bool bare = cprom__has_prefix(spec->name, "process_") || cprom__has_prefix(spec->name, "cprom_");
    const char *prefix = rules->prefix && !bare ? rules->prefix : "";
    size_t prefix_len = strlen(prefix), name_len = strlen(spec->name);
    char *name = cprom__arena_alloc(&desc->memory, prefix_len + name_len + 1);
    if (name) {
        memcpy(name, prefix, prefix_len);
        memcpy(name + prefix_len, spec->name, name_len + 1);
        desc->name = name;
        desc->name_len = prefix_len + name_len;
    }
    cprom_status status = name ? CPROM_OK : CPROM_ENOMEM;
    if (!status) status = desc_check_name(spec, name, refusal);
    if (!status) status = desc_check_help(spec, refusal);
    if (!status) status = desc_check_labels(rules, spec, name, desc->n_labels, refusal);
    if (!status) status = desc_check_bounds(spec, refusal);
    if (!status) status = desc_check_states(spec, refusal);
    if (!status) {
        bool ends = cprom__has_suffix(name, desc->name_len, kind->suffix);
        size_t base_len = desc->name_len - (ends ? strlen(kind->suffix) : 0);
        desc->base_len = base_len ? base_len : desc->name_len;
        status = desc_copy_strings(desc, rules, spec) ? CPROM_OK : CPROM_ENOMEM;
    }
    /* The refusal's text may be in this memory: point it at what the caller gave. */
    if (status && refusal->text == name) refusal->text = spec->name;
    if (status) cprom__desc_free(desc);
    else *out = desc;
    return status;
}

void cprom__desc_free(struct cprom__desc *desc)
{
    if (!desc) return;
    struct cprom__allocator *allocator = desc->memory.allocator;
    cprom__arena_free(&desc->memory);
    cprom__release(allocator, desc, desc_bytes(desc->n_labels));
}

size_t cprom__desc_label(const struct cprom__desc *desc, const char *name)
{
    size_t i = 0;
    while (i < desc->n_labels && strcmp(desc->labels[i], name) != 0) i++;
    return i;
}

size_t cprom__desc_text_len(const struct cprom__desc *desc, const struct cprom__values *values)
{
    size_t len = desc->pieces_len;
    if (values->plain) return len + values->bytes;
    for (size_t i = 0; i < values->n; i++) len += cprom__escaped_len(values->v[i], values->len[i]);
    return len;
}

void cprom__desc_text(const struct cprom__desc *desc, const struct cprom__values *values, char *out)
{
    for (size_t i = 0; i <= desc->n_labels; i++) {
        memcpy(out, desc->pieces[i].text, desc->pieces[i].len);
        out += desc->pieces[i].len;
        if (i == desc->n_labels) return;
        size_t label = desc->sorted[i];
        if (values->plain) {
            memcpy(out, values->v[label], values->len[label]);
            out += values->len[label];
        } else {
            out = cprom__escape(out, values->v[label], values->len[label]);
        }
    }
}

/* Whether two runs of bytes are equal. Most are short: words, of which the last overlaps, beat a call. */
static inline bool desc_same_bytes(const char *a, const char *b, size_t n)
{
    if (n >= 8) {
        uint64_t differ = cprom__read64(a + n - 8) ^ cprom__read64(b + n - 8);
        for (size_t i = 0; i < n - 8; i += 8) differ |= cprom__read64(a + i) ^ cprom__read64(b + i);
        return !differ;
    }
    if (n >= 4) {
        return !((cprom__read32(a) ^ cprom__read32(b)) | (cprom__read32(a + n - 4) ^ cprom__read32(b + n - 4)));
    }
    return !n || (a[0] == b[0] && a[n / 2] == b[n / 2] && a[n - 1] == b[n - 1]);
}

static CPROM__NOINLINE bool desc_matches_escaped(const struct cprom__desc *desc, const char *text, const char *end,
                                                 const struct cprom__values *values)
{
    for (size_t i = 0;; i++) {
        const struct cprom__piece *piece = &desc->pieces[i];
        if ((size_t)(end - text) < piece->len || memcmp(text, piece->text, piece->len) != 0) return false;
        text += piece->len;
        if (i == desc->n_labels) return text == end;
        size_t label = desc->sorted[i];
        for (uint32_t k = 0; k < values->len[label]; k++) {
            if (cprom__pair_byte(&text) != (unsigned char)values->v[label][k]) return false;
        }
    }
}

bool cprom__desc_matches(const struct cprom__desc *desc, const char *text, size_t len, bool escaped,
                         const struct cprom__values *values)
{
    if (CPROM__UNLIKELY(escaped)) return desc_matches_escaped(desc, text, text + len, values);
    /*
     * Equal to the raw rendering, and of its length, a text without escapes can only come from these values: one with a
     * quote in it would bring more quotes than the text has. The first piece begins every text of the family, and the
     * last one ends it, so that they need no comparison.
     */
    if (len != desc->pieces_len + values->bytes) return false;
    const struct cprom__piece *piece = desc->pieces;
    for (size_t i = 0, n = values->n; i < n;) {
        size_t label = desc->sorted[i], value_len = values->len[label];
        text += piece->len;
        if (!desc_same_bytes(text, values->v[label], value_len)) return false;
        if (++i == n) break;
        text += value_len;
        piece++;
        if (!desc_same_bytes(text, piece->text, piece->len)) return false;
    }
    return true;
}

struct cprom__piece cprom__desc_value(const struct cprom__desc *desc, const char *text, size_t index)
{
    for (size_t i = 0;; i++) {
        struct cprom__piece value = cprom__pair_quoted(text + desc->pieces[i].len);
        if (desc->sorted[i] == index) return value;
        text = value.text + value.len;
    }
}

size_t cprom__desc_state_at(const struct cprom__desc *desc, const char *text)
{
    const char *p = text;
    for (size_t i = 0; i < desc->state_piece; i++) {
        struct cprom__piece value = cprom__pair_quoted(p + desc->pieces[i].len);
        p = value.text + value.len;
    }
    return (size_t)(p - text) + desc->state_at;
}

/*
 * A family's base is its OpenMetrics name. It claims the base with the suffixes of its kind: this is how many of them.
 */
static unsigned desc_count_claims(const struct cprom__desc *desc)
{
    return desc->kind->bare_claims_name && desc->base_len == desc->name_len ? 1 : desc->kind->n_claims;
}

/* Whether `a` of a_len bytes and a suffix, and `b` of b_len and another, make the same name. */
static bool desc_same_name(const char *a, size_t a_len, const char *a_suffix, const char *b, size_t b_len,
                           const char *b_suffix)
{
    if (a_len > b_len) return desc_same_name(b, b_len, b_suffix, a, a_len, a_suffix);
    size_t common = b_len - a_len; /* bytes of a's suffix that stand against b itself */
    return strlen(a_suffix) >= common && memcmp(a, b, a_len) == 0 && memcmp(a_suffix, b + a_len, common) == 0 &&
           strcmp(a_suffix + common, b_suffix) == 0;
}

bool cprom__desc_agrees(const struct cprom__desc *a, const struct cprom__desc *b)
{
    if (a->type != b->type || !cprom__same_text(a->help, b->help) || !cprom__same_text(a->unit, b->unit)) return false;
    if (a->n_labels != b->n_labels) return false;
    for (size_t i = 0; i < a->n_labels; i++) {
        if (strcmp(a->labels[a->sorted[i]], b->labels[b->sorted[i]]) != 0) return false;
    }
    return true;
}

bool cprom__desc_collides(const struct cprom__desc *a, const struct cprom__desc *b)
{
    /* Names of which neither begins with the other cannot meet: nearly all. */
    if (memcmp(a->name, b->name, a->base_len < b->base_len ? a->base_len : b->base_len) != 0) return false;
    const char *p = a->kind->claims;
    for (unsigned i = 0, n = desc_count_claims(a); i < n; i++, p += strlen(p) + 1) {
        const char *q = b->kind->claims;
        for (unsigned k = 0, m = desc_count_claims(b); k < m; k++, q += strlen(q) + 1) {
            if (desc_same_name(a->name, a->base_len, p, b->name, b->base_len, q)) return true;
        }
    }
    return false;
}

static struct cprom__base desc_base(const char *text, size_t len, const char *suffix, const struct cprom__hash_key *key)
{
    uint64_t hash = cprom__hash_bytes(key->k[0], key, text, len);
    hash = cprom__hash_end(cprom__hash_bytes(hash, key, suffix, strlen(suffix)), key);
    return (struct cprom__base){text, len, suffix, hash};
}

/*
 * A name that both claim is a base and a suffix of either. Where the other's suffix is empty, the name is its base.
 * Where both are none, they are equal, since every suffix begins with its only underscore, and so are the bases. What is
 * left is a base of `desc` that ends in a suffix of the other.
 */
size_t cprom__desc_bases(const struct cprom__desc *desc, const struct cprom__hash_key *key,
                         struct cprom__base bases[CPROM__BASES_MAX])
{
    size_t n = 0, cut = desc->base_len;
    const char *claim = desc->kind->claims; /* the first is empty */
    for (unsigned i = 0; i < desc_count_claims(desc); i++, claim += strlen(claim) + 1) {
        bases[n++] = desc_base(desc->name, desc->base_len, claim, key);
    }
    while (cut && desc->name[--cut] != '_') {
    }
    if (cut) bases[n++] = desc_base(desc->name, cut, "", key);
    return n;
}

uint64_t cprom__desc_base_hash(const struct cprom__desc *desc, const struct cprom__hash_key *key)
{
    return desc_base(desc->name, desc->base_len, "", key).hash;
}

bool cprom__desc_has_base(const struct cprom__desc *desc, const struct cprom__base *base)
{
    size_t suffix_len = strlen(base->suffix);
    return desc->base_len == base->len + suffix_len && memcmp(desc->name, base->text, base->len) == 0 &&
           memcmp(desc->name + base->len, base->suffix, suffix_len) == 0;
}

bool cprom__desc_answers_to(const struct cprom__desc *desc, const char *name)
{
    /* What it claims beyond, so that nobody takes it for theirs, no sample has. */
    const char *claim = desc->kind->claims;
    for (unsigned i = 0, n = desc_count_claims(desc); i < n && i < desc->kind->answers;
         i++, claim += strlen(claim) + 1) {
        if (desc_same_name(desc->name, desc->base_len, claim, name, strlen(name), "")) return true;
    }
    return false;
}
