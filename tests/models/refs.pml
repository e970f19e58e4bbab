/*
 * The reference count of a series (lib/store/series.h: cprom__series_hold(); lib/store/series.c: _ref, _unref,
 * cprom__series_abandon(); lib/store/lookup.c: _with; lib/store/reclaim.c: reclaim_decide(), cprom__reclaim_abandon()).
 *
 * Two threads look the series up, take a reference and give it back, the first one also hands a second reference on; a
 * remover unlinks it, waits until the sections that may have seen it are over (which epoch.pml is about: here it is a
 * count), and reclaims it once nobody has a reference; or its family goes, and it is left to the last handle. It is
 * destroyed exactly once, and never while somebody uses it.
 *
 * Or the first one takes more references than the word has room for, which is 5 bits here, and gives some of them back or
 * all: then it is never destroyed.
 *
 * MUTANT 1: _with takes its reference after the read section
 * MUTANT 2: abandoning looks at the count first and then clears the flag
 * MUTANT 3: reclaiming does not look at the count
 * MUTANT 4: _unref subtracts first and looks at the word again
 * MUTANT 5: reclaiming does not wait for read sections
 * MUTANT 6: who takes a reference does not look whether they are too many
 * MUTANT 7: _unref does not put the word back into the middle of the upper half
 * MUTANT 8: the word is put to the lower end of the upper half
 */
#define REF 2
#define KEPT 1
#define MANY 16
#if MUTANT == 8
#define SATURATED 16
#else
#define SATURATED 24
#endif
#define WORD 31
#define ALL 16 /* references that it has no room for */

byte refs = KEPT, sections, destroyed, busy, ended, given;
bool linked = true, many;

inline destroy()
{
    d_step { assert(destroyed == 0 && busy == 0); destroyed++ }
}

inline use()
{
    d_step { assert(destroyed == 0); busy++ };
    d_step { assert(destroyed == 0); busy-- }
}

inline hold()
{
    atomic { assert(destroyed == 0); refs = (refs + REF) & WORD; sum = refs };
#if MUTANT != 6
    if :: sum & MANY -> atomic { assert(destroyed == 0); refs = SATURATED; many = true } :: else fi
#endif
}

inline unref()
{
    atomic { before = refs; refs = (refs - REF) & WORD };
#if MUTANT == 4
    before = (refs + REF) & WORD;
#endif
    if
    :: before == REF -> destroy()
#if MUTANT != 7
    :: before & MANY -> atomic { assert(destroyed == 0); refs = SATURATED }
#endif
    :: else
    fi
}

proctype user(bool first)
{
    byte before, sum;
    bool found;
    sections++;
    found = linked;
#if MUTANT == 1
    sections--;
    if :: !found -> goto done :: else fi;
    hold();
#else
    if
    :: !found -> sections--; goto done
    :: else -> hold(); sections--
    fi;
#endif
    use();
    if
    :: first -> hold(); use(); unref(); use()
    :: first ->
        given = ALL;
        do :: given -> hold(); given-- :: else -> break od;
        do :: given < ALL - 1 -> unref(); given++; use() :: break od
    :: else
    fi;
    unref();
done:
    ended++
}

active proctype remover()
{
    byte before;
    linked = false;
#if MUTANT != 5
    sections == 0;
#endif
    if
    :: skip ->
        /* reclaimed, as soon as it can be */
#if MUTANT != 3
        if :: refs < REF :: ended == 2 && refs >= REF -> goto done fi;
#endif
        destroy()
    :: skip ->
#if MUTANT == 2
        before = refs;
        refs = refs & ~KEPT & WORD;
#else
        atomic { before = refs; refs = refs & ~KEPT & WORD };
#endif
        if :: before < REF -> destroy() :: else fi
    fi;
done:
    ended++
}

init
{
    atomic { run user(true); run user(false) };
    ended == 3;
    assert(destroyed == (many -> 0 : 1))
}
