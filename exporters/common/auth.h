/*
 * Basic authentication. A password is checked slowly, as it should be, and then remembered, so that scrapes do not wait
 * for it. One is checked at a time, and one waits; who comes then is refused, so that wrong passwords leave threads
 * for others.
 */
#ifndef EXPORTERS_COMMON_AUTH_H
#define EXPORTERS_COMMON_AUTH_H

#include "web_config.h"

#define AUTH_THREADS 2 /* that may be busy with passwords */

struct auth;

/* The configuration has users, and stays until auth_free(). NULL: no memory. */
struct auth *auth_new(const struct web_config *config);
void auth_free(struct auth *auth);
/* Whether the value of a header Authorization (NULL: there was none) is that of a user. MT-safe. */
bool auth_allows(struct auth *auth, const char *authorization);

#endif
