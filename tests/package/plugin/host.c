/*
 * A program that loads plugins with the library in them, and closes them again.
 *
 *   host lives PLUGIN GOES     a thread that used the plugin lives on when it is closed, and ends later
 *   host again PLUGIN GOES     200 times: opened, used by threads that live on and by others that end just now, closed
 *   host copies A B            A, B and the program count in default registries, each in its own (with OWN_COPY)
 *
 * GOES: 1 where a plugin that is closed is gone; 0 where the C library leaves it. Says what is wrong.
 */
#define _GNU_SOURCE /* pthread_barrier_t, mallinfo2 */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef OWN_COPY
#include "cprom.h"
#endif

#define TIMES 200
#define STAYING 4
#define PASSING 4
#define UPDATES 100

#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                             \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static void *plugin;
static int (*begin)(void);
static void (*update)(void), (*end)(void);
static double (*counted)(void);

static void *function(void *from, const char *name)
{
    void *found = dlsym(from, name);
    if (!found) puts(dlerror());
    REQUIRE(found);
    return found;
}

static void *open_plugin(const char *path, int flags)
{
    void *opened = dlopen(path, RTLD_NOW | flags);
    if (!opened) puts(dlerror());
    REQUIRE(opened);
    return opened;
}

static void load(const char *path)
{
    plugin = open_plugin(path, RTLD_LOCAL);
    *(void **)&begin = function(plugin, "plugin_begin");
    *(void **)&update = function(plugin, "plugin_update");
    *(void **)&counted = function(plugin, "plugin_counted");
    *(void **)&end = function(plugin, "plugin_end");
    REQUIRE(begin() == 0);
}

static void unload(const char *path, int goes)
{
    end();
    REQUIRE(dlclose(plugin) == 0);
    REQUIRE(!goes == (dlopen(path, RTLD_NOW | RTLD_NOLOAD) != NULL));
}

static pthread_barrier_t turn;

/* They stand in the same list of the thread as what it held of the plugin's. */
static void use_robust_mutexes(void)
{
    pthread_mutexattr_t robust;
    pthread_mutex_t mutexes[8];
    REQUIRE(pthread_mutexattr_init(&robust) == 0);
    REQUIRE(pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST) == 0);
    for (int i = 0; i < 8; i++) REQUIRE(pthread_mutex_init(&mutexes[i], &robust) == 0);
    for (int i = 0; i < 8; i++) REQUIRE(pthread_mutex_lock(&mutexes[i]) == 0);
    for (int i = 0; i < 8; i++) REQUIRE(pthread_mutex_unlock(&mutexes[i]) == 0);
}

static void *live_on(void *arg)
{
    update();
    pthread_barrier_wait(&turn); /* used */
    pthread_barrier_wait(&turn); /* gone */
    use_robust_mutexes();
    return arg;
}

static void lives(const char *path, int goes)
{
    pthread_t thread;
    REQUIRE(pthread_barrier_init(&turn, NULL, 2) == 0);
    load(path);
    update();
    REQUIRE(pthread_create(&thread, NULL, live_on, NULL) == 0);
    pthread_barrier_wait(&turn);
    REQUIRE(counted() == 2);
    unload(path, goes);
    pthread_barrier_wait(&turn);
    REQUIRE(pthread_join(thread, NULL) == 0);
    use_robust_mutexes();
}

static void update_often(void)
{
    for (int i = 0; i < UPDATES; i++) update();
}

static void *stay(void *arg)
{
    for (int i = 0; i < TIMES; i++) {
        pthread_barrier_wait(&turn); /* it is there */
        update_often();
        pthread_barrier_wait(&turn); /* used */
    }
    use_robust_mutexes();
    return arg;
}

/* Ends while the plugin is closed, or before or after that. */
static void *pass(void *arg)
{
    pthread_barrier_wait(&turn);
    update_often();
    pthread_barrier_wait(&turn);
    return arg;
}

static size_t allocated(void)
{
#ifdef __GLIBC__
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
#else
    return 0; /* it cannot be asked */
#endif
}

/* Returns how many bytes more are allocated after each time; the first half makes what is used again. */
static size_t open_and_close(const char *path, int goes, int staying, int passing)
{
    pthread_t stayers[STAYING], passers[PASSING];
    size_t before = 0;
    REQUIRE(pthread_barrier_init(&turn, NULL, (unsigned)(1 + staying + passing)) == 0);
    for (int t = 0; t < staying; t++) REQUIRE(pthread_create(&stayers[t], NULL, stay, NULL) == 0);
    for (int i = 0; i < TIMES; i++) {
        if (i == TIMES / 2) before = allocated();
        load(path);
        for (int t = 0; t < passing; t++) REQUIRE(pthread_create(&passers[t], NULL, pass, NULL) == 0);
        pthread_barrier_wait(&turn);
        update_often();
        pthread_barrier_wait(&turn);
        REQUIRE(counted() == UPDATES * (1.0 + staying + passing));
        unload(path, goes);
        for (int t = 0; t < passing; t++) REQUIRE(pthread_join(passers[t], NULL) == 0);
    }
    size_t after = allocated();
    for (int t = 0; t < staying; t++) REQUIRE(pthread_join(stayers[t], NULL) == 0);
    return after > before ? (after - before) / (TIMES / 2) : 0;
}

/* What stays: nothing where no thread that has used it lives on; otherwise what the documents say. */
static void again(const char *path, int goes)
{
    size_t alone = open_and_close(path, goes, 0, 0), beside = open_and_close(path, goes, STAYING, PASSING);
    printf("bytes that stay each time: %zu; with threads that live on: %zu\n", alone, beside);
    REQUIRE(alone < 64);
    REQUIRE(beside < 8192);
}

static void copies(const char *a, const char *b)
{
    double (*count_a)(double), (*count_b)(double);
    *(void **)&count_a = function(open_plugin(a, RTLD_GLOBAL), "plugin_count_in_default");
    *(void **)&count_b = function(open_plugin(b, RTLD_GLOBAL), "plugin_count_in_default");
#ifdef OWN_COPY
    cprom_counter *mine;
    REQUIRE(cprom_counter_new(cprom_registry_default(), CPROM_OPTS(cprom_opts, .name = "copies_total", .help = "h"),
                              &mine) == CPROM_OK);
    cprom_counter_inc(mine);
#endif
    REQUIRE(count_a(20) == 20);
    REQUIRE(count_b(300) == 300);
    REQUIRE(count_a(0) == 20);
    REQUIRE(count_b(0) == 300);
#ifdef OWN_COPY
    REQUIRE(cprom_counter_value(mine) == 1);
#endif
}

int main(int argc, char **argv)
{
    REQUIRE(argc == 4);
    if (strcmp(argv[1], "lives") == 0) lives(argv[2], atoi(argv[3]));
    else if (strcmp(argv[1], "again") == 0) again(argv[2], atoi(argv[3]));
    else if (strcmp(argv[1], "copies") == 0) copies(argv[2], argv[3]);
    else REQUIRE(!"a mode");
    return 0;
}
