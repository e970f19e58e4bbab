/*
 * What others wrote into files *.prom of some directories, and how old those files are. A file that is not fit for the
 * page is left out as a whole.
 */
#include "host.h"

#include "program.h"
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

/* A file on the page; they are in the order in which they were read. */
struct file {
    struct file *next;
    struct text_page *page;
    double mtime;
    char path[];
};

struct textfile {
    struct file *first, **last;
    char *complaints; /* of the last scrape, a line each; they are said when they change */
    char *complaint;  /* of this one */
    size_t len;
};

static bool textfile_start(const struct flags *flags, void **state, char *why, size_t n_why)
{
    (void)flags;
    (void)why;
    (void)n_why;
    return (*state = calloc(1, sizeof(struct textfile))) != NULL;
}

static void textfile_stop(void *state)
{
    struct textfile *all = state;
    if (!all) return;
    free(all->complaints);
    free(all->complaint);
    free(all);
}

static void complain(struct textfile *all, const char *path, const char *what)
{
    size_t room = all->len + strlen(path) + strlen(what) + 4;
    char *grown = realloc(all->complaint, room);
    if (!grown) return;
    all->complaint = grown;
    all->len += (size_t)snprintf(grown + all->len, room - all->len, "%s: %s\n", path, what);
}

/* Says what is new. */
static void say_complaints(struct textfile *all)
{
    char *at = all->complaint;
    for (char *line; at && (line = next_line(&at));) {
        if (!all->complaints || !strstr(all->complaints, line)) say("collector textfile: %s", line);
        if (at > line + strlen(line)) at[-1] = '\n'; /* as it was */
    }
    free(all->complaints);
    all->complaints = all->complaint;
    all->complaint = NULL;
    all->len = 0;
}

static const struct text_family *find(const struct text_page *page, const char *name)
{
    const struct text_family *family = page->families;
    while (family && strcmp(family->name, name) != 0) family = family->next;
    return family;
}

static bool same_labels(const struct text_metric *a, const struct text_metric *b)
{
    if (a->n_labels != b->n_labels) return false;
    for (size_t i = 0; i < a->n_labels; i++) {
        if (strcmp(a->labels[i].name, b->labels[i].name) != 0 || strcmp(a->labels[i].value, b->labels[i].value) != 0) {
            return false;
        }
    }
    return true;
}

/* Whether two files can both have the family: same type, and no series in common. */
static bool go_together(const struct text_family *a, const struct text_family *b)
{
    if (a->type != b->type) return false;
    for (const struct text_metric *one = a->metrics; one; one = one->next) {
        for (const struct text_metric *other = b->metrics; other; other = other->next) {
            if (same_labels(one, other)) return false;
        }
    }
    return true;
}

static bool fits(const struct text_family *family, char *why, size_t n_why)
{
    for (const struct text_metric *metric = family->metrics; metric; metric = metric->next) {
        const char *what = NULL;
        if (metric->has_timestamp) what = "has a timestamp, which a file cannot have";
        if (metric->n_labels > CPROM_LABELS_MAX) what = "has too many labels";
        for (size_t i = 0; i < metric->n_labels; i++) {
            if (strlen(metric->labels[i].value) > CPROM_VALUE_MAX) what = "has a label value that is too long";
        }
        if (!what) continue;
        snprintf(why, n_why, "line %zu: a sample of %s %s", metric->line, family->name, what);
        return false;
    }
    return true;
}

/* Whether the page would be right with this file, too. */
static bool is_fit(struct scrape *scrape, const struct text_page *page, char *why, size_t n_why)
{
    const struct textfile *all = scrape->state;
    for (const struct text_family *family = page->families; family; family = family->next) {
        if (!fits(family, why, n_why)) return false;
        if (names_have(scrape->names, family->name) || strncmp(family->name, "cprom_", 6) == 0) {
            snprintf(why, n_why, "line %zu: the family %s is not for files", family->line, family->name);
            return false;
        }
        for (const struct file *file = all->first; file; file = file->next) {
            const struct text_family *other = find(file->page, family->name);
            if (!other || go_together(family, other)) continue;
            snprintf(why, n_why, "line %zu: %s is in %s already, %s", family->line, family->name, file->path,
                     other->type == family->type ? "with the same series" : "as another type");
            return false;
        }
    }
    return true;
}

static bool add_file(struct scrape *scrape, const char *directory, const char *name, const char *path)
{
    struct textfile *all = scrape->state;
    struct text_error error;
    struct stat status;
    char why[512];
    const char *bytes = read_file(scrape->reader, directory, name);
    if (!bytes) {
        complain(all, path, strerror(errno));
        return false;
    }
    struct text_page *page = text_parse(bytes, scrape->reader->len, &error);
    if (!page) snprintf(why, sizeof why, "line %zu: %s", error.line, error.what);
    struct file *file = page && is_fit(scrape, page, why, sizeof why) ? malloc(sizeof *file + strlen(path) + 1) : NULL;
    if (!file) {
        complain(all, path, why);
        text_free(page);
        return false;
    }
    /* Behind the reading, so that a file that cannot be read does not look fresh. */
    *file = (struct file){.page = page, .mtime = stat(path, &status) == 0 ? (double)status.st_mtime : 0};
    strcpy(file->path, path);
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
        complain(scrape->state, directory, strerror(errno));
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
static void show_family(struct scrape *scrape, const struct textfile *all, struct text_family *family)
{
    char from[4096];
    size_t len = (size_t)snprintf(from, sizeof from, "Metric read from ");
    const char *help = NULL, *comma = "";
    for (const struct file *file = all->first; file && !help; file = file->next) {
        const struct text_family *other = find(file->page, family->name);
        if (!other) continue;
        help = other->help;
        if (len < sizeof from) len += (size_t)snprintf(from + len, sizeof from - len, "%s%s", comma, file->path);
        comma = ", ";
    }
    family->help = help ? help : from;
    if (text_emit(scrape->out, family, CPROM_NO_LABELS) != CPROM_OK) fail(scrape, "%s was refused", family->name);
}

static void show_files(struct scrape *scrape)
{
    const struct textfile *all = scrape->state;
    for (struct file *file = all->first; file; file = file->next) {
        char path[3 * PATH_MAX];
        copy_utf8(path, sizeof path, file->path);
        for (struct text_family *family = file->page->families; family; family = family->next) {
            const char *help = family->help;
            show_family(scrape, all, family);
            family->help = help;
        }
        show(scrape, &mtime_desc, CPROM_STRS(path), file->mtime);
    }
}

static void forget_files(struct textfile *all)
{
    while (all->first) {
        struct file *next = all->first->next;
        text_free(all->first->page);
        free(all->first);
        all->first = next;
    }
}

static bool textfile_collect(struct scrape *scrape)
{
    struct textfile *all = scrape->state;
    const char *directory = scrape->flags->textfile_directory;
    bool ok = true;
    glob_t found = {0};
    all->last = &all->first;
    names_add(scrape->names, mtime_desc.name);
    names_add(scrape->names, error_desc.name);
    if (*directory && glob(directory, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) ok = add_directory(scrape, found.gl_pathv[i]) && ok;
    } else if (*directory) {
        ok = add_directory(scrape, directory);
    }
    globfree(&found);
    show_files(scrape);
    show(scrape, &error_desc, CPROM_NO_STRS, !ok);
    forget_files(all);
    say_complaints(all);
    return true;
}

const struct collector textfile_collector = {"textfile", NULL, 0, textfile_start, textfile_collect, textfile_stop};
