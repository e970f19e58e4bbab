#include "process_fixture.h"

#include "metrics.h"
#include "track.h"

/* Groups over trees of files that change from pass to pass. */

static const struct tracking all = {.children = true, .threads = true, .smaps = true, .cmdline_max = 4096, .groups_max = 2000,
                               .thread_names_max = 200};
static const char by_comm[] = "process_names:\n- name: '{{.Comm}}'\n  cmdline: ['.+']\n";
static const char fixed[] = "process_names:\n- name: one\n  comm: [a]\n- name: two\n  comm: [b]\n";

/* ---- files ---- */

static void test_read_stat_names_and_numbers_are_taken_as_they_are(void **state)
{
    static const char *const names[] = {"a",  "",   " ",    ")",        "(",          ") R 1 (",
                                        "((", "))", "a\nb", "\xff\xfe", "a) S 9 9 (b"};
    fixture f;
    struct proc_stat stat;
    fx_make(&f);
    fx_open(&f, all, fixed);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        fx_put(&f, 7,
               (what){.comm = names[i], .cmdline = "x", .state = 'D', .ppid = 3, .start = 5, .user = 6, .threads = 2});
        int dir;
        assert_int_equal(procfs_open_id(f.tracker.fs.fd, 7, &dir), RESULT_OK);
        assert_int_equal(procfs_read_stat(&f.tracker.fs, dir, &stat), RESULT_OK);
        close(dir);
        assert_string_equal(stat.comm, names[i]);
        assert_int_equal(stat.state, 'D');
        assert_int_equal(stat.parent, 3);
        assert_int_equal(stat.start, 5);
        assert_int_equal(stat.user, 6);
        assert_int_equal(stat.threads, 2);
        assert_int_equal(stat.virtual_bytes, 4096000);
        assert_int_equal(stat.resident_bytes, 1000 * f.tracker.fs.page_size);
    }
    fx_end(&f);
}

static void test_read_stat_bad_is_an_error(void **state)
{
    static const char whole[] = "7 (x) S 1 1 1 0 -1 0 1 0 2 0 3 4 0 0 20 0 1 0 5 6 7 8\n";
    static const char *const bad[] = {"",
                                      "7",
                                      "7 (x",
                                      "7 x) S",
                                      "7 )x( S 1 1",
                                      "7 (x)",
                                      "7 (x) ",
                                      "7 (x) S",
                                      "7 (x)S 1",
                                      "7 (x) SS 1 1",
                                      "7 (x) S x 1 1 0 -1 0 1 0 2 0 3 4 0 0 20 0 1 0 5 6 7 8\n"};
    fixture f;
    struct proc_stat stat;
    fx_make(&f);
    fx_open(&f, all, fixed);
    fx_dir(&f, "7");
    int dir;
    assert_int_equal(procfs_open_id(f.tracker.fs.fd, 7, &dir), RESULT_OK);
    assert_int_equal(procfs_read_stat(&f.tracker.fs, dir, &stat), RESULT_GONE);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fx_write(&f, "7/stat", bad[i], strlen(bad[i]));
        if (procfs_read_stat(&f.tracker.fs, dir, &stat) != RESULT_ERROR) fail_msg("%s", bad[i]);
    }
    for (size_t n = 0; n < sizeof whole - 5; n++) { /* cut off before the last field that is wanted */
        fx_write(&f, "7/stat", whole, n);
        assert_int_equal(procfs_read_stat(&f.tracker.fs, dir, &stat), RESULT_ERROR);
    }
    fx_write(&f, "7/stat", whole, sizeof whole - 1);
    assert_int_equal(procfs_read_stat(&f.tracker.fs, dir, &stat), RESULT_OK);
    assert_int_equal(stat.start, 5);
    close(dir);
    fx_end(&f);
}

