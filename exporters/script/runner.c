/*
 * The thread that runs the scripts. Each second it looks at the directory; in between it sleeps until a script is due,
 * prints, ends, or takes too long.
 */
#define _GNU_SOURCE /* pipe2, strdup */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run.h"
#include "script.h"
#include "text_parser.h"

#define SCAN_EVERY SECOND
#define SPARE (SECOND / 2)         /* between a script's timeout and its next run */
#define WITHOUT_PIDFD (SECOND / 50) /* how often to look for ends */

struct script {
    struct script *next;
    char *file, *name;
    unsigned seconds;
    bool found;          /* by the last scan; removed scripts stay until their run has ended */
    struct shown *shown; /* NULL: removed */
    int64_t due;
    bool done;           /* has been run; for once */
    size_t failures;     /* in a row */
    struct run run;
    char said[320];      /* about the last failure; said once */
};

int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * SECOND + time.tv_nsec;
}

static double unix_time(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / (double)SECOND;
}

/* ---- the end of a run ---- */

/* What went wrong, and which outcome that is. */
struct verdict {
    enum outcome outcome;
    char why[320];
};

static void judge(const struct run *run, int status, double limit, struct verdict *verdict)
{
    const char *complaint = run->complaint, *colon = *complaint ? ": " : "";
    if (run->too_much) {
        verdict->outcome = OUTCOME_OUTPUT;
        snprintf(verdict->why, sizeof verdict->why, "it prints more than %zu bytes", run->max);
    } else if (run->late) {
        verdict->outcome = OUTCOME_TIMEOUT;
        snprintf(verdict->why, sizeof verdict->why, "it takes longer than %g s%s%s", limit, colon, complaint);
    } else if (WIFSIGNALED(status)) {
        verdict->outcome = OUTCOME_EXIT;
        snprintf(verdict->why, sizeof verdict->why, "it is ended by signal %d%s%s", WTERMSIG(status), colon, complaint);
    } else if (WEXITSTATUS(status) != 0) {
        verdict->outcome = OUTCOME_EXIT;
        snprintf(verdict->why, sizeof verdict->why, "it exits with %d%s%s", WEXITSTATUS(status), colon, complaint);
    } else {
        verdict->outcome = OUTCOME_SUCCESS;
    }
}

/* What it printed; NULL: it cannot be shown. */
static struct text_page *take(struct runner *runner, const struct script *script, struct verdict *verdict)
{
    struct text_error error;
    struct text_page *page = output_parse(script->run.output ? script->run.output : "", script->run.n_output, &error);
    if (page && claims_replace(runner->claims, shown_page(script->shown), page, false, &error)) return page;
    text_free(page);
    verdict->outcome = OUTCOME_OUTPUT;
    if (error.line) snprintf(verdict->why, sizeof verdict->why, "line %zu: %s", error.line, error.what);
    else snprintf(verdict->why, sizeof verdict->why, "%s", error.what);
    return NULL;
}

/* What it printed and cannot be shown, once. */
static void say_left_out(struct script *script, const struct text_page *page)
{
    char what[sizeof script->said] = "";
    const struct text_error *first = &page->left_out;
    if (page->n_left_out) {
        snprintf(what, sizeof what, "line %zu: left out: %s%s", first->line, first->what,
                 page->n_left_out > 1 ? "; there is more" : "");
    }
    if (*what && strcmp(script->said, what) != 0) say("%s: %s", script->file, what);
    memcpy(script->said, what, sizeof what);
}

static void report(struct runner *runner, struct script *script, struct verdict *verdict, double seconds)
{
    struct text_page *page = verdict->outcome == OUTCOME_SUCCESS ? take(runner, script, verdict) : NULL;
    struct report how = {.outcome = verdict->outcome, .seconds = seconds, .ended = unix_time()};
    script->done = true;
    if (page) {
        if (script->failures) say("%s: good again", script->file);
        script->failures = 0;
        say_left_out(script, page);
        runner->failed = runner->failed || page->n_left_out;
        shown_set(script->shown, &how, page, false);
        return;
    }
    runner->failed = true;
    script->failures++;
    if (strcmp(script->said, verdict->why) != 0) say("%s: %s", script->file, verdict->why);
    memcpy(script->said, verdict->why, sizeof script->said);
    bool keep = script->failures < runner->max_failures;
    if (!keep && shown_page(script->shown)) {
        say("%s: it failed %zu times; what it shows is dropped", script->file, script->failures);
        claims_remove(runner->claims, shown_page(script->shown));
    }
    shown_set(script->shown, &how, NULL, keep);
}

