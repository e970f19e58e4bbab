/*
 * The standard process_* metrics.
 */
#ifndef CPROM_LIB_REGISTRY_PROCESS_H
#define CPROM_LIB_REGISTRY_PROCESS_H

#include <cprom/cprom.h>

/* The collector with another root than /proc; the string is borrowed for as long as the collector lives. */
cprom_status cprom__process_collector_new(cprom_registry *registry, const char *root);

#endif
