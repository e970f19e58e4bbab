#ifndef EXPORTERS_PROCESS_METRICS_H
#define EXPORTERS_PROCESS_METRICS_H

#include <cprom/cprom.h>

#include "groups.h"

/*
 * Puts the groups of a tracker on the page, under the names of process-exporter. The tracker must be there as long as
 * the collector. Statuses as for cprom_collector_new().
 */
cprom_status metrics_register(struct tracker *tracker, cprom_registry *registry);

#endif
