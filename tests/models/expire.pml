/*
 * Expiry by time (lib/store/touch.c: touch_stamp_time(), touch_raise(), touch_settled(); lib/store/lookup.c:
 * cprom_vec_with(); lib/store/upkeep.c: upkeep_expire()). A touch stores the time and then looks at `life`; who expires
 * marks `life` and then looks at the time and the references again.
 *
 * A thread touches an idle series in a read section and takes a reference; another touches it by a handle that it gives
 * back; a third wants to expire it. A touch that found it alive has not touched what expires: it comes to the lock, or
 * the expiry is taken back.
 *
 * Memory order: the time goes through a store buffer (TSO); seq_cst waits until it has arrived.
 *
 * MUTANT 1: the touch stores the time relaxed, or with release
 * MUTANT 2: the expiry looks at the time before it marks the series
 * MUTANT 3: the expiry does not look at references
 * MUTANT 4: a touch does not mind the mark
 */
#define DYING 1
#define DEAD 2
#define OLD 1
#define NEW 2

byte life, touched = OLD, refs = 1;
chan buffers[2] = [1] of { byte };
bool lock, used[2], held = true;

active proctype memory()
{
    byte value;
end:
    do
    :: atomic { buffers[0]?value -> touched = value }
    :: atomic { buffers[1]?value -> touched = value }
    od
}

inline touch(me)
{
    buffers[me]!NEW;
#if MUTANT != 1
    empty(buffers[me]);
#endif
#if MUTANT == 4
    live = (life & DEAD) == 0
#else
    live = life == 0
#endif
}

/* By label values. */
active proctype looker()
{
    bool live;
    touch(0);
    if
    :: live ->
        refs++;
        assert(!(life & DEAD)); /* nobody removes it but the expiry */
        refs--
    :: else
    fi
}

/* By a handle from before; a held handle says: alive. */
active proctype holder()
{
    assert(!(life & DEAD));
    refs--;
    held = false
}

active proctype expiry()
{
    bool idle;
    atomic { !lock -> lock = true };
    idle = touched == OLD;
#if MUTANT != 3
    idle = idle && refs == 0;
#endif
    if
    :: idle ->
#if MUTANT == 2
        idle = touched == OLD && refs == 0;
        life = life | DYING;
#else
        life = life | DYING;
        idle = touched == OLD;
#if MUTANT != 3
        idle = idle && refs == 0;
#endif
#endif
        if
        :: idle -> life = life | DEAD
        :: else -> life = life & ~DYING
        fi
    :: else
    fi;
    lock = false
}
