/*
 * A descriptor: what a family is, checked, copied, and prepared for rendering. Immutable once made.
 */
#ifndef CPROM_LIB_STORE_DESC_H
#define CPROM_LIB_STORE_DESC_H

#include <cprom/cprom.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "store/kind.h"
#include "store/pairs.h"

/* Label values with their lengths and hash. */
struct cprom__values {
    const char *v[CPROM_LABELS_MAX];
    uint32_t len[CPROM_LABELS_MAX];
    size_t n;
    size_t bytes; /* the sum of the lengths */
    bool plain;   /* known to be ASCII, with nothing to escape */
    uint32_t hash;
};

/* Behind the finite bounds stand +Infs, one at least, up to a multiple of this: see metric/bucket.h. */
#define CPROM__BOUNDS_STEP 4u

/* What a registry adds to its families. Immutable once made. */
struct cprom__family_rules {
    const char *prefix;
    cprom_label const_labels[CPROM_CONST_LABELS_MAX]; /* sorted by name */
    size_t n_const_labels;
};

/* What is asked for; the union of what cprom_opts and cprom_desc can say. */
struct cprom__family_spec {
    const char *name, *help, *unit;
    cprom_type type;
    const char *const *labels; /* CPROM_LABELS_MAX of them, or up to the first NULL */
    const double *bounds;
    size_t n_bounds;
    const char *const *states; /* CPROM_STATES_MAX of them, or up to the first NULL; NULL: none */
    bool instrument;           /* a help text, and the suffix of a counter's or info's name, are required */
    bool internal;             /* one of the library's own: cprom_ is allowed */
};

/* Why something is refused, for the log: metric, field, the offending text, reason. */
struct cprom__refusal {
    const char *field, *text, *reason;
};

/* A bucket's bound as it stands on a page: in OpenMetrics it may be longer by ".0". */
struct cprom__bound {
    const char *text;
    uint8_t len, openmetrics_len;
};

/* One state of a stateset. */
struct cprom__state {
    const char *name;
    unsigned bit;             /* as declared */
    struct cprom__piece pair; /* as it stands between the braces: the family's name and its own */
};

struct cprom__desc {
    struct cprom__arena memory; /* of what it points at */
    cprom_type type;
    const struct cprom__kind *kind;
    const char *name, *help, *unit; /* with the prefix; help and unit may be NULL */
    size_t name_len;
    size_t base_len; /* of the OpenMetrics name: a counter's without _total, an info's without _info */
    size_t n_labels;
    const char **labels;       /* as declared */
    cprom_label *const_labels; /* sorted by name */
    size_t n_const_labels;

    /*
     * The text between the braces: piece 0, the value of label sorted[0], piece 1, …, piece n_labels. Pieces hold the
     * names, the quotes and commas, and the const labels.
     */
    uint8_t sorted[CPROM_LABELS_MAX];
    size_t pieces_len;
    bool escaped; /* the pieces have escapes: a const label's value needs them */

    /*
     * histograms: finite bounds, with +Infs behind them as bucket.h wants them; and `le` as text, +Inf last
     */
    size_t n_bounds;
    const double *bounds;
    struct cprom__bound *le;

    /*
     * statesets: the states sorted by name, and where their label belongs between the braces: in this piece, behind so
     * many bytes of it
     */
    size_t n_states;
    struct cprom__state *states;
    size_t state_piece, state_at;

    struct cprom__piece pieces[]; /* n_labels + 1 */
};

/* Checks and makes a descriptor. On failure `*refusal` says why (not for ENOMEM). */
cprom_status cprom__desc_new(struct cprom__allocator *allocator, const struct cprom__family_rules *rules,
                             const struct cprom__family_spec *spec, struct cprom__desc **desc,
                             struct cprom__refusal *refusal);
void cprom__desc_free(struct cprom__desc *desc);

/* The index of a label name among the declared ones; n_labels: there is none. */
size_t cprom__desc_label(const struct cprom__desc *desc, const char *name);

/* The text between the braces for these values: how long it is, and the text itself. */
size_t cprom__desc_text_len(const struct cprom__desc *desc, const struct cprom__values *values);
void cprom__desc_text(const struct cprom__desc *desc, const struct cprom__values *values, char *out);

/* Whether `text` is what cprom__desc_text() would write. */
bool cprom__desc_matches(const struct cprom__desc *desc, const char *text, size_t len, bool escaped,
                         const struct cprom__values *values);

/* The value of the declared label `index` in a text, still escaped. */
struct cprom__piece cprom__desc_value(const struct cprom__desc *desc, const char *text, size_t index);

/* Where in a text the label of the states belongs. */
size_t cprom__desc_state_at(const struct cprom__desc *desc, const char *text);

/* Whether two families of one name may be one on a page: the same type, help, unit and label names. */
bool cprom__desc_agrees(const struct cprom__desc *a, const struct cprom__desc *b);

/* Whether two families would collide on a page, in either format: by their own names or by their samples'. */
bool cprom__desc_collides(const struct cprom__desc *a, const struct cprom__desc *b);

/*
 * A base that a family may have: a piece of text, a suffix behind it, and the hash of both together. No two families of
 * one page have the same.
 */
struct cprom__base {
    const char *text;
    size_t len;
    const char *suffix;
    uint64_t hash;
};

#define CPROM__BASES_MAX 7u /* one for each name that a family claims, and one more */

/*
 * All bases of which a family may have one that cprom__desc_collides() with `desc`, or has its name. The first is its
 * own. Returns how many.
 */
size_t cprom__desc_bases(const struct cprom__desc *desc, const struct cprom__hash_key *key,
                         struct cprom__base bases[CPROM__BASES_MAX]);
/* The hash of its own. */
uint64_t cprom__desc_base_hash(const struct cprom__desc *desc, const struct cprom__hash_key *key);
/* Whether it is the base of this family. */
bool cprom__desc_has_base(const struct cprom__desc *desc, const struct cprom__base *base);

/* Whether the family has this name, or samples of this name. */
bool cprom__desc_answers_to(const struct cprom__desc *desc, const char *name);

#endif
