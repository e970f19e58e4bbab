/*
 * What others wrote into files *.prom of some directories, and how old those files are. A file is read whole or not at
 * all; of one that is read, a family or a series that cannot stand beside others is left out alone.
 */
#include "host.h"

#include "hash.h"
#include "text_parser.h"
#include "text_settle.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

static const cprom_desc mtime_desc =
    DESC_LABELS(CPROM_GAUGE, "node_textfile_mtime_seconds", "Unixtime mtime of textfiles successfully read.", "file");
static const cprom_desc error_desc =
    DESC(CPROM_GAUGE, "node_textfile_scrape_error", "1 if there was an error opening or reading a file, 0 otherwise");

/* Of a file. */
#define BYTES_MAX (2 << 20)
#define SHAPES_MAX 2000
#define SMALLEST 4096 /* bytes of memory that one takes, however small it is */
/*
 * Of all files that are on the page. A shape is a family with a set of label names, and costs as much as many series.
 * Owners of files have turns, so that nobody takes the files of others along, and the smallest of each go first, so that
 * a large one takes no other along.
 */
#define ALL_SHAPES_MAX 2000
#define ALL_SERIES_MAX 50000
#define ALL_MEMORY_MAX ((size_t)32 << 20)

/* A family of a file on the page. The first of its name has the help text and the others. */
struct part {
    struct part *also, *last;
    struct text_family *family; /* its help is NULL, but while it is shown */
    const char *help;
    const struct file *file;
};

struct file {
    char *path;
    uid_t owner;
    off_t size, turn; /* what the owner's smaller ones take, and it; in this order files are read */
    double mtime;
    struct text_page *page;   /* NULL: not on the page, and why: */
    struct text_error *error; /* NULL: out of memory */
};

/* All of one scrape. */
struct textfiles {
    struct scrape *scrape;
    struct file *files;
    size_t n, room;
    struct lookup parts, series, shapes; /* of those that are on the page */
    size_t n_series, memory;
    bool flawed;
};

static void fail_for_memory(struct textfiles *all)
{
    fail(all->scrape, "out of memory");
    all->flawed = true;
}

static void complain(struct textfiles *all, const char *path, const struct text_error *error)
{
    char line[32] = "";
    if (error->line) snprintf(line, sizeof line, "line %zu: ", error->line);
    else if (strcmp(error->what, "out of memory") == 0) fail_for_memory(all);
    note(all->scrape, "%s: %s%s", path, line, error->what);
    all->flawed = true;
}

/* ---- which files there are ---- */

static void add_file(struct textfiles *all, const char *directory, const char *name)
{
    struct stat status;
    struct text_error error;
    size_t len = strlen(directory);
    while (len > 1 && directory[len - 1] == '/') len--;
    if (all->n == all->room) {
        size_t room = all->room ? 2 * all->room : 16;
        struct file *files = realloc(all->files, room * sizeof *files);
        if (!files) {
            fail_for_memory(all);
            return;
        }
        all->files = files;
        all->room = room;
    }
    char *path = malloc(len + strlen(name) + 2);
    if (!path) {
        fail_for_memory(all);
        return;
    }
    memcpy(path, directory, len);
    path[len] = '/';
    strcpy(path + len + 1, name);
    if (stat(path, &status) != 0) {
        text_fail(&error, 0, "%s", strerror(errno));
        complain(all, path, &error);
        free(path);
        return;
    }
    all->files[all->n++] = (struct file){.path = path, .owner = status.st_uid, .size = status.st_size};
}

static int is_prom(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len >= 5 && strcmp(entry->d_name + len - 5, ".prom") == 0;
}

