/*
 * From options to a registered vector, and its end.
 */
#ifndef CPROM_LIB_REGISTRY_VEC_NEW_H
#define CPROM_LIB_REGISTRY_VEC_NEW_H

#include "store/vec.h"

/* Makes and registers one. */
cprom_status cprom__vec_new(struct cprom_registry *registry, const cprom_opts *opts, const struct cprom__kind_ops *ops,
                            bool plain, struct cprom_vec **vec);

/* A plain one whose series has labels. */
cprom_status cprom__vec_new_labelled(struct cprom_registry *registry, const cprom_opts *opts,
                                     const struct cprom__kind_ops *ops, cprom_labels labels);

/* After it left the registry: every series dies. The caller lists it. */
void cprom__vec_detach(struct cprom_vec *vec);

#endif
