/*
 * Something tried in a child process: limits taken away, another user, another file system.
 */
#ifndef CPROM_TESTS_CHILD_H
#define CPROM_TESTS_CHILD_H

#include "cprom_test.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int child_pipe[2];

/* Tells what came out and waits to be killed: so neither valgrind nor a sanitizer looks for leaks in the child. */
static inline _Noreturn void child_ends(int result)
{
    if (syscall(SYS_write, child_pipe[1], &result, sizeof result) != sizeof result) _exit(1);
    for (;;) pause();
}

/* What `body` answers in a child, or told by child_ends() itself. It must not assert. */
static inline int child_run(int (*body)(void *ctx), void *ctx)
{
    int result, status;
    assert_int_equal(pipe(child_pipe), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(300); /* should the parent be gone */
        child_ends(body(ctx));
    }
    close(child_pipe[1]);
    long n = syscall(SYS_read, child_pipe[0], &result, sizeof result);
    close(child_pipe[0]);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(n, sizeof result);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return result;
}

#endif