static void test_read_cmdline_is_cut_at_the_limit(void **state)
{
    enum {
        MAX = 4096
    };
    fixture f;
    struct buffer cmdline = {0};
    bool any;
    int dir;
    char *text = test_malloc(MAX + 100);
    memset(text, 'x', MAX + 100);
    fx_make(&f);
    fx_put(&f, 7, (what){.comm = "a"});
    fx_open(&f, all, fixed);
    assert_int_equal(procfs_open_id(f.tracker.fs.fd, 7, &dir), RESULT_OK);
    for (size_t n = MAX - 1; n <= MAX + 100; n += n == MAX + 1 ? 99 : 1) {
        fx_write(&f, "7/cmdline", text, n);
        assert_int_equal(procfs_read_cmdline(dir, &cmdline, MAX, &any), RESULT_OK);
        assert_true(any);
        assert_int_equal(cmdline.len, n < MAX ? n : MAX);
    }
    close(dir);
    buffer_free(&cmdline);
    test_free(text);
    fx_end(&f);
}

/* A machine with many interrupts. */
static void test_procfs_open_finds_the_boot_time_behind_a_long_line(void **state)
{
    enum {
        LONG = 200 * 1000
    };
    static const char end[] = "\nbtime 77\n";
    fixture f;
    char *text = test_malloc(LONG + sizeof end);
    memset(text, '0', LONG);
    memcpy(text + LONG, end, sizeof end);
    fx_make(&f);
    fx_write(&f, "stat", text, LONG + sizeof end - 1);
    fx_open(&f, all, fixed);
    assert_int_equal(f.tracker.fs.boot_time, 77);
    test_free(text);
    fx_end(&f);
}

static void test_tracker_open_without_proc_fails(void **state)
{
    char why[256];
    struct rules rules = {0};
    struct tracker tracker;
    fixture f;
    fx_make(&f);
    assert_false(tracker_open(&tracker, &all, &rules, "/nowhere", why, sizeof why));
    assert_string_equal(why, "/nowhere: No such file or directory");
    fx_write(&f, "stat", "cpu\n", 4);
    assert_false(tracker_open(&tracker, &all, &rules, f.path, why, sizeof why));
    assert_non_null(strstr(why, "/stat: no boot time"));
    fx_end(&f);
}

/* ---- counters ---- */

static void test_update_counts_from_the_first_pass_on(void **state)
{
    fixture f;
    fx_make(&f);
    fx_put(&f, 1, (what){.comm = "a", .user = 100, .read = 7, .voluntary = 5, .start = 200});
    fx_open(&f, all, fixed);
    struct proc_group *one = fx_group(&f, "one");
    assert_int_equal(one->counts.v[COUNT_USER], 0);
    assert_int_equal(one->procs, 1);
    assert_int_equal(one->oldest, 200);
    fx_put(&f, 1, (what){.comm = "a", .user = 130, .read = 8, .voluntary = 6, .start = 200});
    fx_put(&f, 2, (what){.comm = "a", .user = 4, .write = 9, .nonvoluntary = 3, .start = 300});
    fx_pass(&f);
    assert_int_equal(one->procs, 2);
    assert_int_equal(one->counts.v[COUNT_USER], 34);
    assert_int_equal(one->counts.v[COUNT_READ_BYTES], 1);
    assert_int_equal(one->counts.v[COUNT_WRITE_BYTES], 9);
    assert_int_equal(one->counts.v[COUNT_VOLUNTARY], 1);
    assert_int_equal(one->counts.v[COUNT_NONVOLUNTARY], 3);
    fx_pass(&f);
    assert_int_equal(one->counts.v[COUNT_USER], 34);
    fx_end(&f);
}

static void test_update_same_number_other_start_is_another_process(void **state)
{
    fixture f;
    fx_make(&f);
    fx_open(&f, all, fixed);
    struct proc_group *one = fx_group(&f, "one"), *two = fx_group(&f, "two");
    fx_put(&f, 5, (what){.comm = "a", .user = 100, .start = 10});
    fx_pass(&f);
    fx_put(&f, 5, (what){.comm = "a", .user = 30, .start = 20});
    fx_pass(&f);
    assert_int_equal(one->counts.v[COUNT_USER], 130);
    assert_int_equal(one->procs, 1);
    fx_put(&f, 5, (what){.comm = "b", .user = 31, .start = 30});
    fx_pass(&f);
    assert_int_equal(one->counts.v[COUNT_USER], 130);
    assert_int_equal(one->procs, 0);
    assert_int_equal(one->known, 0);
    assert_int_equal(two->counts.v[COUNT_USER], 31);
    fx_put(&f, 5, (what){.comm = "c", .user = 32, .start = 40});
    fx_pass(&f);
    assert_int_equal(two->known, 0);
    assert_int_equal(two->counts.v[COUNT_USER], 31);
    fx_end(&f);
}

