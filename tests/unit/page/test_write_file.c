#include "support/cprom_test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "support/child.h"

#define OLD "old 1\n"

/*==============================================================================
 * System calls, interposed: recorded, refused on demand, interrupted and short
 *============================================================================*/

static struct {
    bool on;
    char
        events[4096]; /* what was tried: d: open the directory, t: open a temporary file, m: its mode, w: write, s: sync,
                        * S: sync the directory, c: close, r: rename, u: unlink */
    size_t n_events;
    char fail;      /* the event that fails */
    int error;      /* with this errno */
    unsigned skip;  /* so many of its kind go well before */
    unsigned times; /* and so many fail */
    bool hard;      /* what may be interrupted is, every other time, and writes are of 7 bytes at most */
    unsigned turns;
    bool frozen;   /* the clock */
    int directory; /* the descriptor */
    char temporary[16][300];
    unsigned n_temporary;
    bool without_cloexec, without_excl;
    mode_t made_with;
} calls;

static bool refused(char event)
{
    pthread_testcancel(); /* as libc's own are */
    if (!calls.on) return false;
    if (calls.hard && strchr("dtmwsS", event) && calls.turns++ % 2 == 0) {
        errno = EINTR;
        return true;
    }
    if (calls.n_events < sizeof calls.events - 1) calls.events[calls.n_events++] = event;
    if (calls.fail != event) return false;
    if (calls.skip) {
        calls.skip--;
        return false;
    }
    if (!calls.times) return false;
    calls.times--;
    errno = calls.error;
    return true;
}

int openat(int directory, const char *name, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? (mode_t)va_arg(args, unsigned) : 0;
    va_end(args);
    bool temporary = flags & O_CREAT;
    if (calls.on) {
        calls.without_cloexec |= !(flags & O_CLOEXEC);
        calls.without_excl |= temporary && !(flags & O_EXCL);
        if (temporary) calls.made_with = mode;
        if (temporary) snprintf(calls.temporary[calls.n_temporary++ % 16], sizeof calls.temporary[0], "%s", name);
    }
    if (refused(temporary ? 't' : 'd')) return -1;
    int fd = (int)syscall(SYS_openat, directory, name, flags, mode);
    if (calls.on && !temporary) calls.directory = fd;
    return fd;
}

int fchmod(int fd, mode_t mode)
{
    if (refused('m')) return -1;
    return (int)syscall(SYS_fchmod, fd, mode);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    if (refused('w')) return -1;
    return syscall(SYS_write, fd, bytes, calls.on && calls.hard && n > 7 ? 7 : n);
}

int fsync(int fd)
{
    if (refused(calls.on && fd == calls.directory ? 'S' : 's')) return -1;
    return (int)syscall(SYS_fsync, fd);
}

int close(int fd)
{
    bool fails = refused('c');
    int error = errno, result = (int)syscall(SYS_close, fd);
    if (fails) result = -1;
    /* Also a call that goes well may change it. */
    if (calls.on) errno = fails ? error : EBADMSG;
    return result;
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    if (refused('r')) return -1;
    return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

int unlinkat(int directory, const char *name, int flags)
{
    if (refused('u')) return -1;
    int result = (int)syscall(SYS_unlinkat, directory, name, flags);
    if (calls.on) errno = EBADMSG;
    return result;
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    if (calls.on && calls.frozen) {
        *now = (struct timespec){1700000000, 5};
        return 0;
    }
    return (int)syscall(SYS_clock_gettime, id, now);
}

static void calls_begin(void)
{
    memset(&calls, 0, sizeof calls);
    calls.directory = -1;
    calls.on = true;
}

/* The next `times` events of that kind fail, after `skip` that do not. */
static void calls_fail(char event, int error, unsigned skip, unsigned times)
{
    calls_begin();
    calls.fail = event;
    calls.error = error;
    calls.skip = skip;
    calls.times = times;
}

/*==============================================================================
 * A registry and a directory
 *============================================================================*/

typedef struct place {
    ct_fixture *fixture;
    cprom_registry *registry;
    cprom_gauge *gauge;
    char dir[64];
    char path[128]; /* of a file in it, which has OLD in it */
} place;

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void assert_file(const char *path, const char *expected)
{
    char *text = ct_read_file(path, NULL);
    ct_assert_text_equal(text, expected);
    free(text);
}

/* Does not assert, for children. */
static int count_files(const char *dir)
{
    int n = 0;
    DIR *stream = opendir(dir);
    if (!stream) return -1;
    for (struct dirent *entry; (entry = readdir(stream));) {
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(stream);
    return n;
}

static bool is_old(const char *path)
{
    char text[64] = "";
    FILE *file = fopen(path, "rb");
    if (!file) return false;
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    return n == strlen(OLD) && strcmp(text, OLD) == 0;
}

static void assert_page_file(place *p, const char *path)
{
    char *text;
    assert_ok(cprom_registry_text(p->registry, &text, NULL));
    assert_file(path, text);
    cprom_text_free(text);
}

/* Asserts that the old file is as it was and that nothing is beside it. */
static void assert_untouched(place *p)
{
    assert_file(p->path, OLD);
    assert_int_equal(count_files(p->dir), 1);
}

/* A page of over 100 KiB. */
static void fill(place *p)
{
    cprom_gauge_vec *vec;
    char value[128];
    assert_ok(cprom_gauge_vec_new(p->registry,
                                  CPROM_OPTS(cprom_opts, .name = "many", .help = "H.", .labels = {"label"}), &vec));
    for (int i = 0; i < 1000; i++) {
        snprintf(value, sizeof value, "%0100d", i);
        assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS(value), i));
    }
}

