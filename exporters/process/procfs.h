#ifndef EXPORTERS_PROCESS_PROCFS_H
#define EXPORTERS_PROCESS_PROCFS_H

/*
 * What /proc says of processes and threads. All of one process is read through one descriptor of its directory: if the
 * process ends and another gets its number, the descriptor leads nowhere, not to the other.
 */

#include "buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROC_COMM_MAX 64u /* of a worker of the kernel's; programs have 15 */
#define PROC_WCHAN_MAX 128u

enum result {
    RESULT_OK,
    RESULT_GONE,  /* the process or thread has ended */
    RESULT_ERROR, /* the file cannot be read, or is not as it should be */
    RESULT_NO_MEMORY
};

struct procfs {
    int fd;
    bool counts_fds;    /* the size of a directory fd/ is how many there are (Linux 6.2) */
    uint64_t boot_time; /* seconds since 1970 */
    double ticks;       /* per second */
    uint64_t page_size;
    struct buffer buffer; /* what was read last */
};

struct ids {
    int *v;
    size_t n, cap;
};

struct proc_stat {
    char comm[PROC_COMM_MAX + 1];
    char state;
    int parent;
    uint64_t minor_faults, major_faults;
    uint64_t user, system; /* ticks */
    uint64_t threads;
    uint64_t start; /* ticks since the machine started */
    uint64_t virtual_bytes, resident_bytes;
};

struct proc_status {
    unsigned uid; /* the effective one */
    uint64_t swap_bytes;
    uint64_t voluntary, nonvoluntary;
};

struct proc_io {
    uint64_t read_bytes, write_bytes;
};

struct proc_smaps {
    uint64_t pss_bytes, swap_pss_bytes;
};

/* false: `why` (of `cap` bytes) says why. The path must be there, and its file "stat", which has the boot time. */
bool procfs_open(struct procfs *fs, const char *path, char *why, size_t cap);
void procfs_close(struct procfs *fs);

/* The processes there are. */
enum result procfs_list_pids(struct procfs *fs, struct ids *pids);
/* The threads of a process. `*fd` is the directory with theirs, to be closed. */
enum result procfs_list_tids(struct procfs *fs, int dir, struct ids *tids, int *fd);
void ids_free(struct ids *ids);

/* A descriptor of the directory of a process in fs->fd, or of a thread. Not RESULT_GONE but RESULT_ERROR if it may be there. */
enum result procfs_open_id(int parent, int id, int *dir);

/* From what is in fs->buffer, with a NUL behind. */
bool procfs_parse_stat(const struct procfs *fs, struct proc_stat *stat);
enum result procfs_read_stat(struct procfs *fs, int dir, struct proc_stat *stat);
enum result procfs_read_status(struct procfs *fs, int dir, struct proc_status *status);
enum result procfs_read_io(struct procfs *fs, int dir, struct proc_io *io);
enum result procfs_read_smaps(struct procfs *fs, int dir, struct proc_smaps *smaps);
/* The soft limit of open files; UINT64_MAX: none. */
enum result procfs_read_fd_limit(struct procfs *fs, int dir, uint64_t *limit);
enum result procfs_count_fds(struct procfs *fs, int dir, uint64_t *n);
/* Where it sleeps in the kernel; "": nowhere, or that is not for us to know. */
enum result procfs_read_wchan(struct procfs *fs, int dir, char wchan[PROC_WCHAN_MAX + 1]);
/*
 * The first `max` bytes of the arguments, each but the last with a NUL behind; `*any`: there are some, and not a kernel
 * thread's none.
 */
enum result procfs_read_cmdline(int dir, struct buffer *cmdline, size_t max, bool *any);
/* The paths of its control groups with a space between them. */
enum result procfs_read_cgroups(struct procfs *fs, int dir, struct buffer *cgroups);

#endif