static void test_update_counts_that_fall_start_again(void **state)
{
    fixture f;
    fx_make(&f);
    fx_open(&f, all, fixed);
    struct proc_group *one = fx_group(&f, "one");
    fx_put(&f, 5, (what){.comm = "a", .minor = 100, .read = 50});
    fx_pass(&f);
    fx_put(&f, 5, (what){.comm = "a", .minor = 90, .read = 50});
    fx_remove(&f, "5/io");
    fx_pass(&f);
    assert_int_equal(one->counts.v[COUNT_MINOR_FAULTS], 100);
    assert_int_equal(one->counts.v[COUNT_READ_BYTES], 50);
    assert_int_equal(f.tracker.partial_errors, 1);
    fx_put(&f, 5, (what){.comm = "a", .minor = 95, .read = 51});
    fx_pass(&f);
    assert_int_equal(one->counts.v[COUNT_MINOR_FAULTS], 105);
    assert_int_equal(one->counts.v[COUNT_READ_BYTES], 51);
    fx_end(&f);
}

static void test_update_gauges_are_sums_and_the_worst(void **state)
{
    fixture f;
    fx_make(&f);
    fx_put(&f, 1, (what){.comm = "a", .start = 300, .fds = 3, .state = 'R', .wchan = "x"});
    fx_put(&f, 2, (what){.comm = "a", .start = 200, .fds = 5, .state = 'D', .limit = "10", .wchan = "x"});
    fx_put(&f, 3, (what){.comm = "a", .start = 400, .fds = 9, .state = 'Z', .limit = "unlimited"});
    fx_put(&f, 4, (what){.comm = "a", .start = 400, .fds = 9, .state = 'I', .limit = "0", .wchan = "y"});
    fx_open(&f, all, fixed);
    struct proc_group *one = fx_group(&f, "one");
    assert_int_equal(one->procs, 4);
    assert_int_equal(one->n_threads, 4);
    assert_int_equal(one->fds, 26);
    assert_true(one->worst_fd_ratio == 0.5);
    assert_int_equal(one->oldest, 200);
    assert_int_equal(one->swapped, 4 * 2048);
    assert_int_equal(one->pss, 4 * 3072);
    assert_int_equal(one->swap_pss, 4 * 1024);
    assert_int_equal(one->virtual, 4 * 4096000);
    for (int i = 0; i < N_STATES; i++) assert_int_equal(one->states[i], i == STATE_SLEEPING ? 0 : 1);
    assert_int_equal(one->wchans.n, 2);
    assert_int_equal(((struct wchan *)table_find(&one->wchans, "x", 1))->n, 2);
    fx_end(&f);
}

/* ---- threads ---- */

static struct thread_group *threads_of(struct proc_group *group, const char *name)
{
    return (struct thread_group *)table_find(&group->threads, name, strlen(name));
}

