/*
 * What others wrote into files *.prom of some directories, and how old those files are. A file that is not fit for the
 * page is left out as a whole.
 */
#include "host.h"

#include "hash.h"
#include "text_parser.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const cprom_desc mtime_desc =
    DESC_LABELS(CPROM_GAUGE, "node_textfile_mtime_seconds", "Unixtime mtime of textfiles successfully read.", "file");
static const cprom_desc error_desc =
    DESC(CPROM_GAUGE, "node_textfile_scrape_error", "1 if there was an error opening or reading a file, 0 otherwise");

/* In all files. The library takes time with the square of the shapes; bytes and series take memory. */
#define SHAPES_MAX 2000
#define SERIES_MAX 50000
#define BYTES_MAX (2 << 20)
#define PARTS 1024

/* A family of a file on the page. The first of its name is in the table, and has the help text and the others. */
struct part {
    struct part *next; /* of the bucket */
    struct part *also, *last;
    struct text_family *family; /* its help is NULL, but while it is shown */
    const char *help;
    const struct file *file;
};

/* A file on the page; they are in the order in which they were read. */
struct file {
    struct file *next;
    struct text_page *page;
    double mtime;
    char path[];
};

struct textfile {
    struct file *first, **last;
    struct part *parts[PARTS];   /* by name */
    struct text_metric **series; /* a hash table, of those of all files */
    size_t n_series, series_room;
    size_t n_shapes, n_bytes;
};

static bool textfile_start(const struct flags *flags, void **state, char *why, size_t n_why)
{
    (void)flags;
    (void)why;
    (void)n_why;
    return (*state = calloc(1, sizeof(struct textfile))) != NULL;
}

static void textfile_stop(void *state) { free(state); }

static void complain(struct scrape *scrape, const char *path, const struct text_error *error)
{
    char what[PATH_MAX + sizeof error->what + 64], line[32] = "";
    if (error->line) snprintf(line, sizeof line, "line %zu: ", error->line);
    snprintf(what, sizeof what, "%s: %s%s", path, line, error->what);
    complaints_add(scrape->complaints, scrape->name, what);
}

static struct part *find_part(const struct textfile *all, const char *name)
{
    struct part *part = all->parts[hash_text(0, name) % PARTS];
    while (part && strcmp(part->family->name, name) != 0) part = part->next;
    return part;
}

static bool same_series(const struct text_metric *a, const struct text_metric *b)
{
    if (a->n_labels != b->n_labels || strcmp(a->family->name, b->family->name) != 0) return false;
    for (size_t i = 0; i < a->n_labels; i++) {
        if (strcmp(a->labels[i].name, b->labels[i].name) != 0 || strcmp(a->labels[i].value, b->labels[i].value) != 0) {
            return false;
        }
    }
    return true;
}

/* Where the series is, or belongs. */
static struct text_metric **find_series(const struct textfile *all, const struct text_metric *metric)
{
    uint64_t hash = hash_text(0, metric->family->name);
    for (size_t i = 0; i < metric->n_labels; i++) {
        hash = hash_text(hash_text(hash, metric->labels[i].name), metric->labels[i].value);
    }
    size_t at = (size_t)hash & (all->series_room - 1);
    while (all->series[at] && !same_series(all->series[at], metric)) at = (at + 1) & (all->series_room - 1);
    return &all->series[at];
}

/* At most half of the places are taken. */
static bool make_room(struct textfile *all, size_t n)
{
    size_t room = all->series_room ? all->series_room : 64;
    while (room < 2 * (all->n_series + n)) room *= 2;
    if (room == all->series_room) return true;
    struct text_metric **series = calloc(room, sizeof *series), **old = all->series;
    if (!series) return false;
    size_t old_room = all->series_room;
    all->series = series;
    all->series_room = room;
    for (size_t i = 0; i < old_room; i++) {
        if (old[i]) *find_series(all, old[i]) = old[i];
    }
    free(old);
    return true;
}

static bool same_names(const struct text_metric *a, const struct text_metric *b)
{
    if (a->n_labels != b->n_labels) return false;
    for (size_t i = 0; i < a->n_labels; i++) {
        if (strcmp(a->labels[i].name, b->labels[i].name) != 0) return false;
    }
    return true;
}

