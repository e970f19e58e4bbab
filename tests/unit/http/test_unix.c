/* A unix socket's path: who serves there can be reached, whoever starts and stops beside. */
#include "support/http_running.h"

#include <fcntl.h>
#include <sys/file.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct place {
    char address[64], *path, lock[80];
};

static void place_init(struct place *place, const char *what)
{
    snprintf(place->address, sizeof place->address, "unix:/tmp/cprom-%s-%d.sock", what, (int)getpid());
    place->path = place->address + 5;
    snprintf(place->lock, sizeof place->lock, "%s.lock", place->path);
}

static bool is_there(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static void assert_empty(const struct place *place)
{
    assert_false(is_there(place->path));
    assert_false(is_there(place->lock));
}

static cprom_http_server *start_at(ct_fixture *fixture, const struct place *place)
{
    return hs_start(fixture, (cprom_http_server_opts){.address = place->address});
}

static void assert_in_use(ct_fixture *fixture, const struct place *place)
{
    cprom_http_server *server;
    cprom_http_server_opts opts = {.size = sizeof opts, .address = place->address};
    assert_status(cprom_http_server_start(fixture->registry, &opts, &server), CPROM_ESYS);
    assert_int_equal(errno, EADDRINUSE);
}

/* What a program leaves that is killed. */
static void leave_stale(const struct place *place)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), lock = open(place->lock, O_CREAT | O_RDWR, 0600);
    strcpy(un.sun_path, place->path);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
    close(fd);
    close(lock);
}

static void test_unix_path_is_the_servers_while_it_has_the_lock(void **state)
{
    ct_fixture *fixture = *state;
    struct place place;
    place_init(&place, "lock");
    leave_stale(&place);
    cprom_http_server *server = start_at(fixture, &place);
    assert_in_use(fixture, &place);
    hs_assert_serves(server);
    int lock = open(place.lock, O_RDWR);
    assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), -1);
    assert_int_equal(errno, EWOULDBLOCK);
    /* Even where somebody has removed the path: the lock decides. */
    assert_int_equal(unlink(place.path), 0);
    assert_in_use(fixture, &place);
    assert_false(is_there(place.path));
    assert_ok(cprom_http_server_stop(server));
    assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
    close(lock);
    assert_empty(&place);

    /* And where somebody else has the lock: nothing is touched. */
    leave_stale(&place);
    lock = open(place.lock, O_RDWR);
    assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
    assert_in_use(fixture, &place);
    assert_true(is_there(place.path) && is_there(place.lock));
    close(lock);
    server = start_at(fixture, &place);
    hs_assert_serves(server);
    assert_ok(cprom_http_server_stop(server));
    assert_empty(&place);
}

static void test_unix_what_others_have_put_there_stays(void **state)
{
    ct_fixture *fixture = *state;
    struct place place;
    cprom_http_server *server;
    place_init(&place, "others");
    /* Both replaced while it serves. */
    server = start_at(fixture, &place);
    assert_int_equal(unlink(place.path), 0);
    assert_int_equal(unlink(place.lock), 0);
    leave_stale(&place);
    assert_ok(cprom_http_server_stop(server));
    assert_true(is_there(place.path) && is_there(place.lock));
    /* A lock file that somebody writes to. */
    int lock = open(place.lock, O_WRONLY);
    assert_int_equal(write(lock, "1", 1), 1);
    close(lock);
    assert_ok(cprom_http_server_stop(start_at(fixture, &place)));
    assert_true(is_there(place.lock));
    assert_int_equal(unlink(place.lock), 0);
    assert_empty(&place);
    /* A link is not followed. */
    assert_int_equal(symlink("/tmp/cprom-nowhere", place.lock), 0);
    cprom_http_server_opts opts = {.size = sizeof opts, .address = place.address};
    assert_status(cprom_http_server_start(fixture->registry, &opts, &server), CPROM_ESYS);
    assert_int_equal(errno, ELOOP);
    assert_true(is_there(place.lock));
    assert_int_equal(unlink(place.lock), 0);
    assert_empty(&place);
}

static void test_unix_mode_is_the_one_given_or_the_umasks(void **state)
{
    ct_fixture *fixture = *state;
    static const mode_t masks[] = {0, 022, 077};
    static const unsigned modes[] = {0, 0600, 0660, 0777, 0400};
    struct place place;
    place_init(&place, "mode");
    mode_t before = umask(0);
    for (size_t i = 0; i < COUNT(masks); i++) {
        for (size_t k = 0; k < COUNT(modes); k++) {
            struct stat status;
            umask(masks[i]);
            cprom_http_server *server =
                hs_start(fixture, (cprom_http_server_opts){.address = place.address, .unix_mode = modes[k]});
            assert_int_equal(umask(masks[i]), masks[i]);
            assert_int_equal(lstat(place.path, &status), 0);
            assert_int_equal(status.st_mode & 07777, modes[k] ? modes[k] : 0777u & ~(unsigned)masks[i]);
            assert_int_equal(lstat(place.lock, &status), 0);
            assert_int_equal(status.st_mode & 0077, 0); /* nobody else may lock it */
            assert_ok(cprom_http_server_stop(server));
        }
    }
    umask(before);
    assert_empty(&place);
}

/* ---- processes beside each other ---- */

#define BESIDE_PROCESSES 2
#define PAIRS 200
#define RESTARTS 300