static void test_update_threads_come_and_go(void **state)
{
    fixture f;
    fx_make(&f);
    fx_put(&f, 1, (what){.comm = "a", .voluntary = 10, .user = 5});
    fx_open(&f, all, fixed);
    struct proc_group *one = fx_group(&f, "one");
    assert_int_equal(one->threads.n, 0);
    /* It gets threads: what the first one had as the only one does not count again. */
    fx_put(&f, 1, (what){.comm = "a", .voluntary = 13, .user = 9, .threads = 3});
    fx_put_thread(&f, 1, 1, (what){.comm = "a", .voluntary = 13, .user = 6});
    fx_put_thread(&f, 1, 2, (what){.comm = "w", .voluntary = 4, .user = 2, .start = 3, .state = 'R'});
    fx_put_thread(&f, 1, 10, (what){.comm = "w", .voluntary = 1, .user = 1, .start = 3, .wchan = "x"});
    fx_pass(&f);
    assert_int_equal(one->counts.v[COUNT_VOLUNTARY], 3 + 4 + 1);
    assert_int_equal(one->counts.v[COUNT_USER], 4);
    assert_int_equal(one->states[STATE_SLEEPING], 3);
    assert_int_equal(one->states[STATE_RUNNING], 1);
    assert_int_equal(one->n_threads, 3);
    assert_int_equal(threads_of(one, "w")->n, 2);
    assert_int_equal(threads_of(one, "w")->counts.v[COUNT_USER], 3);
    assert_int_equal(threads_of(one, "a")->counts.v[COUNT_USER], 1);
    /* One goes, one comes with its number. */
    fx_remove(&f, "1/task/2");
    fx_put_thread(&f, 1, 10, (what){.comm = "w", .voluntary = 2, .user = 1, .start = 4});
    fx_put_thread(&f, 1, 5, (what){.comm = "v", .voluntary = 1, .start = 4});
    fx_pass(&f);
    assert_int_equal(one->counts.v[COUNT_VOLUNTARY], 8 + 2 + 1);
    assert_int_equal(threads_of(one, "w")->n, 1);
    assert_int_equal(threads_of(one, "w")->counts.v[COUNT_USER], 4);
    int pid = 1;
    assert_int_equal(((struct proc *)table_find(&f.tracker.procs, &pid, sizeof pid))->n_threads, 3);
    /* Alone again. */
    fx_put(&f, 1, (what){.comm = "a", .voluntary = 15, .user = 9});
    fx_pass(&f);
    assert_int_equal(one->counts.v[COUNT_VOLUNTARY], 11 + 2);
    assert_int_equal(one->threads.n, 0);
    fx_end(&f);
}

static void test_update_threads_of_an_old_process_count_from_the_first_pass_on(void **state)
{
    fixture f;
    fx_make(&f);
    fx_put(&f, 1, (what){.comm = "a", .voluntary = 10, .threads = 2});
    fx_put_thread(&f, 1, 1, (what){.comm = "a", .voluntary = 10});
    fx_put_thread(&f, 1, 2, (what){.comm = "b", .voluntary = 20});
    fx_open(&f, all, fixed);
    struct proc_group *one = fx_group(&f, "one");
    assert_int_equal(one->counts.v[COUNT_VOLUNTARY], 0);
    fx_put_thread(&f, 1, 2, (what){.comm = "b", .voluntary = 21});
    fx_pass(&f);
    assert_int_equal(one->counts.v[COUNT_VOLUNTARY], 1);
    fx_end(&f);
}

/* ---- groups that come and go ---- */

static void test_update_empty_groups_stay_as_configured(void **state)
{
    static const char config[] = "process_names:\n- name: fix\n  comm: [a]\n- name: 'x{{.Comm}}'\n  comm: [b]\n";
    for (enum empty_groups empty = KEEP_FIXED; empty <= KEEP_NONE; empty++) {
        fixture f;
        struct tracking options = all;
        options.empty = empty;
        fx_make(&f);
        fx_open(&f, options, config);
        assert_true((fx_group(&f, "fix") != NULL) == (empty != KEEP_NONE));
        fx_put(&f, 1, (what){.comm = "a", .user = 1});
        fx_put(&f, 2, (what){.comm = "b", .user = 2});
        fx_pass(&f);
        assert_int_equal(fx_group(&f, "fix")->procs, 1);
        assert_int_equal(fx_group(&f, "xb")->procs, 1);
        fx_remove(&f, "1");
        fx_remove(&f, "2");
        fx_pass(&f);
        struct proc_group *fix = fx_group(&f, "fix"), *templated = fx_group(&f, "xb");
        assert_true((fix != NULL) == (empty != KEEP_NONE));
        assert_true((templated != NULL) == (empty == KEEP_ALL));
        if (fix) {
            assert_int_equal(fix->procs, 0);
            assert_true(fix->oldest == UINT64_MAX);
            assert_int_equal(fix->counts.v[COUNT_USER], 1);
        }
        fx_end(&f);
    }
}

