#define _POSIX_C_SOURCE 200809L

#include "script.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What editors, patch and packages leave behind, or somebody who wants it to run no more; ~ is in no name. */
static bool is_leftover(const char *name)
{
    static const char *const whole[] = {"bak", "orig", "rej", "old", "disabled"}, *const begins[] = {"rpm", "dpkg-",
                                                                                                     "ucf-"};
    const char *last = strrchr(name, '.');
    if (!last) return false;
    last++;
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        if (strcmp(last, whole[i]) == 0) return true;
    }
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        if (strncmp(last, begins[i], strlen(begins[i])) == 0) return true;
    }
    return false;
}

unsigned script_seconds(const char *file, const char **name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    unsigned seconds = 0;
    size_t i = 0;
    if (*file == '0') return 0;
    for (; file[i] >= '0' && file[i] <= '9' && seconds <= SECONDS_MAX; i++)
        seconds = seconds * 10 + (unsigned)(file[i] - '0');
    if (!i || seconds > SECONDS_MAX || file[i] != '_') return 0;
    *name = file + i + 1;
    size_t len = strlen(*name);
    return len && strspn(*name, letters) == len && !is_leftover(*name) ? seconds : 0;
}

static int compare(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : x->seconds < y->seconds ? -1 : x->seconds > y->seconds;
}

ssize_t scan(const char *directory, struct found **found)
{
    size_t n = 0, room = 0;
    DIR *dir = opendir(directory);
    *found = NULL;
    if (!dir) return -1;
    struct dirent *entry;
    int wrong = 0;
    while (!wrong && (errno = 0, entry = readdir(dir))) {
        const char *name;
        unsigned seconds = script_seconds(entry->d_name, &name);
        if (!seconds) continue;
        if (n == room) {
            struct found *more = realloc(*found, (room = room ? room * 2 : 16) * sizeof *more);
            if (!more) {
                wrong = ENOMEM;
                break;
            }
            *found = more;
        }
        char *file = strdup(entry->d_name);
        if (!file) {
            wrong = ENOMEM;
            break;
        }
        (*found)[n++] = (struct found){file, file + (name - entry->d_name), seconds};
    }
    if (!wrong) wrong = errno;
    closedir(dir);
    if (wrong) {
        scan_free(*found, n);
        *found = NULL;
        errno = wrong;
        return -1;
    }
    if (n) qsort(*found, n, sizeof **found, compare);
    return (ssize_t)n;
}

void scan_free(struct found *found, size_t n)
{
    while (n--) free(found[n].file);
    free(found);
}
