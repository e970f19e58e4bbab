/*
 * How long a vector's content lives: for as long as a family list has it.
 */
#ifndef CPROM_LIB_STORE_VEC_H
#define CPROM_LIB_STORE_VEC_H

#include "store/series.h"

extern const char *const cprom__removal_names[CPROM__REMOVALS];

/* In one family list more, or less; what goes with the last is the vector's whole content. */
void cprom__vec_list(struct cprom_vec *vec);
bool cprom__vec_try_list(struct cprom_vec *vec); /* for who has a handle only; false: its content is gone */
void cprom__vec_unlist(struct cprom_vec *vec);

#endif
