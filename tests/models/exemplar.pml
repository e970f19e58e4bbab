/*
 * Exemplar slots (lib/store/exemplar.c): who takes a pointer out of its slot by an exchange owns the slot's reference.
 *
 * Two writers put an exemplar each into one slot, which has one already; a gather takes out what is there, keeps a
 * reference for its page, and puts it back, unless a newer one came; twice. In the end exactly one is in the slot and
 * alive, and every other was freed once, when nobody had it.
 *
 * MUTANT 1: a writer loads the old pointer and stores the new one
 * MUTANT 2: a gather looks at the pointer in the slot, and takes a reference then
 * MUTANT 3: a gather puts back with a store
 * MUTANT 4: a gather drops what it cannot put back twice
 */
#define EXEMPLARS 4 /* 1: there at the beginning */

byte ended, slot = 1, refs[EXEMPLARS], freed[EXEMPLARS];

inline unref(e)
{
    atomic {
        assert(refs[e] > 0);
        refs[e]--;
        if :: refs[e] == 0 -> freed[e]++; assert(freed[e] == 1) :: else fi
    }
}

proctype writer(byte mine)
{
    byte old;
    refs[mine] = 1;
#if MUTANT == 1
    old = slot;
    slot = mine;
#else
    atomic { old = slot; slot = mine };
#endif
    if :: old -> unref(old) :: else fi;
    ended++
}

active proctype gather()
{
    byte out, n;
    bool back;
    refs[1] = 1;
    atomic { run writer(2); run writer(3) };
    do
    :: n < 2 ->
        n++;
#if MUTANT == 2
        out = slot;
#else
        atomic { out = slot; slot = 0 };
#endif
        if
        :: out == 0
        :: else ->
            atomic { assert(refs[out] > 0); refs[out]++ };
#if MUTANT == 3
            slot = out;
            back = true;
#elif MUTANT == 2
            back = true;
#else
            atomic { if :: slot == 0 -> slot = out; back = true :: else -> back = false fi };
#endif
            if :: !back -> unref(out) :: else fi;
#if MUTANT == 4
            if :: !back -> unref(out) :: else fi;
#endif
            assert(freed[out] == 0); /* the page reads it */
            unref(out)
        fi
    :: else -> break
    od;
    ended == 2;
    assert(slot && refs[slot] == 1 && freed[1] + freed[2] + freed[3] == 2)
}
