#define CPROM__GZIP_PORTABLE 1
#define cprom__gzip_begin portable_gzip_begin
#define cprom__gzip_read portable_gzip_read
#define cprom__gzip_crc portable_gzip_crc
#define cprom__gzip_slide portable_gzip_slide
#define cprom__gzip_match portable_gzip_match
#define cprom__gzip_code_make portable_gzip_code_make
#define cprom__gzip_code_begin portable_gzip_code_begin
#define cprom__gzip_first_code portable_gzip_first_code
#define cprom__gzip_cost portable_gzip_cost
#define cprom__gzip_cost_min portable_gzip_cost_min

#include "gzip_portable.h"

#include "page/gzip.c"       /* NOLINT(bugprone-suspicious-include) */
#include "page/gzip_code.c"  /* NOLINT(bugprone-suspicious-include) */
#include "page/gzip_crc.c"   /* NOLINT(bugprone-suspicious-include) */
#include "page/gzip_match.c" /* NOLINT(bugprone-suspicious-include) */
