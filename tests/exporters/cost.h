/*
 * How much work the exporters' parsers do, counted and not timed: the steps of code that was compiled with
 * -fsanitize-coverage=trace-pc (each block of it that runs is one), and one for each 8 bytes that functions of libc go
 * over for it. A step is some five instructions.
 */
#ifndef CPROM_TESTS_EXPORTERS_COST_H
#define CPROM_TESTS_EXPORTERS_COST_H

#include <stdint.h>

/* Steps so far, of this thread. */
uint64_t cost_now(void);

/*
 * At most so many steps for a byte, whatever the bytes are, and COST_ANY for any input. The worst that was seen is a third
 * to half of it.
 */
/* Without optimisation, gcc counts about twice as many. */
#ifdef __OPTIMIZE__
#define COST_SCALE 1u
#else
#define COST_SCALE 2u
#endif
#define COST_TEXT_BYTE (250u * COST_SCALE) /* text_parse(), text_settle(), claims_replace() */
#define COST_JSON_BYTE (60u * COST_SCALE)  /* json_parse() */
#define COST_CONFIG_BYTE (60u * COST_SCALE) /* rules_parse(), regexp_new(): and for each repetition in an expression: */
#define COST_PROGRAM 3000000u
/* regexp_match(): for a character and an instruction of the program, and so many more for each group. */
#define COST_PLACE 20u
#define COST_GROUP 4u
#define COST_ANY 5000u

#endif
