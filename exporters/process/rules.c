#define _GNU_SOURCE 1 /* memmem */

#include "rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The name of a group is made of these. */
enum {
    PART_TEXT,
    PART_COMM,
    PART_EXE_BASE,
    PART_EXE_FULL,
    PART_USERNAME,
    PART_PID,
    PART_START_TIME,
    PART_CGROUPS,
    PART_MATCH,
    PART_FIRST_CAPTURE
};

struct name_part {
    int kind;
    char *text; /* PART_TEXT */
    size_t len;
    size_t regex, group; /* PART_MATCH */
};

static char *copy(const char *text, size_t n)
{
    char *to = malloc(n + 1);
    if (!to) return NULL;
    memcpy(to, text, n);
    to[n] = '\0';
    return to;
}

/* Room for one more in a list of `n`, which has room for the next power of two. The list, or NULL: no memory. */
static void *grow(void *list, size_t n, size_t size)
{
    return n & (n - 1) ? list : realloc(list, (n ? 2 * n : 1) * size);
}

static bool add_string(char ***list, size_t *n, const char *text, size_t len)
{
    char **grown = grow(*list, *n, sizeof *grown);
    if (!grown) return false;
    *list = grown;
    grown[*n] = copy(text, len);
    if (!grown[*n]) return false;
    ++*n;
    return true;
}

/* ---- making ---- */

struct rule *rules_add(struct rules *rules)
{
    struct rule *grown = grow(rules->v, rules->n, sizeof *grown);
    if (!grown) return NULL;
    rules->v = grown;
    grown[rules->n] = (struct rule){0};
    return &grown[rules->n++];
}

bool rule_add_comm(struct rule *rule, const char *text, size_t n)
{
    return add_string(&rule->comms, &rule->n_comms, text, n);
}

bool rule_add_exe(struct rule *rule, const char *text, size_t n)
{
    return add_string(&rule->exes, &rule->n_exes, text, n);
}

bool rule_add_regex(struct rule *rule, const char *text, size_t n, char error[RULES_ERROR_MAX])
{
    char why[REGEXP_ERROR_MAX];
    struct regexp **grown = grow(rule->regexes, rule->n_regexes, sizeof *grown);
    if (grown) rule->regexes = grown;
    struct regexp_span(*spans)[REGEXP_GROUPS_MAX] = grow(rule->spans, rule->n_regexes, sizeof *spans);
    if (spans) rule->spans = spans;
    if (!grown || !spans) {
        snprintf(error, RULES_ERROR_MAX, "out of memory");
        return false;
    }
    grown[rule->n_regexes] = regexp_new(text, n, why);
    if (!grown[rule->n_regexes]) {
        snprintf(error, RULES_ERROR_MAX, "bad regular expression '%.*s': %s", (int)(n < 200 ? n : 200), text, why);
        return false;
    }
    rule->n_regexes++;
    return true;
}

static struct name_part *add_part(struct rule *rule, int kind)
{
    struct name_part *grown = grow(rule->parts, rule->n_parts, sizeof *grown);
    if (!grown) return NULL;
    rule->parts = grown;
    grown[rule->n_parts] = (struct name_part){.kind = kind};
    return &grown[rule->n_parts++];
}

static bool add_text(struct rule *rule, const char *text, size_t n)
{
    if (n == 0) return true;
    struct name_part *part = add_part(rule, PART_TEXT);
    if (!part || !(part->text = copy(text, n))) return false;
    part->len = n;
    return true;
}

bool rule_set_plain_name(struct rule *rule, const char *text, size_t n, bool capture)
{
    return add_text(rule, text, n) && (!capture || add_part(rule, PART_FIRST_CAPTURE));
}

/* The regex and group of that name; of several, the last. */
static bool find_group(const struct rule *rule, const char *name, size_t n, struct name_part *part)
{
    for (size_t i = rule->n_regexes; i-- > 0;) {
        for (size_t g = 0; g < regexp_groups(rule->regexes[i]); g++) {
            const char *group = regexp_group_name(rule->regexes[i], g);
            if (strlen(group) != n || memcmp(group, name, n) != 0) continue;
            part->regex = i;
            part->group = g;
            return true;
        }
    }
    return false;
}