static double limit_of(const struct script *script) { return script->seconds - (double)SPARE / (double)SECOND; }

static double since(int64_t time) { return (double)(now() - time) / (double)SECOND; }

static void look_for_end(struct runner *runner, struct script *script)
{
    int status;
    struct verdict verdict;
    if (!run_ended(&script->run, &status)) return;
    if (script->shown) {
        judge(&script->run, status, limit_of(script), &verdict);
        report(runner, script, &verdict, since(script->run.started));
    }
    run_forget(&script->run);
}

/* ---- starting ---- */

/* Whoever may write to a script, or put one there, would run what they like as this user. */
static const char *find_stranger(const struct runner *runner, const struct script *script)
{
    char path[PATH_MAX];
    struct stat status;
    if (runner->allow_writable) return NULL;
    if (stat(runner->directory, &status) == 0 && status.st_mode & S_IWOTH) return "anybody may write to its directory";
    int n = snprintf(path, sizeof path, "%s/%s", runner->directory, script->file);
    if (n < 0 || (size_t)n >= sizeof path) return "its path is too long";
    return stat(path, &status) == 0 && status.st_mode & S_IWOTH ? "anybody may write to it" : NULL;
}

static void start(struct runner *runner, struct script *script, int64_t time)
{
    int64_t every = script->seconds * SECOND;
    script->due += every;
    if (script->due <= time) script->due = time + every; /* we slept */
    struct verdict verdict = {.outcome = OUTCOME_TIMEOUT};
    if (script->run.pid) { /* killed, and still there: it hangs in the kernel */
        snprintf(verdict.why, sizeof verdict.why, "its process cannot be ended");
        report(runner, script, &verdict, since(script->run.started));
        return;
    }
    verdict.outcome = OUTCOME_START;
    const char *stranger = find_stranger(runner, script);
    if (stranger) {
        snprintf(verdict.why, sizeof verdict.why, "it is not started: %s (--script.allow-world-writable)", stranger);
        report(runner, script, &verdict, 0);
        return;
    }
    int wrong = run_start(&script->run, runner->directory, script->file, limit_of(script), runner->max_output);
    if (!wrong) return;
    snprintf(verdict.why, sizeof verdict.why, "it cannot be started: %s", strerror(wrong));
    report(runner, script, &verdict, 0);
}

/* ---- the directory ---- */

static void hide(struct runner *runner, struct script *script)
{
    if (shown_page(script->shown)) claims_remove(runner->claims, shown_page(script->shown));
    shown_free(script->shown);
    script->shown = NULL;
    run_stop(&script->run);
}

static void script_free(struct script *script)
{
    run_forget(&script->run);
    free(script->file);
    free(script->name);
    free(script);
}

static struct script *find(struct runner *runner, const char *name)
{
    struct script *script = runner->scripts;
    while (script && (!script->shown || strcmp(script->name, name) != 0)) script = script->next;
    return script;
}

static bool add(struct runner *runner, const struct found *found, int64_t time)
{
    struct script *script = calloc(1, sizeof *script);
    if (!script) return false;
    script->file = strdup(found->file);
    script->name = strdup(found->name);
    if (script->file && script->name) script->shown = shown_new(runner->registry, script->name, found->seconds);
    if (!script->shown) {
        script_free(script);
        return false;
    }
    script->run = (struct run){.out = -1, .err = -1, .pidfd = -1};
    script->seconds = found->seconds;
    script->due = time;
    script->found = true;
    script->next = runner->scripts;
    runner->scripts = script;
    runner->n_scripts++;
    return true;
}