static int setup(void **state)
{
    place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->fixture = ct_fixture_new();
    p->registry = p->fixture->registry;
    assert_ok(cprom_gauge_new(p->registry, CPROM_OPTS(cprom_opts, .name = "x", .help = "H."), &p->gauge));
    strcpy(p->dir, "/tmp/cprom-file-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->path, sizeof p->path, "%s/job.prom", p->dir);
    put(p->path, OLD);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    place *p = *state;
    char command[128];
    memset(&calls, 0, sizeof calls);
    ct_fixture_free(p->fixture);
    snprintf(command, sizeof command, "rm -rf %s", p->dir);
    assert_int_equal(system(command), 0);
    free(p);
    return 0;
}

/* Writes with the calls watched; errno is that of the library. */
static cprom_status watched_write(place *p, const char *path)
{
    cprom_status status = cprom_registry_write_file(p->registry, path);
    int error = errno;
    calls.on = false;
    errno = error;
    return status;
}

static void assert_esys(place *p, int error)
{
    errno = 0;
    cprom_status status = watched_write(p, p->path);
    assert_int_equal(errno, error);
    assert_status(status, CPROM_ESYS);
    assert_untouched(p);
}

#define IMPOSSIBLE 77

/* Asserts that `body` answers 0 in a child; it must not assert. IMPOSSIBLE is a skip. */
static void assert_child(place *p, int (*body)(void *place))
{
    int result = child_run(body, p);
    if (result == IMPOSSIBLE) ct_skip("it takes rights that this user has not");
    assert_int_equal(result, 0);
}

/*==============================================================================
 * What it writes
 *============================================================================*/

static void test_write_file_has_the_page_and_nothing_is_beside_it(void **state)
{
    place *p = *state;
    assert_ok(cprom_registry_write_file(p->registry, p->path));
    assert_file(p->path, "# HELP x H.\n# TYPE x gauge\nx 0\n");
    assert_int_equal(count_files(p->dir), 1);
    cprom_gauge_set(p->gauge, 7);
    assert_ok(cprom_registry_write_file(p->registry, p->path));
    assert_file(p->path, "# HELP x H.\n# TYPE x gauge\nx 7\n");
    fill(p);
    assert_ok(cprom_registry_write_file(p->registry, p->path));
    assert_page_file(p, p->path);
    assert_int_equal(count_files(p->dir), 1);
    if (!promtool_available()) ct_skip("promtool is not installed");
    size_t len;
    char *text = ct_read_file(p->path, &len);
    assert_true(len > 100000);
    promtool_assert_parses(text, len);
    free(text);
}

static void test_write_file_new_file_and_empty_page(void **state)
{
    place *p = *state;
    char path[200];
    snprintf(path, sizeof path, "%s/new", p->dir);
    assert_ok(cprom_registry_unregister(p->registry, "x"));
    assert_ok(cprom_registry_write_file(p->registry, path));
    assert_file(path, "");
    assert_int_equal(count_files(p->dir), 2);
}

/* The mode of the file that is written with this umask; at no time may more read it. */
static mode_t written_mode(place *p, mode_t mask)
{
    struct stat info;
    mode_t old = umask(mask);
    calls_begin();
    cprom_status status = watched_write(p, p->path);
    umask(old);
    assert_ok(status);
    assert_int_equal(stat(p->path, &info), 0);
    assert_int_equal(calls.made_with & ~mask & ~info.st_mode, 0);
    return info.st_mode & 07777;
}

static void test_write_file_mode_of_a_new_file_is_0644_less_the_umask(void **state)
{
    static const struct {
        mode_t mask, mode;
    } cases[] = {{0, 0644}, {022, 0644}, {027, 0640}, {077, 0600}};
    place *p = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(unlink(p->path), 0);
        assert_int_equal(written_mode(p, cases[i].mask), cases[i].mode);
    }
    char link[200];
    snprintf(link, sizeof link, "%s/link.prom", p->dir);
    assert_int_equal(chmod(p->path, 0600), 0);
    assert_int_equal(symlink("job.prom", link), 0);
    assert_int_equal(rename(link, p->path), 0); /* a link has no mode of its own */
    assert_int_equal(written_mode(p, 022), 0644);
}

