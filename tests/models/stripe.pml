/*
 * Stripes passed on (lib/base/thread.c: cprom__stripe_claim(), thread_give_back(); lib/store/cell.h): the owner of a stripe
 * adds to its cells with a plain load and a plain store; when it ends, the next owner goes on where it was.
 *
 * Three threads add to one counter twice and end; there is one stripe that is owned. Who finds it taken adds atomically
 * in the shared one. One of them adds once more after it has given its stripe back, as a destructor of the program may
 * behind the library's. In the end nothing is lost. What the system gives back for a thread that has ended is the same,
 * with nothing behind it.
 *
 * Memory order: plain stores arrive at any later time, in any order (PSO); a release waits for those before it.
 *
 * MUTANT 1: the stripe is given back with a relaxed store
 * MUTANT 2: the stripe is claimed by a load and a store
 * MUTANT 3: a thread that has given its stripe back still takes it for its own
 * MUTANT 4: threads without a stripe add to the shared stripe with a load and a store
 */
#define THREADS 3
#define NONE 99

byte owned, shared;        /* cells */
byte ended;
bool taken;
byte cells[THREADS], gives[THREADS]; /* store buffers: of the cell, of the stripe's owner */

active proctype memory()
{
end:
    do
    :: d_step { cells[0] != NONE -> owned = cells[0]; cells[0] = NONE }
    :: d_step { cells[1] != NONE -> owned = cells[1]; cells[1] = NONE }
    :: d_step { cells[2] != NONE -> owned = cells[2]; cells[2] = NONE }
    :: d_step { gives[0] == 0 -> taken = false; gives[0] = NONE }
    :: d_step { gives[1] == 0 -> taken = false; gives[1] = NONE }
    :: d_step { gives[2] == 0 -> taken = false; gives[2] = NONE }
    od
}

inline add()
{
    if
    :: has_stripe ->
        /* A thread sees its own stores. */
        d_step { if :: cells[self] != NONE -> value = cells[self] :: else -> value = owned fi };
        cells[self] == NONE;
        cells[self] = value + 1
    :: else ->
#if MUTANT == 4
        value = shared;
        shared = value + 1
#else
        shared++
#endif
    fi
}

proctype thread(byte self; bool late)
{
    byte value, n;
    bool has_stripe, free;
#if MUTANT == 2
    free = !taken;
    if :: free -> taken = true; has_stripe = true :: else fi;
#else
    atomic { if :: !taken -> taken = true; has_stripe = true :: else fi };
#endif
    do
    :: n < 2 -> add(); n++
    :: else -> break
    od;
    if
    :: has_stripe ->
#if MUTANT != 3
        has_stripe = false;
#endif
#if MUTANT != 1
        cells[self] == NONE;
#endif
        gives[self] = 0
    :: else
    fi;
    if :: late -> add() :: else fi;
    ended++
}

init
{
    atomic {
        cells[0] = NONE; cells[1] = NONE; cells[2] = NONE;
        gives[0] = NONE; gives[1] = NONE; gives[2] = NONE;
        run thread(0, true); run thread(1, false); run thread(2, false)
    };
    ended == THREADS;
    cells[0] == NONE && cells[1] == NONE && cells[2] == NONE;
    assert(owned + shared == 7)
}
