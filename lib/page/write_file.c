/* Writes a page to a file, whole or not at all. */
#define _POSIX_C_SOURCE 200809L /* openat, renameat, fsync, clock_gettime */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h> /* renameat is declared there; nothing else of it is used */
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/unwind.h"
#include "store/context.h"

#define WRITE_FILE_BUFFER_BYTES 32768u
#define WRITE_FILE_NAME_TRIES 100
#define WRITE_FILE_TEMPORARY ".cprom-00000000-0000000000000000.tmp" /* process and time */

/* One writing of a page. Everything goes by the descriptor of the directory: that may be renamed meanwhile. */
struct write_file_writing {
    int directory;
    const char *name; /* of the file in its directory */
    mode_t mode;      /* of the old file; that of a new one, less the umask */
    bool replaces;    /* there is an old one */
    /* Beside the file, and the same for every file, since a name that fits the directory may just fit. The leading dot
     * and the end keep node_exporter, which reads *.prom, away from it. */
    char temporary[sizeof WRITE_FILE_TEMPORARY];
    bool made;    /* the temporary file is there */
    char *buffer; /* of WRITE_FILE_BUFFER_BYTES */
};

/* ---- system calls that may be interrupted ---- */

static int write_file_open_at(int directory, const char *name, int flags, mode_t mode)
{
    int fd;
    do fd = openat(directory, name, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

static bool write_file_set_mode(int fd, mode_t mode)
{
    int result;
    do result = fchmod(fd, mode);
    while (result != 0 && errno == EINTR);
    return result == 0;
}

static bool write_file_sync_to_disk(int fd)
{
    int result;
    do result = fsync(fd);
    while (result != 0 && errno == EINTR);
    return result == 0;
}

/* Like write(), all of it; but at the limit for the size of files it fails before the signal that ends the program. */
static bool write_file_write_all(int fd, const char *bytes, size_t len, size_t *written)
{
    struct rlimit limit;
    while (len) {
        if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && *written >= limit.rlim_cur) {
            errno = EFBIG;
            return false;
        }
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            if (n == 0) errno = EIO; /* POSIX does not say why; trying for ever is no answer */
            return false;
        }
        bytes += n;
        len -= (size_t)n;
        *written += (size_t)n;
    }
    return true;
}

/* ---- the temporary file ---- */

/* Who wrote it and when, in hexadecimal digits, so that one that a crash left tells. O_EXCL sees to the rest. */
static void write_file_make_name(struct write_file_writing *writing, unsigned attempt)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t process = (uint64_t)getpid(), time = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + attempt;
    char *digits = writing->temporary + sizeof ".cprom-" - 1;
    for (unsigned i = 0; i < 8; i++) digits[i] = "0123456789abcdef"[process >> (28 - 4 * i) & 15];
    for (unsigned i = 0; i < 16; i++) digits[9 + i] = "0123456789abcdef"[time >> (60 - 4 * i) & 15];
}

/* Who may read the old file may read the new one, and nobody else. */
static void write_file_find_mode(struct write_file_writing *writing)
{
    struct stat old;
    writing->replaces =
        fstatat(writing->directory, writing->name, &old, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(old.st_mode);
    writing->mode = writing->replaces ? old.st_mode & 0777 : 0644;
}

/* Never open to more than the file will be: who opens it now reads what comes. */
static int write_file_open_temporary(struct write_file_writing *writing)
{
    int fd = -1;
    for (unsigned attempt = 0; attempt < WRITE_FILE_NAME_TRIES && fd < 0; attempt++) {
        write_file_make_name(writing, attempt);
        fd = write_file_open_at(writing->directory, writing->temporary, O_WRONLY | O_CREAT | O_EXCL, writing->mode);
        if (fd < 0 && errno != EEXIST) break;
    }
    writing->made = fd >= 0;
    return fd;
}

static bool write_file_write_temporary(struct write_file_writing *writing, cprom_page *page)
{
    int fd = write_file_open_temporary(writing);
    if (fd < 0) return false;
    bool done = !writing->replaces || write_file_set_mode(fd, writing->mode); /* what the umask took away, too */
    size_t written = 0;
    for (size_t n; done && (n = cprom_page_read(page, writing->buffer, WRITE_FILE_BUFFER_BYTES)) > 0;) {
        done = write_file_write_all(fd, writing->buffer, n, &written);
    }
    /* On disk before its name is: a crash then leaves the old file or the whole new one. */
    done = done && write_file_sync_to_disk(fd);
    int error = errno;
    /* After EINTR the descriptor is gone on Linux, and the data was safe before. */
    if (close(fd) != 0 && errno != EINTR && done) return false;
    errno = error;
    return done;
}

static bool write_file_write_page(struct write_file_writing *writing, cprom_page *page)
{
    if (write_file_write_temporary(writing, page) &&
        renameat(writing->directory, writing->temporary, writing->directory, writing->name) == 0) {
        /* The new name, too; some file systems cannot do that for a directory, and say so. */
        return write_file_sync_to_disk(writing->directory) || errno == EINVAL || errno == ENOTSUP;
    }
    int error = errno;
    if (writing->made) unlinkat(writing->directory, writing->temporary, 0);
    errno = error;
    return false;
}

cprom_status cprom_registry_write_file(cprom_registry *registry, const char *path)
{
    size_t len = path ? strlen(path) : 0;
    if (!registry || !len || path[len - 1] == '/') return CPROM_EINVAL;
    cprom__cancellation_point();
    CPROM__UNCANCELLED;
    cprom_page *page;
    cprom_status status = cprom_page_open(registry, NULL, &page);
    if (status) return status;

    const char *slash = strrchr(path, '/');
    size_t directory_len = slash ? (size_t)(slash - path) + 1 : 0,
           bytes = WRITE_FILE_BUFFER_BYTES + directory_len + sizeof ".";
    char *memory = cprom__alloc(&registry->allocator, bytes);
    if (memory) {
        char *directory = memory + WRITE_FILE_BUFFER_BYTES;
        memcpy(directory, path, directory_len);
        memcpy(directory + directory_len, ".", sizeof ".");
        struct write_file_writing writing = {
            .name = path + directory_len, .temporary = WRITE_FILE_TEMPORARY, .buffer = memory};
        writing.directory = write_file_open_at(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY, 0);
        if (writing.directory >= 0) write_file_find_mode(&writing);
        bool done = writing.directory >= 0 && write_file_write_page(&writing, page);
        status = done ? CPROM_OK : CPROM_ESYS;
        int error = errno;
        if (writing.directory >= 0) close(writing.directory);
        cprom__release(&registry->allocator, memory, bytes);
        errno = error;
    } else {
        status = CPROM_ENOMEM;
    }
    int error = errno;
    cprom_page_close(page);
    errno = error;
    return status;
}
