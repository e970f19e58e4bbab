/*
 * Look-up against recycling: read sections (lib/base/thread.h, thread.c), the map's links (lib/store/map.h), and the bags in which
 * what was unlinked waits for two epochs (lib/store/retire.c).
 *
 * Two readers look a label up and use what they find. The slot of the second stands in a chunk that it adds first. A remover unlinks it, two reclaimers advance
 * the epoch and recycle the memory for another label. Nobody may be using it then.
 *
 * Memory order: a reader's stores go through a store buffer and arrive at any later time, in order (TSO); an exchange
 * waits until the buffer is empty. The others' accesses are seq_cst.
 *
 * MUTANT 1: cprom__read_enter() stores with release or relaxed, instead of an exchange
 * MUTANT 2: what was unlinked is reused one epoch later
 * MUTANT 3: cprom__read_epoch_advance() reads the number of slots before the epoch
 * MUTANT 4: a thread's slot counts as used only after its first section has begun
 * MUTANT 5: the bag's epoch is read before the unlinking
 * MUTANT 6: the epoch advances past readers of the epoch before
 * MUTANT 7: a slot counts as used before the chunk that it stands in is linked
 */
#define SECTIONS 1
#if MUTANT == 6
#define BEHIND(section) (section + 1 < now)
#else
#define BEHIND(section) (section != now)
#endif
#if MUTANT == 2
#define WAIT 1
#else
#define WAIT 2
#endif

byte epoch = 2, used = 1, reading[2];
bool chunk; /* the second chunk of slots is linked */
chan buffer[2] = [2] of { byte };
bool linked = true;
byte label = 1;    /* of the one piece of memory; 2: recycled */
byte bag;          /* the epoch in which it was retired; 0: not yet */

active proctype memory()
{
    byte value;
end:
    do
    :: atomic { buffer[0]?value -> reading[0] = value }
    :: atomic { buffer[1]?value -> reading[1] = value }
    od
}

proctype reader(byte slot; byte sections)
{
    byte now;
    bool found;
#if MUTANT != 7
    if :: slot -> chunk = true :: else fi; /* thread_next_slots() */
#endif
#if MUTANT != 4
    atomic { if :: used <= slot -> used = slot + 1 :: else fi } /* cprom__slot_claim() */
#endif
#if MUTANT == 7
    if :: slot -> chunk = true :: else fi;
#endif
    do
    :: sections ->
        now = epoch;
        buffer[slot]!now;
#if MUTANT != 1
        empty(buffer[slot]);
#endif
        found = linked;
        if
        :: found -> assert(label == 1)
        :: else
        fi;
        buffer[slot]!0; /* cprom__read_leave() */
#if MUTANT == 4
        atomic { if :: used <= slot -> used = slot + 1 :: else fi }
#endif
        d_step { now = 0; found = false; sections-- }
    :: else -> break
    od
}

active proctype remover()
{
#if MUTANT == 5
    byte now = epoch;
    linked = false;
    bag = now
#else
    linked = false;
    bag = epoch
#endif
}

proctype reclaimer(byte rounds)
{
    byte now, slots, section;
    do
    :: rounds ->
#if MUTANT == 3
        slots = used;
        now = epoch;
#else
        now = epoch;
        slots = used;
#endif
        section = reading[0];
        if :: section && BEHIND(section) -> goto stay :: else fi;
        if :: slots > 1 -> assert(chunk); section = reading[1] :: else -> section = 0 fi;
        if :: section && BEHIND(section) -> goto stay :: else fi;
        atomic { if :: epoch == now -> epoch = now + 1; now = now + 1 :: else -> now = epoch fi };
        if :: bag && bag + WAIT <= now -> label = 2 :: else fi;
stay:
        skip;
        d_step { now = 0; slots = 0; section = 0; rounds-- }
    :: else -> break
    od
}

init { atomic { run reader(0, SECTIONS); run reader(1, 1); run reclaimer(2); run reclaimer(1) } }
