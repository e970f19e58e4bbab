/*
 * The intake (lib/store/order.c: cprom__order_push(), cprom__order_take()): a stack that creations push on without a lock, and
 * that whoever holds the order's lock takes away as a whole.
 *
 * Two creations push a series each; one of the two is taken, destroyed, made again in the same place and pushed once
 * more. Everything that was pushed is taken, once, with the link that it had.
 *
 * Memory order: the link is a plain store, which arrives at any later time (also after later stores: PSO); the
 * compare-and-swap is a release and waits for it.
 *
 * MUTANT 1: the push is relaxed
 * MUTANT 2: the stack is taken by a load and a store
 * MUTANT 3: the link is not set again when the compare-and-swap has failed
 * MUTANT 4: what is taken replaces what was pending
 */
#define NONE 9

byte intake, next[4], buffered[4]; /* series 1 to 3; buffered NONE: the link has arrived */
byte pending, pushed[4], taken[4], ended;
bool lock;

active proctype memory()
{
end:
    do
    :: d_step { buffered[1] != NONE -> next[1] = buffered[1]; buffered[1] = NONE }
    :: d_step { buffered[2] != NONE -> next[2] = buffered[2]; buffered[2] = NONE }
    od
}

inline push(series)
{
    done = false;
    first = intake;
#if MUTANT == 3
    buffered[series] == NONE;
    buffered[series] = first;
#endif
    do
    :: done -> break
    :: else ->
#if MUTANT != 3
        buffered[series] == NONE;
        buffered[series] = first;
#endif
#if MUTANT != 1
        buffered[series] == NONE;
#endif
        atomic {
            if
            :: intake == first -> intake = series; pushed[series]++; done = true
            :: else -> first = intake
            fi
        }
    od
}

proctype creation(byte series; byte times)
{
    byte first, n;
    bool done;
    do
    :: n < times && taken[series] == n -> /* destroyed, and made again */
        push(series);
        n++
    :: n -> break
    od;
    ended++
}

inline take()
{
#if MUTANT == 2
    first = intake;
    intake = 0;
#else
    atomic { first = intake; intake = 0 };
#endif
    if
    :: first == 0
    :: first && pending == 0 -> pending = first
    :: else ->
#if MUTANT != 4
        last = first;
        do
        :: next[last] -> last = next[last]
        :: else -> break
        od;
        next[last] = pending;
#endif
        pending = first
    fi
}

/* A gather: takes twice, as it does before the gate and in it, and then works off what it has. */
active [2] proctype gather()
{
    byte first, last, rounds;
    do
    :: rounds < 2 ->
        rounds++;
        atomic { !lock -> lock = true };
        take();
        take();
        do
        :: pending ->
            first = pending;
            pending = next[first];
            d_step { taken[first]++; assert(taken[first] <= pushed[first]) }
        :: else -> break
        od;
        lock = false
    :: else -> break
    od;
    ended++
}

init
{
    byte first, last;
    d_step { buffered[1] = NONE; buffered[2] = NONE };
    atomic { run creation(1, 2); run creation(2, 1) };
    ended == 4;
    take();
    do
    :: pending -> first = pending; pending = next[first]; taken[first]++
    :: else -> break
    od;
    assert(taken[1] == pushed[1] && taken[2] == pushed[2])
}
