/*
 * Times that options give in seconds, as the clocks have them.
 */
#ifndef CPROM_LIB_BASE_SECONDS_H
#define CPROM_LIB_BASE_SECONDS_H

#include <stdint.h>

#define CPROM__SECONDS_MAX 1e9 /* more are never over, or refused */

/*
 * Nanoseconds: 0 to CPROM__SECONDS_MAX of seconds. A time that is not 0 is one nanosecond at least, since 0 often stands
 * for none.
 */
static inline int64_t cprom__nanoseconds(double seconds)
{
    int64_t nanoseconds = (int64_t)(seconds * 1e9);
    return nanoseconds ? nanoseconds : seconds > 0;
}

#endif