static void test_write_file_mode_of_the_old_file_is_kept(void **state)
{
    static const mode_t modes[] = {0600, 0640, 0644, 0666, 0400, 0755}, masks[] = {0, 022, 077};
    place *p = *state;
    for (size_t i = 0; i < COUNT(modes); i++) {
        for (size_t k = 0; k < COUNT(masks); k++) {
            assert_int_equal(chmod(p->path, modes[i]), 0);
            assert_int_equal(written_mode(p, masks[k]), modes[i]);
        }
    }
    assert_int_equal(chmod(p->path, 04755), 0);
    assert_int_equal(written_mode(p, 0), 0755);
}

static int write_relative(void *ctx)
{
    place *p = ctx;
    if (chdir(p->dir) != 0 || mkdir("sub", 0755) != 0) return 1;
    if (cprom_registry_write_file(p->registry, "bare.prom") != CPROM_OK || access("bare.prom", F_OK) != 0) return 2;
    if (cprom_registry_write_file(p->registry, "sub/a.prom") != CPROM_OK || access("sub/a.prom", F_OK) != 0) return 3;
    if (cprom_registry_write_file(p->registry, "sub/../b.prom") != CPROM_OK || access("b.prom", F_OK) != 0) return 4;
    if (cprom_registry_write_file(p->registry, "sub///c.prom") != CPROM_OK || access("sub/c.prom", F_OK) != 0) return 5;
    return count_files(".") == 4 && count_files("sub") == 2 ? 0 : 6;
}

static void test_write_file_relative_paths(void **state) { assert_child(*state, write_relative); }

static int write_to_root(void *ctx)
{
    place *p = ctx;
    if (chroot(p->dir) != 0) return IMPOSSIBLE;
    if (cprom_registry_write_file(p->registry, "/root.prom") != CPROM_OK) return 1;
    return access("/root.prom", F_OK) == 0 && count_files("/") == 2 ? 0 : 2;
}

static void test_write_file_in_the_root_directory(void **state) { assert_child(*state, write_to_root); }

static void test_write_file_longest_name(void **state)
{
    place *p = *state;
    char path[400];
    int n = snprintf(path, sizeof path, "%s/", p->dir);
    memset(path + n, 'n', 255);
    path[n + 255] = '\0';
    assert_ok(cprom_registry_write_file(p->registry, path));
    assert_page_file(p, path);
    path[n + 255] = 'n';
    path[n + 256] = '\0';
    assert_status(cprom_registry_write_file(p->registry, path), CPROM_ESYS);
    assert_int_equal(errno, ENAMETOOLONG);
    assert_int_equal(count_files(p->dir), 2);
}

