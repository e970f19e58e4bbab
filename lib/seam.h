/*
 * Test seams: named points where the test twin of the library (built with CPROM_SEAMS) calls a hook.
 * In the library itself they are nothing.
 */
#ifndef CPROM_LIB_SEAM_H
#define CPROM_LIB_SEAM_H

enum cprom__seam {
    CPROM__SEAM_GATHER_COPIES,  /* in the gate, before values are copied */
    CPROM__SEAM_GATHER_TAKEN,   /* snapshot taken, nothing encoded yet, no lock held */
    CPROM__SEAM_LOOKUP_FOUND,   /* a lookup has found a series and not yet used it */
    CPROM__SEAM_CREATE_READY    /* a series is made and not yet in the map */
};

#ifdef CPROM_SEAMS
extern void (*cprom__seam_hook)(enum cprom__seam point);
#define CPROM__SEAM(point)                                                                                             \
    do {                                                                                                               \
        if (cprom__seam_hook) cprom__seam_hook(point);                                                                 \
    } while (0)
#else
#define CPROM__SEAM(point) ((void)0)
#endif

#endif
