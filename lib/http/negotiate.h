/*
 * What a request says about the answer that it wants: the target, and the headers that choose. Texts in, values out;
 * nothing is allocated and nothing fails. Sources: RFC 9110 for lists, weights and targets, the Prometheus exposition
 * formats for what is chosen.
 */
#ifndef CPROM_LIB_HTTP_NEGOTIATE_H
#define CPROM_LIB_HTTP_NEGOTIATE_H

#include <cprom/cprom.h>

/* The format that an Accept header asks for; NULL: there was none. */
cprom_format cprom__http_format(const char *accept);

#define CPROM__HTTP_WEIGHT_ONE 1000000000u /* q=1 */

/* The weight that a list header like Accept-Encoding gives a name; 0: not named, or refused. NULL: no header. */
uint32_t cprom__http_weight(const char *list, const char *name);

/* Seconds as decimal digits, with or without a point; 0: they are nothing else, or NULL. */
double cprom__http_seconds(const char *text);

bool cprom__http_is_token(const char *text);

struct cprom__http_target {
    const char *path; /* still percent-encoded */
    size_t path_len;
    const char *query; /* behind the question mark; "" where there is none */
};

/* Takes the target of a request line apart; false: it is malformed, its percent-encoding included. */
bool cprom__http_target_read(const char *text, struct cprom__http_target *target);
/* Whether the path, decoded, is this one. */
bool cprom__http_path_is(const struct cprom__http_target *target, const char *path);

/*
 * The values of name[] in a query, decoded, each with a NUL behind. `names` and `text` have room for what
 * cprom__http_names_max() says and for strlen(query) + 1 bytes. Returns how many there are.
 */
size_t cprom__http_names_max(const char *query);
size_t cprom__http_names(const char *query, const char **names, char *text);

#endif
