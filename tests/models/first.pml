/*
 * A value first, then visible (lib/store/lookup.c: cprom__series_reveal(), lookup_come_alive(), lookup_change(),
 * lookup_hit(), lookup_presence(); lib/update/commit.c: commit_bear_into_other(), commit_bear_other()).
 *
 * A series is hidden, with the value 0. A commit adds 2 and 3 to it, as it does with what two entries are folded into;
 * two others add 10 each by its labels; somebody gets it. Whoever of the three comes first lets it be born, under the
 * map's lock. Then
 *   - nobody finds it alive with a value that nobody gave it, or with the half of what it is born with
 *   - nothing that was added is lost
 *
 * Memory order: weak. The stores of a birth arrive at any later time and in any order, but that a release store does
 * not arrive before what was stored before it; the end of a hold of the lock waits for them. Two loads may change
 * places, unless the first is an acquire. (On x86 neither happens.)
 *
 * MUTANT 1: a series comes alive without release
 * MUTANT 2: a look-up loads life without acquire
 * MUTANT 3: a series comes alive before its value is written
 * MUTANT 4: it comes alive with the first of two values
 * MUTANT 5: an update that finds it hidden does not look again under the lock
 */
byte value;
bool alive, lock;
bool new_value, new_alive; /* stores that have not arrived yet */
byte what_value;

active proctype memory()
{
end:
    do
    :: atomic { new_value -> value = what_value; new_value = false }
#if MUTANT == 1
    :: atomic { new_alive -> alive = true; new_alive = false }
#else
    :: atomic { new_alive && !new_value -> alive = true; new_alive = false } /* the value was stored first */
#endif
    od
}

#define TAKE() atomic { !lock -> lock = true }
#define GIVE() atomic { !new_value && !new_alive -> lock = false }

/* Under the lock, of a hidden series: a load and a store, which is on its way for a while. */
inline write(amount)
{
    base = (new_value -> what_value : value);
    atomic { what_value = base + amount; new_value = true; base = 0 }
}

/* Of one that is alive: a read-modify-write. */
inline add(amount)
{
    value = value + amount
}

proctype update()
{
    byte base;
    if
    :: alive -> add(10); goto updated
    :: else
    fi;
    TAKE();
#if MUTANT == 5
    if
    :: true -> write(10); new_alive = true
#else
    if
    :: alive -> add(10)
    :: !alive -> write(10); new_alive = true
#endif
    fi;
    GIVE();
updated:
    skip
}

proctype commit()
{
    byte base;
    TAKE();
    if
    :: alive -> add(2); add(3)
    :: else ->
#if MUTANT == 3
        alive = true;
        write(2);
        write(3)
#elif MUTANT == 4
        write(2);
        new_alive = true;
        write(3)
#else
        write(2);
        write(3);
        new_alive = true
#endif
    fi;
    GIVE()
}

proctype get()
{
    bool found;
    byte got;
    if
    :: found = alive; got = value
#if MUTANT == 2
    :: got = value; found = alive
#endif
    fi;
    assert(!found || (got != 0 && got != 2))
}

init
{
    atomic { run update(); run update(); run commit(); run get() }
    _nr_pr == 2;
    assert(value == 25 && alive)
}