static void test_write_file_symbolic_link_is_replaced_and_its_target_left(void **state)
{
    place *p = *state;
    struct stat info;
    char link[200];
    snprintf(link, sizeof link, "%s/link.prom", p->dir);
    assert_int_equal(symlink("job.prom", link), 0);
    assert_ok(cprom_registry_write_file(p->registry, link));
    assert_int_equal(lstat(link, &info), 0);
    assert_true(S_ISREG(info.st_mode));
    assert_page_file(p, link);
    assert_file(p->path, OLD);
}

static void test_write_file_directory_through_a_symbolic_link(void **state)
{
    place *p = *state;
    char path[200];
    snprintf(path, sizeof path, "%s/sub", p->dir);
    assert_int_equal(symlink(".", path), 0);
    strcat(path, "/job.prom");
    assert_ok(cprom_registry_write_file(p->registry, path));
    assert_page_file(p, p->path);
}

/*==============================================================================
 * How it writes
 *============================================================================*/

static void test_write_file_syncs_renames_syncs_in_this_order(void **state)
{
    place *p = *state;
    calls_begin();
    assert_ok(watched_write(p, p->path));
    assert_string_equal(calls.events, "dtmwscrSc");
    assert_false(calls.without_cloexec);
    assert_false(calls.without_excl);
}

static void test_write_file_temporary_name_is_hidden_unique_and_not_prom(void **state)
{
    place *p = *state;
    calls_begin();
    for (int i = 0; i < 16; i++) assert_ok(cprom_registry_write_file(p->registry, p->path));
    calls.on = false;
    assert_int_equal(calls.n_temporary, 16);
    for (int i = 0; i < 16; i++) {
        const char *name = calls.temporary[i];
        assert_int_equal(strncmp(name, ".cprom-", 7), 0);
        assert_string_equal(name + strlen(name) - 4, ".tmp");
        assert_null(strchr(name, '/'));
        unsigned process;
        unsigned long long time;
        assert_int_equal(sscanf(name, ".cprom-%8x-%16llx.tmp", &process, &time), 2);
        assert_int_equal(process, getpid());
        for (int k = 0; k < i; k++) assert_string_not_equal(name, calls.temporary[k]);
    }
}

static void test_write_file_interrupted_and_short_writes_whole_file(void **state)
{
    place *p = *state;
    fill(p);
    calls_begin();
    calls.hard = true;
    assert_ok(watched_write(p, p->path));
    assert_true(calls.turns > 20000);
    assert_page_file(p, p->path);
    assert_int_equal(count_files(p->dir), 1);
}

static void test_write_file_temporary_names_taken_others_are_tried(void **state)
{
    place *p = *state;
    calls_fail('t', EEXIST, 0, 15);
    calls.frozen = true;
    assert_ok(watched_write(p, p->path));
    assert_int_equal(calls.n_temporary, 16);
    for (int i = 0; i < 16; i++) {
        for (int k = 0; k < i; k++) assert_string_not_equal(calls.temporary[i], calls.temporary[k]);
    }
    assert_page_file(p, p->path);
    /* Not for ever. */
    put(p->path, OLD);
    calls_fail('t', EEXIST, 0, 1000000);
    assert_esys(p, EEXIST);
    assert_in_range(calls.n_temporary, 10, 1000);
    assert_null(strchr(calls.events, 'u')); /* what is not its own is not removed */
}

/*==============================================================================
 * What goes wrong
 *============================================================================*/

static void test_write_file_einval(void **state)
{
    place *p = *state;
    char path[200];
    snprintf(path, sizeof path, "%s/", p->dir);
    assert_status(cprom_registry_write_file(NULL, p->path), CPROM_EINVAL);
    assert_status(cprom_registry_write_file(p->registry, NULL), CPROM_EINVAL);
    assert_status(cprom_registry_write_file(p->registry, ""), CPROM_EINVAL);
    assert_status(cprom_registry_write_file(p->registry, path), CPROM_EINVAL);
    assert_status(cprom_registry_write_file(p->registry, "/"), CPROM_EINVAL);
    assert_untouched(p);
}

static void test_write_file_no_such_directory_is_esys(void **state)
{
    place *p = *state;
    char path[300];
    snprintf(path, sizeof path, "%s/missing/job.prom", p->dir);
    errno = 0;
    assert_status(cprom_registry_write_file(p->registry, path), CPROM_ESYS);
    assert_int_equal(errno, ENOENT);
    snprintf(path, sizeof path, "%s/below", p->path);
    assert_status(cprom_registry_write_file(p->registry, path), CPROM_ESYS);
    assert_int_equal(errno, ENOTDIR);
    assert_untouched(p);
}

