#include "support/http_running.h"

#include <fcntl.h>

#define HOSTILE 500
#define CROWDS 4 /* threads that they are spread over */
#define SCRAPES 1000
#define SERIES 100

/* Sanitizers are slow, and the enemies with them, so that they must come less often to leave anybody a processor. */
#if CT_SANITIZED
#define REST_US 200000
#define ARRIVALS (3 * HOSTILE)
#else
#define REST_US 10000
#define ARRIVALS (20 * HOSTILE)
#endif

/* What a hostile connection does, over and over; when it is closed, it comes again. */
enum habit {
    BYTE_BY_BYTE, /* a head that grows by a byte at a time and never ends */
    SLOW_READER,  /* takes a few bytes of a page now and then */
    HALF_CLOSED,  /* asks, closes its side, and never reads */
    RESETS,       /* resets the connection in the middle of a page */
    SILENT,       /* connects, and that is all */
    STAYS,        /* takes one response and never says anything again */
    PIPELINES,    /* asks and asks and never reads */
    HABITS
};

struct enemy {
    enum habit habit;
    int fd, step;
};

struct crowd {
    pthread_t thread;
    const char *address;
    struct enemy enemies[HOSTILE / CROWDS];
    atomic_bool *over;
    atomic_size_t *came;
};

static void leave(struct enemy *enemy, bool reset)
{
    struct linger linger = {1, 0};
    if (enemy->fd < 0) return;
    if (reset) setsockopt(enemy->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(enemy->fd);
    enemy->fd = -1;
}

static bool put(struct enemy *enemy, const char *text, size_t n)
{
    ssize_t sent = send(enemy->fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent >= 0 || errno == EAGAIN;
}

/* Takes up to n bytes; false: the peer is gone. */
static bool take(struct enemy *enemy, size_t n)
{
    char bytes[4096];
    ssize_t got = recv(enemy->fd, bytes, n < sizeof bytes ? n : sizeof bytes, MSG_DONTWAIT);
    return got > 0 || (got < 0 && errno == EAGAIN);
}

/* false: it is over with this connection. */
static bool annoy(struct enemy *enemy)
{
    static const char head[] = "GET /metrics HTTP/1.1\r\nHost: a\r\nX: ";
    int step = enemy->step++;
    bool first = step == 0;
    switch (enemy->habit) {
    case BYTE_BY_BYTE: return put(enemy, (size_t)step < sizeof head - 1 ? head + step : "y", 1) && take(enemy, 10);
    case SLOW_READER: return (!first || put(enemy, HC_GET, strlen(HC_GET))) && take(enemy, 7);
    case HALF_CLOSED: return !first || (put(enemy, HC_GET, strlen(HC_GET)) && shutdown(enemy->fd, SHUT_WR) == 0);
    case RESETS: return (!first || put(enemy, HC_GET, strlen(HC_GET))) && take(enemy, 100) && step < 5;
    case STAYS: return (!first || put(enemy, HC_GET, strlen(HC_GET))) && take(enemy, 4096);
    case PIPELINES: return put(enemy, HC_GET HC_GET HC_GET, 3 * strlen(HC_GET));
    default: return take(enemy, 1);
    }
}

static void *rage(void *arg)
{
    struct crowd *crowd = arg;
    while (!atomic_load(crowd->over)) {
        for (size_t i = 0; i < HOSTILE / CROWDS; i++) {
            struct enemy *enemy = &crowd->enemies[i];
            if (enemy->fd < 0) {
                enemy->fd = hc_connect(crowd->address);
                enemy->step = 0;
                atomic_fetch_add(crowd->came, 1);
            } else if (!annoy(enemy)) {
                leave(enemy, enemy->habit == RESETS);
            }
        }
        usleep(REST_US); /* even they rest */
    }
    for (size_t i = 0; i < HOSTILE / CROWDS; i++) leave(&crowd->enemies[i], i % 2);
    return NULL;
}

/* So many scrapes, and until so many have come. */
static void scrape_among_them(const char *address, atomic_size_t *came)
{
    struct hc_stream stream = {0};
    int fd = hc_connect(address), again = 0, i = 0;
    for (; i < SCRAPES || atomic_load(came) < ARRIVALS; i++) {
        char *response;
        int status = hc_ask(&stream, fd, HC_GET, &response);
        /* A busy machine may keep this thread from asking until so many came that its connection had to go. */
        for (int tries = 0; !status && tries < 10; tries++) {
            close(fd);
            hc_stream_free(&stream);
            fd = hc_connect(address);
            again++;
            status = hc_ask(&stream, fd, HC_GET, &response);
        }
        assert_int_equal(status, 200);
        assert_non_null(strstr(response, "\nx{i=\"0\"} 0\n"));
        assert_non_null(strstr(response, "\nx{i=\"99\"} 99\n"));
        free(response);
    }
    print_message("%d scrapes, %d of them after a reconnect\n", i, again);
    close(fd);
    hc_stream_free(&stream);
}

static void survive(unsigned threads)
{
    ct_fixture *fixture = ct_fixture_new();
    cprom_registry_opts registry = ct_fixture_opts(fixture);
    cprom_registry_free(fixture->registry);
    registry.monotonic_clock = NULL; /* time goes by */
    registry.wall_clock = NULL;
    assert_ok(cprom_registry_new(&registry, &fixture->registry));
    hs_add_series(fixture, SERIES);
    for (int i = 0; i < 3; i++) { /* what the first pages sort and reclaim is done then */
        cprom_page *page;
        assert_ok(cprom_page_open(fixture->registry, NULL, &page));
        cprom_page_close(page);
    }

    int fds = hc_count_fds();
    size_t bytes = atomic_load(&fixture->alloc.bytes);
    cprom_http_server *server =
        hs_start(fixture, (cprom_http_server_opts){.address = "127.0.0.1:0", .threads = threads});
    size_t bytes_started = atomic_load(&fixture->alloc.bytes);
    atomic_bool over = false;
    atomic_size_t came = 0;
    struct crowd *crowds = calloc(CROWDS, sizeof *crowds);
    for (int c = 0; c < CROWDS; c++) {
        crowds[c].address = cprom_http_server_address(server);
        crowds[c].over = &over;
        crowds[c].came = &came;
        for (int i = 0; i < HOSTILE / CROWDS; i++) {
            crowds[c].enemies[i] = (struct enemy){.habit = (enum habit)(i % HABITS), .fd = -1};
        }
        assert_int_equal(pthread_create(&crowds[c].thread, NULL, rage, &crowds[c]), 0);
    }
    while (atomic_load(&came) < HOSTILE) sched_yield();
    scrape_among_them(cprom_http_server_address(server), &came);
    atomic_store(&over, true);
    for (int c = 0; c < CROWDS; c++) assert_int_equal(pthread_join(crowds[c].thread, NULL), 0);
    free(crowds);

    /* They are gone, the server has nothing of them any more, and is as it was. */
    hs_assert_serves(server);
    hs_wait_conns(server, 0);
    int64_t start = ct_now();
    while (atomic_load(&fixture->alloc.bytes) > bytes_started && !ct_over(start, 60)) sched_yield();
    assert_int_equal(atomic_load(&fixture->alloc.bytes), bytes_started);
    assert_int_equal(hc_count_fds(), fds + 3);
    assert_ok(cprom_http_server_stop(server));
    assert_int_equal(atomic_load(&fixture->alloc.bytes), bytes);
    assert_int_equal(hc_count_fds(), fds);
    ct_fixture_free(fixture);
}

static void test_server_scrapes_succeed_among_hostile_connections(void **state) { survive(1); }
static void test_server_with_threads_scrapes_succeed_among_hostile_connections(void **state) { survive(3); }

int group_hostile(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server_scrapes_succeed_among_hostile_connections),
        cmocka_unit_test(test_server_with_threads_scrapes_succeed_among_hostile_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
