/* Who makes room for whom, when more come than the server has places: a crowd, before those who are no crowd. */
#include "support/http_running.h"

#include <netinet/in.h>

#define CROWD 8

static const cprom_http_server_opts at_loopback = {.address = "127.0.0.1:0", .max_connections = CROWD};

/* From an address of one's own; all of 127.0.0.0/8 are. */
static int connect_from(const cprom_http_server *server, unsigned last_byte)
{
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000u | last_byte)}, to = from;
    const char *colon = strrchr(cprom_http_server_address(server), ':');
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((in_port_t)atoi(colon + 1));
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static bool is_served(int fd)
{
    struct hc_stream stream = {0};
    int status = hc_ask(&stream, fd, HC_HEALTHY, NULL);
    hc_stream_free(&stream);
    return status == 200;
}

static int stay(ct_fixture *fixture, cprom_http_server *server, unsigned last_byte)
{
    int fd = connect_from(server, last_byte);
    assert_true(is_served(fd));
    hs_wait(server, CPROM__CONN_READING, 0, 0);
    hs_advance(fixture, server, 0.001);
    return fd;
}

static void close_all(const int *fds, int n)
{
    for (int i = 0; i < n; i++) close(fds[i]);
}

/* Each request comes later than its connection, and new connections in between. */
static void test_crowd_of_idle_connections_cuts_no_request(void **state)
{
    cprom_http_server *server = hs_start(*state, at_loopback);
    int crowd[CROWD], at = 0, answered = 0;
    for (int i = 0; i < CROWD; i++) crowd[i] = stay(*state, server, 1);
    for (int i = 0; i < 60; i++) {
        int late = connect_from(server, 1);
        hs_wait(server, CPROM__CONN_READING, 0, 1);
        for (int k = 0; k < CROWD; k++, at = (at + 1) % CROWD) {
            close(crowd[at]);
            crowd[at] = connect_from(server, 1);
            assert_true(is_served(crowd[at]));
            hs_advance(*state, server, 0.001);
        }
        answered += is_served(late);
        close(late);
    }
    assert_int_equal(answered, 60);
    close_all(crowd, CROWD);
    assert_ok(cprom_http_server_stop(server));
}

static void test_crowd_of_one_peer_goes_before_older_ones_of_others(void **state)
{
    cprom_http_server *server = hs_start(*state, at_loopback);
    int fds[CROWD + 4], n = 0;
    for (unsigned i = 0; i < 3; i++) fds[n++] = stay(*state, server, 2 + i); /* the oldest, and one each */
    while (n < CROWD) fds[n++] = stay(*state, server, 9);
    for (unsigned i = 0; i < 4; i++) fds[n++] = stay(*state, server, 20 + i);
    int alive = 0;
    for (int i = 0; i < 3; i++) alive += is_served(fds[i]);
    assert_int_equal(alive, 3);
    int of_the_crowd = 0;
    for (int i = 3; i < CROWD; i++) of_the_crowd += is_served(fds[i]);
    assert_int_equal(of_the_crowd, 1); /* then it is one among others */
    close_all(fds, n);
    assert_ok(cprom_http_server_stop(server));
}

static void test_crowd_of_one_peer_has_the_places_of_the_option(void **state)
{
    cprom_http_server_opts opts = at_loopback;
    opts.max_connections_per_peer = 2;
    cprom_http_server *server = hs_start(*state, opts);
    int fds[CROWD], served = 0, other = stay(*state, server, 2);
    for (int i = 0; i < CROWD; i++) fds[i] = stay(*state, server, 3);
    assert_int_equal(hs_conns(server), 3);
    for (int i = 0; i < CROWD; i++) {
        bool is = is_served(fds[i]);
        served += is;
        assert_int_equal(is, i >= CROWD - 2); /* the newest */
    }
    assert_int_equal(served, 2);
    assert_true(is_served(other));
    close_all(fds, CROWD);
    close(other);
    assert_ok(cprom_http_server_stop(server));
}

static struct sockaddr_storage address_of(int family, const char *text)
{
    union {
        struct sockaddr_storage any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } a = {.any.ss_family = (sa_family_t)family};
    void *to = family == AF_INET ? (void *)&a.v4.sin_addr : (void *)&a.v6.sin6_addr;
    if (family != AF_UNIX) assert_int_equal(inet_pton(family, text, to), 1);
    return a.any;
}

static void test_peers_are_told_apart_by_address(void **state)
{
    static const struct {
        int family;
        const char *text;
        size_t peer;
    } cases[] = {
        {AF_INET, "10.0.0.1", 0},       {AF_INET, "10.0.0.2", 1},         {AF_INET6, "2001:db8::1", 2},
        {AF_INET6, "2001:db8::2:3", 2}, {AF_INET6, "2001:db8:0:1::1", 3}, {AF_INET6, "::ffff:10.0.0.2", 1},
        {AF_UNIX, "", 4},               {AF_INET, "0.0.0.0", 5},          {AF_UNIX, "", 4},
        {AF_INET, "10.0.0.1", 0}};
    struct cprom__peer all[COUNT(cases)];
    struct cprom__peers peers = {.all = all};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sockaddr_storage address = address_of(cases[i].family, cases[i].text);
        struct cprom__peer *peer = cprom__peers_find(&peers, &address);
        assert_ptr_equal(peer, &all[cases[i].peer]);
        peer->conns++;
    }
    assert_int_equal(all[0].conns, 2);
    all[0].conns = 0; /* its place is free */
    struct sockaddr_storage another = address_of(AF_INET, "10.9.9.9");
    assert_ptr_equal(cprom__peers_find(&peers, &another), &all[0]);
    assert_int_equal(peers.n, 6);
    all[5].conns = 0;
    cprom__peers_find(&peers, &another);
    assert_int_equal(peers.n, 5);
}

int group_crowds(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_crowd_of_idle_connections_cuts_no_request),
        TEST(test_crowd_of_one_peer_goes_before_older_ones_of_others),
        TEST(test_crowd_of_one_peer_has_the_places_of_the_option),
        cmocka_unit_test(test_peers_are_told_apart_by_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