static void test_write_file_path_is_a_directory_is_esys(void **state)
{
    place *p = *state;
    char path[300];
    snprintf(path, sizeof path, "%s/sub", p->dir);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_status(cprom_registry_write_file(p->registry, path), CPROM_ESYS);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(count_files(path), 0);
    assert_int_equal(rmdir(path), 0);
    assert_untouched(p);
}

static int write_read_only(void *ctx)
{
    place *p = ctx;
    if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0)) return IMPOSSIBLE;
    errno = 0;
    cprom_status status = cprom_registry_write_file(p->registry, p->path);
    return status == CPROM_ESYS && errno == EACCES ? 0 : 1;
}

static void test_write_file_read_only_directory_is_esys(void **state)
{
    place *p = *state;
    assert_int_equal(chmod(p->dir, 0555), 0);
    assert_child(p, write_read_only);
    assert_int_equal(chmod(p->dir, 0755), 0);
    assert_untouched(p);
}

/* The page is larger than the disk. */
static int write_to_full_disk(void *ctx)
{
    place *p = ctx;
    char path[200];
    if (unshare(CLONE_NEWNS) != 0 || mount("", "/", "", MS_REC | MS_PRIVATE, NULL) != 0) return IMPOSSIBLE;
    if (mount("tmpfs", p->dir, "tmpfs", 0, "size=64k,mode=755") != 0) return IMPOSSIBLE;
    snprintf(path, sizeof path, "%s/job.prom", p->dir);
    FILE *file = fopen(path, "wb");
    if (!file || fputs(OLD, file) < 0 || fclose(file) != 0) return 1;
    errno = 0;
    if (cprom_registry_write_file(p->registry, path) != CPROM_ESYS) return 2;
    if (errno != ENOSPC) return 3;
    if (!is_old(path)) return 4;
    if (count_files(p->dir) != 1) return 5;
    /* What was taken is given back: a smaller page fits. */
    if (cprom_registry_unregister(p->registry, "many") != CPROM_OK) return 6;
    if (cprom_registry_write_file(p->registry, path) != CPROM_OK || is_old(path)) return 7;
    return count_files(p->dir) == 1 ? 0 : 8;
}

static void test_write_file_full_disk_is_esys_and_the_old_file_stays(void **state)
{
    fill(*state);
    assert_child(*state, write_to_full_disk);
}

/* SIGXFSZ is not ignored: it would end the child. */
static int write_to_size_limit(void *ctx)
{
    place *p = ctx;
    char *text;
    size_t len;
    if (cprom_registry_text(p->registry, &text, &len) != CPROM_OK) return 1;
    const struct {
        rlim_t limit;
        bool fits;
    } cases[] = {{50000, false}, {32768, false}, {0, false}, {len - 1, false}, {len, true}};
    signal(SIGXFSZ, SIG_DFL);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rlimit limit = {cases[i].limit, RLIM_INFINITY};
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
        errno = 0;
        cprom_status status = cprom_registry_write_file(p->registry, p->path);
        if (cases[i].fits ? status != CPROM_OK : status != CPROM_ESYS || errno != EFBIG) return 10 + (int)i;
        if (is_old(p->path) == cases[i].fits) return 20 + (int)i;
        if (count_files(p->dir) != 1) return 30 + (int)i;
    }
    return 0;
}

static void test_write_file_beyond_the_size_limit_is_esys_without_a_signal(void **state)
{
    fill(*state);
    assert_child(*state, write_to_size_limit);
}

static void test_write_file_any_failing_call_is_esys_and_the_old_file_stays(void **state)
{
    static const struct {
        char event;
        int error;
        unsigned skip;
    } cases[] = {{'d', EMFILE, 0}, {'t', EROFS, 0},  {'t', EMFILE, 0}, {'m', EPERM, 0},  {'w', ENOSPC, 0},
                 {'w', ENOSPC, 1}, {'w', EIO, 2},    {'w', EDQUOT, 3}, {'s', EIO, 0},    {'s', ENOSPC, 0},
                 {'s', EINVAL, 0}, {'c', EIO, 0},    {'r', EPERM, 0},  {'r', ENOSPC, 0}};
    place *p = *state;
    fill(p);
    int before = count_files("/proc/self/fd");
    for (size_t i = 0; i < COUNT(cases); i++) {
        calls_fail(cases[i].event, cases[i].error, cases[i].skip, 1);
        assert_esys(p, cases[i].error);
        assert_int_equal(calls.times, 0);
        assert_int_equal(count_files("/proc/self/fd"), before);
    }
    assert_ok(cprom_registry_write_file(p->registry, p->path));
    assert_page_file(p, p->path);
}

