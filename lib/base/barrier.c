/* A barrier on every processor that runs a thread of this process. */
#define _DEFAULT_SOURCE /* syscall */

#include "base/barrier.h"

#if defined(__linux__)

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As in linux/membarrier.h, which not every system's headers have. */
#define BARRIER_EXPEDITED 8
#define BARRIER_REGISTER 16

#endif

void cprom__barrier_everywhere(void)
{
#if defined(__linux__) && defined(SYS_membarrier)
    int before = errno;
    /* EPERM: this process, which may be a child of one that had, has not registered. */
    if (syscall(SYS_membarrier, BARRIER_EXPEDITED, 0, 0) != 0 && errno == EPERM &&
        syscall(SYS_membarrier, BARRIER_REGISTER, 0, 0) == 0) {
        syscall(SYS_membarrier, BARRIER_EXPEDITED, 0, 0);
    }
    errno = before;
#endif
}