static void test_update_process_that_vanishes_in_the_middle_leaves_nothing(void **state)
{
    static const char *const files[] = {"5/stat", "5/status", "5/limits"};
    for (size_t i = 0; i < 3; i++) {
        fixture f;
        fx_make(&f);
        fx_open(&f, all, by_comm);
        fx_put(&f, 5, (what){.comm = "a", .user = 3});
        fx_pass(&f);
        assert_int_equal(fx_group(&f, "a")->procs, 1);
        fx_remove(&f, files[i]);
        fx_pass(&f);
        assert_null(fx_group(&f, "a"));
        assert_int_equal(f.tracker.procs.n, 0);
        assert_int_equal(f.tracker.read_errors + f.tracker.partial_errors, 0);
        fx_end(&f);
    }
}

/* Files in the way: what is there can be listed and not opened, or opened and not read. */
static void hide(const fixture *f, const char *name)
{
    char from[256], to[256];
    snprintf(from, sizeof from, "%s/%s", f->path, name);
    snprintf(to, sizeof to, "%s/%s.hidden", f->path, name);
    assert_int_equal(rename(from, to), 0);
    fx_write(f, name, "", 0);
}

static void show(const fixture *f, const char *name)
{
    char from[256], to[256];
    snprintf(from, sizeof from, "%s/%s.hidden", f->path, name);
    snprintf(to, sizeof to, "%s/%s", f->path, name);
    assert_int_equal(remove(to), 0);
    assert_int_equal(rename(from, to), 0);
}

static void test_update_unreadable_process_is_an_error_and_stays_as_it_was(void **state)
{
    static const char *const files[] = {"5", "5/stat", "5/status"};
    for (size_t i = 0; i < 3; i++) {
        fixture f;
        fx_make(&f);
        fx_put(&f, 5, (what){.comm = "a", .user = 90, .start = 7, .fds = 2, .threads = 1, .state = 'R'});
        fx_open(&f, all, by_comm);
        struct proc_group *group = fx_group(&f, "a"), before = *group;
        hide(&f, files[i]);
        fx_pass(&f);
        assert_int_equal(f.tracker.read_errors, 1);
        assert_ptr_equal(fx_group(&f, "a"), group);
        assert_int_equal(group->procs, 1);
        assert_int_equal(group->n_threads, 1);
        assert_int_equal(group->resident, before.resident);
        assert_int_equal(group->pss, before.pss);
        assert_int_equal(group->fds, 2);
        assert_true(group->worst_fd_ratio == before.worst_fd_ratio);
        assert_int_equal(group->oldest, 7);
        assert_int_equal(group->states[STATE_RUNNING], 1);
        show(&f, files[i]);
        fx_put(&f, 5, (what){.comm = "a", .user = 92, .start = 7, .fds = 2});
        fx_pass(&f);
        assert_int_equal(group->procs, 1);
        assert_int_equal(group->counts.v[COUNT_USER], 2);
        /* Gone while it could not be read. */
        hide(&f, "5");
        fx_pass(&f);
        fx_remove(&f, "5");
        fx_pass(&f);
        assert_null(fx_group(&f, "a"));
        fx_end(&f);
    }
}

