#ifndef PX_METRICS_H
#define PX_METRICS_H

#include <cprom/cprom.h>

#include "groups.h"

/*
 * Puts the groups of a tracker on the page, under the names of process-exporter. The tracker must be there as long as
 * the collector. Statuses as for cprom_collector_new().
 */
cprom_status px_metrics_register(px_tracker *tracker, cprom_registry *registry);

#endif
