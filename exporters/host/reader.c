#define _GNU_SOURCE
#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool join(char path[PATH_MAX], const char *root, const char *name)
{
    int n = snprintf(path, PATH_MAX, "%s%s%s", root, *root ? "/" : "", name);
    if (n >= 0 && n < PATH_MAX) return true;
    errno = ENAMETOOLONG;
    return false;
}

static bool grow(struct reader *reader)
{
    size_t room = reader->room ? 2 * reader->room : 8192;
    char *text = realloc(reader->text, room);
    if (!text) return false;
    reader->text = text;
    reader->room = room;
    return true;
}

/* -1: see errno. */
static ssize_t read_all(struct reader *reader, int fd, size_t max)
{
    size_t len = 0;
    for (;;) {
        if (len > max) {
            errno = EFBIG;
            return -1;
        }
        if (len + 1 >= reader->room && !grow(reader)) return -1;
        ssize_t n = read(fd, reader->text + len, reader->room - len - 1);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (n == 0) return (ssize_t)len;
        len += (size_t)n;
    }
}

char *read_file(struct reader *reader, const char *root, const char *name)
{
    return read_short_file(reader, root, name, READ_MAX - 1);
}

char *read_short_file(struct reader *reader, const char *root, const char *name, size_t max)
{
    char path[PATH_MAX];
    if (!join(path, root, name)) return NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return NULL;
    struct stat status;
    ssize_t len = -1;
    if (fstat(fd, &status) == 0) {
        /* What others may put in the place of a file: a pipe, a device. */
        if (S_ISREG(status.st_mode)) len = read_all(reader, fd, max);
        else errno = S_ISDIR(status.st_mode) ? EISDIR : ENODEV;
    }
    int error = errno;
    close(fd);
    errno = error;
    if (len < 0) return NULL;
    reader->text[len] = '\0';
    reader->len = (size_t)len;
    return reader->text;
}

void reader_free(struct reader *reader)
{
    free(reader->text);
    *reader = (struct reader){.text = NULL};
}

void reader_shrink(struct reader *reader)
{
    if (reader->room > READ_KEPT) reader_free(reader);
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool read_small(int dir, const char *path, char text[READ_SMALL])
{
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return false;
    ssize_t n;
    do n = read(fd, text, READ_SMALL - 1);
    while (n < 0 && errno == EINTR);
    int error = errno;
    close(fd);
    errno = error;
    if (n < 0) return false;
    size_t begin = 0, end = (size_t)n;
    while (end && is_space(text[end - 1])) end--;
    while (begin < end && is_space(text[begin])) begin++;
    memmove(text, text + begin, end - begin);
    text[end - begin] = '\0';
    for (char *nul = text; (nul = memchr(nul, '\0', (size_t)(text + (end - begin) - nul)));) *nul = '\xff';
    return true;
}

bool parse_u64(const char *text, uint64_t *value)
{
    if (*text < '0' || *text > '9') return false;
    char *end;
    errno = 0;
    unsigned long long parsed = strtoull(text, &end, 10);
    if (errno || *end) return false;
    *value = parsed;
    return true;
}

bool parse_hex(const char *text, uint64_t *value)
{
    size_t len = strspn(text, "0123456789abcdefABCDEF");
    if (!len || len > 16 || text[len]) return false;
    *value = strtoull(text, NULL, 16);
    return true;
}

bool parse_i64_any(const char *text, int64_t *value)
{
    if (!*text || is_space(*text)) return false;
    char *end;
    errno = 0;
    long long parsed = strtoll(text, &end, 0);
    if (errno || *end || end == text) return false;
    *value = parsed;
    return true;
}

bool parse_number(const char *text, double *value)
{
    /* Nearly all numbers in procfs are whole and short: 15 digits are exact. */
    double whole = 0;
    size_t n = 0;
    for (; text[n] >= '0' && text[n] <= '9'; n++) whole = whole * 10 + (text[n] - '0');
    if (!n) return false;
    *value = whole;
    if (n < 16 && !text[n]) return true;
    size_t decimals = text[n] == '.' ? strspn(text + n + 1, "0123456789") : 0;
    if (text[n] && !(decimals && !text[n + 1 + decimals])) return false;
    *value = strtod(text, NULL);
    return true;
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* Words are short: strcspn takes longer to begin. */
char *next_word(char **at)
{
    char *word = *at;
    while (is_blank(*word)) word++;
    char *end = word;
    while (*end && !is_blank(*end)) end++;
    *at = *end ? end + 1 : end;
    *end = '\0';
    return end == word ? NULL : word;
}

int open_directory(const char *root, const char *name)
{
    char path[PATH_MAX];
    return join(path, root, name) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}
