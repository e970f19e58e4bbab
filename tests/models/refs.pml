/*
 * The reference count of a series (lib/store/series.c: _ref, _unref, cprom__series_abandon(); lib/store/lookup.c: _with; lib/store/reclaim.c:
 * reclaim_reachable(), cprom__reclaim_abandon()).
 *
 * Two threads look the series up, take a reference and give it back, the first one also hands a second reference on; a
 * remover unlinks it, waits until the sections that may have seen it are over (which epoch.pml is about: here it is a
 * count), and reclaims it once nobody has a reference; or its family goes, and it is left to the last handle. It is
 * destroyed exactly once, and never while somebody uses it.
 *
 * MUTANT 1: _with takes its reference after the read section
 * MUTANT 2: abandoning looks at the count first and then sets the flag
 * MUTANT 3: reclaiming does not look at the count
 * MUTANT 4: _unref subtracts first and looks at the word again
 * MUTANT 5: reclaiming does not wait for read sections
 */
#define REF 2
#define ORPHAN 1

byte refs, sections, destroyed, busy, ended;
bool linked = true;

inline destroy()
{
    d_step { assert(destroyed == 0 && busy == 0); destroyed++ }
}

inline use()
{
    d_step { assert(destroyed == 0); busy++ };
    d_step { assert(destroyed == 0); busy-- }
}

inline unref()
{
    atomic { before = refs; refs = refs - REF };
#if MUTANT == 4
    before = refs + REF;
#endif
    if :: before == (REF | ORPHAN) -> destroy() :: else fi
}

proctype user(bool twice)
{
    byte before;
    bool found;
    sections++;
    found = linked;
#if MUTANT == 1
    sections--;
    if :: !found -> goto done :: else fi;
    atomic { assert(destroyed == 0); refs = refs + REF };
#else
    if
    :: !found -> sections--; goto done
    :: else -> atomic { assert(destroyed == 0); refs = refs + REF }; sections--
    fi;
#endif
    use();
    if
    :: twice -> refs = refs + REF; use(); unref(); use()
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
        refs < REF;
#endif
        destroy()
    :: skip ->
#if MUTANT == 2
        before = refs;
        refs = refs | ORPHAN;
#else
        atomic { before = refs; refs = refs | ORPHAN };
#endif
        if :: before < REF -> destroy() :: else fi
    fi;
    ended++
}

init
{
    atomic { run user(true); run user(false) };
    ended == 3;
    assert(destroyed == 1)
}