static bool fits(const struct text_metric *metric, struct text_error *error)
{
    const char *what = NULL;
    if (metric->has_timestamp) what = "has a timestamp, which a file cannot have";
    if (metric->n_labels > CPROM_LABELS_MAX) what = "has too many labels";
    for (size_t i = 0; i < metric->n_labels; i++) {
        if (strlen(metric->labels[i].name) > CPROM_VALUE_MAX) what = "has a label name that is too long";
        if (strlen(metric->labels[i].value) > CPROM_VALUE_MAX) what = "has a label value that is too long";
    }
    return !what || text_fail(error, metric->line, "a sample of %.80s %s", metric->family->name, what);
}

/* What the library looks at each for each, and so must not be many. */
static bool are_few(const struct textfile *all, const struct text_page *page, size_t *n, struct text_error *error)
{
    *n = all->n_shapes;
    for (const struct text_family *family = page->families; family; family = family->next) {
        const struct text_metric *before = NULL, *metric = family->metrics;
        for (; metric; before = metric, metric = metric->next) {
            if (before && same_names(before, metric)) continue;
            if (++*n > SHAPES_MAX) {
                return text_fail(error, metric->line, "more than %d families and changes of label names", SHAPES_MAX);
            }
        }
    }
    return true;
}

/* Whether the page would be right with this file, too. Then its names are claimed. */
static bool is_fit(struct scrape *scrape, struct text_page *page, struct text_error *error)
{
    struct textfile *all = scrape->state;
    size_t n_shapes;
    if (all->n_series + page->n_metrics > SERIES_MAX) {
        return text_fail(error, 0, "more than %d series in all files", SERIES_MAX);
    }
    if (!are_few(all, page, &n_shapes, error)) return false;
    if (!make_room(all, page->n_metrics)) return text_fail(error, 0, "out of memory");
    for (const struct text_family *family = page->families; family; family = family->next) {
        if (strlen(family->name) > CPROM_VALUE_MAX) return text_fail(error, family->line, "a name is too long");
        const struct part *part = find_part(all, family->name);
        for (const struct text_metric *metric = family->metrics; metric; metric = metric->next) {
            if (!fits(metric, error)) return false;
            if (!part || part->family->type != family->type || !*find_series(all, metric)) continue;
            return text_fail(error, metric->line, "%.80s is in another file already, with the same series",
                             family->name);
        }
    }
    if (!claims_replace(scrape->claims, NULL, page, false, error)) return false;
    all->n_shapes = n_shapes;
    return true;
}

/* Takes the help texts of the families out, so that all families of one name are claimed as the same. */
static struct part *take_helps(struct text_page *page, const struct file *file)
{
    struct part *parts = arena_alloc(&page->memory, (page->n_families + 1) * sizeof *parts), *part = parts;
    if (!parts) return NULL;
    for (struct text_family *family = page->families; family; family = family->next, part++) {
        *part = (struct part){.family = family, .help = family->help, .file = file};
        family->help = NULL;
    }
    return parts;
}

static void add_parts(struct textfile *all, struct part *parts, size_t n)
{
    for (struct part *part = parts; part < parts + n; part++) {
        struct part *first = find_part(all, part->family->name);
        for (struct text_metric *metric = part->family->metrics; metric; metric = metric->next) {
            *find_series(all, metric) = metric;
            all->n_series++;
        }
        if (first) {
            first->last->also = part;
            first->last = part;
            if (!first->help) first->help = part->help;
            continue;
        }
        part->last = part;
        struct part **bucket = &all->parts[hash_text(0, part->family->name) % PARTS];
        part->next = *bucket;
        *bucket = part;
    }
}

/* Reads and parses; NULL: see *error. */
static struct text_page *read_page(struct scrape *scrape, const char *directory, const char *name,
                                   struct text_error *error)
{
    struct textfile *all = scrape->state;
    const char *bytes = read_file(scrape->reader, directory, name);
    if (!bytes) {
        text_fail(error, 0, "%s", strerror(errno));
        return NULL;
    }
    size_t len = scrape->reader->len;
    if (all->n_bytes + len > BYTES_MAX) {
        text_fail(error, 0, "more than %d bytes in all files", BYTES_MAX);
        return NULL;
    }
    all->n_bytes += len;
    return text_parse(bytes, len, error);
}

