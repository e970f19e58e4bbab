/*
 * The deletion flag (lib/store/touch.c: touch_raise(); lib/store/lookup.c: lookup_obtain(); lib/store/kill.c:
 * cprom__vec_kill()). expire.pml has the times of timed series, moment.pml what settles a touch while a removal is at
 * work, mark.pml the second look of an update.
 *
 * Two updates by label values, a deletion, and a mark with a sweep of what was not touched since, of one label; what
 * was removed stays as it is, and whoever comes later makes a new series. A touch and a removal change one word, by
 * compare-and-swap.
 *
 * Of an update and a removal, the update comes first or makes a new series. So
 *   - once a removal has returned, no update that begins later goes into what it removed
 *   - a series that was touched between mark and sweep is not swept
 *   - what was removed stays dead, and of what was found dead nobody says that it was found alive
 *
 * MUTANT 1: a touch is a load and a store
 * MUTANT 2: a removal is a load and a store of the flag
 * MUTANT 3: a sweep looks at the touch first and sets the flag then
 * MUTANT 4: a touch does not look whether the series is dead
 * MUTANT 5: the series is made outside of the map's lock
 */
#define SERIES 5 /* there were, one after the other */
#define DEAD 16  /* beside the epoch of the last touch */

byte epoch = 1, life[SERIES] = 1, values[SERIES], made = 1, current; /* current: what the map finds */
byte removed;         /* a bit for each whose removal has returned */
byte touched, swept;  /* likewise: by an update that began after the mark; by the sweep */
bool marked, lock;
byte ended;

/* A compare-and-swap loop, one round; `done` says whether it was decided, `live` how. */
inline touch(series)
{
    now = epoch;
    done = false;
    do
    :: done -> break
    :: else ->
        word = life[series];
        if
#if MUTANT != 4
        :: (word & DEAD) != 0 -> live = false; done = true
        :: (word & DEAD) == 0 && word >= now -> live = true; done = true
        :: (word & DEAD) == 0 && word < now ->
#else
        :: word >= now -> live = true; done = true
        :: word < now ->
#endif
#if MUTANT == 1
            life[series] = now; live = true; done = true
#else
            atomic { if :: life[series] == word -> life[series] = now; live = true; done = true :: else fi }
#endif
        fi
    od
}

active [2] proctype update()
{
    byte series, now, word;
    byte gone;
    bool live, done, after;
    d_step { after = marked; gone = removed };
    series = current;
    touch(series);
    if
    :: !live ->
#if MUTANT != 5
        atomic { !lock -> lock = true };
#endif
        if
        :: (life[current] & DEAD) != 0 -> series = made; made++; life[series] = epoch; current = series
        :: else -> series = current
        fi;
        touch(series);
#if MUTANT != 5
        assert(live);
        lock = false
#endif
    :: else
    fi;
    skip;
    d_step {
        assert(!(gone & (1 << series)));
        if :: after -> touched = touched | (1 << series); assert(!(swept & (1 << series))) :: else fi;
        values[series]++;
        ended++
    }
}

/* Under the lock: kills the series, unless it was touched in epoch `since` or later (0: whatever); `live`: it did. */
inline kill(series, since)
{
    live = false;
    do
    :: word = life[series];
        if
        :: (word & DEAD) != 0 -> break
        :: (word & DEAD) == 0 && since && word >= since -> break
        :: else ->
#if MUTANT == 2
            life[series] = word | DEAD; live = true; break
#elif MUTANT == 3
            life[series] = life[series] | DEAD; live = true; break
#else
            atomic { if :: life[series] == word -> life[series] = word | DEAD; live = true :: else fi };
            if :: live -> break :: else fi
#endif
        fi
    od
}

active proctype deletion()
{
    byte series, word;
    bool live;
    atomic { !lock -> lock = true };
    series = current;
    kill(series, 0);
    lock = false;
    if :: live -> removed = removed | (1 << series) :: else fi;
    assert(!live || (life[series] & DEAD) != 0);
    ended++
}

active proctype sweep()
{
    byte series, word, since;
    bool live;
    atomic { epoch++; since = epoch };
    marked = true;
    atomic { !lock -> lock = true };
    series = current;
    kill(series, since);
    skip;
    d_step { if :: live -> assert(!(touched & (1 << series))); swept = swept | (1 << series) :: else fi };
    lock = false;
    if :: live -> removed = removed | (1 << series) :: else fi;
    assert(!live || (life[series] & DEAD) != 0);
    ended++
}

init
{
    ended == 4;
    assert(values[0] + values[1] + values[2] + values[3] + values[4] == 2)
}
