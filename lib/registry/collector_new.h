/*
 * Makes and registers collectors.
 */
#ifndef CPROM_LIB_REGISTRY_COLLECTOR_NEW_H
#define CPROM_LIB_REGISTRY_COLLECTOR_NEW_H

#include <cprom/cprom.h>

/* A family without labels whose value a function gives. */
cprom_status cprom__func_new(cprom_registry *registry, const cprom_opts *opts, cprom_type type,
                             double (*value)(void *ctx), void *ctx);

#endif