static void add_directory(struct textfiles *all, const char *directory)
{
    struct dirent **entries;
    int n = scandir(directory, &entries, is_prom, alphasort);
    if (n < 0) {
        struct text_error error;
        text_fail(&error, 0, "%s", strerror(errno));
        complain(all, directory, &error);
        return;
    }
    for (int i = 0; i < n; i++) {
        add_file(all, directory, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

static void add_directories(struct textfiles *all, const char *pattern)
{
    glob_t found = {0};
    if (*pattern && glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) add_directory(all, found.gl_pathv[i]);
    } else if (*pattern) {
        add_directory(all, pattern);
    }
    globfree(&found);
}

/* ---- reading ---- */

static bool has_timestamp(const struct text_page *page, struct text_error *error)
{
    for (const struct text_family *family = page->families; family; family = family->next) {
        for (const struct text_metric *metric = family->metrics; metric; metric = metric->next) {
            if (!metric->has_timestamp) continue;
            text_fail(error, metric->line, "a sample of %.80s has a timestamp, which a file cannot have", family->name);
            return true;
        }
    }
    return false;
}

/* Counts the shapes that no file had before, and keeps them. */
static size_t count_shapes(struct textfiles *all, const struct text_page *page, bool keep)
{
    size_t n = 0;
    for (const struct text_family *family = page->families; family; family = family->next) {
        const struct text_metric *before = NULL;
        for (const struct text_metric *metric = family->metrics; metric; before = metric, metric = metric->next) {
            if (before && before->shape == metric->shape) continue;
            uint64_t hash = hash_text(0, family->name);
            size_t place;
            for (size_t i = 0; i < metric->n_labels; i++) hash = hash_text(hash, metric->labels[i].name);
            place = (size_t)hash;
            if (lookup_next(&all->shapes, hash, &place)) continue;
            if (keep && !lookup_add(&all->shapes, hash, all)) fail_for_memory(all); /* only the hash counts */
            n++;
        }
    }
    return n;
}

static bool is_small(struct textfiles *all, const struct text_page *page, struct text_error *error)
{
    if (page->n_shapes > SHAPES_MAX) {
        return text_fail(error, 0, "more than %d families and changes of label names", SHAPES_MAX);
    }
    if (all->n_series + page->n_metrics > ALL_SERIES_MAX) {
        return text_fail(error, 0, "more than %d series in all files", ALL_SERIES_MAX);
    }
    if (all->memory + page->memory.bytes > ALL_MEMORY_MAX) {
        return text_fail(error, 0, "more than %zu bytes of memory for all files", ALL_MEMORY_MAX);
    }
    if (all->shapes.n + count_shapes(all, page, false) > ALL_SHAPES_MAX) {
        return text_fail(error, 0, "more than %d families and changes of label names in all files", ALL_SHAPES_MAX);
    }
    count_shapes(all, page, true);
    all->n_series += page->n_metrics;
    all->memory += page->memory.bytes;
    return true;
}

static struct text_page *read_page(struct textfiles *all, const char *path, struct text_error *error)
{
    const struct scrape *scrape = all->scrape;
    const char *bytes = read_short_file(scrape->reader, "", path, BYTES_MAX);
    if (!bytes && errno == EFBIG) text_fail(error, 0, "more than %d bytes", BYTES_MAX);
    else if (!bytes) text_fail(error, 0, "%s", strerror(errno));
    else return text_parse(bytes, scrape->reader->len, error);
    return NULL;
}

static void read_one(struct textfiles *all, struct file *file)
{
    struct text_error error = {0, "out of memory"};
    struct stat status;
    struct text_page *page = read_page(all, file->path, &error);
    if (!page || has_timestamp(page, &error) || !is_small(all, page, &error)) {
        text_free(page);
        file->error = malloc(sizeof error);
        if (file->error) *file->error = error;
        return;
    }
    file->page = page;
    /* Behind the reading, so that a file that cannot be read does not look fresh. */
    file->mtime = stat(file->path, &status) == 0 ? (double)status.st_mtime : 0;
}

static int compare_sizes(const void *a, const void *b)
{
    const struct file *x = *(struct file *const *)a, *y = *(struct file *const *)b;
    if (x->owner != y->owner) return x->owner < y->owner ? -1 : 1;
    if (x->size != y->size) return x->size < y->size ? -1 : 1;
    return x < y ? -1 : x > y;
}

static int compare_turns(const void *a, const void *b)
{
    const struct file *x = *(struct file *const *)a, *y = *(struct file *const *)b;
    if (x->turn != y->turn) return x->turn < y->turn ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* Who has had least has the next turn. A size may be said to be anything: no more counts than is read. */
static void sort_files(struct file **files, size_t n)
{
    qsort(files, n, sizeof *files, compare_sizes);
    for (size_t i = 0; i < n; i++) {
        bool first = !i || files[i - 1]->owner != files[i]->owner;
        off_t size = files[i]->size < BYTES_MAX ? files[i]->size : BYTES_MAX;
        files[i]->turn = (first ? 0 : files[i - 1]->turn) + size + SMALLEST;
    }
    qsort(files, n, sizeof *files, compare_turns);
}

static void read_all(struct textfiles *all)
{
    struct file **in_turn = malloc((all->n + 1) * sizeof *in_turn);
    if (!in_turn) {
        fail_for_memory(all);
        return;
    }
    for (size_t i = 0; i < all->n; i++) in_turn[i] = &all->files[i];
    sort_files(in_turn, all->n);
    for (size_t i = 0; i < all->n; i++) read_one(all, in_turn[i]);
    free(in_turn);
}

/* ---- side by side ---- */

static struct part *find_part(const struct textfiles *all, const char *name)
{
    struct part *part;
    uint64_t hash = hash_text(0, name);
    for (size_t place = (size_t)hash; (part = lookup_next(&all->parts, hash, &place));) {
        if (strcmp(part->family->name, name) == 0) break;
    }
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

/* Notes the series; false: it is another file's already. */
static bool add_series(struct textfiles *all, struct text_metric *metric)
{
    uint64_t hash = hash_text(0, metric->family->name);
    const struct text_metric *there;
    for (size_t i = 0; i < metric->n_labels; i++) {
        hash = hash_text(hash_text(hash, metric->labels[i].name), metric->labels[i].value);
    }
    for (size_t place = (size_t)hash; (there = lookup_next(&all->series, hash, &place));) {
        if (same_series(there, metric)) return false;
    }
    if (!lookup_add(&all->series, hash, metric)) fail_for_memory(all);
    return true;
}

/* Those that are there already are left out. */
static void add_metrics(struct textfiles *all, struct text_page *page, struct text_family *family)
{
    for (struct text_metric **link = &family->metrics; *link;) {
        struct text_metric *metric = *link;
        if (add_series(all, metric)) {
            link = &metric->next;
            continue;
        }
        text_leave_out(page, metric->line, "%.80s is in another file already, with the same series", family->name);
        *link = metric->next;
    }
}

/* The families of the page with their help texts taken out, so that all of one name are claimed as the same. */
static struct part *make_parts(const struct file *file)
{
    struct text_page *page = file->page;
    struct part *parts = arena_alloc(&page->memory, (page->n_families + 1) * sizeof *parts), *part = parts;
    if (!parts) return NULL;
    for (struct text_family *family = page->families; family; family = family->next, part++) {
        *part = (struct part){.last = part, .family = family, .help = family->help, .file = file};
        family->help = NULL;
    }
    return parts;
}

static void add_part(struct textfiles *all, struct part *part)
{
    struct part *first = find_part(all, part->family->name);
    if (!first) {
        if (lookup_add(&all->parts, hash_text(0, part->family->name), part)) return;
        part->family->metrics = NULL; /* what is not there is nobody's */
        fail_for_memory(all);
        return;
    }
    first->last->also = part;
    first->last = part;
    if (!first->help) first->help = part->help;
}

/* Takes names and series, in the order of the files. */
static void place_one(struct textfiles *all, struct file *file)
{
    struct text_error error = {0, "out of memory"};
    struct part *part = make_parts(file);
    if (!part || !claims_replace(all->scrape->claims, NULL, file->page, false, &error)) {
        complain(all, file->path, &error);
        text_free(file->page);
        file->page = NULL;
        return;
    }
    for (struct text_family *family = file->page->families; family; family = family->next) {
        while (part->family != family) part++; /* past those that are left out */
        add_metrics(all, file->page, family);
        add_part(all, part);
    }
    if (file->page->n_left_out) complain(all, file->path, &file->page->left_out);
}

static void place_all(struct textfiles *all)
{
    struct text_page **pages = malloc((all->n + 1) * sizeof *pages);
    struct text_error error = {0, "out of memory"};
    size_t n = 0;
    for (size_t i = 0; pages && i < all->n; i++) {
        if (all->files[i].page) pages[n++] = all->files[i].page;
    }
    if (!pages || !text_settle(pages, n)) complain(all, "text files", &error);
    free(pages);
    for (size_t i = 0; i < all->n; i++) {
        struct file *file = &all->files[i];
        if (file->page) place_one(all, file);
        else complain(all, file->path, file->error ? file->error : &error);
    }
}

/* ---- showing ---- */

/* All families of one name have one help text: the first there is, or where they come from. */
static void show_family(const struct textfiles *all, struct text_family *family)
{
    char from[4096], repaired[3 * sizeof from];
    size_t len = (size_t)snprintf(from, sizeof from, "Metric read from ");
    const struct part *first = find_part(all, family->name);
    const char *comma = "";
    for (const struct part *part = first; part && !first->help && len < sizeof from; part = part->also) {
        len += (size_t)snprintf(from + len, sizeof from - len, "%s%s", comma, part->file->path);
        comma = ", ";
    }
    utf8_copy(repaired, sizeof repaired, from);
    family->help = first && first->help ? first->help : repaired;
    if (text_emit(all->scrape->out, family, CPROM_NO_LABELS) != CPROM_OK) {
        fail(all->scrape, "%.80s was refused", family->name);
    }
    family->help = NULL;
}

static void show_all(const struct textfiles *all)
{
    for (size_t i = 0; i < all->n; i++) {
        struct file *file = &all->files[i];
        char path[3 * PATH_MAX];
        if (!file->page) continue;
        utf8_copy(path, sizeof path, file->path);
        for (struct text_family *family = file->page->families; family; family = family->next) {
            show_family(all, family);
        }
        show_at_once(all->scrape, &mtime_desc, CPROM_STRS(path), file->mtime);
    }
}

static void forget_all(struct textfiles *all)
{
    for (size_t i = 0; i < all->n; i++) {
        if (all->files[i].page) claims_remove(all->scrape->claims, all->files[i].page);
        text_free(all->files[i].page);
        free(all->files[i].error);
        free(all->files[i].path);
    }
    free(all->files);
    lookup_free(&all->parts);
    lookup_free(&all->series);
    lookup_free(&all->shapes);
}

/* What many files took lies in pieces between what stays. */
static void give_back(size_t memory)
{
#ifdef __GLIBC__
    if (memory > (1 << 20)) malloc_trim(0);
#else
    (void)memory;
#endif
}

static void textfile_collect(struct scrape *scrape)
{
    struct textfiles all = {.scrape = scrape};
    claim_own(scrape->claims, mtime_desc.type, mtime_desc.name);
    claim_own(scrape->claims, error_desc.type, error_desc.name);
    add_directories(&all, scrape->flags->textfile_directory);
    read_all(&all);
    place_all(&all);
    show_all(&all);
    show_at_once(scrape, &error_desc, CPROM_NO_STRS, all.flawed);
    scrape->flawed = all.flawed;
    forget_all(&all);
    give_back(all.memory);
}

const struct collector textfile_collector = {"textfile", NULL, 0, NULL, textfile_collect, NULL};