struct beside {
    atomic_int go, checked; /* rounds that the parent has begun, and looked at */
    atomic_int started, ended;
    atomic_int ok, refused, unreachable, strange;
};

struct beside_place {
    struct beside *shared;
    struct place place;
};

static void wait_for(atomic_int *value, int wanted)
{
    while (atomic_load(value) < wanted) sched_yield();
}

static cprom_http_server *beside_try(cprom_registry *registry, const struct beside_place *at)
{
    cprom_http_server *server;
    cprom_http_server_opts opts = {.size = sizeof opts, .address = at->place.address};
    cprom_status status = cprom_http_server_start(registry, &opts, &server);
    if (status && (status != CPROM_ESYS || errno != EADDRINUSE)) atomic_fetch_add(&at->shared->strange, 1);
    return server;
}

static void start_in_pairs(cprom_registry *registry, const struct beside_place *at)
{
    for (int round = 1; round <= PAIRS; round++) {
        wait_for(&at->shared->go, round);
        cprom_http_server *server = beside_try(registry, at);
        atomic_fetch_add(server ? &at->shared->ok : &at->shared->refused, 1);
        atomic_fetch_add(&at->shared->started, 1);
        wait_for(&at->shared->checked, round);
        cprom_http_server_stop(server);
        atomic_fetch_add(&at->shared->ended, 1);
    }
}

/* Each serves, and is asked by itself, as soon as the other has stopped. */
static void restart_in_turns(cprom_registry *registry, const struct beside_place *at)
{
    char own[32], *response;
    cprom_gauge *gauge;
    cprom_gauge_new(registry, CPROM_OPTS(cprom_opts, .name = "me", .help = "H."), &gauge);
    cprom_gauge_set(gauge, getpid());
    snprintf(own, sizeof own, "\nme %d\n", (int)getpid());
    for (int round = 0; round < RESTARTS; round++) {
        cprom_http_server *server;
        while (!(server = beside_try(registry, at)) && !atomic_load(&at->shared->strange)) sched_yield();
        bool reached = hc_ask_once(at->place.address, HC_GET, &response) == 200 && strstr(response, own);
        free(response);
        atomic_fetch_add(reached ? &at->shared->ok : &at->shared->unreachable, 1);
        cprom_http_server_stop(server);
    }
}

static void beside_begin(struct beside_place *at, const char *what, pid_t *pids,
                         void (*run)(cprom_registry *, const struct beside_place *))
{
    place_init(&at->place, what);
    at->shared = mmap(NULL, sizeof *at->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(at->shared != MAP_FAILED);
    for (int i = 0; i < BESIDE_PROCESSES; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i]) continue;
        cprom_registry *registry;
        alarm(300);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
        if (cprom_registry_new(NULL, &registry) == CPROM_OK) run(registry, at);
        kill(getpid(), SIGKILL); /* so that nobody looks for leaks here */
    }
}

static void beside_end(struct beside_place *at, const pid_t *pids)
{
    for (int i = 0; i < BESIDE_PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    assert_int_equal(atomic_load(&at->shared->strange), 0);
    assert_empty(&at->place);
    munmap(at->shared, sizeof *at->shared);
}

static void test_unix_of_two_that_start_at_a_stale_path_one_serves(void **state)
{
    struct beside_place at;
    pid_t pids[BESIDE_PROCESSES];
    beside_begin(&at, "pair", pids, start_in_pairs);
    for (int round = 1; round <= PAIRS; round++) {
        leave_stale(&at.place);
        atomic_store(&at.shared->go, round);
        for (int64_t start = ct_now(); atomic_load(&at.shared->started) < 2 * round; sched_yield()) {
            assert_false(ct_over(start, 60));
        }
        assert_int_equal(atomic_load(&at.shared->ok), round);
        assert_int_equal(atomic_load(&at.shared->refused), round);
        assert_int_equal(hc_ask_once(at.place.address, HC_HEALTHY, NULL), 200);
        atomic_store(&at.shared->checked, round);
        for (int64_t start = ct_now(); atomic_load(&at.shared->ended) < 2 * round; sched_yield()) {
            assert_false(ct_over(start, 60));
        }
        assert_empty(&at.place);
    }
    beside_end(&at, pids);
}

static void test_unix_who_starts_while_another_stops_can_be_reached(void **state)
{
    struct beside_place at;
    pid_t pids[BESIDE_PROCESSES];
    beside_begin(&at, "turns", pids, restart_in_turns);
    for (int i = 0; i < BESIDE_PROCESSES; i++) {
        siginfo_t info;
        assert_int_equal(waitid(P_PID, (id_t)pids[i], &info, WEXITED | WNOWAIT), 0);
    }
    int ok = atomic_load(&at.shared->ok), unreachable = atomic_load(&at.shared->unreachable);
    beside_end(&at, pids);
    assert_int_equal(unreachable, 0);
    assert_int_equal(ok, BESIDE_PROCESSES * RESTARTS);
}

int group_unix(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_unix_path_is_the_servers_while_it_has_the_lock),
        TEST(test_unix_what_others_have_put_there_stays),
        TEST(test_unix_mode_is_the_one_given_or_the_umasks),
        TEST(test_unix_of_two_that_start_at_a_stale_path_one_serves),
        TEST(test_unix_who_starts_while_another_stops_can_be_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
