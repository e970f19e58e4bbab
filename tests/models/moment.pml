/*
 * One moment for the births and deaths of a change (lib/store/turnover.c: cprom__turnover_publish(),
 * cprom__moment_happens(), cprom__turnover_settle(), cprom__turnover_help(), turnover_advance(); lib/store/touch.c:
 * cprom__series_touch_found(), touch_settled(), cprom__series_presence(); lib/store/lookup.c: lookup_find_settled(),
 * lookup_hit(), lookup_presence(), lookup_change()). What single deletions do to a commit is in spoilt.pml.
 *
 * A change removes the one series of a vector, and lets a hidden one of another vector be born. Meanwhile, two
 * observers get the labels, in any order; somebody updates the first label, by label values or by a handle. The first
 * change is a removal, which leaves the gate behind its moment: before it is finished, the moment of a commit may come
 * that lets a series of a third vector be born. So there are three times:
 *
 *   0: OLD, nothing, nothing    1: nothing or NEW, BORN, nothing    2: nothing or NEW, BORN, LATER
 *
 * Then
 *   - what anybody sees is of a time that has come, and not of one before what was seen by calls that ended earlier
 *   - an update that began after something was seen of a later time does not go into OLD
 *   - NEW, once its update has returned, stays
 *
 * There are no store buffers: each plain store here is followed by a read-modify-write, or by the end of a hold of a
 * lock, before its thread loads what others store. A turnover is looked into under the map's lock only.
 *
 * MUTANT 1: the epoch is raised before the turnovers are published
 * MUTANT 2: a slow touch does not settle: it stamps what is alive
 * MUTANT 3: a get that finds another epoch decides by the life alone
 * MUTANT 4: the slow touch and the get read the turnover before the epoch
 * MUTANT 5: who meets a hidden series does not finish the turnover
 * MUTANT 6: the turnover is taken back before the births and the last deaths
 * MUTANT 7: a creation reads the epoch before it takes the map's lock
 * MUTANT 8: the walk does not spare what was touched since the moment
 * MUTANT 9: each vector has its own moment
 * MUTANT 10: a turnover counts in the epoch of its moment only, not in those behind it
 * MUTANT 11: the commit takes the number of its moment before that of the removal has come
 */
#define OLD 0
#define NEW 1
#define BORN 2
#define LATER 3
#define DEAD 16
#define HIDDEN 32
#define FLAGS 48

byte epoch = 2, life[4], current, turnover[3]; /* turnover: the epoch of its moment */
bool half; /* the cursor of the walk in the first vector */
bool lock[3], kept;
bool beside; /* there is a commit; then there is one observer, whose calls are one after the other */
byte seen; /* the latest time */

#if MUTANT == 10
#define HAS_COME(v) (now == turnover[v])
#else
#define HAS_COME(v) (now >= turnover[v])
#endif

#define TAKE(v) atomic { !lock[v] -> lock[v] = true }
#define GIVE(v) lock[v] = false

/* Under the lock of its vector; touches that take no lock change the same word. */
inline kill_older(series, than)
{
    do
    :: atomic {
           word = life[series];
           if
           :: (word & FLAGS) -> break
#if MUTANT != 8
           :: !(word & FLAGS) && word >= than -> break
#endif
           :: else
           fi
       };
       atomic { if :: life[series] == word -> life[series] = DEAD; break :: else fi }
    od;
    word = 0
}

/* Under the lock: a portion of the effective turnover. */
inline portion(v)
{
    if
    :: v == 0 && !half -> kill_older(OLD, 3); half = true
    :: v == 0 && half ->
#if MUTANT == 6
        turnover[0] = 0;
        kill_older(NEW, 3)
#else
        kill_older(NEW, 3);
        turnover[0] = 0
#endif
    :: v == 1 ->
#if MUTANT == 6
        turnover[1] = 0;
        life[BORN] = 3
#else
        life[BORN] = 3;
        turnover[1] = 0
#endif
    :: v == 2 -> life[LATER] = 4; turnover[2] = 0
    fi
}

/* Under the lock: as if the effective turnover had come to this series; `now`: the epoch. */
inline settle(v, series)
{
    now = epoch;
#if MUTANT != 5
    if
    :: turnover[v] && HAS_COME(v) && (life[series] & HIDDEN) ->
        do :: turnover[v] -> portion(v) :: else -> break od
    :: else
    fi;
#endif
#if MUTANT != 2
    if :: turnover[v] && HAS_COME(v) -> kill_older(series, turnover[v]) :: else fi
#endif
}