static void test_update_process_unreadable_in_the_first_pass_is_old(void **state)
{
    static const char *const files[] = {"5", "5/stat", "5/status", "5/cmdline"};
    for (size_t i = 0; i < 4; i++) {
        fixture f;
        fx_make(&f);
        fx_put(&f, 5, (what){.comm = "a", .user = 90});
        if (i < 3) hide(&f, files[i]);
        else fx_remove(&f, files[i]), fx_dir(&f, files[i]);
        fx_put(&f, 6, (what){.comm = "x", .ppid = 5, .user = 50});
        fx_open(&f, all, fixed);
        assert_int_equal(fx_group(&f, "one")->procs, i == 2 ? 1 : 0); /* of the child, whose parent is known then */
        if (i < 3) show(&f, files[i]);
        else fx_remove(&f, files[i]);
        fx_put(&f, 5, (what){.comm = "a", .user = 92});
        fx_put(&f, 6, (what){.comm = "x", .ppid = 5, .user = 50});
        fx_pass(&f);
        assert_int_equal(fx_group(&f, "one")->procs, 2);
        assert_int_equal(fx_group(&f, "one")->counts.v[COUNT_USER], 0);
        fx_put(&f, 5, (what){.comm = "a", .user = 95});
        fx_pass(&f);
        assert_int_equal(fx_group(&f, "one")->counts.v[COUNT_USER], 3);
        fx_end(&f);
    }
}

static void test_update_unreadable_threads_do_not_count_again(void **state)
{
    static const char *const files[] = {"1/task/2", "1/task/2/stat", "1/task/2/status", "1/task"};
    for (size_t i = 0; i < 8; i++) {
        const char *file = files[i % 4];
        bool first = i >= 4; /* in the first pass */
        fixture f;
        fx_make(&f);
        fx_put(&f, 1, (what){.comm = "a", .voluntary = 10, .threads = 2});
        fx_put_thread(&f, 1, 1, (what){.comm = "a", .voluntary = 10});
        fx_put_thread(&f, 1, 2, (what){.comm = "b", .voluntary = 20, .user = 30, .start = 3});
        if (first) hide(&f, file);
        fx_open(&f, all, fixed);
        struct proc_group *one = fx_group(&f, "one");
        if (!first) {
            hide(&f, file);
            fx_pass(&f);
        }
        assert_int_equal(f.tracker.partial_errors, 1);
        show(&f, file);
        fx_put_thread(&f, 1, 2, (what){.comm = "b", .voluntary = 21, .user = 31, .start = 3});
        fx_pass(&f);
        fx_put_thread(&f, 1, 2, (what){.comm = "b", .voluntary = 23, .user = 33, .start = 3});
        fx_put_thread(&f, 1, 3, (what){.comm = "c", .voluntary = 4, .user = 5, .start = 9});
        fx_pass(&f);
        /* In the first pass, what it used until it was read is not known to be ours. */
        assert_int_equal(one->counts.v[COUNT_VOLUNTARY], (first ? 2 : 3) + 4);
        assert_int_equal(threads_of(one, "b")->counts.v[COUNT_USER], first ? 2 : 3);
        assert_int_equal(threads_of(one, "c")->counts.v[COUNT_USER], 5);
        fx_end(&f);
    }
}

/* ---- parents ---- */

static void test_update_children_go_to_the_first_ancestor_with_a_group(void **state)
{
    fixture f;
    fx_make(&f);
    fx_put(&f, 1, (what){.comm = "init"});
    fx_put(&f, 40, (what){.comm = "x", .ppid = 30});
    fx_put(&f, 30, (what){.comm = "x", .ppid = 20, .threads = 1});
    fx_put(&f, 20, (what){.comm = "a", .ppid = 10});
    fx_put(&f, 10, (what){.comm = "b", .ppid = 1});
    fx_put(&f, 50, (what){.comm = "x", .ppid = 1});
    fx_put(&f, 60, (what){.comm = "x", .ppid = 59});
    fx_put(&f, 70, (what){.comm = "x", .ppid = 71});
    fx_put(&f, 71, (what){.comm = "x", .ppid = 72});
    fx_put(&f, 72, (what){.comm = "x", .ppid = 71});
    fx_open(&f, all, fixed);
    assert_int_equal(fx_group(&f, "one")->procs, 3);
    assert_int_equal(fx_group(&f, "two")->procs, 1);
    /* They stay when the parent goes; a new one comes to them. */
    fx_remove(&f, "20");
    fx_put(&f, 40, (what){.comm = "x", .ppid = 1, .user = 5});
    fx_put(&f, 41, (what){.comm = "y", .ppid = 40, .user = 6});
    fx_put(&f, 51, (what){.comm = "y", .ppid = 50, .user = 7});
    fx_pass(&f);
    assert_int_equal(fx_group(&f, "one")->procs, 3);
    assert_int_equal(fx_group(&f, "one")->counts.v[COUNT_USER], 11);
    fx_end(&f);
}

