/*
 * Mutants of single promises, for the checker of lives: the library, but some public calls are made of others, so that
 * their steps can be seen. Likewise by the linker's --wrap: see mutants.h.
 */
#ifndef CPROM_TESTS_LIVES_MUTANTS_H
#define CPROM_TESTS_LIVES_MUTANTS_H

#include <stddef.h>

enum ct_lives_mutant {
    CT_LIVES_NONE,
    /* a value first */
    CT_LIVES_SET_LATER,  /* a gauge's update by labels takes a handle, and then sets */
    CT_LIVES_ADD_LATER,  /* so does a counter's, also where it is folded */
    CT_LIVES_ROWS_LATER, /* a replacement makes its rows with 0, and then sets them */
    /* stamped after it was written */
    CT_LIVES_SWEEP_SINCE_NOW, /* a vector's sweep takes what was not touched since it began */
    CT_LIVES_SWEEP_ALL_NOW,   /* likewise, that of a registry */
    CT_LIVES_MARK_BEFORE,     /* a mark is that of the thread's call before */
    /* room before removal */
    CT_LIVES_FULL_UNSEEN,   /* a gauge's update finds the vector full before it looks for its series */
    CT_LIVES_FOLDED_UNSEEN, /* a counter's is folded then */
    CT_LIVES_ROOM_FIRST,    /* a replacement removes, and then makes its rows */
    /* a page decides by its own number */
    CT_LIVES_EACH_LOOKS_AGAIN, /* an iteration leaves out what is gone when it comes to it */
    CT_LIVES_EACH_IN_PARTS,    /* it shows its first series as they were, and the others as they are now */
    CT_LIVES_EACH_LAST_TIME,   /* it shows what the thread's last one showed, of the same vector */
    /* one moment */
    CT_LIVES_CLEAR_ONE_BY_ONE,  /* a clear deletes series after series */
    CT_LIVES_REMOVE_ONE_BY_ONE, /* so does a removal by match */
    CT_LIVES_ROWS_ONE_BY_ONE    /* a replacement sets row after row, once it has removed the rest */
};

extern enum ct_lives_mutant ct_lives_mutant_on; /* written while no other thread is in the library */
extern size_t ct_lives_mutant_cap;              /* of all vectors */

#endif
