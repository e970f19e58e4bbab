/*
 * The metrics of the library about itself.
 */
#ifndef CPROM_LIB_PAGE_SELF_H
#define CPROM_LIB_PAGE_SELF_H

#include "page/snapshot.h"

/* The page shows the library's own families, to which somebody may add; `emit` may be NULL. */
struct cprom__self {
    void (*emit)(void *ctx, struct cprom_scrape *out);
    void *ctx;
};

/* Emits the self-metrics of one registry (self.c). */
void cprom__self_metrics(const struct cprom__source *source, struct cprom_scrape *out);

/* Makes one sample of two registries' with the same labels. */
void cprom__self_metrics_join(struct cprom__sample *sample, const struct cprom__sample *other);

#endif
