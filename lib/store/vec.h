/*
 * How long a vector's content lives: for as long as a family list has it.
 */
#ifndef CPROM_LIB_STORE_VEC_H
#define CPROM_LIB_STORE_VEC_H

#include "store/series.h"

extern const char *const cprom__removal_names[CPROM__REMOVALS];

/* A reference to the content, by a family list or an update; the whole content goes with the last. */
void cprom__vec_content_ref(struct cprom_vec *vec);
bool cprom__vec_content_try_ref(struct cprom_vec *vec); /* for who has a handle only; false: its content is gone */
void cprom__vec_content_unref(struct cprom_vec *vec);

#endif
