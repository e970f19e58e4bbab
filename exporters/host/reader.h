/*
 * Reading of files in procfs and sysfs, which are small, change while they are read, and do not know their size.
 */
#ifndef CPROM_EXPORTERS_HOST_READER_H
#define CPROM_EXPORTERS_HOST_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define READ_MAX (8u << 20) /* a longer file is refused: EFBIG */

struct reader {
    char *text;
    size_t len; /* of the file read last */
    size_t room;
};

/*
 * The text of the file `path` under `root`, with a NUL behind. It may be written to, and stays until the next call.
 * NULL: see errno.
 */
char *read_file(struct reader *reader, const char *root, const char *path);
void reader_free(struct reader *reader);

/* The beginning of a file in the directory `dir` (a descriptor), without white space around it. false: see errno. */
#define READ_SMALL 129
bool read_small(int dir, const char *path, char text[READ_SMALL]);

/* A whole number that is all there is in the text, in decimal; _any: hexadecimal and octal, too. */
bool parse_u64(const char *text, uint64_t *value);
bool parse_i64_any(const char *text, int64_t *value);
bool parse_double(const char *text, double *value);

/* The next line; *at moves behind it. NULL: there are no more. */
char *next_line(char **at);
/* The next word of a line, between spaces and tabs; NULL: there are no more. */
char *next_word(char **at);

/* Opens the directory `path` under `root`. -1: see errno. */
int open_directory(const char *root, const char *path);

#endif
