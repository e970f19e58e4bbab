#include "stress.h"

uint64_t st_seed;
_Thread_local uint64_t st_state;
unsigned st_seam_every = 8;
