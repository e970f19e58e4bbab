#ifndef CPROM_LIB_COMMON_H
#define CPROM_LIB_COMMON_H

#include <stddef.h>

/* Members that are called what the sources call their own. */
struct cprom__pair {
    int find;
    int (*at)(int value);
    int LIMIT_OF;
};

int cprom__add(const struct cprom__pair *pair);

#endif