static bool is(const char *text, size_t n, const char *word) { return strlen(word) == n && memcmp(text, word, n) == 0; }

/* What stands in {{ }}, without the spaces around it. */
static bool add_variable(struct rules *rules, struct rule *rule, const char *text, size_t n,
                         char error[RULES_ERROR_MAX])
{
    static const struct {
        const char *name;
        int kind;
    } variables[] = {{".Comm", PART_COMM},         {".ExeBase", PART_EXE_BASE}, {".ExeFull", PART_EXE_FULL},
                     {".Username", PART_USERNAME}, {".PID", PART_PID},          {".StartTime", PART_START_TIME},
                     {".Cgroups", PART_CGROUPS}};
    static const char matches[] = ".Matches.";
    size_t prefix = sizeof matches - 1;
    struct name_part match = {0};
    int kind = -1;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        if (is(text, n, variables[i].name)) kind = variables[i].kind;
    }
    if (n > prefix && memcmp(text, matches, prefix) == 0) {
        if (!find_group(rule, text + prefix, n - prefix, &match)) {
            snprintf(error, RULES_ERROR_MAX, "bad name: no cmdline of this rule has a group (?P<%.*s>...)",
                     (int)(n - prefix < 100 ? n - prefix : 100), text + prefix);
            return false;
        }
        kind = PART_MATCH;
    }
    if (kind < 0) {
        snprintf(error, RULES_ERROR_MAX,
                 "bad name: {{%.*s}} is not supported; there are .Comm .ExeBase .ExeFull .Username .PID .StartTime "
                 ".Cgroups and .Matches.NAME",
                 (int)(n < 100 ? n : 100), text);
        return false;
    }
    struct name_part *part = add_part(rule, kind);
    if (!part) {
        snprintf(error, RULES_ERROR_MAX, "out of memory");
        return false;
    }
    part->regex = match.regex;
    part->group = match.group;
    if (kind == PART_USERNAME) rules->want_username = true;
    if (kind == PART_CGROUPS) rules->want_cgroups = true;
    return true;
}

bool rule_set_name(struct rules *rules, struct rule *rule, const char *text, size_t n, char error[RULES_ERROR_MAX])
{
    const char *at = text, *end = text + n;
    while (at < end) {
        const char *open = memmem(at, (size_t)(end - at), "{{", 2);
        if (!add_text(rule, at, (size_t)((open ? open : end) - at))) {
            snprintf(error, RULES_ERROR_MAX, "out of memory");
            return false;
        }
        if (!open) break;
        const char *from = open + 2, *close = memmem(from, (size_t)(end - from), "}}", 2);
        if (!close) {
            snprintf(error, RULES_ERROR_MAX, "bad name: {{ without }}");
            return false;
        }
        at = close + 2;
        while (from < close && (*from == ' ' || *from == '\t')) from++;
        while (close > from && (close[-1] == ' ' || close[-1] == '\t')) close--;
        if (!add_variable(rules, rule, from, (size_t)(close - from), error)) return false;
    }
    return true;
}

/* The entry of a list at *at that ends at a comma, which is passed. false: there are no more. */
static bool next_name(const char **at, const char **name, size_t *n)
{
    if (!*at) return false;
    const char *comma = strchr(*at, ',');
    *name = *at;
    *n = comma ? (size_t)(comma - *at) : strlen(*at);
    *at = comma ? comma + 1 : NULL;
    return true;
}

static bool add_mapping(struct rules *rules, const char *name, size_t n, const char *regex, size_t regex_len,
                        char error[RULES_ERROR_MAX])
{
    struct rule *rule = rules_add(rules);
    struct buffer prefix = {0};
    bool ok = rule && rule_add_comm(rule, name, n) && buffer_put(&prefix, name, n) && buffer_put(&prefix, ":", 1) &&
              rule_set_plain_name(rule, prefix.at, prefix.len, true);
    buffer_free(&prefix);
    if (!ok) {
        snprintf(error, RULES_ERROR_MAX, "out of memory");
        return false;
    }
    char why[RULES_ERROR_MAX];
    if (rule_add_regex(rule, regex, regex_len, why)) return true;
    snprintf(error, RULES_ERROR_MAX, "--namemapping: %.400s", why);
    return false;
}

