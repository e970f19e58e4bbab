#include "promtool.h"

#include <errno.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

extern char **environ;

/* Looked up here and not left to posix_spawnp: under valgrind that does not report a missing program. */
static bool find_promtool(char *path, size_t cap)
{
    const char *dirs = getenv("PATH");
    while (dirs && *dirs) {
        size_t len = strcspn(dirs, ":");
        int n = snprintf(path, cap, "%.*s/promtool", (int)len, dirs);
        if (len && n > 0 && (size_t)n < cap && access(path, X_OK) == 0) return true;
        dirs += len + (dirs[len] == ':');
    }
    return false;
}

bool promtool_available(void)
{
    char path[4096];
    return find_promtool(path, sizeof path);
}

/* An open file without a name. */
static int scratch_file(void)
{
    char path[4096];
    const char *dir = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/cprom-test-XXXXXX", dir && *dir ? dir : "/tmp");
    int fd = mkstemp(path);
    if (fd < 0) {
        print_error("cannot make %s: %s\n", path, strerror(errno));
        fail();
    }
    unlink(path);
    return fd;
}

static void write_all(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR) continue;
        assert_true(n > 0);
        bytes += n;
        len -= (size_t)n;
    }
}

static char *read_all(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    assert_true(size >= 0);
    char *text = malloc((size_t)size + 1);
    assert_non_null(text);
    size_t used = 0;
    while (used < (size_t)size) {
        ssize_t n = pread(fd, text + used, (size_t)size - used, (off_t)used);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        used += (size_t)n;
    }
    text[used] = '\0';
    return text;
}

int promtool_check_metrics(const char *page, size_t len, char **output)
{
    char path[4096];
    if (output) *output = NULL;
    if (!find_promtool(path, sizeof path)) {
        print_message("SKIPPED promtool: not installed\n");
        skip();
    }

    /* Files, not pipes: neither side can wait for the other. */
    int in = scratch_file(), out = scratch_file();
    write_all(in, page, len);
    assert_true(lseek(in, 0, SEEK_SET) == 0);

    char *argv[] = {(char[]){"promtool"}, (char[]){"check"}, (char[]){"metrics"}, NULL};
    posix_spawn_file_actions_t actions;
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, in, 0), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, out, 1), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, out, 2), 0);
    assert_int_equal(posix_spawn_file_actions_addclose(&actions, in), 0);
    assert_int_equal(posix_spawn_file_actions_addclose(&actions, out), 0);
    pid_t child;
    assert_int_equal(posix_spawn(&child, path, &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);

    int status = 0;
    while (waitpid(child, &status, 0) < 0) assert_int_equal(errno, EINTR);
    if (output) *output = read_all(out);
    close(in);
    close(out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void check(const char *page, size_t len, bool clean)
{
    char *output;
    int code = promtool_check_metrics(page, len, &output);
    bool fine = code == 0 || (code == 3 && !clean);
    if (!fine) print_error("promtool check metrics: exit code %d\n%s\n", code, output);
    free(output);
    if (!fine) fail();
}

void promtool_assert_parses(const char *page, size_t len) { check(page, len, false); }

void promtool_assert_clean(const char *page, size_t len) { check(page, len, true); }
