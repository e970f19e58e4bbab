/*
 * The parts of bench_core.
 */
#ifndef CPROM_TESTS_BENCH_CORE_H
#define CPROM_TESTS_BENCH_CORE_H

void bench_machine(void); /* the processor and its memory */
void bench_updates(void); /* through handles */
void bench_lookups(void); /* by label values */
void bench_vectors(void); /* creating, deleting, memory */
void bench_stripes(void); /* memory of each kind of series, and what a second thread adds */
void bench_owners(void);  /* removing what one owner has */
void bench_latency(void); /* single calls beside a scraper */
void bench_pages(void);   /* scrapes */

void bench_serve(int n); /* n gauges over HTTP */

#endif
