/* Numbers as the exposition formats write them: the text of Go's FormatFloat(value, 'g', -1, 64) and of integers. */
#ifndef CPROM_LIB_BASE_NUMBER_H
#define CPROM_LIB_BASE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

/* Each function may write up to this many bytes at out, also beyond the length that it returns. None writes a NUL. */
#define CPROM__NUMBER_MAX 32

/* The shortest digits that read back, the closest where several are as short. Exponent form iff the decimal exponent
 * is below -4 or above 5; -0 is 0; NaN, +Inf, -Inf. */
size_t cprom__number_double(char *out, double value);

/* The same, with .0 after a finite number that would show neither a point nor an exponent. */
size_t cprom__number_openmetrics(char *out, double value);

size_t cprom__number_uint(char *out, uint64_t value);
size_t cprom__number_int(char *out, int64_t value);

#endif
