/*
 * How much work the exporters' parsers do, counted and not timed: the steps of code that was compiled with
 * -fsanitize-coverage=trace-pc (each block of it that runs is one), and one for each 8 bytes that the functions of libc
 * go over which that code calls (COST_WRAPPED, with -Wl,--wrap). A step is some five instructions.
 */
#ifndef CPROM_TESTS_EXPORTERS_COST_H
#define CPROM_TESTS_EXPORTERS_COST_H

#include <stdint.h>

/* Steps so far, of this thread. */
uint64_t cost_now(void);

/*
 * At most so many steps for a byte of each kind of input, whatever the bytes are, and behind them so many for any input
 * (tables that are made, bounds of a configuration). The worst that was seen is about half of it.
 */
#define COST_TEXT_BYTE 400u   /* text_parse(), text_settle(), claims_replace() */
#define COST_JSON_BYTE 100u   /* json_parse(), output_parse() */
#define COST_CONFIG_BYTE 100u /* rules_parse() without regular expressions */
#define COST_ANY 20000u

#endif
