#ifndef PX_PROCFS_H
#define PX_PROCFS_H

/*
 * What /proc says of processes and threads. All of one process is read through one descriptor of its directory: if the
 * process ends and another gets its number, the descriptor leads nowhere, not to the other.
 */

#include "buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PX_COMM_MAX 64u /* of a worker of the kernel's; programs have 15 */
#define PX_WCHAN_MAX 128u

typedef enum px_result {
    PX_OK,
    PX_GONE,  /* the process or thread has ended */
    PX_ERROR, /* the file cannot be read, or is not as it should be */
    PX_NOMEM
} px_result;

typedef struct px_procfs {
    int fd;
    bool counts_fds;    /* the size of a directory fd/ is how many there are (Linux 6.2) */
    uint64_t boot_time; /* seconds since 1970 */
    double ticks;       /* per second */
    uint64_t page_size;
    struct buffer buffer; /* what was read last */
} px_procfs;

typedef struct px_ids {
    int *v;
    size_t n, cap;
} px_ids;

typedef struct px_stat {
    char comm[PX_COMM_MAX + 1];
    char state;
    int parent;
    uint64_t minor_faults, major_faults;
    uint64_t user, system; /* ticks */
    uint64_t threads;
    uint64_t start; /* ticks since the machine started */
    uint64_t virtual_bytes, resident_bytes;
} px_stat;

typedef struct px_status {
    unsigned uid; /* the effective one */
    uint64_t swap_bytes;
    uint64_t voluntary, nonvoluntary;
} px_status;

typedef struct px_io {
    uint64_t read_bytes, write_bytes;
} px_io;

typedef struct px_smaps {
    uint64_t pss_bytes, swap_pss_bytes;
} px_smaps;

/* false: `why` (of `cap` bytes) says why. The path must be there, and its file "stat", which has the boot time. */
bool px_procfs_open(px_procfs *fs, const char *path, char *why, size_t cap);
void px_procfs_close(px_procfs *fs);

/* The processes there are. */
px_result px_list_pids(px_procfs *fs, px_ids *pids);
/* The threads of a process. `*fd` is the directory with theirs, to be closed. */
px_result px_list_tids(px_procfs *fs, int dir, px_ids *tids, int *fd);
void px_ids_free(px_ids *ids);

/* A descriptor of the directory of a process in fs->fd, or of a thread. Not PX_GONE but PX_ERROR if it may be there. */
px_result px_open_id(int parent, int id, int *dir);

/* From what is in fs->buffer, with a NUL behind. */
bool px_parse_stat(const px_procfs *fs, px_stat *stat);
px_result px_read_stat(px_procfs *fs, int dir, px_stat *stat);
px_result px_read_status(px_procfs *fs, int dir, px_status *status);
px_result px_read_io(px_procfs *fs, int dir, px_io *io);
px_result px_read_smaps(px_procfs *fs, int dir, px_smaps *smaps);
/* The soft limit of open files; UINT64_MAX: none. */
px_result px_read_fd_limit(px_procfs *fs, int dir, uint64_t *limit);
px_result px_count_fds(px_procfs *fs, int dir, uint64_t *n);
/* Where it sleeps in the kernel; "": nowhere, or that is not for us to know. */
px_result px_read_wchan(px_procfs *fs, int dir, char wchan[PX_WCHAN_MAX + 1]);
/*
 * The first `max` bytes of the arguments, each but the last with a NUL behind; `*any`: there are some, and not a kernel
 * thread's none.
 */
px_result px_read_cmdline(int dir, struct buffer *cmdline, size_t max, bool *any);
/* The paths of its control groups with a space between them. */
px_result px_read_cgroups(px_procfs *fs, int dir, struct buffer *cgroups);

#endif
