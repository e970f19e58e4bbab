/*
 * The gate (lib/base/gate.c), what gathers (lib/page/gather.c: take()) and commits (lib/update/commit.c) do in it, and that of gathers at
 * most one stands in its queue: the others wait for the order's lock.
 *
 * Two commits, in a row, set two series in different vectors and remove a third; two scrapers open pages for ever. A
 * page sees a commit whole or not at all. A commit waits for at most one copying: for one that began before it came, or
 * for one that came before it.
 *
 * MUTANT 1: commits do without the gate
 * MUTANT 2: who leaves the gate does not hand it over: whoever comes first has it
 * MUTANT 3: the commit leaves the gate between its vectors
 * MUTANT 4: gathers do not queue at the order's lock
 */
#define NOBODY 9
#define COMMITTER 3

byte first, second, holder = NOBODY, copied;
bool third = true, order, waiting;
chan queue = [4] of { byte };

inline enter(who)
{
#if MUTANT == 2
    atomic { holder == NOBODY -> holder = who }
#else
    atomic { if :: holder == NOBODY -> holder = who :: else -> queue!who fi };
    holder == who
#endif
}

inline leave()
{
#if MUTANT == 2
    holder = NOBODY
#else
    atomic { if :: queue?[next] -> queue?holder :: else -> holder = NOBODY fi }
#endif
}

active [2] proctype scraper()
{
    byte a, b;
    bool c;
    byte next;
end:
    do
    :: true ->
#if MUTANT != 4
        atomic { !order -> order = true };
#endif
        enter(_pid);
        a = first;
        b = second;
        c = third;
        d_step {
            assert(a == b && c == (a == 0));
            if :: waiting -> copied++; assert(copied <= 1) :: else fi;
            a = 0; b = 0; c = 0
        };
        leave();
#if MUTANT != 4
        order = false
#endif
    od
}

active proctype committer()
{
    byte n, next;
    do
    :: n < 2 ->
        n++;
        copied = 0;
#if MUTANT == 2
        waiting = true;
        enter(COMMITTER);
#elif MUTANT != 1
        atomic { if :: holder == NOBODY -> holder = COMMITTER :: else -> queue!COMMITTER; waiting = true fi };
        holder == COMMITTER;
#endif
        waiting = false;
        third = false;
        first = n;
#if MUTANT == 3
        leave();
        enter(COMMITTER);
#endif
        second = n;
#if MUTANT != 1
        leave()
#endif
    :: else -> break
    od
}