bool rules_names(struct rules *rules, const char *procnames, const char *namemapping, char error[RULES_ERROR_MAX])
{
    const char *name, *regex, *at = namemapping && *namemapping ? namemapping : NULL;
    size_t n, regex_len;
    while (next_name(&at, &name, &n)) {
        if (!next_name(&at, &regex, &regex_len) || n == 0 || regex_len == 0) {
            snprintf(error, RULES_ERROR_MAX, "--namemapping: pairs of a name and a regular expression are wanted");
            return false;
        }
        for (size_t i = 0; i < rules->n; i++) {
            if (!is(name, n, rules->v[i].comms[0])) continue;
            snprintf(error, RULES_ERROR_MAX, "--namemapping: %s for the second time", rules->v[i].comms[0]);
            return false;
        }
        if (!add_mapping(rules, name, n, regex, regex_len, error)) return false;
    }
    at = procnames;
    while (next_name(&at, &name, &n)) {
        bool known = n == 0;
        for (size_t i = 0; i < rules->n; i++) known = known || is(name, n, rules->v[i].comms[0]);
        if (known) continue;
        struct rule *rule = rules_add(rules);
        if (!rule || !rule_add_comm(rule, name, n) || !rule_set_plain_name(rule, name, n, false)) {
            snprintf(error, RULES_ERROR_MAX, "out of memory");
            return false;
        }
    }
    return true;
}

void rules_free(struct rules *rules)
{
    for (size_t i = 0; i < rules->n; i++) {
        struct rule *rule = &rules->v[i];
        for (size_t j = 0; j < rule->n_comms; j++) free(rule->comms[j]);
        for (size_t j = 0; j < rule->n_exes; j++) free(rule->exes[j]);
        for (size_t j = 0; j < rule->n_regexes; j++) regexp_free(rule->regexes[j]);
        for (size_t j = 0; j < rule->n_parts; j++) free(rule->parts[j].text);
        free(rule->comms);
        free(rule->exes);
        free(rule->regexes);
        free(rule->spans);
        free(rule->parts);
    }
    free(rules->v);
    *rules = (struct rules){0};
}

/* ---- matching ---- */

/* The last element of a path: without slashes at the end, "." for nothing, "/" for slashes only. */
static const char *base_name(const char *path, size_t *n)
{
    size_t end = *n, begin;
    if (end == 0) {
        *n = 1;
        return ".";
    }
    while (end > 1 && path[end - 1] == '/') end--;
    if (end == 1 && path[0] == '/') {
        *n = 1;
        return path;
    }
    for (begin = end; begin > 0 && path[begin - 1] != '/';) begin--;
    *n = end - begin;
    return path + begin;
}

static bool comm_matches(const struct rule *rule, const struct attributes *attrs)
{
    for (size_t i = 0; i < rule->n_comms; i++) {
        if (strcmp(rule->comms[i], attrs->comm) == 0) return true;
    }
    return rule->n_comms == 0;
}

/* One with a slash in it must be the whole of the first argument, another its base name. */
static bool exe_matches(const struct rule *rule, const struct attributes *attrs)
{
    if (rule->n_exes == 0) return true;
    if (!attrs->has_args) return false;
    size_t n = attrs->arg0_len;
    const char *base = base_name(attrs->arg0, &n);
    for (size_t i = 0; i < rule->n_exes; i++) {
        const char *exe = rule->exes[i];
        if (strchr(exe, '/') ? is(attrs->arg0, attrs->arg0_len, exe) : is(base, n, exe)) return true;
    }
    return false;
}

static bool put(struct buffer *name, const char *text, size_t n)
{
    return buffer_put_utf8(name, text, n, name->len < GROUP_NAME_MAX ? GROUP_NAME_MAX - name->len : 0);
}

