/*
 * What is refused while an update is staged: counted, and told to the log, the first ones with all that is known.
 */
#ifndef CPROM_LIB_UPDATE_REFUSE_H
#define CPROM_LIB_UPDATE_REFUSE_H

#include "update/update.h"

/*
 * Each is under no lock, since it may log, and returns the status. `vec` NULL: none was given; `values` NULL: by a handle;
 * `wrong`: the index of the label in the match that is.
 */
cprom_status cprom__refuse_entry(struct cprom_update *update, const struct cprom_vec *vec, const cprom_strs *values,
                                 cprom_status status);
cprom_status cprom__refuse_scope(struct cprom_update *update, const struct cprom_vec *vec, cprom_labels match,
                                 size_t wrong, cprom_status status);

/* At the commit: tells how many there were that it has not told of. */
void cprom__refuse_rest(struct cprom_update *update);

#endif
