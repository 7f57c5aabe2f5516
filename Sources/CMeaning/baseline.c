// What every processor of the architecture has. Of vectors of four floats the compiler makes what there is: SSE2, NEON.

#include <stddef.h>

#define LANES 4
#define ROWS 3
#define WIDE 4
#include "encoder.h"
#include "scan.h"

#if defined(__SSE2__)
#include <emmintrin.h>

/// The sum of one row's products of 16 bytes. SSE2 does not widen bytes: each is doubled into the upper half of 16
/// bits, and shifted down.
INLINE __m128i multiplied(__m128i row, __m128i low, __m128i high) {
    __m128i rowLow = _mm_srai_epi16(_mm_unpacklo_epi8(row, row), 8);
    __m128i rowHigh = _mm_srai_epi16(_mm_unpackhi_epi8(row, row), 8);
    return _mm_add_epi32(_mm_madd_epi16(rowLow, low), _mm_madd_epi16(rowHigh, high));
}

INLINE void four(
    const int8_t *const rows[4], const int8_t *query, int32_t querySum, size_t stride, int32_t products[4]) {
    __m128i sums[4] = {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
    for (size_t byte = 0; byte < stride; byte += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(query + byte));
        __m128i low = _mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
        __m128i high = _mm_srai_epi16(_mm_unpackhi_epi8(bytes, bytes), 8);
        for (int i = 0; i < 4; i++) {
            __m128i row = _mm_loadu_si128((const __m128i *)(rows[i] + byte));
            sums[i] = _mm_add_epi32(sums[i], multiplied(row, low, high));
        }
    }
    __m128i first = _mm_add_epi32(_mm_unpacklo_epi32(sums[0], sums[1]), _mm_unpackhi_epi32(sums[0], sums[1]));
    __m128i second = _mm_add_epi32(_mm_unpacklo_epi32(sums[2], sums[3]), _mm_unpackhi_epi32(sums[2], sums[3]));
    __m128i total = _mm_add_epi32(_mm_unpacklo_epi64(first, second), _mm_unpackhi_epi64(first, second));
    _mm_storeu_si128((__m128i *)products, total);
    (void)querySum;
}
#else
INLINE void four(
    const int8_t *const rows[4], const int8_t *query, int32_t querySum, size_t stride, int32_t products[4]) {
    for (int i = 0; i < 4; i++) {
        int32_t sum = 0;
        for (size_t byte = 0; byte < stride; byte++) sum += (int32_t)rows[i][byte] * query[byte];
        products[i] = sum;
    }
    (void)querySum;
}
#endif

const membus_kernels membus_baseline = {embed, range, list};
