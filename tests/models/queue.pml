/*
 * A lock that is first come, first served (lib/base/gate.c), as a registry's order lock: gathers (lib/page/gather.c:
 * gather_take()) enter it, and who works on the order without a gather (lib/store/upkeep.c) only tries it. What happens
 * in the gate, the other lock of this kind, is in gate.pml.
 *
 * Two scrapers open pages for ever. One is inside at a time. A gather waits for at most one other, and who only tries goes
 * before it once at most.
 *
 * MUTANT 1: who only tries may always go before who waits
 * MUTANT 2: who comes while the lock is free goes before who waits
 * MUTANT 3: who only tries does not look whether somebody is inside
 */
bool taken, passed;
byte inside;
byte tried;    /* how often somebody who tries has gone before the first */
byte began[2]; /* gathers since a scraper waits */
bool waits[2];
chan queue = [2] of { byte };

inline enter(who)
{
    if
#if MUTANT == 2
    :: atomic { !taken -> taken = true; passed = false }
    :: atomic { taken -> queue!who; waits[who] = true };
#else
    :: atomic { !taken && len(queue) == 0 -> taken = true; passed = false }
    :: atomic { (taken || len(queue) > 0) -> queue!who; waits[who] = true };
#endif
       atomic { !taken && queue?[eval(who)] -> queue?eval(who); taken = true; passed = false }
    fi
}

inline leave()
{
    d_step { inside--; taken = false }
}

active [2] proctype scraper()
{
end:
    do
    :: true ->
        enter(_pid);
        d_step {
            assert(inside == 0);
            inside++;
            waits[_pid] = false;
            began[_pid] = 0;
            tried = 0;
            if :: waits[1 - _pid] -> began[1 - _pid]++; assert(began[1 - _pid] <= 1) :: else fi
        };
        leave()
    od
}

active proctype upkeep()
{
end:
    do
#if MUTANT == 1
    :: atomic { !taken ->
#elif MUTANT == 3
    :: atomic { !(len(queue) > 0 && passed) ->
#else
    :: atomic { !taken && !(len(queue) > 0 && passed) ->
#endif
            assert(inside == 0);
            inside++;
            taken = true;
            passed = (len(queue) > 0);
            if :: len(queue) > 0 -> tried++; assert(tried <= 1) :: else fi
        };
        leave()
    od
}
