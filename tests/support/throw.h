/* The C++ of the tests: throw.cpp. */
#ifndef CPROM_TESTS_THROW_H
#define CPROM_TESTS_THROW_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

void ct_throw(void);
/* Whether what ct_throw() throws came out of the body. */
bool ct_catch(void (*body)(void *ctx), void *ctx);

#ifdef __cplusplus
}
#endif

#endif