static void test_write_file_directory_cannot_be_synced(void **state)
{
    place *p = *state;
    /* Not possible there: fine. */
    calls_fail('S', EINVAL, 0, 1);
    assert_ok(watched_write(p, p->path));
    assert_page_file(p, p->path);
    put(p->path, OLD);
    /* Failed: the new file is there, and not certain. */
    calls_fail('S', EIO, 0, 1);
    cprom_status status = watched_write(p, p->path);
    assert_int_equal(errno, EIO);
    assert_status(status, CPROM_ESYS);
    assert_page_file(p, p->path);
    assert_int_equal(count_files(p->dir), 1);
}

static void test_write_file_without_memory_is_enomem_and_the_old_file_stays(void **state)
{
    place *p = *state;
    size_t n = 0;
    fill(p);
    assert_ok(cprom_registry_write_file(p->registry, p->path)); /* what the first page makes, stays */
    put(p->path, OLD);
    size_t blocks = atomic_load(&p->fixture->alloc.blocks);
    for (;;) {
        ct_alloc_fail_at(&p->fixture->alloc, ++n, false);
        cprom_status status = cprom_registry_write_file(p->registry, p->path);
        if (status == CPROM_OK) break;
        assert_status(status, CPROM_ENOMEM);
        assert_int_equal(atomic_load(&p->fixture->alloc.blocks), blocks);
        assert_untouched(p);
    }
    ct_alloc_fail_at(&p->fixture->alloc, 0, false);
    assert_true(n > 3);
    assert_page_file(p, p->path);
    assert_int_equal(atomic_load(&p->fixture->alloc.blocks), blocks);
}

static cprom_status collect_by_writing(void *ctx, cprom_scrape *out)
{
    place *p = ctx;
    assert_status(cprom_registry_write_file(p->registry, p->path), CPROM_EBUSY);
    return CPROM_OK;
}

static void test_write_file_inside_a_callback_is_ebusy(void **state)
{
    place *p = *state;
    assert_ok(cprom_collector_new(
        p->registry, CPROM_OPTS(cprom_collector_opts, .name = "writer", .collect = collect_by_writing, .ctx = p)));
    char *text;
    assert_ok(cprom_registry_text(p->registry, &text, NULL));
    cprom_text_free(text);
    assert_untouched(p);
}

static cprom_status collect_and_fail(void *ctx, cprom_scrape *out) { return CPROM_ESYS; }

static void test_write_file_failing_collector_costs_only_its_samples(void **state)
{
    place *p = *state;
    assert_ok(cprom_collector_new(p->registry,
                                  CPROM_OPTS(cprom_collector_opts, .name = "failing", .collect = collect_and_fail)));
    assert_ok(cprom_registry_write_file(p->registry, p->path));
    assert_file(p->path, "# HELP x H.\n# TYPE x gauge\nx 0\n");
}

/*==============================================================================
 * At the same time
 *============================================================================*/

typedef struct writer {
    place *p;
    _Atomic bool done;
    _Atomic unsigned failed;
} writer;

static void *write_often(void *arg)
{
    writer *w = arg;
    for (int i = 0; i < 60; i++) {
        cprom_gauge_set(w->p->gauge, i);
        if (cprom_registry_write_file(w->p->registry, w->p->path) != CPROM_OK) w->failed++;
    }
    w->done = true;
    return NULL;
}

