/*
 * The gate (lib/base/gate.c), what gathers (lib/page/gather.c) and commits (lib/update/commit.c) do in it, and that of
 * gathers at most one stands in its queue: the others wait for the order's lock.
 *
 * Two commits, in a row, set two series in different vectors and remove a third; two scrapers open pages for ever. A
 * gather decides about what dies when it has its number, and copies the values one by one; in between it lets in who
 * waits, which keeps what it writes over (lib/store/keep.c). A page sees a commit whole or not at all. A commit waits for
 * at most one portion of a copying: of one that began before it came, or that came before it.
 *
 * MUTANT 1: commits do without the gate
 * MUTANT 2: who leaves the gate does not hand it over: whoever comes first has it
 * MUTANT 3: the commit leaves the gate between its vectors
 * MUTANT 4: gathers do not queue at the order's lock
 * MUTANT 5: a commit keeps nothing
 * MUTANT 6: a gather says that values are to be kept once it has left the gate
 * MUTANT 7: a commit keeps a value though one is kept already
 * MUTANT 8: a gather copies what is there although a value is kept
 */
#define NOBODY 9
#define COMMITTER 3
#define NONE 9

byte value[2], kept[2] = NONE, holder = NOBODY, copied;
bool third = true, order, waiting, keeping[2];
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

inline end_portion()
{
    atomic { if :: waiting -> copied++; assert(copied <= 1) :: else fi }
}

/* A portion is copied, and `from` is the first that is not. */
inline let_in(from)
{
    end_portion();
    if
    :: nempty(queue) ->
#if MUTANT != 6
        keeping[from] = true; keeping[1] = true;
#endif
        leave();
#if MUTANT == 6
        keeping[from] = true; keeping[1] = true;
#endif
        enter(_pid)
    :: empty(queue)
    fi
}

inline copy(into, i)
{
    if
#if MUTANT != 8
    :: kept[i] != NONE -> into = kept[i]
    :: kept[i] == NONE -> into = value[i]
#else
    :: true -> into = value[i]
#endif
    fi;
    d_step { keeping[i] = false; kept[i] = NONE }
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
        c = third;
        let_in(0);
        copy(a, 0);
        let_in(1);
        copy(b, 1);
        end_portion();
        d_step { assert(a == b && c == (a == 0)); a = 0; b = 0; c = 0 };
        leave();
#if MUTANT != 4
        order = false
#endif
    od
}

inline write(i)
{
#if MUTANT != 5
    if
#if MUTANT == 7
    :: keeping[i] -> kept[i] = value[i]
#else
    :: keeping[i] && kept[i] == NONE -> kept[i] = value[i]
#endif
    :: else
    fi;
#endif
    value[i] = n
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
        write(0);
#if MUTANT == 3
        leave();
        enter(COMMITTER);
#endif
        write(1);
#if MUTANT != 1
        leave()
#endif
    :: else -> break
    od
}
