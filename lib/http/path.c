/* The path of a unix socket: who may bind it, and who removes it. */
#define _GNU_SOURCE /* O_NOFOLLOW, flock, and what belongs to POSIX */

#include "http/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PATH_SUFFIX ".lock"
#define PATH_MAX_BYTES (sizeof((struct sockaddr_un *)0)->sun_path + sizeof PATH_SUFFIX)
#define PATH_TRIES 100 /* each but the last met a server that stopped that very instant */

static void path_name_lock(char *out, const char *name)
{
    size_t n = strlen(name);
    memcpy(out, name, n);
    memcpy(out + n, PATH_SUFFIX, sizeof PATH_SUFFIX);
}

static bool path_is(const char *name, const struct stat *wanted)
{
    struct stat there;
    return lstat(name, &there) == 0 && there.st_dev == wanted->st_dev && there.st_ino == wanted->st_ino;
}

/* ---- the lock file ---- */

/* -1: errno tells. Others may not open the file: who can lock it can keep the server away. */
static int path_open_lock(const char *lock)
{
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
    int error = errno == EWOULDBLOCK ? EADDRINUSE : errno;
    close(fd);
    errno = error;
    return -1;
}

static bool path_lock(struct cprom__path *path, const char *name)
{
    char lock[PATH_MAX_BYTES];
    struct stat ours;
    path_name_lock(lock, name);
    for (int i = 0; i < PATH_TRIES; i++) {
        path->lock = path_open_lock(lock);
        if (path->lock < 0) return false;
        /* Who had it before has removed it between the opening and the locking; then another one is there, or none. */
        if (fstat(path->lock, &ours) == 0 && path_is(lock, &ours)) return true;
        close(path->lock);
    }
    path->lock = -1;
    errno = EADDRINUSE;
    return false;
}

/* The lock is given up last, also for a child of a fork that has the descriptor still. */
static void path_unlock(struct cprom__path *path, const char *name)
{
    char lock[PATH_MAX_BYTES];
    struct stat ours;
    path_name_lock(lock, name);
    /* A lock file that somebody writes to is not the library's alone. */
    if (fstat(path->lock, &ours) == 0 && ours.st_size == 0 && path_is(lock, &ours)) unlink(lock);
    flock(path->lock, LOCK_UN);
    close(path->lock);
    path->lock = -1;
}

/* ---- the path ---- */

/* A socket that a program left when it ended, or one of a program that knows no lock file: does somebody answer? */
static bool path_is_stale(const struct sockaddr_un *address)
{
    struct stat status;
    if (lstat(address->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return false;
    bool refused = connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static bool path_bind_once(int fd, const struct sockaddr_un *address)
{
    size_t len = offsetof(struct sockaddr_un, sun_path) + strlen(address->sun_path) + 1;
    return bind(fd, (const struct sockaddr *)address, (socklen_t)len) == 0;
}

static bool path_bind_or_replace(int fd, const struct sockaddr_un *address)
{
    if (path_bind_once(fd, address)) return true;
    if (errno != EADDRINUSE) return false;
    if (path_is_stale(address) && unlink(address->sun_path) == 0) return path_bind_once(fd, address);
    errno = EADDRINUSE;
    return false;
}

/*
 * Nobody connects before the socket listens, so that there is no moment with another mode. The umask would be that of
 * all threads. A link that somebody has put there is not followed.
 */
static bool path_set_mode(const char *name, mode_t now, unsigned mode)
{
    return !mode || (now & 0777) == mode || fchmodat(AT_FDCWD, name, mode, AT_SYMLINK_NOFOLLOW) == 0;
}

bool cprom__path_bind(struct cprom__path *path, int fd, const struct sockaddr_un *address, unsigned mode)
{
    const char *name = address->sun_path;
    struct stat status;
    path->bound = false;
    if (!path_lock(path, name)) return false;
    if (path_bind_or_replace(fd, address) && lstat(name, &status) == 0) {
        path->bound = true;
        path->device = status.st_dev;
        path->inode = status.st_ino;
        if (path_set_mode(name, status.st_mode, mode)) return true;
    }
    int error = errno;
    cprom__path_leave(path, name);
    errno = error;
    return false;
}

void cprom__path_leave(struct cprom__path *path, const char *name)
{
    if (path->lock < 0) return;
    struct stat ours = {.st_dev = path->device, .st_ino = path->inode};
    if (path->bound && path_is(name, &ours)) unlink(name);
    path->bound = false;
    path_unlock(path, name);
}