/* The file of the script has another name: with it, how often it is run. */
static void rename_script(struct script *script, const struct found *found, int64_t time)
{
    char *file = strdup(found->file);
    if (!file) return;
    free(script->file);
    script->file = file;
    script->seconds = found->seconds;
    script->due = script->run.pid ? time + script->seconds * SECOND : time;
    run_limit(&script->run, script->due - SPARE);
    shown_set_seconds(script->shown, found->seconds);
}

/* Says what is wrong with the directory, but not each second again. */
static void say_once(struct runner *runner, const char *what)
{
    if (*what && strcmp(runner->said, what) != 0) say("%s: %s", runner->directory, what);
    snprintf(runner->said, sizeof runner->said, "%s", what);
}

static void look(struct runner *runner, int64_t time)
{
    struct found *found;
    char wrong[sizeof runner->said] = "";
    ssize_t n = scan(runner->directory, &found);
    if (n < 0) {
        int why = errno;
        snprintf(wrong, sizeof wrong, "%s", strerror(why));
        say_once(runner, wrong);
        if (why != ENOENT && why != ENOTDIR) return; /* who knows what is there */
        n = 0;
    }
    for (struct script *script = runner->scripts; script; script = script->next) script->found = false;
    for (ssize_t i = 0; i < n; i++) {
        struct script *script = find(runner, found[i].name);
        if (script && script->found) {
            snprintf(wrong, sizeof wrong, "%.100s is not run: %.100s has the same name", found[i].file, script->file);
        } else if (script) {
            script->found = true;
            if (strcmp(script->file, found[i].file) != 0) rename_script(script, &found[i], time);
        } else if (runner->n_scripts >= SCRIPTS_MAX) {
            snprintf(wrong, sizeof wrong, "%.100s is not run: there are %d scripts", found[i].file, SCRIPTS_MAX);
        } else if (!add(runner, &found[i], time)) {
            snprintf(wrong, sizeof wrong, "%.100s is not run: no memory", found[i].file);
        }
    }
    say_once(runner, wrong);
    scan_free(found, (size_t)n);
    for (struct script *script = runner->scripts; script; script = script->next) {
        if (script->shown && !script->found) hide(runner, script);
    }
}

/* Frees the scripts that were removed and do not run any more. */
static void sweep(struct runner *runner)
{
    for (struct script **link = &runner->scripts; *link;) {
        struct script *script = *link;
        if (script->shown || script->run.pid) {
            link = &script->next;
            continue;
        }
        *link = script->next;
        script_free(script);
        runner->n_scripts--;
    }
}

/* ---- the loop ---- */

/* Three descriptors a script, behind those of the runner; false: no memory. */
static bool wait_for(struct runner *runner, struct pollfd **fds, size_t *room, int64_t until)
{
    size_t n = 0, wanted = 1 + 3 * runner->n_scripts;
    if (wanted > *room) {
        struct pollfd *more = realloc(*fds, 2 * wanted * sizeof *more);
        if (!more) return false;
        *fds = more;
        *room = 2 * wanted;
    }
    (*fds)[n++] = (struct pollfd){.fd = runner->wake[0], .events = POLLIN};
    for (struct script *script = runner->scripts; script; script = script->next) {
        const struct run *run = &script->run;
        if (!run->pid) continue;
        (*fds)[n++] = (struct pollfd){.fd = run->out, .events = POLLIN};
        (*fds)[n++] = (struct pollfd){.fd = run->err, .events = POLLIN};
        (*fds)[n++] = (struct pollfd){.fd = run->pidfd, .events = POLLIN};
    }
    int64_t left = until - now();
    if (left < 0) left = 0;
    int timeout = left > 3600 * SECOND ? 3600000 : (int)((left + 999999) / 1000000);
    return poll(*fds, n, timeout) >= 0 || errno == EINTR;
}

static bool is_run(void *ctx, pid_t pid)
{
    const struct runner *runner = ctx;
    const struct script *script = runner->scripts;
    while (script && script->run.pid != pid) script = script->next;
    return script;
}

