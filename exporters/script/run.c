#define _GNU_SOURCE /* pipe2, posix_spawn_file_actions_addchdir_np */

#include "run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "script.h"

#define GRACE (SECOND / 4) /* between SIGTERM and SIGKILL */
#define READS 64           /* at a time: what a pipe can hold, and others have their turn */

extern char **environ;

/* A pipe from a child: our end does not block. */
static bool make_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) == 0) {
        if (fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0) return true;
        close(ends[0]);
        close(ends[1]);
    }
    ends[0] = ends[1] = -1;
    return false;
}

static void shut(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static void shut_on_exec(int fd)
{
    int flags = fcntl(fd, F_GETFD);
    if (flags >= 0) fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
}

void run_prepare(void)
{
    DIR *directory = opendir("/proc/self/fd");
    if (!directory) { /* no /proc: then those that a shell would leave open */
        for (int fd = 3; fd < 1024; fd++) shut_on_exec(fd);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(directory));) {
        int fd = (int)strtol(entry->d_name, NULL, 10); /* . and ..: 0 */
        if (fd > 2) shut_on_exec(fd);
    }
    closedir(directory);
}

static int spawn(pid_t *pid, const char *directory, const char *file, int out, int err)
{
    char path[NAME_MAX + 3] = "./";
    char *argv[] = {path, NULL};
    if (strlen(file) > NAME_MAX) return ENAMETOOLONG;
    strcat(path, file);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int wrong = posix_spawn_file_actions_init(&actions);
    if (wrong) return wrong;
    wrong = posix_spawnattr_init(&attr);
    if (wrong) {
        posix_spawn_file_actions_destroy(&actions);
        return wrong;
    }
    sigset_t none, ordinary;
    sigemptyset(&none);
    sigemptyset(&ordinary);
    sigaddset(&ordinary, SIGPIPE);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &ordinary);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (!wrong) wrong = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (!wrong) wrong = posix_spawn_file_actions_adddup2(&actions, out, 1);
    if (!wrong) wrong = posix_spawn_file_actions_adddup2(&actions, err, 2);
    if (!wrong) wrong = posix_spawn_file_actions_addchdir_np(&actions, directory);
    if (!wrong) wrong = posix_spawn(pid, path, &actions, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return wrong;
}

int run_start(struct run *run, const char *directory, const char *file, double seconds, size_t max)
{
    int out[2], err[2] = {-1, -1};
    *run = (struct run){.out = -1, .err = -1, .pidfd = -1, .max = max, .started = now()};
    int wrong = make_pipe(out) && make_pipe(err) ? 0 : errno;
    if (!wrong) wrong = spawn(&run->pid, directory, file, out[1], err[1]);
    shut(&out[1]);
    shut(&err[1]);
    run->out = out[0];
    run->err = err[0];
    if (wrong) {
        shut(&run->out);
        shut(&run->err);
        run->pid = 0;
        return wrong;
    }
#ifdef SYS_pidfd_open
    run->pidfd = (int)syscall(SYS_pidfd_open, run->pid, 0); /* close-on-exec by itself */
#endif
    run->term_at = run->started + (int64_t)(seconds * (double)SECOND);
    run->kill_at = run->term_at + GRACE;
    return 0;
}

/* ---- reading ---- */

static void take_output(struct run *run, const char *bytes, size_t n)
{
    if (run->too_much) return;
    run->too_much = n > run->max - run->n_output;
    if (!run->too_much && n > run->room - run->n_output) {
        size_t room = run->room ? run->room : 4096;
        while (room - run->n_output < n) room *= 2;
        char *output = realloc(run->output, room);
        run->too_much = !output;
        if (output) {
            run->output = output;
            run->room = room;
        }
    }
    if (run->too_much) {
        run_kill(run);
        return;
    }
    memcpy(run->output + run->n_output, bytes, n);
    run->n_output += n;
}

static void take_complaint(struct run *run, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n && !run->complained; i++) {
        char c = bytes[i];
        if (c == '\n' || run->n_complaint == sizeof run->complaint - 1) run->complained = run->n_complaint > 0;
        else run->complaint[run->n_complaint++] = c < ' ' || c > '~' ? '?' : c;
    }
}

static void read_some(struct run *run, int *fd, void (*take)(struct run *, const char *, size_t))
{
    char bytes[16384];
    for (int i = 0; i < READS && *fd >= 0; i++) {
        ssize_t n = read(*fd, bytes, sizeof bytes);
        if (n > 0) take(run, bytes, (size_t)n);
        else if (n < 0 && errno == EINTR) continue;
        else if (n < 0 && errno == EAGAIN) return;
        else shut(fd);
    }
}

void run_read(struct run *run)
{
    read_some(run, &run->out, take_output);
    read_some(run, &run->err, take_complaint);
}

/* ---- ending ---- */

/* To the group, and to the script, should it have left it. It was not waited for, so that both are its own. */
static void tell(const struct run *run, int number)
{
    kill(-run->pid, number);
    if (getpgid(run->pid) != run->pid) kill(run->pid, number);
}

void run_kill(struct run *run)
{
    if (!run->pid) return;
    tell(run, SIGKILL);
    run->term_at = run->kill_at = INT64_MAX;
}

void run_stop(struct run *run)
{
    int64_t time = now();
    if (!run->pid || run->term_at == INT64_MAX) return;
    run->term_at = time;
    run->kill_at = time + GRACE;
}

void run_limit(struct run *run, int64_t until)
{
    if (!run->pid || run->term_at == INT64_MAX || run->term_at <= until) return;
    run->term_at = until;
    run->kill_at = until + GRACE;
}

void run_watch(struct run *run, int64_t time)
{
    if (time >= run->term_at) {
        run->term_at = INT64_MAX;
        run->late = true;
        tell(run, SIGTERM);
    }
    if (time >= run->kill_at) run_kill(run);
}

int64_t run_next(const struct run *run) { return run->term_at < run->kill_at ? run->term_at : run->kill_at; }

bool run_ended(struct run *run, int *status)
{
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)run->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || !info.si_pid) return false;
    kill(-run->pid, SIGKILL); /* before it is reaped, so that the group cannot be another's */
    while (waitpid(run->pid, status, 0) < 0 && errno == EINTR) continue;
    run->pid = 0;
    run_read(run); /* all that can be in the pipes; who holds them open outside the group is not waited for */
    shut(&run->out);
    shut(&run->err);
    shut(&run->pidfd);
    return true;
}

void run_bury(bool (*is_run)(void *ctx, pid_t pid), void *ctx)
{
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || !info.si_pid) return;
        if (is_run(ctx, info.si_pid)) return; /* ended just now: the others come after it was waited for */
        waitpid(info.si_pid, NULL, WNOHANG);
    }
}

void run_forget(struct run *run)
{
    free(run->output);
    run->output = NULL;
    run->n_output = run->room = 0;
}
