/*
 * Reading of files in procfs and sysfs, which are small, change while they are read, and do not know their size.
 */
#ifndef CPROM_EXPORTERS_HOST_READER_H
#define CPROM_EXPORTERS_HOST_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define READ_MAX (64u << 20) /* a longer file is refused: EFBIG */
#define READ_KEPT (64u << 10)

struct reader {
    char *text;
    size_t len; /* of the file read last */
    size_t room;
};

/*
 * The text of the file `path` under `root` ("": none), which is a regular one, with a NUL behind. It may be written to,
 * and stays until the next call.
 * NULL: see errno.
 */
char *read_file(struct reader *reader, const char *root, const char *path);
/* Likewise, of one that is not longer than `max`: others write it. */
char *read_short_file(struct reader *reader, const char *root, const char *path, size_t max);
void reader_free(struct reader *reader);
/* Gives back what a long file took. */
void reader_shrink(struct reader *reader);

/*
 * The beginning of a file in the directory `dir` (a descriptor), without white space around it. A NUL in it becomes
 * \xff, which stands in no number and no UTF-8. false: see errno.
 */
#define READ_SMALL 129
bool read_small(int dir, const char *path, char text[READ_SMALL]);

/*
 * A number that is all there is in the text: whole and decimal; _hex: hexadecimal, without 0x; _any: also negative,
 * hexadecimal or octal; _number: not negative, whole or with a decimal point.
 */
bool parse_u64(const char *text, uint64_t *value);
bool parse_hex(const char *text, uint64_t *value);
bool parse_i64_any(const char *text, int64_t *value);
bool parse_number(const char *text, double *value);

/* The next word of a line, between spaces and tabs; NULL: there are no more. */
char *next_word(char **at);

/* Opens the directory `path` under `root`. -1: see errno. */
int open_directory(const char *root, const char *path);

#endif
