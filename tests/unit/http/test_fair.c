/* One server thread, and a crowd that asks for page after page without waiting: others have their turn. */
#include "support/http_running.h"

#include <limits.h>

#define CROWD 10
#define PIPELINED 50

/* A collector that is let go step by step. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int begun, allowed;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static double collect_when_allowed(void *ctx)
{
    pthread_mutex_lock(&gate.lock);
    int mine = ++gate.begun;
    pthread_cond_broadcast(&gate.changed);
    while (gate.allowed < mine) pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
    return 1;
}

/* Lets so many more callbacks end, and waits until the next one has begun. */
static void gather(int n)
{
    pthread_mutex_lock(&gate.lock);
    gate.allowed += n;
    pthread_cond_broadcast(&gate.changed);
    while (gate.begun <= gate.allowed) pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
}

static bool has_answer(int fd)
{
    char bytes[16];
    return recv(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_PEEK) > 12 && memcmp(bytes, "HTTP/1.1 200", 12) == 0;
}

static int ask(cprom_http_server *server, const char *request, int times)
{
    int fd = hs_connect(server);
    for (int i = 0; i < times; i++) assert_true(hc_send_text(fd, request));
    return fd;
}

static void test_fair_turns_of_those_who_pipeline(void **state)
{
    ct_fixture *fixture = *state;
    gate.begun = gate.allowed = 0;
    assert_ok(cprom_gauge_func_new(fixture->registry, CPROM_OPTS(cprom_opts, .name = "g", .help = "G."),
                                   collect_when_allowed, NULL));
    cprom_http_server *server = hs_start(fixture, (cprom_http_server_opts){.threads = 1});
    int crowd[CROWD];
    for (int i = 0; i < CROWD; i++) crowd[i] = ask(server, HC_GET, PIPELINED);
    gather(0);
    gather(1); /* now the server has seen all of them */

    for (int i = 0; i < 5; i++) {
        int healthy = ask(server, HC_HEALTHY, 1);
        gather(1);
        assert_true(has_answer(healthy));
        close(healthy);
    }
    int scraper = ask(server, HC_GET, 1), gathers = 0;
    while (!has_answer(scraper)) {
        gather(1);
        gathers++;
        assert_in_range(gathers, 0, PIPELINED * CROWD / 2);
    }
    assert_in_range(gathers, 1, CROWD + 2); /* the one amid which it comes, each of the crowd's, and its own */

    pthread_mutex_lock(&gate.lock);
    gate.allowed = INT_MAX;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
    for (int i = 0; i < CROWD; i++) close(crowd[i]);
    close(scraper);
    assert_ok(cprom_http_server_stop(server));
}

int group_fair(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_fair_turns_of_those_who_pipeline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
