/*
 * Marks against updates (lib/store/touch.h: cprom__handle_touch(), cprom__update_ends(); lib/store/touch.c;
 * lib/store/lookup.c: lookup_change(); lib/registry/remove_all.c: cprom_registry_mark(); lib/base/barrier.c).
 *
 * Somebody updates a series by a handle, or lets it be born, under the map's lock, with a value. A commit writes two
 * others. Somebody else marks, gets what there is, and sweeps what was not touched since the mark. Then
 *   - what had no value yet when the mark had returned, and whose update has returned before the sweep, is not swept
 *   - of what a commit has written, all is swept or nothing
 *
 * Memory order: the stores of the update go through a store buffer and arrive at any later time, in order (TSO);
 * read-modify-writes, locks, and the mark's barrier, which every processor runs, wait until it is empty. The compiler
 * keeps the order of the update. The others' accesses are seq_cst: they are read-modify-writes, or in holds of locks.
 *
 * MUTANT 1: an update does not look at the epoch again
 * MUTANT 2: the mark has no barrier
 * MUTANT 3: the barrier comes before the epoch is raised
 * MUTANT 4: an update looks at the epoch again before it has written
 * MUTANT 5: the mark does not take the gate
 * MUTANT 6: what is born does not look at the epoch again
 * MUTANT 7: an update that finds another epoch is content with what it has found at first
 */
#define ONE 0 /* of the update */
#define A 1   /* of the commit */
#define B 2
#define DEAD 16
#define HIDDEN 32
#define FLAGS 48
#define VALUE 3 /* in the buffer: of ONE; else its life */

byte epoch = 1, life[3] = 1;
bool value[3], returned[3], unseen[3], swept[3];
bool gate, lock; /* of the map */
chan buffer = [2] of { byte, byte };

active proctype memory()
{
    byte what, new;
end:
    do
    :: atomic {
           buffer?what,new;
           if :: what == VALUE -> value[ONE] = true :: else -> life[ONE] = new fi;
           what = 0; new = 0
       }
    od
}

/* Raises the stamp to `now`; `alive`. A read-modify-write, but where there is nothing to do. */
inline raise_stamp(series)
{
    do
    :: atomic {
           word = life[series];
           if
           :: (word & FLAGS) -> alive = false; break
           :: !(word & FLAGS) && word >= now -> alive = true; break
           :: else
           fi
       };
       empty(buffer);
       atomic { if :: life[series] == word -> life[series] = now; alive = true; break :: else fi }
    od;
    word = 0
}

inline by_handle()
{
    word = life[ONE];
    now = epoch;
    if
    :: word == now -> alive = true
    :: else -> raise_stamp(ONE)
    fi;
    if
    :: alive ->
#if MUTANT == 4
        again = epoch;
        buffer!VALUE,1;
#else
        buffer!VALUE,1;
        again = epoch;
#endif
#if MUTANT != 1 && MUTANT != 7
        if :: again != now -> now = again; raise_stamp(ONE) :: else fi
#endif
#if MUTANT == 7
        if :: again != now -> raise_stamp(ONE) :: else fi
#endif
    :: else
    fi
}

inline by_birth()
{
    atomic { !lock -> lock = true };
    now = epoch;
    buffer!VALUE,1;
    buffer!ONE,now;
    again = epoch;
#if MUTANT != 6
    if :: again != now -> now = again; empty(buffer); raise_stamp(ONE) :: else fi;
#endif
    empty(buffer);
    lock = false
}

proctype update(bool birth)
{
    byte word, now, again;
    bool alive;
    if
    :: birth -> by_birth()
    :: else -> by_handle()
    fi;
    returned[ONE] = true
}

proctype commit()
{
    byte word, now;
    bool alive;
    atomic { !gate -> gate = true };
    atomic { epoch++; now = epoch };
    raise_stamp(A);
    value[A] = true;
    raise_stamp(B);
    value[B] = true;
    gate = false;
    d_step { returned[A] = true; returned[B] = true }
}

/* Under the map's lock. */
inline sweep(series)
{
    do
    :: word = life[series];
        if
        :: (word & FLAGS) || word >= mark -> break
        :: else ->
            atomic {
                if
                :: life[series] == word ->
                    life[series] = DEAD;
                    swept[series] = true;
                    assert(!(unseen[series] && safe[series]));
                    break
                :: else
                fi
            }
        fi
    od
}

proctype sweeper()
{
    byte word, mark;
    bool safe[3];
#if MUTANT == 3
    empty(buffer);
#endif
#if MUTANT != 5
    atomic { !gate -> gate = true };
#endif
    atomic { epoch++; mark = epoch };
#if MUTANT != 5
    gate = false;
#endif
#if MUTANT != 2 && MUTANT != 3
    empty(buffer);
#endif
    d_step { unseen[ONE] = !value[ONE] || (life[ONE] & HIDDEN); unseen[A] = !value[A]; unseen[B] = !value[B] };
    d_step { safe[ONE] = returned[ONE]; safe[A] = returned[A]; safe[B] = returned[B] };
    atomic { !gate -> gate = true };
    epoch++;
    atomic { !lock -> lock = true };
    sweep(ONE);
    sweep(A);
    sweep(B);
    lock = false;
    gate = false;
    assert(swept[A] == swept[B])
}

init
{
    atomic {
        if
        :: life[ONE] = HIDDEN; run update(true)
        :: run update(false)
        fi;
        run commit();
        run sweeper()
    }
}
