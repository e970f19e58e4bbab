/*
 * promtool, Prometheus' own reader of pages. Where it is not installed, the running test is skipped visibly.
 */
#ifndef CPROM_TESTS_PROMTOOL_H
#define CPROM_TESTS_PROMTOOL_H

#include <stdbool.h>
#include <stddef.h>

bool promtool_available(void);

/*
 * Runs `promtool check metrics` over the page. Returns its exit code (0: fine, 3: lint found something, 1: it does not
 * parse); `*output`, if asked for, is what it printed, to be freed. Skips the running test if there is no promtool.
 */
int promtool_check_metrics(const char *page, size_t len, char **output);

/* Fail the running test, and show what promtool says, if the page does not parse; if lint has anything to say. */
void promtool_assert_parses(const char *page, size_t len);
void promtool_assert_clean(const char *page, size_t len);

#endif
