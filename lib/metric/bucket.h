/*
 * Which bucket of a histogram a value counts in: how many bounds are not at or above it. NaN is above all.
 */
#ifndef CPROM_LIB_METRIC_BUCKET_H
#define CPROM_LIB_METRIC_BUCKET_H

#include <stddef.h>

#include "store/desc.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define CPROM__BOUNDS_LINEAR 32u /* up to which looking at all of them beats a binary search */

#if !defined(__SSE2__) || defined(CPROM_SEAMS) /* what nobody uses, compilers warn of; the tests want both */
/* Without branches. */
static inline size_t cprom__bucket_portable(const double *bounds, size_t n, double value)
{
    size_t below = 0;
    for (size_t i = 0; i < n; i++) below += !(value <= bounds[i]);
    return below;
}
#endif

/* The same, four bounds at a time. */
static inline size_t cprom__bucket_linear(const double *bounds, size_t n, double value)
{
#ifdef __SSE2__
    __m128d wanted = _mm_set1_pd(value);
    __m128i even = _mm_setzero_si128(), odd = even; /* two chains; a comparison that holds is -1 */
    for (size_t i = 0; i < n; i += CPROM__BOUNDS_STEP) {
        even = _mm_sub_epi64(even, _mm_castpd_si128(_mm_cmpnle_pd(wanted, _mm_loadu_pd(bounds + i))));
        odd = _mm_sub_epi64(odd, _mm_castpd_si128(_mm_cmpnle_pd(wanted, _mm_loadu_pd(bounds + i + 2))));
    }
    even = _mm_add_epi64(even, odd);
    size_t below = (size_t)_mm_cvtsi128_si32(_mm_add_epi64(even, _mm_unpackhi_epi64(even, even)));
    return below < n ? below : n; /* NaN is also above the +Infs */
#else
    return cprom__bucket_portable(bounds, n, value);
#endif
}

static inline size_t cprom__bucket_binary(const double *bounds, size_t n, double value)
{
    size_t below = 0;
    while (n) {
        size_t half = n / 2;
        if (!(value <= bounds[below + half])) {
            below += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return below;
}

static inline size_t cprom__bucket(const double *bounds, size_t n, double value)
{
    return n <= CPROM__BOUNDS_LINEAR ? cprom__bucket_linear(bounds, n, value) : cprom__bucket_binary(bounds, n, value);
}

#endif