/* Does what is to be done now, and says when it should be called again. */
static int64_t step(struct runner *runner, int64_t time)
{
    int64_t next = INT64_MAX;
    for (struct script *script = runner->scripts; script; script = script->next) {
        struct run *run = &script->run;
        if (script->shown && time >= script->due && !(runner->once && script->done)) start(runner, script, time);
        if (run->pid) {
            run_read(run);
            run_watch(run, time);
            look_for_end(runner, script);
        }
        if (script->shown && script->due < next) next = script->due;
        if (!run->pid) continue;
        int64_t watch = run->pidfd < 0 ? time + WITHOUT_PIDFD : run_next(run);
        if (watch < next) next = watch;
    }
    run_bury(is_run, runner);
    return next;
}

static bool all_done(const struct runner *runner)
{
    const struct script *script = runner->scripts;
    while (script && script->done && !script->run.pid) script = script->next;
    return !script;
}

static sigset_t end_signals(void)
{
    static const int ends[] = PROGRAM_SIGNALS;
    sigset_t signals;
    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (!program_ignores(ends[i])) sigaddset(&signals, ends[i]);
    }
    return signals;
}

bool runner_run(struct runner *runner)
{
    bool done = false;
    sigset_t signals = end_signals(), before;
    struct pollfd *fds = NULL;
    size_t room = 0;
    int64_t next_scan = now();
    pthread_sigmask(SIG_BLOCK, runner->once ? &signals : NULL, &before);
    for (bool first = true;; first = false) {
        int64_t time = now();
        if (time >= next_scan && (first || !runner->once)) {
            look(runner, time);
            next_scan = time + SCAN_EVERY;
        }
        int64_t next = step(runner, time);
        sweep(runner);
        done = runner->once && all_done(runner);
        if (done) break;
        if (!runner->once && next_scan < next) next = next_scan;
        if (!wait_for(runner, &fds, &room, next)) nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        else if (fds[0].revents) break;
    }
    free(fds);
    if (done) pthread_sigmask(SIG_SETMASK, &before, NULL); /* else one has come, and scripts are to be ended first */
    return done || !runner->once;
}

void runner_end(struct runner *runner)
{
    while (write(runner->wake[1], "", 1) < 0 && errno == EINTR) continue;
}

bool runner_well(const struct runner *runner)
{
    const struct script *script = runner->scripts;
    while (script && (!script->shown || shown_well(script->shown))) script = script->next;
    return !script && !runner->failed;
}

/* What wakes it: a byte of ours, or, where it runs on the only thread, a signal that would have ended the program. */
static bool open_wake(struct runner *runner)
{
    sigset_t signals = end_signals();
    runner->wake[0] = runner->wake[1] = -1;
    if (!runner->once) return pipe2(runner->wake, O_CLOEXEC) == 0;
    runner->wake[0] = signalfd(-1, &signals, SFD_CLOEXEC);
    return runner->wake[0] >= 0;
}

bool runner_open(struct runner *runner)
{
    struct text_error error = {0};
    run_prepare();
    if (!open_wake(runner)) {
        say("%s", strerror(errno));
        return false;
    }
    runner->claims = claims_new();
    struct text_page *own = text_parse(shown_own, strlen(shown_own), &error);
    bool good = own && runner->claims && claims_replace(runner->claims, NULL, own, true, &error);
    text_free(own);
    if (!good) say("%s", *error.what ? error.what : "out of memory");
    return good;
}

void runner_close(struct runner *runner)
{
    int64_t give_up = now() + 2 * SECOND; /* what hangs in the kernel */
    for (struct script *script = runner->scripts; script; script = script->next) {
        if (script->shown) hide(runner, script);
    }
    for (;;) {
        step(runner, now());
        sweep(runner);
        if (!runner->scripts || now() > give_up) break;
        nanosleep(&(struct timespec){.tv_nsec = WITHOUT_PIDFD}, NULL);
    }
    while (runner->scripts) {
        struct script *script = runner->scripts;
        runner->scripts = script->next;
        script_free(script);
    }
    for (int i = 0; i < 2; i++) {
        if (runner->wake[i] >= 0) close(runner->wake[i]);
    }
    claims_free(runner->claims);
}
