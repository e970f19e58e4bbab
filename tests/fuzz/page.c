/*
 * libFuzzer: names, help, label names and values as they come, through to the page of both formats. A naive reading of
 * the rules says what is refused and why; what is not refused, the strict parsers must read back as it was put in.
 *
 * The input is one byte for the kind and the number of labels, and then texts with a NUL between them: the const
 * label's value, the family's name, its help, the names of two labels, and pairs of label values.
 */
#include "fuzz.h"

enum {
    TEXTS = 40,
    SERIES = (TEXTS - 5) / 2
};
enum kind {
    COUNTER,
    GAUGE,
    HISTOGRAM,
    SUMMARY,
    INFO,
    STATESET,
    CHECKED,
    UNCHECKED,
    KINDS
};

struct input {
    enum kind kind;
    const char *const_value, *name, *help, *labels[3];
    size_t n_labels;
    const char *values[SERIES][2];
    size_t n;
    bool emitted; /* by a callback */
};

/* What the library was given in the end, without doubles; the last value of each counts. */
struct series {
    const char *values[2];
    double value;
};

/*==============================================================================
 * The rules
 *============================================================================*/

/* By code points: decoded, in range, no surrogate, and no longer than it has to be. */
static bool is_utf8(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    while (*p) {
        unsigned length = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 : *p >> 3 == 30 ? 4 : 0;
        if (!length) return false;
        uint32_t point = length == 1 ? *p : *p & (0x7fu >> length);
        for (unsigned i = 1; i < length; i++) {
            if (p[i] >> 6 != 2) return false; /* also the NUL at the end */
            point = point << 6 | (p[i] & 0x3f);
        }
        unsigned needs = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        if (needs != length || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return false;
        p += length;
    }
    return true;
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
#define DIGITS "0123456789"

static bool is_name(const char *text, const char *first)
{
    return *text && strchr(first, *text) && text[strspn(text, LETTERS ":" DIGITS)] == '\0' &&
           (strchr(first, ':') || !strchr(text, ':'));
}

static bool is_label(const char *text) { return is_name(text, LETTERS) && strncmp(text, "__", 2) != 0; }

static bool ends_in(const char *name, const char *suffix)
{
    size_t n = strlen(name), k = strlen(suffix);
    return n > k && strcmp(name + n - k, suffix) == 0;
}

/* Every status that registering the family may answer; a set of 0 is OK. */
static unsigned refusals(const struct input *in)
{
    unsigned set = 0;
    bool named = is_name(in->name, LETTERS ":");
    if (!named || strncmp(in->name, "cprom_", 6) == 0) set |= 1u << -CPROM_ENAME;
    if (in->kind == COUNTER && !ends_in(in->name, "_total")) set |= 1u << -CPROM_ENAME;
    if (in->kind == INFO && !ends_in(in->name, "_info")) set |= 1u << -CPROM_ENAME;
    if (in->kind == STATESET && !is_label(in->name)) set |= 1u << -CPROM_ENAME;
    if (!*in->help && !in->emitted) set |= 1u << -CPROM_EINVAL;
    if (!is_utf8(in->help)) set |= 1u << -CPROM_EUTF8;
    for (size_t i = 0; i < in->n_labels; i++) {
        const char *label = in->labels[i];
        bool own = (in->kind == HISTOGRAM && strcmp(label, "le") == 0) ||
                   (in->kind == SUMMARY && strcmp(label, "quantile") == 0) ||
                   (in->kind == STATESET && strcmp(label, in->name) == 0);
        if (!is_label(label) || own || strcmp(label, "k") == 0) set |= 1u << -CPROM_ELABELS;
        if (i && strcmp(label, in->labels[0]) == 0) set |= 1u << -CPROM_ELABELS;
    }
    if (in->kind == STATESET && strcmp(in->name, "k") == 0) set |= 1u << -CPROM_ELABELS;
    return set;
}

static void check_refused(cprom_status status, unsigned set)
{
    FUZZ_CHECK(status <= 0 && (set ? status && (set >> -status & 1) : !status), cprom_status_string(status));
}

/*==============================================================================
 * The library
 *============================================================================*/

static const char *const states[] = {"on \"\\\n", "off"};

static cprom_status make_vec(cprom_registry *registry, const struct input *in, cprom_vec **vec)
{
    cprom_opts opts = CPROM_INIT(cprom_opts);
    cprom_counter_vec *counters = NULL;
    cprom_gauge_vec *gauges = NULL;
    cprom_histogram_vec *histograms = NULL;
    cprom_summary_vec *summaries = NULL;
    cprom_info_vec *infos = NULL;
    cprom_stateset_vec *statesets = NULL;
    cprom_status status = CPROM_EINVAL;
    opts.name = in->name;
    opts.help = in->help;
    for (size_t i = 0; i < in->n_labels; i++) opts.labels[i] = in->labels[i];
    if (in->kind == STATESET) memcpy(opts.states, states, sizeof states);
    switch (in->kind) {
    case COUNTER: status = cprom_counter_vec_new(registry, &opts, &counters); break;
    case GAUGE: status = cprom_gauge_vec_new(registry, &opts, &gauges); break;
    case HISTOGRAM: status = cprom_histogram_vec_new(registry, &opts, &histograms); break;
    case SUMMARY: status = cprom_summary_vec_new(registry, &opts, &summaries); break;
    case INFO: status = cprom_info_vec_new(registry, &opts, &infos); break;
    case STATESET: status = cprom_stateset_vec_new(registry, &opts, &statesets); break;
    default: break;
    }
    *vec = counters     ? (cprom_vec *)counters
           : gauges     ? (cprom_vec *)gauges
           : histograms ? (cprom_vec *)histograms
           : summaries  ? (cprom_vec *)summaries
           : infos      ? (cprom_vec *)infos
                        : (cprom_vec *)statesets;
    FUZZ_CHECK(!*vec == (status != CPROM_OK), "result of a failed call");
    return status;
}

static cprom_status update(const struct input *in, cprom_vec *vec, cprom_strs values, double value)
{
    switch (in->kind) {
    case COUNTER: return cprom_counter_vec_add((cprom_counter_vec *)vec, values, value);
    case GAUGE: return cprom_gauge_vec_set((cprom_gauge_vec *)vec, values, value);
    case HISTOGRAM: return cprom_histogram_vec_observe((cprom_histogram_vec *)vec, values, value);
    case SUMMARY: return cprom_summary_vec_observe((cprom_summary_vec *)vec, values, value);
    case INFO: return cprom_info_vec_set((cprom_info_vec *)vec, values);
    default: return cprom_stateset_vec_enter((cprom_stateset_vec *)vec, values, 1);
    }
}

static cprom_status collect(void *ctx, cprom_scrape *out)
{
    const struct input *in = ctx;
    cprom_desc desc = CPROM_INIT(cprom_desc);
    desc.name = in->name;
    desc.help = in->help;
    desc.type = CPROM_GAUGE;
    for (size_t i = 0; i < in->n_labels; i++) desc.labels[i] = in->labels[i];
    unsigned set = in->kind == CHECKED ? 0 : refusals(in);
    for (size_t i = 0; i < in->n; i++) {
        unsigned values_set = set;
        for (size_t k = 0; k < in->n_labels; k++) {
            if (!is_utf8(in->values[i][k])) values_set |= 1u << -CPROM_EUTF8;
        }
        check_refused(cprom_emit(out, &desc, (cprom_strs){in->values[i], in->n_labels}, (double)i + 1), values_set);
        if (values_set) break;
    }
    return CPROM_OK;
}

static cprom_status make_collector(cprom_registry *registry, struct input *in)
{
    cprom_collector_opts opts = CPROM_INIT(cprom_collector_opts);
    cprom_desc desc = CPROM_INIT(cprom_desc);
    desc.name = in->name;
    desc.help = in->help;
    desc.type = CPROM_GAUGE;
    for (size_t i = 0; i < in->n_labels; i++) desc.labels[i] = in->labels[i];
    opts.name = "c";
    opts.collect = collect;
    opts.ctx = in;
    opts.descs = in->kind == CHECKED ? &desc : NULL;
    opts.n_descs = in->kind == CHECKED;
    return cprom_collector_new(registry, &opts);
}

/*==============================================================================
 * What the page must have
 *============================================================================*/

/* What was accepted, each label set once; a callback that was refused anything has nothing. */
static size_t expect(const struct input *in, struct series *series)
{
    size_t n = 0;
    for (size_t i = 0; i < in->n; i++) {
        bool valid = true;
        size_t at = 0;
        for (size_t k = 0; k < in->n_labels; k++) valid &= is_utf8(in->values[i][k]);
        if (!valid && in->emitted) return 0;
        if (!valid) continue;
        for (; at < n; at++) {
            bool same = true;
            for (size_t k = 0; k < in->n_labels; k++) same &= strcmp(series[at].values[k], in->values[i][k]) == 0;
            if (same) break;
        }
        if (at < n && in->emitted) return 0;
        if (at == n) series[n++] = (struct series){{in->values[i][0], in->values[i][1]}, 0};
        double value = (double)i + 1;
        bool adds = in->kind == COUNTER || in->kind == HISTOGRAM || in->kind == SUMMARY;
        series[at].value = in->kind == INFO || in->kind == STATESET ? 1 : adds ? series[at].value + value : value;
    }
    return n;
}

/* The sample that tells the series' value, not one of its buckets and the like. */
static bool tells(const struct input *in, const parser_sample *sample)
{
    if (in->kind == HISTOGRAM || in->kind == SUMMARY) return strcmp(sample->suffix, "_sum") == 0;
    if (in->kind == STATESET) return strcmp(parser_label_value(sample, in->name), states[1]) == 0;
    return true;
}

static void check_page(cprom_registry *registry, const struct input *in, const struct series *series, size_t n,
                       cprom_format format, size_t piece)
{
    ct_page page = ct_page_read(registry, CPROM_OPTS(cprom_page_opts, .format = format), piece);
    const parser_page *parsed = page.parsed;
    FUZZ_CHECK(parsed->n_families == (n > 0), "families");
    if (n) {
        const parser_family *family = &parsed->families[0];
        FUZZ_CHECK(strcmp(family->full_name, in->name) == 0, "name");
        FUZZ_CHECK(family->help ? strcmp(family->help, in->help) == 0 : !*in->help, "help");
    }
    size_t seen = 0;
    for (size_t i = 0; i < parsed->n_samples; i++) {
        const parser_sample *sample = &parsed->samples[i];
        const char *host = parser_label_value(sample, "k");
        FUZZ_CHECK(host && strcmp(host, in->const_value) == 0, "const label");
        FUZZ_CHECK(sample->n_labels == in->n_labels + 1 + (in->kind == STATESET || sample->own), "number of labels");
        if (!tells(in, sample)) continue;
        size_t at = 0;
        for (; at < n; at++) {
            bool same = true;
            for (size_t k = 0; k < in->n_labels; k++) {
                const char *value = parser_label_value(sample, in->labels[k]);
                same &= value && strcmp(value, series[at].values[k]) == 0;
            }
            if (same) break;
        }
        FUZZ_CHECK(at < n, "a series that nobody made");
        FUZZ_CHECK(sample->value == series[at].value, "value");
        seen++;
    }
    FUZZ_CHECK(seen == n, "number of series"); /* the parser lets none be there twice */
    ct_page_free(&page);
}

static void run(struct input *in)
{
    static ct_fixture fixture;
    struct series series[SERIES];
    memset(&fixture, 0, sizeof fixture);
    ct_log_init(&fixture.log);
    cprom_registry_opts opts = ct_fixture_opts(&fixture);
    opts.const_labels[0] = (cprom_label){"k", in->const_value};
    cprom_status status = cprom_registry_new(&opts, &fixture.registry);
    FUZZ_CHECK(status == (is_utf8(in->const_value) ? CPROM_OK : CPROM_EUTF8), "registry");
    if (!status) {
        unsigned set = refusals(in);
        cprom_vec *vec = NULL;
        if (in->kind == UNCHECKED) {
            FUZZ_CHECK(make_collector(fixture.registry, in) == CPROM_OK, "collector");
        } else {
            check_refused(
                in->kind == CHECKED ? make_collector(fixture.registry, in) : make_vec(fixture.registry, in, &vec), set);
        }
        for (size_t i = 0; i < in->n && vec; i++) {
            bool valid = true;
            for (size_t k = 0; k < in->n_labels; k++) valid &= is_utf8(in->values[i][k]);
            status = update(in, vec, (cprom_strs){in->values[i], in->n_labels}, (double)i + 1);
            FUZZ_CHECK(status == (valid ? CPROM_OK : CPROM_EUTF8), "update");
        }
        size_t n = set ? 0 : expect(in, series);
        check_page(fixture.registry, in, series, n, CPROM_TEXT_0_0_4, 65536);
        check_page(fixture.registry, in, series, n, CPROM_OPENMETRICS_1_0, 7);
        cprom_registry_free(fixture.registry);
    }
    ct_log_free(&fixture.log);
    FUZZ_CHECK(fixture.alloc.blocks == 0, "memory is left");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (n < 2 || n > 4096) return 0;
    char *texts = fuzz_alloc(n), *text[TEXTS];
    size_t n_texts = 0;
    memcpy(texts, bytes + 1, n - 1);
    texts[n - 1] = '\0';
    for (char *p = texts; p < texts + n && n_texts < TEXTS; p += strlen(p) + 1) text[n_texts++] = p;
    if (n_texts >= 5) {
        struct input in = {.kind = (enum kind)(bytes[0] % KINDS),
                           .const_value = text[0],
                           .name = text[1],
                           .help = text[2],
                           .labels = {text[3], text[4]}};
        in.emitted = in.kind == CHECKED || in.kind == UNCHECKED;
        in.n_labels = bytes[0] / KINDS % 3;
        for (size_t i = 5; i + 1 < n_texts; i += 2) {
            in.values[in.n][0] = text[i];
            in.values[in.n++][1] = text[i + 1];
        }
        run(&in);
    }
    free(texts);
    return 0;
}