static void test_write_file_readers_see_the_old_or_the_new_whole(void **state)
{
    place *p = *state;
    pthread_t thread;
    writer w = {.p = p};
    unsigned seen = 0, old = 0;
    double last = -1;
    fill(p);
    char *whole;
    size_t whole_len;
    assert_ok(cprom_registry_text(p->registry, &whole, &whole_len));
    cprom_text_free(whole);
    assert_int_equal(pthread_create(&thread, NULL, write_often, &w), 0);
    do {
        size_t len;
        char *text = ct_read_file(p->path, &len);
        if (strcmp(text, OLD) == 0) {
            old++;
            assert_int_equal(seen, 0);
        } else {
            assert_in_range(len, whole_len, whole_len + 1); /* x has a digit or two */
            parser_page *page = parser_parse_ok(text, len);
            assert_int_equal(parser_count(page, "many"), 1000);
            double x = parser_value(page, "x");
            assert_true(x >= last);
            last = x;
            parser_free(page);
            seen++;
        }
        free(text);
    } while (!w.done || !seen);
    pthread_join(thread, NULL);
    assert_int_equal(w.failed, 0);
    assert_true(seen + old > 1);
    assert_int_equal(count_files(p->dir), 1);
}

static void test_write_file_several_writers_leave_one_whole_file(void **state)
{
    place *p = *state;
    pthread_t threads[4];
    writer w = {.p = p};
    fill(p);
    for (size_t i = 0; i < COUNT(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, write_often, &w), 0);
    }
    for (size_t i = 0; i < COUNT(threads); i++) pthread_join(threads[i], NULL);
    assert_int_equal(w.failed, 0);
    assert_int_equal(count_files(p->dir), 1);
    size_t len;
    char *text = ct_read_file(p->path, &len);
    parser_page *page = parser_parse_ok(text, len);
    assert_int_equal(parser_count(page, "many"), 1000);
    parser_free(page);
    free(text);
}

static void test_write_file_open_old_file_stays_readable(void **state)
{
    place *p = *state;
    char text[64] = "";
    FILE *file = fopen(p->path, "rb");
    assert_non_null(file);
    setvbuf(file, NULL, _IONBF, 0);
    assert_ok(cprom_registry_write_file(p->registry, p->path));
    assert_int_equal(fread(text, 1, sizeof text - 1, file), strlen(OLD));
    assert_string_equal(text, OLD);
    fclose(file);
}

int group_write_file(void)
{
    const struct CMUnitTest tests[] = {
        OWN_TEST(test_write_file_has_the_page_and_nothing_is_beside_it),
        OWN_TEST(test_write_file_new_file_and_empty_page),
        OWN_TEST(test_write_file_mode_of_a_new_file_is_0644_less_the_umask),
        OWN_TEST(test_write_file_mode_of_the_old_file_is_kept),
        OWN_TEST(test_write_file_relative_paths),
        OWN_TEST(test_write_file_in_the_root_directory),
        OWN_TEST(test_write_file_longest_name),
        OWN_TEST(test_write_file_symbolic_link_is_replaced_and_its_target_left),
        OWN_TEST(test_write_file_directory_through_a_symbolic_link),
        OWN_TEST(test_write_file_syncs_renames_syncs_in_this_order),
        OWN_TEST(test_write_file_temporary_name_is_hidden_unique_and_not_prom),
        OWN_TEST(test_write_file_interrupted_and_short_writes_whole_file),
        OWN_TEST(test_write_file_temporary_names_taken_others_are_tried),
        OWN_TEST(test_write_file_einval),
        OWN_TEST(test_write_file_no_such_directory_is_esys),
        OWN_TEST(test_write_file_path_is_a_directory_is_esys),
        OWN_TEST(test_write_file_read_only_directory_is_esys),
        OWN_TEST(test_write_file_full_disk_is_esys_and_the_old_file_stays),
        OWN_TEST(test_write_file_beyond_the_size_limit_is_esys_without_a_signal),
        OWN_TEST(test_write_file_any_failing_call_is_esys_and_the_old_file_stays),
        OWN_TEST(test_write_file_directory_cannot_be_synced),
        OWN_TEST(test_write_file_without_memory_is_enomem_and_the_old_file_stays),
        OWN_TEST(test_write_file_inside_a_callback_is_ebusy),
        OWN_TEST(test_write_file_failing_collector_costs_only_its_samples),
        OWN_TEST(test_write_file_readers_see_the_old_or_the_new_whole),
        OWN_TEST(test_write_file_several_writers_leave_one_whole_file),
        OWN_TEST(test_write_file_open_old_file_stays_readable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