/* `alive` */
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
       atomic { if :: life[series] == word -> life[series] = now; alive = true; break :: else fi }
    od;
    word = 0
}

/* The epoch first. */
inline look_at_change(v)
{
#if MUTANT == 4
    turns = turnover[v] != 0;
    now = epoch
#else
    now = epoch;
    turns = turnover[v] != 0
#endif
}

/* A get, by label; an update, by label or by a handle. */
proctype caller(byte calls)
{
    byte word, now, series, v, since, time;
    bool updates, by_label, alive, turns, stays;
#if MUTANT == 7
    byte stamp;
#endif
    do
    :: calls ->
        d_step { since = seen; stays = kept; calls-- };
#if MUTANT == 7
        stamp = epoch;
#endif
        if
        :: atomic { series = BORN; v = 1; by_label = true }
        :: atomic { beside -> series = LATER; v = 2; by_label = true }
        :: atomic { series = current; by_label = true }
        :: atomic { series = current; by_label = true; updates = true }
        :: atomic { series = OLD; updates = true }
        fi;
        word = life[series];
        atomic { now = epoch; alive = word == now };
        if
        :: alive
        :: else ->
            look_at_change(v);
            if
            :: turns && updates && !by_label -> TAKE(0); settle(0, OLD); raise_stamp(OLD); GIVE(0)
            :: turns && updates && by_label /* below */
            :: turns && !updates ->
#if MUTANT != 3
                TAKE(v);
                if :: !v -> series = current :: else fi;
                settle(v, series);
                alive = !(life[series] & FLAGS);
                GIVE(v)
#else
                alive = !(life[series] & FLAGS)
#endif
            :: !turns && updates -> raise_stamp(series)
            :: !turns && !updates -> alive = !(life[series] & FLAGS)
            fi
        fi;
        if
        :: !alive && updates && by_label ->
            TAKE(0);
            settle(0, current);
            if
            :: life[current] & FLAGS ->
                series = NEW;
#if MUTANT == 7
                life[NEW] = stamp;
#else
                life[NEW] = now;
#endif
                current = NEW
            :: else -> series = current; raise_stamp(series)
            fi;
            alive = true;
            GIVE(0)
        :: else
        fi;
        d_step {
            /* What was found is of `time` at the earliest, and at the latest of that before the next. */
            if
            :: v == 2 && alive -> time = 2
            :: v == 2 && !alive -> assert(since < 2)
            :: v == 1 && alive -> time = 1
            :: v == 1 && !alive -> assert(!since)
            :: v == 0 && alive && series == OLD -> assert(!since)
            :: else -> time = 1
            fi;
            assert(time <= epoch - 2);
            assert(alive || !stays || v || !by_label);
            if :: time > seen -> seen = time :: else fi;
            kept = kept || (updates && alive && series == NEW);
            word = 0; now = 0; series = 0; v = 0; updates = false; by_label = false; since = 0; time = 0;
            alive = false; turns = false; stays = false
        }
    :: else -> break
    od
}

proctype changer()
{
    byte word, v;
#if MUTANT == 1
    epoch = 3;
#endif
    turnover[0] = 3;
#if MUTANT != 9
    turnover[1] = 3; /* both before anybody can see the moment */
#endif
#if MUTANT != 1
    epoch = 3;
#endif
    do
    :: TAKE(v);
        if
        :: turnover[v] -> portion(v); GIVE(v)
        :: else -> GIVE(v); if :: v -> break :: else -> v = 1 fi;
#if MUTANT == 9
            turnover[1] = 3
#endif
        fi
    od;
    if :: !seen -> seen = 1 :: else fi /* the call has returned */
}

/* In the gate when the removal has left it. It takes part in no vector of the removal's, and finishes in the gate. */
proctype committer()
{
    byte word, number;
#if MUTANT == 11
    number = epoch + 1;
#endif
    epoch >= 3;
#if MUTANT != 11
    number = epoch + 1;
#endif
    turnover[2] = number;
    epoch = number;
    TAKE(2);
    if :: turnover[2] -> portion(2) :: else fi;
    GIVE(2);
    seen = 2
}

init
{
    atomic {
        life[OLD] = 1; life[NEW] = DEAD; life[BORN] = HIDDEN; life[LATER] = HIDDEN;
        if
        :: run caller(1)
        :: beside = true; run committer()
        fi;
        run caller(2); run changer()
    }
}
