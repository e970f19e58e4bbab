/* Where the test twin hooks in. */
#include "base/seam.h"

#ifdef CPROM_SEAMS
_Thread_local bool cprom__seam_passes_points;
void (*cprom__seam_hook)(enum cprom__seam point);
#else
typedef int cprom__seam_unused; /* a translation unit must not be empty */
#endif
