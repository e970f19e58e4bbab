/*
 * The format OpenMetrics 1.0.
 */
#ifndef CPROM_LIB_PAGE_OPENMETRICS_H
#define CPROM_LIB_PAGE_OPENMETRICS_H

#include "page/lines.h"

cprom__format cprom__openmetrics_encode;

#endif
