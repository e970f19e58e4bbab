/*
 * From options to a registered vector, and its end.
 */
#ifndef CPROM_LIB_REGISTRY_VEC_NEW_H
#define CPROM_LIB_REGISTRY_VEC_NEW_H

#include "store/vec.h"

/*
 * Makes and registers one. `handle` points to the caller's pointer, of whatever public type, which is NULL where it
 * fails. EINVAL: `handle` is NULL.
 */
cprom_status cprom__vec_new(struct cprom_registry *registry, const cprom_opts *opts, const struct cprom__kind_ops *ops,
                            void *handle);

/* The same for a plain instrument: one series, with these labels. */
cprom_status cprom__vec_new_plain(struct cprom_registry *registry, const cprom_opts *opts,
                                  const struct cprom__kind_ops *ops, cprom_labels labels, void *handle);

/* Whether the options are a plain instrument's, which has no labels and nothing that only vectors have. ELABELS, EINVAL. */
cprom_status cprom__vec_new_check_plain(const cprom_opts *opts, struct cprom__refusal *refusal);

/* After it left the registry: every series dies. The caller lists it. */
void cprom__vec_detach(struct cprom_vec *vec);

#endif
