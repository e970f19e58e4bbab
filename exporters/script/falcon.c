/*
 * What a plugin of open-falcon's agent prints: [{"metric": "disk.free", "value": 5, "counterType": "GAUGE", "tags":
 * "mount=/,fs=ext4", "endpoint": "host", "timestamp": 1700000000, "step": 60}, ...]
 */
#include "script.h"

#include <string.h>

#include "json.h"

#define NAME_MAX_BYTES 1024u /* of metrics and tags */

struct reading {
    struct text_builder *builder;
    struct text_error *error;
};

/* One object. */
struct item {
    const struct json *metric, *value, *type, *tags;
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/*
 * A name of Prometheus from any other: what it may not have becomes _, each character of UTF-8 one, and one that begins
 * with a digit gets a _ in front. false: out of memory, which *error says.
 */
static const char *map_name(const struct reading *reading, const char *name, size_t len, bool colons)
{
    char *copy = text_copy(reading->builder, name, len + 1), *out = copy;
    if (!copy) {
        text_fail(reading->error, 0, "out of memory");
        return NULL;
    }
    if (len && is_digit(*name)) *out++ = '_';
    for (size_t i = 0; i < len; i++) {
        if (((unsigned char)name[i] & 0xc0) == 0x80) continue; /* not the first byte of a character */
        bool fine = text_is_metric_name(&name[i], 1) || is_digit(name[i]);
        *out++ = !fine || (name[i] == ':' && !colons) ? '_' : name[i];
    }
    *out = '\0';
    return copy;
}

static bool read_item(const struct reading *reading, const struct json *object, struct item *item)
{
    struct {
        const char *key;
        unsigned types; /* bits */
        const struct json **where;
    } known[] = {
        {"metric", 1u << JSON_STRING, &item->metric},
        {"value", 1u << JSON_NUMBER | 1u << JSON_STRING, &item->value},
        {"counterType", 1u << JSON_STRING, &item->type},
        {"tags", 1u << JSON_STRING, &item->tags},
        {"endpoint", 1u << JSON_STRING, NULL},
        {"timestamp", 1u << JSON_NUMBER, NULL},
        {"step", 1u << JSON_NUMBER, NULL},
    };
    const size_t n = sizeof known / sizeof *known;
    unsigned seen = 0;
    *item = (struct item){NULL, NULL, NULL, NULL};
    for (const struct json *member = object->first; member; member = member->next) {
        size_t i = 0;
        while (i < n && strcmp(known[i].key, member->key) != 0) i++;
        if (i == n) return text_fail(reading->error, member->line, "unknown name \"%.80s\"", member->key);
        if (seen & 1u << i) return text_fail(reading->error, member->line, "\"%s\" twice", known[i].key);
        if (!(known[i].types & 1u << member->type)) {
            return text_fail(reading->error, member->line, "\"%s\" is of the wrong type", known[i].key);
        }
        seen |= 1u << i;
        if (known[i].where) *known[i].where = member;
    }
    for (size_t i = 0; i < 3; i++) {
        if (!*known[i].where) return text_fail(reading->error, object->line, "\"%s\" is missing", known[i].key);
    }
    return true;
}

static void trim(const char **text, size_t *len)
{
    while (*len && **text == ' ') ++*text, --*len;
    while (*len && (*text)[*len - 1] == ' ') --*len;
}

/* k=v,k2=v2; blanks around names and values do not count, and a value ends at the next comma. */
static bool read_tags(const struct reading *reading, const struct json *tags, cprom_label labels[], size_t *n)
{
    const char *at = tags ? tags->string : "";
    for (*n = 0; *at;) {
        size_t len = strcspn(at, ","), name_len = strcspn(at, "=,");
        if (name_len == len)
            return text_fail(reading->error, tags->line, "tags: \"%.*s\" has no =", (int)(len < 80 ? len : 80), at);
        const char *name = at, *value = at + name_len + 1;
        size_t value_len = len - name_len - 1;
        trim(&name, &name_len);
        trim(&value, &value_len);
        if (*n == CPROM_LABELS_MAX) return text_fail(reading->error, tags->line, "more than %d tags", CPROM_LABELS_MAX);
        if (value_len > CPROM_VALUE_MAX || name_len > NAME_MAX_BYTES)
            return text_fail(reading->error, tags->line, "a tag is too long");
        const char *mapped = map_name(reading, name, name_len, false);
        if (!mapped) return false;
        if (!text_is_label_name(mapped, strlen(mapped))) {
            return text_fail(reading->error, tags->line, "tags: \"%.*s\" can be no label",
                             (int)(name_len < 80 ? name_len : 80), name);
        }
        labels[*n].name = mapped;
        labels[*n].value = text_copy(reading->builder, value, value_len);
        if (!labels[(*n)++].value) return text_fail(reading->error, 0, "out of memory");
        at += len;
        if (!*at) break;
        if (!*++at) return text_fail(reading->error, tags->line, "tags end with a comma");
    }
    return true;
}

static bool add_item(const struct reading *reading, const struct json *object)
{
    struct item item;
    if (object->type != JSON_OBJECT) return text_fail(reading->error, object->line, "a metric is an object");
    if (!read_item(reading, object, &item)) return false;

    size_t line = item.metric->line, len = strlen(item.metric->string);
    if (!len || len > NAME_MAX_BYTES) return text_fail(reading->error, line, "\"metric\" is empty or too long");
    const char *name = map_name(reading, item.metric->string, len, true);
    if (!name) return false;
    cprom_type type = strcmp(item.type->string, "COUNTER") == 0 ? CPROM_COUNTER : CPROM_GAUGE;
    if (type == CPROM_GAUGE && strcmp(item.type->string, "GAUGE") != 0) {
        return text_fail(reading->error, item.type->line, "\"counterType\" is \"%.40s\"; there are GAUGE and COUNTER",
                         item.type->string);
    }
    struct text_family *family = text_add_family(reading->builder, name, strlen(name), line);
    if (!family) return text_fail(reading->error, 0, "out of memory");
    if (family->has_type && family->type != type) {
        return text_fail(reading->error, line, "%.80s is a %s here, and another in line %zu", name,
                         type == CPROM_COUNTER ? "counter" : "gauge", family->line);
    }
    family->type = type;
    family->has_type = true;

    cprom_label labels[CPROM_LABELS_MAX];
    struct text_sample sample = {.name = name, .name_len = strlen(name), .labels = labels, .line = line,
                                 .value = item.value->number};
    if (item.value->type == JSON_STRING &&
        !text_number(item.value->string, strlen(item.value->string), &sample.value)) {
        return text_fail(reading->error, item.value->line, "\"value\" is \"%.40s\", which is no number",
                         item.value->string);
    }
    return read_tags(reading, item.tags, labels, &sample.n_labels) &&
           text_add_sample(reading->builder, &sample, reading->error);
}

struct text_page *falcon_parse(const char *bytes, size_t n, struct text_error *error)
{
    struct arena memory = {0};
    struct reading reading = {text_begin(), error};
    if (!reading.builder) {
        text_fail(error, 0, "out of memory");
        return NULL;
    }
    const struct json *root = json_parse(&memory, bytes, n, error);
    bool good = root && (root->type == JSON_ARRAY || text_fail(error, root->line, "the output is no array"));
    for (const struct json *item = good ? root->first : NULL; item && good; item = item->next)
        good = add_item(&reading, item);
    arena_free(&memory);
    return text_finish(reading.builder, !good, error);
}
