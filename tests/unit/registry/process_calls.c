#include "process_calls.h"

struct process_calls calls;

int statfs(const char *path, struct statfs *result)
{
    if (calls.old_kernel) {
        errno = ENOSYS;
        return -1;
    }
    return (int)syscall(SYS_statfs, path, result);
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? (mode_t)va_arg(args, unsigned) : 0;
    va_end(args);
    if (calls.exhausted) {
        errno = EMFILE;
        return -1;
    }
    if (calls.watched) {
        calls.opens++;
        if (!(flags & O_CLOEXEC)) calls.without_cloexec++;
        if (calls.hard && calls.opens % 2) {
            errno = EINTR;
            return -1;
        }
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

ssize_t read(int fd, void *buf, size_t n)
{
    if (calls.hard) {
        if (calls.reads++ % 2 == 0) {
            errno = EINTR;
            return -1;
        }
        n = n ? 1 : 0;
    }
    return syscall(SYS_read, fd, buf, n);
}
