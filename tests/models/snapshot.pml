/*
 * The snapshot (lib/page/gather.c: gather_take(), gather_copy_all(), gather_copy_sorted(), gather_copy_tail();
 * lib/store/order.c: cprom__order_step(); lib/store/lookup.c: cprom__series_reveal(); lib/store/kill.c;
 * lib/store/retire.c: pins; lib/store/reclaim.c: reclaim_decide(); lib/page/shown.c). What keeps commits out is in
 * gate.pml, the intake in intake.pml, what lingers in linger.pml.
 *
 * A label is deleted, made again and deleted, singly, while two pages are opened, one after the other; somebody else
 * works on the order. Then
 *   - a page shows a label at most once, and shows the series that was alive when it took its number
 *   - a page shows nothing that was dead before the page was begun
 *   - what a page shows is not destroyed as long as the page is open; at last all that died is destroyed, and before
 *     that all that no open page shows
 *
 * MUTANT 1: a page shows what was born since it took its number
 * MUTANT 2: a series gets its birth after it has entered the intake
 * MUTANT 3: reclaiming does not look at pins
 * MUTANT 4: the snapshot is pinned after the order's lock is given back
 * MUTANT 5: what leaves the order outside of a gather has died a snapshot earlier
 * MUTANT 6: a series is alive before it is on the intake
 * MUTANT 7: a gather shows what is on the intake only from the next page on
 * MUTANT 8: a page does not show what has died since it took its number
 * MUTANT 9: until a page is settled, it keeps nothing
 * MUTANT 10: a page keeps all that it may show by its number
 */
#define SERIES 2 /* one after the other, of one label */
#define NOWHERE 0
#define INTAKE 1
#define SORTED 2
#define TAIL 3
#define RETIRED 4
#define DESTROYED 5
#define BIT(series) (1 << (series))

byte where[SERIES], birth[SERIES], death[SERIES];
byte died[SERIES];    /* the newest number when it died */
byte alive, gone;         /* a bit for each series: alive; unlinked, so that its deletion may return */
byte snapshot;        /* the newest number */
byte pins[2];         /* of open pages; 0: none */
bool settled[2];      /* the reclaimer may ask what the page shows */
byte shown[2];        /* what they show */
byte ended;
bool order, dying;

inline cut()
{
    d_step {
        if :: where[0] == INTAKE -> where[0] = TAIL :: else fi;
        if :: where[1] == INTAKE -> where[1] = TAIL :: else fi
    }
}

#if MUTANT == 8
#define SHOWN(series) (alive & BIT(series))
#define PAST(series) (gone & BIT(series))
#else
#define SHOWN(series) ((alive & BIT(series)) || died[series] >= mine)
#define PAST(series) ((gone & BIT(series)) && died[series] < mine)
#endif
#if MUTANT == 1
#define BORN(series, place) true
#else
#define BORN(series, place) (place == SORTED || birth[series] < mine)
#endif

/* Looks at one series in a place: it is shown, or retired. */
inline look(series, place)
{
    d_step {
        if
        :: where[series] == place && PAST(series) ->
            if :: place == SORTED -> where[series] = RETIRED; death[series] = mine - 1 :: else fi
        :: where[series] == place && !PAST(series) && SHOWN(series) && BORN(series, place) ->
            shown[page] = shown[page] | BIT(series)
        :: else
        fi
    }
}

inline copy(place)
{
    look(0, place);
    look(1, place)
}

inline retire(series)
{
    if
    :: (gone & BIT(series)) && where[series] != NOWHERE && where[series] < RETIRED ->
        where[series] = RETIRED;
#if MUTANT == 5
        death[series] = snapshot - 1
#else
        death[series] = snapshot
#endif
    :: else
    fi
}

proctype gather(byte page)
{
    byte mine, was_dead, sure;
    d_step { was_dead = gone };
    atomic {
        !order && (page == 0 || snapshot);
        order = true;
        /* The intake, and what was cut last time, is sorted in. */
        if :: where[0] == INTAKE || where[0] == TAIL -> where[0] = SORTED :: else fi;
        if :: where[1] == INTAKE || where[1] == TAIL -> where[1] = SORTED :: else fi
    };
    d_step {
        sure = (dying -> 0 : alive);
        mine = snapshot + 1;
#if MUTANT != 4
        snapshot = mine;
        pins[page] = mine
#endif
    };
#if MUTANT == 7
    copy(SORTED);
#else
    cut();
    copy(SORTED);
#endif
    copy(TAIL);
    d_step {
        assert(shown[page] != 3);
        assert((shown[page] & sure) == sure);
        assert(!(shown[page] & was_dead));
        sure = 0;
        was_dead = 0;
#if MUTANT != 4
        mine = 0;
#endif
        order = false
    };
#if MUTANT == 4
    d_step { snapshot = mine; pins[page] = mine };
#endif
    settled[page] = true;
    /* The page is read to its end, and closed, or stays open. */
    d_step {
        assert(!(shown[page] & BIT(0)) || where[0] != DESTROYED);
        assert(!(shown[page] & BIT(1)) || where[1] != DESTROYED)
    };
    if
    :: d_step { pins[page] = 0; settled[page] = false; shown[page] = 0 }
    :: true
    fi;
    ended++
}

inline make(series)
{
#if MUTANT == 6
    alive = alive | BIT(series);
    birth[series] = snapshot;
    where[series] = INTAKE
#elif MUTANT == 2
    where[series] = INTAKE;
    birth[series] = snapshot;
    alive = alive | BIT(series)
#else
    birth[series] = snapshot;
    where[series] = INTAKE;
    alive = alive | BIT(series)
#endif
}

inline kill(series)
{
    d_step { dying = true; died[series] = snapshot };
    d_step { alive = alive & ~BIT(series); dying = false };
    gone = gone | BIT(series)
}

proctype writer()
{
    kill(0);
    make(1);
    kill(1);
    ended++
}

/* cprom__order_step() only tries the lock. */
proctype step()
{
    if
    :: atomic { !order -> retire(0); retire(1); ended++ }
    :: atomic { order -> ended++ }
    fi
}

#if MUTANT == 3
#define PINNED(series, page) false
#else
#define MAY_SHOW(series, page) (pins[page] && birth[series] < pins[page] && pins[page] <= death[series])
#if MUTANT == 9
#define PINNED(series, page) (settled[page] && (shown[page] & BIT(series)))
#elif MUTANT == 10
#define PINNED(series, page) MAY_SHOW(series, page)
#else
#define PINNED(series, page) (MAY_SHOW(series, page) && (!settled[page] || (shown[page] & BIT(series))))
#endif
#endif

inline reclaim(series)
{
    d_step {
        where[series] == RETIRED && !PINNED(series, 0) && !PINNED(series, 1);
        where[series] = DESTROYED
    }
}

proctype reclaimer()
{
end:
    do
    :: reclaim(0)
    :: reclaim(1)
    od
}

#define KEPT(series) (((shown[0] | shown[1]) & BIT(series)) > 0)

init
{
    atomic { where[0] = SORTED; alive = 1; run gather(0); run gather(1); run writer(); run step(); run reclaimer() };
    atomic { ended == 4 -> retire(0); retire(1) };
    /* All that no open page shows. */
    KEPT(0) != (where[0] == DESTROYED) && KEPT(1) != (where[1] == DESTROYED);
    assert(alive == 0)
}