static void test_update_after_an_unfinished_pass_counts_once(void **state)
{
    int pid = 2;
    for (int unreadable = 0; unreadable < 2; unreadable++) {
        fixture f;
        fx_make(&f);
        fx_put(&f, 1, (what){.comm = "a"});
        fx_put(&f, 2, (what){.comm = "x", .ppid = 1});
        fx_open(&f, all, fixed);
        /* Out of memory between the decision about it and its turn. */
        ((struct proc *)table_find(&f.tracker.procs, &pid, sizeof pid))->inherited = true;
        if (unreadable) hide(&f, "2/stat");
        fx_pass(&f);
        assert_int_equal(fx_group(&f, "one")->procs, 2);
        assert_int_equal(f.tracker.read_errors, unreadable);
        fx_end(&f);
    }
}

static void test_update_without_children_takes_matches_only(void **state)
{
    fixture f;
    struct tracking options = all;
    options.children = false;
    fx_make(&f);
    fx_put(&f, 1, (what){.comm = "a"});
    fx_put(&f, 2, (what){.comm = "x", .ppid = 1});
    fx_open(&f, options, fixed);
    assert_int_equal(fx_group(&f, "one")->procs, 1);
    fx_end(&f);
}

/* A wrapper that executes what it wraps. */
static void test_update_finds_new_names(void **state)
{
    for (int recheck = 0; recheck < 2; recheck++) {
        fixture f;
        struct tracking options = all;
        options.recheck = recheck;
        fx_make(&f);
        fx_put(&f, 1, (what){.comm = "x", .user = 50});
        fx_open(&f, options, fixed);
        fx_put(&f, 2, (what){.comm = "x", .user = 8});
        fx_pass(&f);
        fx_put(&f, 1, (what){.comm = "a", .user = 60});
        fx_put(&f, 2, (what){.comm = "a", .user = 9});
        fx_pass(&f);
        /* The one that was there before us had used an unknown part of its 60 then; the other's 9 are all ours. */
        assert_int_equal(fx_group(&f, "one")->procs, 2);
        assert_int_equal(fx_group(&f, "one")->counts.v[COUNT_USER], 9);
        fx_end(&f);
    }
}

static void test_update_recheck_finds_new_arguments(void **state)
{
    static const char config[] = "process_names:\n  - cmdline: [wanted]\n    name: one\n";
    for (int recheck = 0; recheck < 2; recheck++) {
        fixture f;
        struct tracking options = all;
        options.recheck = recheck;
        fx_make(&f);
        fx_put(&f, 1, (what){.comm = "x", .cmdline = "x y"});
        fx_open(&f, options, config);
        fx_put(&f, 1, (what){.comm = "x", .cmdline = "x wanted"});
        fx_pass(&f);
        assert_int_equal(fx_group(&f, "one")->procs, recheck);
        fx_end(&f);
    }
}

static void test_update_groups_and_names_beyond_the_limit_are_other(void **state)
{
    fixture f;
    struct tracking options = all;
    options.groups_max = 4;
    options.thread_names_max = 3;
    fx_make(&f);
    for (int i = 1; i <= 10; i++) {
        char comm[16];
        snprintf(comm, sizeof comm, "p%d", i);
        fx_put(&f, i, (what){.comm = comm});
    }
    fx_put(&f, 11, (what){.comm = "many", .threads = 8});
    for (int i = 11; i <= 18; i++) {
        char comm[16];
        snprintf(comm, sizeof comm, "t%d", i);
        fx_put_thread(&f, 11, i, (what){.comm = comm});
    }
    fx_open(&f, options, "process_names:\n  - cmdline: [.]\n    name: '{{.Comm}}'\n");
    const struct proc_group *rest = fx_group(&f, REST_GROUP);
    assert_non_null(rest);
    assert_int_equal(f.tracker.groups.n, 5);
    uint64_t procs = 0;
    for (struct node *node = NULL; (node = table_next(&f.tracker.groups, node));) procs += ((struct proc_group *)node)->procs;
    assert_int_equal(procs, 11);
    assert_int_equal(rest->procs, 7);
    const struct proc_group *many = fx_group(&f, "many") ? fx_group(&f, "many") : rest;
    assert_int_equal(many->threads.n, 4);
    const struct node *others = table_find(&many->threads, REST_GROUP, strlen(REST_GROUP));
    assert_non_null(others);
    assert_int_equal(((const struct thread_group *)others)->n, 5);
    fx_end(&f);
}

