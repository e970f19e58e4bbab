#define _POSIX_C_SOURCE 200809L

#include "auth.h"

#include "bcrypt.h"
#include "hash.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REMEMBERED 128u
#define CREDENTIALS_MAX 1024

/* Two hashes with the program's secret key: nobody can aim at those of a password. */
struct answer {
    uint64_t hashes[2]; /* 0, 0: none */
    bool allowed;
};

struct auth {
    const struct web_config *config;
    pthread_mutex_t lock; /* for the answers and the number; never held for long */
    struct answer right[REMEMBERED], wrong[REMEMBERED];
    size_t n_right, n_wrong; /* in all; the place of the next is that modulo REMEMBERED */
    unsigned checking;       /* threads */
    pthread_mutex_t turn;    /* one checks at a time */
};

struct auth *auth_new(const struct web_config *config)
{
    struct auth *auth = calloc(1, sizeof *auth);
    if (!auth) return NULL;
    auth->config = config;
    pthread_mutex_init(&auth->lock, NULL);
    pthread_mutex_init(&auth->turn, NULL);
    return auth;
}

void auth_free(struct auth *auth)
{
    if (!auth) return;
    pthread_mutex_destroy(&auth->lock);
    pthread_mutex_destroy(&auth->turn);
    free(auth);
}

/* RFC 4648; the text may end without its =. false: it is none, or has a NUL in it. */
static bool decode(char *out, const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    int n_bits = 0;
    for (; *text && *text != '='; text++) {
        const char *digit = strchr(digits, *text);
        if (!digit) return false;
        bits = bits << 6 | (uint32_t)(digit - digits);
        n_bits += 6;
        if (n_bits < 8) continue;
        n_bits -= 8;
        *out = (char)(bits >> n_bits & 255);
        if (!*out++) return false;
    }
    *out = '\0';
    return strspn(text, "=") == strlen(text);
}

/* user:password, in the clear. */
static bool read_credentials(char out[CREDENTIALS_MAX], const char *authorization)
{
    if (!authorization || strncasecmp(authorization, "Basic ", 6) != 0) return false;
    authorization += 6 + strspn(authorization + 6, " ");
    return strlen(authorization) < CREDENTIALS_MAX && decode(out, authorization) && strchr(out, ':');
}

static bool is_same(const struct answer *a, const struct answer *b)
{
    return a->hashes[0] == b->hashes[0] && a->hashes[1] == b->hashes[1];
}

/* Whether it was checked before. With the lock held. */
static bool recall(const struct auth *auth, struct answer *answer)
{
    for (size_t i = 0; i < REMEMBERED; i++) {
        bool right = is_same(&auth->right[i], answer);
        if (!right && !is_same(&auth->wrong[i], answer)) continue;
        answer->allowed = right;
        return true;
    }
    return false;
}

/* Wrong ones, which anybody can have many of, take no place from the right ones. */
static void remember(struct auth *auth, const struct answer *answer)
{
    pthread_mutex_lock(&auth->lock);
    if (answer->allowed) auth->right[auth->n_right++ % REMEMBERED] = *answer;
    else auth->wrong[auth->n_wrong++ % REMEMBERED] = *answer;
    pthread_mutex_unlock(&auth->lock);
}

/* A user that there is not takes as long as one that there is. */
static bool check(struct auth *auth, char *credentials)
{
    const struct web_config *config = auth->config;
    char *colon = strchr(credentials, ':');
    size_t i = 0;
    *colon = '\0';
    while (i < config->n_users && strcmp(config->users[i].name, credentials) != 0) i++;
    bool known = i < config->n_users;
    pthread_mutex_lock(&auth->turn);
    bool right = bcrypt_check(colon + 1, config->users[known ? i : 0].hash);
    pthread_mutex_unlock(&auth->turn);
    return known && right;
}

bool auth_allows(struct auth *auth, const char *authorization)
{
    char credentials[CREDENTIALS_MAX];
    if (!read_credentials(credentials, authorization)) return false;
    struct answer answer = {{hash_text(0, credentials), hash_text(1, credentials)}, false};
    answer.hashes[0] |= 1; /* not that of an empty place */
    pthread_mutex_lock(&auth->lock);
    bool known = recall(auth, &answer), busy = !known && auth->checking == AUTH_THREADS;
    if (!known && !busy) auth->checking++;
    pthread_mutex_unlock(&auth->lock);
    if (known || busy) return answer.allowed;
    answer.allowed = check(auth, credentials);
    remember(auth, &answer);
    pthread_mutex_lock(&auth->lock);
    auth->checking--;
    pthread_mutex_unlock(&auth->lock);
    return answer.allowed;
}
