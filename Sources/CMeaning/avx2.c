// AVX2 and FMA: Intel since 2013, AMD since 2015.

#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "kernels.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define LANES 8
#define ROWS 6
#define WIDE 2
#include "encoder.h"
#include "scan.h"

INLINE __m256i widened(const int8_t *bytes) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)bytes));
}

/// By 16 bits: the shorter way, over products of unsigned and signed bytes, saturates.
INLINE void four(
    const int8_t *const rows[4], const int8_t *query, int32_t querySum, size_t stride, int32_t products[4]) {
    __m256i sums[4] = {
        _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
    for (size_t byte = 0; byte < stride; byte += 16) {
        __m256i factors = widened(query + byte);
        for (int i = 0; i < 4; i++)
            sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(widened(rows[i] + byte), factors));
    }
    __m256i pairs = _mm256_hadd_epi32(_mm256_hadd_epi32(sums[0], sums[1]), _mm256_hadd_epi32(sums[2], sums[3]));
    __m128i total = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
    _mm_storeu_si128((__m128i *)products, total);
    (void)querySum;
}

#pragma clang attribute pop

const membus_kernels membus_avx2 = {embed, range, list};
#endif
