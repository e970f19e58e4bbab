#define _GNU_SOURCE
#include "guard.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLOW 100000000 /* ns: without an answer for so long, another thread takes the rest */
#define THREADS_MAX 64 /* of one guard, those that are stuck included */
#define STACK_SIZE (64 * 1024)

enum state {
    OPEN,
    ASKED,
    ANSWERED,
    GIVEN_UP
};

struct question {
    char *path;
    enum state state;
    int error;
    struct statfs stat;
};

/* Held by the guard while it is the current one, and by each thread in it. */
struct round {
    struct guard *guard;
    size_t references;
    struct question *v;
    size_t n, room;
    size_t n_answered; /* or given up before they were asked */
    size_t next;       /* none before it is open */
};

struct stuck {
    struct stuck *next;
    char path[];
};

/* The lock guards all of it, rounds included, but for a round's questions until the wait begins. */
struct guard {
    pthread_mutex_t lock;
    pthread_cond_t answered;
    size_t references; /* the owner's, and one for each thread */
    size_t threads;
    struct round *round;
    struct stuck *stuck;
};

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

struct guard *guard_new(void)
{
    struct guard *guard = calloc(1, sizeof *guard);
    if (!guard) return NULL;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&guard->lock, NULL);
    pthread_cond_init(&guard->answered, &attributes);
    pthread_condattr_destroy(&attributes);
    guard->references = 1;
    return guard;
}

/* Gives back one reference, with the lock held; unlocks. */
static void release(struct guard *guard)
{
    bool last = --guard->references == 0;
    pthread_mutex_unlock(&guard->lock);
    if (!last) return;
    while (guard->stuck) {
        struct stuck *next = guard->stuck->next;
        free(guard->stuck);
        guard->stuck = next;
    }
    pthread_cond_destroy(&guard->answered);
    pthread_mutex_destroy(&guard->lock);
    free(guard);
}

void guard_free(struct guard *guard)
{
    if (!guard) return;
    pthread_mutex_lock(&guard->lock);
    release(guard);
}

static void round_release(struct round *round)
{
    if (--round->references) return;
    for (size_t i = 0; i < round->n; i++) free(round->v[i].path);
    free(round->v);
    free(round);
}

bool guard_begin(struct guard *guard)
{
    struct round *round = calloc(1, sizeof *round);
    if (!round) return false;
    round->guard = guard;
    round->references = 1;
    guard->round = round;
    return true;
}

void guard_end(struct guard *guard)
{
    pthread_mutex_lock(&guard->lock);
    round_release(guard->round);
    guard->round = NULL;
    pthread_mutex_unlock(&guard->lock);
}

bool guard_ask(struct guard *guard, const char *root, const char *path, size_t *question)
{
    struct round *round = guard->round;
    size_t n_root = strlen(root);
    while (n_root && root[n_root - 1] == '/') n_root--;
    if (round->n == round->room) {
        size_t room = round->room ? 2 * round->room : 16;
        struct question *v = realloc(round->v, room * sizeof *v);
        if (!v) return false;
        round->v = v;
        round->room = room;
    }
    char *whole = malloc(n_root + strlen(path) + 1);
    if (!whole) return false;
    memcpy(whole, root, n_root);
    strcpy(whole + n_root, path);
    *question = round->n++;
    round->v[*question] = (struct question){.path = whole};
    return true;
}

static struct stuck **find_stuck(struct guard *guard, const char *path)
{
    struct stuck **at = &guard->stuck;
    while (*at && strcmp((*at)->path, path) != 0) at = &(*at)->next;
    return at;
}

static void mark_stuck(struct guard *guard, const char *path)
{
    struct stuck **at = find_stuck(guard, path);
    if (*at) return;
    struct stuck *stuck = malloc(sizeof *stuck + strlen(path) + 1);
    if (!stuck) return;
    strcpy(stuck->path, path);
    stuck->next = NULL;
    *at = stuck;
}

static void mark_well(struct guard *guard, const char *path)
{
    struct stuck **at = find_stuck(guard, path), *stuck = *at;
    if (!stuck) return;
    *at = stuck->next;
    free(stuck);
}

static struct question *next_open(struct round *round)
{
    while (round->next < round->n && round->v[round->next].state != OPEN) round->next++;
    return round->next < round->n ? &round->v[round->next] : NULL;
}

static void answer(struct round *round, struct question *question, enum state state, int error)
{
    question->state = state;
    question->error = error;
    round->n_answered++;
    pthread_cond_signal(&round->guard->answered);
}

static void *ask(void *arg)
{
    struct round *round = arg;
    struct guard *guard = round->guard;
    pthread_mutex_lock(&guard->lock);
    for (struct question *question; (question = next_open(round));) {
        struct statfs stat;
        question->state = ASKED;
        pthread_mutex_unlock(&guard->lock);
        int error = statfs(question->path, &stat) == 0 ? 0 : errno;
        pthread_mutex_lock(&guard->lock);
        if (question->state == GIVEN_UP) {
            mark_well(guard, question->path);
        } else {
            question->stat = stat;
            answer(round, question, ANSWERED, error);
        }
    }
    guard->threads--;
    round_release(round);
    release(guard);
    return NULL;
}

/* One more thread for the round, with the lock held. */
static bool spawn(struct guard *guard, struct round *round)
{
    if (guard->threads == THREADS_MAX) return false;
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    bool ok = pthread_create(&thread, &attributes, ask, round) == 0;
    pthread_attr_destroy(&attributes);
    if (!ok) return false;
    guard->threads++;
    guard->references++;
    round->references++;
    return true;
}

/* Of what is stuck already, nobody asks, so that it holds up no more threads with every scrape. */
static void skip_stuck(struct guard *guard, struct round *round)
{
    if (!guard->stuck) return;
    for (size_t i = 0; i < round->n; i++) {
        if (*find_stuck(guard, round->v[i].path)) answer(round, &round->v[i], GIVEN_UP, ETIMEDOUT);
    }
}

static void give_up(struct guard *guard, struct round *round)
{
    for (size_t i = 0; i < round->n; i++) {
        struct question *question = &round->v[i];
        if (question->state == ASKED) mark_stuck(guard, question->path);
        if (question->state == ASKED || question->state == OPEN) answer(round, question, GIVEN_UP, ETIMEDOUT);
    }
}

void guard_wait(struct guard *guard, double seconds)
{
    struct round *round = guard->round;
    int64_t end = now() + (int64_t)(seconds * 1e9);
    pthread_mutex_lock(&guard->lock);
    skip_stuck(guard, round);
    bool threads = next_open(round) && spawn(guard, round);
    for (size_t before = 0; threads && round->n_answered < round->n && now() < end;) {
        int64_t wake = now() + SLOW < end ? now() + SLOW : end;
        struct timespec until = {.tv_sec = wake / 1000000000, .tv_nsec = wake % 1000000000};
        int late = pthread_cond_timedwait(&guard->answered, &guard->lock, &until);
        if (late && round->n_answered == before && next_open(round)) spawn(guard, round);
        before = round->n_answered;
    }
    give_up(guard, round);
    pthread_mutex_unlock(&guard->lock);
}

int guard_answer(const struct guard *guard, size_t question, struct statfs *stat)
{
    /* Answered or given up: no thread touches it any more. */
    *stat = guard->round->v[question].stat;
    return guard->round->v[question].error;
}