/* ---- the page ---- */

static void test_metrics_page_has_all_families(void **state)
{
    ct_fixture *fixture_ = *state;
    fixture f;
    fx_make(&f);
    fx_put(&f, 1, (what){.comm = "\xff\"\\\n", .fds = 1, .start = 250, .wchan = "x", .threads = 2});
    fx_put_thread(&f, 1, 1, (what){.comm = "\xfe"});
    fx_put_thread(&f, 1, 2, (what){.comm = ""});
    fx_open(&f, all, by_comm);
    assert_ok(metrics_register(&f.tracker, fixture_->registry));
    ct_page page = ct_page_read(fixture_->registry, NULL, 4096);
    assert_non_null(strstr(page.text, "namedprocess_namegroup_num_procs{groupname=\"\xef\xbf\xbd\\\"\\\\\\n\"} 1\n"));
    assert_non_null(strstr(page.text, "threadname=\"\xef\xbf\xbd\"} 1\n"));
    assert_non_null(strstr(page.text, "_start_time_seconds{groupname=\"\xef\xbf\xbd\\\"\\\\\\n\"} 1002\n"));
    assert_non_null(strstr(page.text, "namedprocess_scrape_errors 0\n"));
    ct_page_free(&page);
    assert_int_equal(cprom_registry_unregister(fixture_->registry, "namedprocess"), CPROM_OK);
    fx_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_stat_names_and_numbers_are_taken_as_they_are),
        cmocka_unit_test(test_read_stat_bad_is_an_error),
        cmocka_unit_test(test_read_cmdline_is_cut_at_the_limit),
        cmocka_unit_test(test_procfs_open_finds_the_boot_time_behind_a_long_line),
        cmocka_unit_test(test_tracker_open_without_proc_fails),
        cmocka_unit_test(test_update_counts_from_the_first_pass_on),
        cmocka_unit_test(test_update_same_number_other_start_is_another_process),
        cmocka_unit_test(test_update_counts_that_fall_start_again),
        cmocka_unit_test(test_update_gauges_are_sums_and_the_worst),
        cmocka_unit_test(test_update_threads_come_and_go),
        cmocka_unit_test(test_update_threads_of_an_old_process_count_from_the_first_pass_on),
        cmocka_unit_test(test_update_empty_groups_stay_as_configured),
        cmocka_unit_test(test_update_process_that_vanishes_in_the_middle_leaves_nothing),
        cmocka_unit_test(test_update_unreadable_process_is_an_error_and_stays_as_it_was),
        cmocka_unit_test(test_update_process_unreadable_in_the_first_pass_is_old),
        cmocka_unit_test(test_update_unreadable_threads_do_not_count_again),
        cmocka_unit_test(test_update_children_go_to_the_first_ancestor_with_a_group),
        cmocka_unit_test(test_update_after_an_unfinished_pass_counts_once),
        cmocka_unit_test(test_update_without_children_takes_matches_only),
        cmocka_unit_test(test_update_finds_new_names),
        cmocka_unit_test(test_update_recheck_finds_new_arguments),
        cmocka_unit_test(test_update_groups_and_names_beyond_the_limit_are_other),
        cmocka_unit_test_setup_teardown(test_metrics_page_has_all_families, ct_setup, ct_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
