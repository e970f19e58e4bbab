/* node_os_*: the distribution, from os-release. */
#include "lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum field {
    BUILD_ID,
    ID,
    ID_LIKE,
    IMAGE_ID,
    IMAGE_VERSION,
    NAME,
    PRETTY_NAME,
    VARIANT,
    VARIANT_ID,
    VERSION,
    VERSION_CODENAME,
    VERSION_ID,
    N_FIELDS
};
static const char *const names[N_FIELDS] = {"BUILD_ID",      "ID",      "ID_LIKE",          "IMAGE_ID",
                                            "IMAGE_VERSION", "NAME",    "PRETTY_NAME",      "VARIANT",
                                            "VARIANT_ID",    "VERSION", "VERSION_CODENAME", "VERSION_ID"};

enum {
    DESC_INFO,
    DESC_VERSION
};
static const cprom_desc descs[] = {
    [DESC_INFO] = DESC_LABELS(CPROM_GAUGE, "node_os_info",
                              "A metric with a constant '1' value labeled by build_id, id, id_like, image_id, "
                              "image_version, name, pretty_name, "
                              "variant, variant_id, version, version_codename, version_id.",
                              "build_id", "id", "id_like", "image_id", "image_version", "name", "pretty_name",
                              "variant", "variant_id", "version", "version_codename", "version_id"),
    [DESC_VERSION] = DESC_LABELS(CPROM_GAUGE, "node_os_version",
                                 "Metric containing the major.minor part of the OS version.", "id", "id_like", "name"),
};

/*
 * Takes the quotes off a value, in place, as a shell would: 'as it is', "with \" \\ \$ \`", or bare, where it ends at
 * white space. false: the quotes do not match, or something stands behind them.
 */
static bool unquote(char *value)
{
    char quote = *value == '"' || *value == '\'' ? *value : '\0', *in = value + (quote != '\0'), *out = value;
    while (*in && (quote ? *in != quote : !strchr(" \t\r", *in))) {
        if (*in == '\\' && quote != '\'' && in[1] && (!quote || strchr("\"\\$`", in[1]))) in++;
        *out++ = *in++;
    }
    if (quote && *in++ != quote) return false;
    in += strspn(in, " \t\r");
    bool comment = *in == '#';
    *out = '\0';
    return !*in || comment;
}

/* false: there is nothing to show. */
static bool read_fields(struct lines *lines, char *fields[N_FIELDS])
{
    bool any = false;
    for (int i = 0; i < N_FIELDS; i++) fields[i] = "";
    for (char *line; (line = lines_next(lines));) {
        line += strspn(line, " \t");
        char *value = strchr(line, '=');
        if (!*line || *line == '#' || *line == '\r') continue;
        if (!value) {
            lines_fail(lines, "there is no =");
            continue;
        }
        *value++ = '\0';
        if (!unquote(value)) {
            lines_fail(lines, "the value of %s is malformed", line);
            continue;
        }
        for (int i = 0; i < N_FIELDS; i++) {
            if (strcmp(line, names[i]) != 0) continue;
            fields[i] = value;
            any = true;
        }
    }
    return any || fail(lines->scrape, "%s/%s: there is nothing to show in it", lines->root, lines->path);
}

/* "12", "22.04": the digits and the first dot at the beginning; 0: there are none. */
static double version_of(const char *text)
{
    size_t n = strspn(text, "0123456789");
    if (n && text[n] == '.') n += 1 + strspn(text + n + 1, "0123456789");
    char number[64];
    snprintf(number, sizeof number, "%.*s", (int)n, text);
    return strtod(number, NULL);
}

static void os_collect(struct scrape *scrape)
{
    const char *root = scrape->flags->rootfs;
    char values[N_FIELDS][512], *fields[N_FIELDS];
    struct lines lines;
    bool there = lines_try(&lines, scrape, scrape->reader, root, "etc/os-release") ||
                 lines_try(&lines, scrape, scrape->reader, root, "usr/lib/os-release");
    if (!there) {
        fail_to_read(scrape, root, "usr/lib/os-release");
        return;
    }
    lines.may_be_open = true;
    if (!read_fields(&lines, fields)) return;
    const char *labels[N_FIELDS];
    for (int i = 0; i < N_FIELDS; i++) {
        utf8_copy(values[i], sizeof values[i], fields[i]);
        labels[i] = values[i];
    }
    show(scrape, &descs[DESC_INFO], (cprom_strs){labels, N_FIELDS}, 1);
    double version = version_of(labels[VERSION_ID]);
    if (version > 0) show(scrape, &descs[DESC_VERSION], CPROM_STRS(labels[ID], labels[ID_LIKE], labels[NAME]), version);
}

const struct collector os_collector = {"os", descs, COUNT_OF(descs), NULL, os_collect, NULL};