static bool add_file(struct scrape *scrape, const char *directory, const char *name, const char *path)
{
    struct textfile *all = scrape->state;
    struct text_error error = {0, "out of memory"};
    struct stat status;
    struct text_page *page = read_page(scrape, directory, name, &error);
    struct file *file = page ? malloc(sizeof *file + strlen(path) + 1) : NULL;
    struct part *parts = file ? take_helps(page, file) : NULL;
    if (!parts || !is_fit(scrape, page, &error)) {
        complain(scrape, path, &error);
        text_free(page);
        free(file);
        return false;
    }
    /* Behind the reading, so that a file that cannot be read does not look fresh. */
    *file = (struct file){.page = page, .mtime = stat(path, &status) == 0 ? (double)status.st_mtime : 0};
    strcpy(file->path, path);
    add_parts(all, parts, page->n_families);
    *all->last = file;
    all->last = &file->next;
    return true;
}

static int is_prom(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len >= 5 && strcmp(entry->d_name + len - 5, ".prom") == 0;
}

static bool add_directory(struct scrape *scrape, const char *directory)
{
    struct dirent **files;
    int n = scandir(directory, &files, is_prom, alphasort);
    if (n < 0) {
        struct text_error error;
        text_fail(&error, 0, "%s", strerror(errno));
        complain(scrape, directory, &error);
        return false;
    }
    bool ok = true;
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX];
        size_t len = strlen(directory);
        while (len > 1 && directory[len - 1] == '/') len--;
        snprintf(path, sizeof path, "%.*s/%.255s", (int)len, directory, files[i]->d_name);
        ok = add_file(scrape, directory, files[i]->d_name, path) && ok;
        free(files[i]);
    }
    free(files);
    return ok;
}

/* All families of one name have one help text: the first there is, or where they come from. */
static void show_family(struct scrape *scrape, struct text_family *family)
{
    char from[4096], repaired[3 * sizeof from];
    size_t len = (size_t)snprintf(from, sizeof from, "Metric read from ");
    const struct part *first = find_part(scrape->state, family->name);
    const char *comma = "";
    for (const struct part *part = first; part && !first->help && len < sizeof from; part = part->also) {
        len += (size_t)snprintf(from + len, sizeof from - len, "%s%s", comma, part->file->path);
        comma = ", ";
    }
    utf8_copy(repaired, sizeof repaired, from);
    family->help = first->help ? first->help : repaired;
    if (text_emit(scrape->out, family, CPROM_NO_LABELS) != CPROM_OK) {
        fail(scrape, "%.80s was refused", family->name);
    }
    family->help = NULL;
}

static void show_files(struct scrape *scrape)
{
    const struct textfile *all = scrape->state;
    for (struct file *file = all->first; file; file = file->next) {
        char path[3 * PATH_MAX];
        utf8_copy(path, sizeof path, file->path);
        for (struct text_family *family = file->page->families; family; family = family->next) {
            show_family(scrape, family);
        }
        show(scrape, &mtime_desc, CPROM_STRS(path), file->mtime);
    }
}

static void forget_files(struct textfile *all, struct claims *claims)
{
    while (all->first) {
        struct file *next = all->first->next;
        claims_remove(claims, all->first->page);
        text_free(all->first->page);
        free(all->first);
        all->first = next;
    }
    free(all->series);
    all->series = NULL;
    all->n_series = all->series_room = all->n_shapes = all->n_bytes = 0;
    memset(all->parts, 0, sizeof all->parts);
}

static void textfile_collect(struct scrape *scrape)
{
    struct textfile *all = scrape->state;
    const char *directory = scrape->flags->textfile_directory;
    bool ok = true;
    glob_t found = {0};
    all->last = &all->first;
    claim_own(scrape->claims, mtime_desc.type, mtime_desc.name);
    claim_own(scrape->claims, error_desc.type, error_desc.name);
    if (*directory && glob(directory, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) ok = add_directory(scrape, found.gl_pathv[i]) && ok;
    } else if (*directory) {
        ok = add_directory(scrape, directory);
    }
    globfree(&found);
    show_files(scrape);
    show(scrape, &error_desc, CPROM_NO_STRS, !ok);
    scrape->flawed = !ok;
    forget_files(all, scrape->claims);
}

const struct collector textfile_collector = {"textfile", NULL, 0, textfile_start, textfile_collect, textfile_stop};
