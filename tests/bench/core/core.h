/*
 * The parts of bench_core. Each prints a part of the table.
 */
#ifndef CPROM_TESTS_BENCH_CORE_H
#define CPROM_TESTS_BENCH_CORE_H

void bench_machine(void); /* the processor and its memory */
void bench_updates(void); /* through handles */
void bench_lookups(void); /* by label values */
void bench_vectors(void); /* creating, deleting, memory */
void bench_lives(void);   /* owners; single calls beside a scraper */
void bench_pages(void);   /* scrapes */

#endif
