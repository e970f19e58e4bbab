/*
 * --web.config.file, as Prometheus' exporters have it. Of its YAML: maps in block style, values that are plain or in
 * quotes, comments. Everything else, and an unknown key, is refused with file and line.
 *
 *      basic_auth_users:
 *        alice: $2y$10$...
 *      http_server_config:
 *        http2: false
 */
#ifndef EXPORTERS_COMMON_WEB_CONFIG_H
#define EXPORTERS_COMMON_WEB_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

struct web_user {
    char *name, *hash;
};

/* All zeros: no file. */
struct web_config {
    struct web_user *users;
    size_t n_users;
};

/* false: `why` says where and why, and there is nothing to free. */
bool web_config_read(struct web_config *config, const char *path, char *why, size_t cap);
/* Likewise, of a text, which is changed. */
bool web_config_parse(struct web_config *config, char *text, const char *path, char *why, size_t cap);
void web_config_free(struct web_config *config);

#endif
