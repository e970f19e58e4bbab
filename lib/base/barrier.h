/*
 * A barrier on every processor that runs a thread of this process.
 */
#ifndef CPROM_LIB_BASE_BARRIER_H
#define CPROM_LIB_BASE_BARRIER_H

/*
 * Once it returns, what any thread had written before it last read something is seen by all, and what it reads from now on
 * is no older than this call. Asks the kernel for that at the first call, never before. Nothing where there is no
 * such thing: systems without membarrier(2), kernels before 4.14, and where the program's filter refuses it.
 */
void cprom__barrier_everywhere(void);

#endif
