/*
 * Test seams: named points where the test twin of the library (built with CPROM_SEAMS) calls a hook.
 * In the library itself they are nothing.
 */
#ifndef CPROM_LIB_BASE_SEAM_H
#define CPROM_LIB_BASE_SEAM_H

#include <stdbool.h>

enum cprom__seam {
    CPROM__SEAM_GATHER_COPIES,  /* in the gate, before values are copied */
    CPROM__SEAM_GATHER_TAKEN,   /* snapshot taken, nothing encoded yet, no lock held */
    CPROM__SEAM_LOOKUP_FOUND,   /* a lookup has found a series and not yet used it */
    CPROM__SEAM_COMMIT_READY,   /* a commit is about to enter the gate */
    CPROM__SEAM_CREATE_READY,   /* a series is made and not yet in the map */
    CPROM__SEAM_CREATE_DONE,    /* it is there and alive, the map's lock is open again */
    CPROM__SEAM_COMMIT_SEALED,  /* in the gate: nothing can fail any more, the moment is about to come */
    CPROM__SEAM_COMMIT_HALF,    /* in the gate: the moment is over, nothing is removed or written */
    CPROM__SEAM_CHANGE_BEGINS,  /* the moment of a change has come, and nothing is done of it; no lock but its gate */
    CPROM__SEAM_CHANGE_HALF,    /* in the gate: a change is done with a vector, and goes on to the next */
    CPROM__SEAM_GIVE_BACK,      /* an update is about to give its reserved series back */
    CPROM__SEAM_GIVEN_BACK,     /* it has given one back, the map's lock is open again */
    CPROM__SEAM_EXEMPLAR_OUT,   /* a gather has an exemplar out of its slot */
    CPROM__SEAM_REMOVAL_LISTED, /* a registry-wide removal has listed the vectors, and is about to enter the gate */
    CPROM__SEAM_UNREGISTERED,   /* a family is listed no more, and its series are still there; no lock held */
    /* Under locks, so that a hook may delay but not wait for other calls: */
    CPROM__SEAM_CREATE_INSERTS, /* a new series is in the order, and not yet alive */
    CPROM__SEAM_CREATE_ALIVE,   /* a new series has just come alive */
    CPROM__SEAM_LOOKUP_PROBES,  /* a lookup has chosen a part of the map, or an entry in it; perhaps under no lock */
    CPROM__SEAM_EXPIRE_DYING,   /* a series that seems idle is flagged dying, and is about to be looked at again */
    CPROM__SEAM_KILL_MARKED,    /* a series is flagged dead and still in the map */
    CPROM__SEAM_KILL_BY_OWNER,  /* a removal by owner is done with a series, and goes on to the next */
    CPROM__SEAM_MATCH_WALKS,    /* between two portions of a change; no lock but its gate */
    CPROM__SEAM_GATHER_LISTED,  /* a gather has listed the vectors; under the order lock, the second time in the gate */
    CPROM__SEAM_GATHER_READY, /* a gather is about to enter the gate; under the order lock, for which no writer waits */
    CPROM__SEAM_GATHER_CUTS,  /* in the gate, the tail of a vector is about to be cut */
    CPROM__SEAM_GATHER_CUT,   /* in the gate, all tails are cut and nothing is copied */
    CPROM__SEAM_GATHER_VECTOR,  /* in the gate, a vector is about to be copied */
    CPROM__SEAM_GATHER_PORTION, /* in the gate, which is about to be let go between two portions of the copying */
    /* For tests that count, under any locks: */
    CPROM__SEAM_COMMIT_MENDS,    /* a commit reserves another series for one that was deleted; no lock but the gate */
    CPROM__SEAM_UPDATE_COMPARES, /* a staged entry, or a vector that takes part, is compared with what is looked for */
    CPROM__SEAM_EVENT_COMPARES   /* likewise an event that makes updates stale */
};

#ifdef CPROM_SEAMS
extern _Thread_local bool cprom__seam_passes_points; /* to this thread, where calls begin is no cancellation point */
extern void (*cprom__seam_hook)(enum cprom__seam point);
#define CPROM__SEAM(point)                                                                                             \
    do {                                                                                                               \
        if (cprom__seam_hook) cprom__seam_hook(point);                                                                 \
    } while (0)
#else
#define CPROM__SEAM(point) ((void)0)
#endif

#endif
