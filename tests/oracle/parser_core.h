/*
 * Inside the parsers of pages: what both formats are read with. parser.c and om_parser.c read the lines,
 * parser_family.c checks each family as a whole and then all of them; for tests, parser.h is the face.
 *
 * The first error ends the parse by longjmp, so that every check can simply return. All memory is one arena. Everything
 * runs in the C locale.
 */
#ifndef CPROM_TESTS_PARSER_CORE_H
#define CPROM_TESTS_PARSER_CORE_H

#include <setjmp.h>

#include "parser.h"

struct parser_chunk;

typedef struct parser {
    parser_page page; /* first: what the caller holds */
    bool openmetrics;
    struct parser_chunk *chunks;
    parser_family *families;
    parser_sample *samples;
    size_t families_cap, samples_cap;
    size_t *index; /* hash table over keys: sample + 1, or 0 */
    size_t index_size;
    const char *at, *end; /* the line that is read */
    size_t line;
    jmp_buf failed;
} parser;

/* Memory that goes with the page. Never NULL. */
void *parser_keep(parser *p, size_t size);
char *parser_keep_text(parser *p, const char *from, const char *to);
/* For what is allocated otherwise: ends the program if `ptr` is NULL, else returns it. */
void *parser_must(void *ptr);

__attribute__((format(printf, 3, 4), noreturn)) void parser_fail_at(parser *p, size_t line, const char *format, ...);
#define FAIL(p, ...) parser_fail_at((p), (p)->line, __VA_ARGS__)

/* A number in its only text form; of OpenMetrics where the page is. `text` ends with NUL. */
double parser_read_number(parser *p, const char *what, const char *text);

/* Pieces of a line: each is read from p->at, which moves behind it. */
bool parser_take(parser *p, char c);
void parser_expect(parser *p, char c, const char *where);
bool parser_take_text(parser *p, const char *text);
char *parser_read_name(parser *p, const char *what, bool colon);
/* The rest of the line, unescaped; `quotes`: \" is an escape there, and " alone is wrong. */
char *parser_read_help(parser *p, bool quotes);
/* Text up to the next space or the end of the line. */
char *parser_read_word(parser *p);
/* The pairs behind a {, and the }. At least one. */
parser_label *parser_read_pairs(parser *p, size_t *n);
/* Decimal digits without zeros in front, at least one; stops at the first other byte. */
uint64_t parser_read_digits(parser *p, const char *what, uint64_t max);

/* One more. A family's name and order are checked; `sample` gets its family and line. */
void parser_add_family(parser *p, const parser_family *family);
void parser_add_sample(parser *p, const parser_sample *sample);
const char *parser_type_name(const parser *p, parser_type type);

/* Label names: none twice, none with __, sorted but for `le` and `quantile`, which stand last where they belong. */
void parser_check_labels(parser *p, const parser_sample *sample);
/* After the last line: shape of series, order, duplicates; collisions between families. */
void parser_check_families(parser *p);

/* Reads a page with `lines`, which calls the above. */
parser_page *parser_run(const char *bytes, size_t len, bool openmetrics, void (*lines)(parser *, const char *, size_t));
/* Shows the place, and fails the running test, if the page is not right. */
parser_page *parser_assert_ok(parser_page *page, const char *bytes, size_t len);

#endif
