/*
 * Mutants inside the library: one step of a rule is left out or done at another time. By the linker's --wrap, between
 * the library's object files: see mutants.h.
 */
#ifndef CPROM_TESTS_INNER_MUTANTS_H
#define CPROM_TESTS_INNER_MUTANTS_H

enum ct_inner_mutant {
    CT_INNER_NONE,
    CT_INNER_VALUE_AFTER,    /* what a commit makes comes alive, and then gets its value */
    CT_INNER_NO_SECOND_LOOK, /* an update does not touch again what it touched before a mark */
    CT_INNER_UNSETTLED,      /* who finds a series does not ask the vector's turnover */
    CT_INNER_UNPUBLISHED,    /* a commit does not tell its turnovers */
    CT_INNER_BY_FLAGS,       /* a page shows what is alive or lingers when it comes to it */
    CT_INNER_CLOCK_AGAIN,    /* it reads the clock for each series */
    CT_INNER_EACH_LINGERS,   /* an iteration shows what lingers */
    CT_INNER_NOT_KEPT        /* a commit that a page lets in does not keep what it writes over */
};

extern enum ct_inner_mutant ct_inner_mutant_on; /* written while no other thread is in the library */

#endif
