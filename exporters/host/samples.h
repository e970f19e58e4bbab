/*
 * The samples of one call of one collector, until all of them are known: of those with the same name and label values the
 * last one counts, and what the library would refuse is refused here, alone. In the library, either would cost the whole
 * call.
 */
#ifndef CPROM_EXPORTERS_HOST_SAMPLES_H
#define CPROM_EXPORTERS_HOST_SAMPLES_H

#include <cprom/cprom.h>

#include "arena.h"
#include "lookup.h"

#include <stdbool.h>

/* All zeros is none. */
struct samples {
    struct arena memory;
    struct lookup lookup;
    struct sample *first, **last;
};

/* NULL, or why it cannot be on a page. The descriptor must stay until the emission, values are copied. */
const char *samples_add(struct samples *samples, const cprom_desc *desc, cprom_strs values, double value);
/* A descriptor without labels that stays; NULL: no memory. */
const cprom_desc *samples_desc(struct samples *samples, cprom_type type, const char *name, const char *help);
/* Emits and forgets all of them. false: the library refused. */
bool samples_emit(struct samples *samples, cprom_scrape *out);

/* As samples_add() says it, of a sample that is not kept. */
const char *sample_fault(cprom_strs values);

#endif
