/*
 * A page decides by its number (lib/page/gather.c: gather_copy_all(), gather_copy_sorted(), gather_copy_tail();
 * lib/store/upkeep.c: cprom__series_shown(), cprom__series_past(); lib/store/kill.c; lib/store/lookup.c:
 * cprom__series_reveal()). Pins and reclaiming are in snapshot.pml.
 *
 * In a vector that lets series linger, a label is deleted and used again, twice, while two pages are taken, one after
 * the other. Each is one that shows what lingers, or one of the living only (an iteration). Then
 *   - a page shows the label once: there is neither a gap nor a double; one of the living shows it at most once
 *   - what was alive when the page took its number is on it; what was begun later is not
 *
 * There are no store buffers: a page raises its number and then takes locks; a death is a read-modify-write, a
 * creation ends with the lock given back.
 *
 * MUTANT 1: the page does not take the map's lock once it has its number
 * MUTANT 2: the page decides by flags
 * MUTANT 3: the tail is cut before the page takes its number
 * MUTANT 4: a creation reads the number twice: for what lingered, and for its birth
 * MUTANT 5: a creation reads the number before it takes the map's lock
 * MUTANT 6: a lingering ends before its number is written
 * MUTANT 7: what has left the map is not looked at: it is dropped
 * MUTANT 8: a series is dead before its number is written
 */
#define SERIES 3 /* one after the other, of one label */
#define HIDDEN 0
#define ALIVE 1
#define LINGERS 2
#define OVER 3 /* and out of the map */
#define NOWHERE 0
#define INTAKE 1
#define TAIL 2
#define SORTED 3
#define DROPPED 4

byte life[SERIES], died[SERIES], ended[SERIES], birth[SERIES], where[SERIES];
byte number = 1;
bool lock, busy;           /* busy: a change of the label is under way */
byte at;                   /* which series is the newest that was begun */

inline delete(series)
{
    d_step { busy = true };
    atomic { !lock -> lock = true };
    mine = number;
#if MUTANT == 8
    life[series] = LINGERS;
    died[series] = mine;
#else
    atomic { life[series] = LINGERS; died[series] = mine };
#endif
    atomic { lock = false; busy = false; mine = 0 }
}

inline again(series, old)
{
    d_step { busy = true; at = series };
#if MUTANT == 5
    mine = number;
    atomic { !lock -> lock = true };
#else
    atomic { !lock -> lock = true };
    mine = number;
#endif
#if MUTANT == 6
    life[old] = OVER;
    ended[old] = mine;
#else
    ended[old] = mine;
    life[old] = OVER;
#endif
#if MUTANT == 4
    mine = number;
#endif
    birth[series] = mine;
    where[series] = INTAKE;
    life[series] = ALIVE;
    atomic { lock = false; busy = false; mine = 0 }
}

proctype writer()
{
    byte mine;
    delete(0);
    again(1, 0);
    delete(1);
    again(2, 1)
}

/* Whether the page shows it. `word` is its life; what else is read does not change any more once it matters. */
#if MUTANT == 2
#define SHOWN(series) (word == ALIVE || (word == LINGERS && !living))
#else
#define LINGERED(series) (word == LINGERS || (word == OVER && ended[series] >= mine))
#define SHOWN(series) (word == ALIVE || (word >= LINGERS && died[series] >= mine) || (!living && LINGERED(series)))
#endif
#if MUTANT == 7
#define PAST(series) true
#else
#define PAST(series) (died[series] < mine && ended[series] < mine)
#endif
#if MUTANT == 2
#define BORN(series) true
#else
#define BORN(series) (birth[series] < mine)
#endif

inline copy(series)
{
    if
    :: where[series] == SORTED && life[series] == OVER && PAST(series) -> where[series] = DROPPED
    :: where[series] == SORTED && !(life[series] == OVER && PAST(series)) ->
        atomic { word = life[series]; if :: SHOWN(series) -> n++; shown = series :: else fi }
    :: where[series] == TAIL && BORN(series) ->
        atomic { word = life[series]; if :: SHOWN(series) -> n++; shown = series :: else fi }
    :: else
    fi;
    word = 0
}

inline sort(series)
{
    if :: where[series] == TAIL || where[series] == INTAKE -> where[series] = SORTED :: else fi
}

inline cut()
{
    d_step {
        if :: where[1] == INTAKE -> where[1] = TAIL :: else fi;
        if :: where[2] == INTAKE -> where[2] = TAIL :: else fi
    }
}

proctype gather()
{
    byte pages, mine, word, n, shown, sure, newest;
    bool living;
    do
    :: pages < 2 ->
        atomic { if :: living = true :: living = false fi; sort(1); sort(2) };
#if MUTANT == 3
        cut();
#endif
        d_step {
            number++;
            mine = number;
            sure = SERIES;
            if :: !busy && life[at] == ALIVE -> sure = at :: else fi;
            newest = at
        };
#if MUTANT != 1
        atomic { !lock -> lock = true };
        lock = false;
#endif
#if MUTANT != 3
        cut();
#endif
        copy(0);
        copy(1);
        copy(2);
        d_step {
            assert(n <= 1 && (n == 1 || living));
            assert(sure == SERIES || (n == 1 && shown == sure));
            assert(n == 0 || shown <= newest);
            n = 0; shown = 0; mine = 0; sure = 0; newest = 0; living = false;
            pages++
        }
    :: else -> break
    od
}

init { atomic { life[0] = ALIVE; where[0] = SORTED; run writer(); run gather() } }
