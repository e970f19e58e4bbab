/*
 * What the text format has side by side, and OpenMetrics has not: a counter x_total beside another family x, and families
 * x_created, which clients write beside counters, histograms and summaries as gauges.
 */
#ifndef EXPORTERS_COMMON_TEXT_SETTLE_H
#define EXPORTERS_COMMON_TEXT_SETTLE_H

#include "text_page.h"

/*
 * Before the families of whole pages go on one page: takes out x_created beside an x of the same page, and makes
 * counters untyped whose name in OpenMetrics, or one that goes with it, is another family's. false: no memory.
 */
bool text_settle(struct text_page *const pages[], size_t n);

#endif
