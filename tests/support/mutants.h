/*
 * Mutants: the library with one promise broken on purpose, for the tests of the tests. The linker's --wrap puts them
 * between the library's object files, in programs that link cprom_test_mutants.
 */
#ifndef CPROM_TESTS_MUTANTS_H
#define CPROM_TESTS_MUTANTS_H

/* Ways to break the promise that a change is all or nothing. */
enum ct_mutant {
    CT_MUTANT_NONE,
    CT_MUTANT_NO_GATE,     /* cprom_update_commit() does not enter the gate */
    CT_MUTANT_CLEAR_FIRST, /* cprom_update_commit() clears the update's scopes, and then sets */
    CT_MUTANT_BY_FAMILY    /* a registry-wide deletion is one of each vector */
};

extern enum ct_mutant ct_mutant_on; /* written while no other thread is in the library */

#endif
