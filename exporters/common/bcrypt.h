/* bcrypt (Provos, Mazières, 1999), to check passwords against hashes that htpasswd -B and others made. */
#ifndef EXPORTERS_COMMON_BCRYPT_H
#define EXPORTERS_COMMON_BCRYPT_H

#include <stdbool.h>
#include <stddef.h>

#define BCRYPT_COST_MAX 15 /* 2^15 rounds take a second or two */

/* Whether bcrypt_check() takes it: $2y$10$ and 53 characters; 2a and 2b are the same; the cost is 4 to the maximum. */
bool bcrypt_is_hash(const char *hash);
/*
 * Whether the password, of which 72 bytes count, has this hash. Takes the time that the cost says. false: also no
 * memory. MT-safe.
 */
bool bcrypt_check(const char *password, const char *hash);

#endif