/* As Go prints a time in UTC: 2006-01-02 15:04:05.99 +0000 UTC. Start times have no more than hundredths. */
static bool put_time(struct buffer *name, double seconds)
{
    char text[64], fraction[8] = "";
    time_t whole = (time_t)seconds;
    int hundredths = (int)((seconds - (double)whole) * 100 + 0.5);
    struct tm tm;
    if (hundredths > 99) hundredths = 0, whole++;
    if (!gmtime_r(&whole, &tm)) return true;
    if (hundredths > 0)
        snprintf(fraction, sizeof fraction, hundredths % 10 ? ".%02d" : ".%d",
                 hundredths % 10 ? hundredths : hundredths / 10);
    int n = snprintf(text, sizeof text, "%04d-%02d-%02d %02d:%02d:%02d%s +0000 UTC", tm.tm_year + 1900, tm.tm_mon + 1,
                     tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, fraction);
    return put(name, text, (size_t)n);
}

/* 1, 0: what it would be named after is not there, -1: no memory. */
static int put_part(const struct rule *rule, const struct name_part *part, const struct attributes *attrs,
                    struct buffer *name)
{
    const char *text = "";
    size_t n = 0;
    char number[16];
    switch (part->kind) {
    case PART_TEXT: text = part->text, n = part->len; break;
    case PART_COMM: text = attrs->comm, n = strlen(text); break;
    case PART_EXE_BASE:
    case PART_EXE_FULL:
        text = attrs->has_args ? attrs->arg0 : attrs->comm;
        n = attrs->has_args ? attrs->arg0_len : strlen(text);
        if (part->kind == PART_EXE_BASE && attrs->has_args) text = base_name(text, &n);
        break;
    case PART_USERNAME: text = attrs->username, n = strlen(text); break;
    case PART_PID: n = (size_t)snprintf(number, sizeof number, "%d", attrs->pid), text = number; break;
    case PART_START_TIME: return put_time(name, attrs->start_time) ? 1 : -1;
    case PART_CGROUPS:
        if (!put(name, "[", 1) || !put(name, attrs->cgroups, strlen(attrs->cgroups))) return -1;
        text = "]", n = 1;
        break;
    case PART_MATCH: {
        struct regexp_span span = rule->spans[part->regex][part->group];
        if (span.at) text = span.at, n = span.len;
        break;
    }
    default:
        for (size_t g = 0; n == 0 && g < regexp_groups(rule->regexes[0]); g++) {
            struct regexp_span span = rule->spans[0][g];
            if (span.at) text = span.at, n = span.len;
        }
        if (n == 0) return 0;
    }
    return put(name, text, n) ? 1 : -1;
}

static int rule_match(struct rule *rule, const struct attributes *attrs, struct buffer *name)
{
    if (!comm_matches(rule, attrs) || !exe_matches(rule, attrs)) return 0;
    for (size_t i = 0; i < rule->n_regexes; i++) {
        int found = regexp_match(rule->regexes[i], attrs->cmdline, attrs->cmdline_len, rule->spans[i]);
        if (found != 1) return found;
    }
    name->len = 0;
    for (size_t i = 0; i < rule->n_parts; i++) {
        int ok = put_part(rule, &rule->parts[i], attrs, name);
        if (ok != 1) return ok;
    }
    /* An empty name is one, too. */
    return buffer_put(name, "", 0) ? 1 : -1;
}

int rules_match(struct rules *rules, const struct attributes *attrs, struct buffer *name)
{
    for (size_t i = 0; i < rules->n; i++) {
        int found = rule_match(&rules->v[i], attrs, name);
        if (found != 0) return found;
    }
    return 0;
}

bool rules_fixed(const struct rules *rules, bool (*each)(void *ctx, const char *name, size_t n), void *ctx)
{
    struct buffer name = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < rules->n; i++) {
        const struct rule *rule = &rules->v[i];
        bool fixed = true;
        name.len = 0;
        for (size_t j = 0; j < rule->n_parts; j++) {
            fixed = fixed && rule->parts[j].kind == PART_TEXT;
            if (fixed) ok = ok && put(&name, rule->parts[j].text, rule->parts[j].len);
        }
        if (fixed && ok) ok = buffer_put(&name, "", 0) && each(ctx, name.at, name.len);
    }
    buffer_free(&name);
    return ok;
}
