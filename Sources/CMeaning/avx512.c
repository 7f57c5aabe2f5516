// AVX-512 with VNNI: Intel's servers since 2019, AMD since 2022.

#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "kernels.h"

#pragma clang attribute push( \
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni"))), apply_to = function)

#define LANES 16
#define ROWS 12
#define WIDE 2
#include "encoder.h"
#include "scan.h"

INLINE __m256i halved(__m512i sums) {
    return _mm256_add_epi32(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64(sums, 1));
}

/// VNNI multiplies unsigned bytes by signed ones, without saturation: of each row's byte, 128 more is taken, and 128
/// times the query's sum is taken off again.
INLINE void four(
    const int8_t *const rows[4], const int8_t *query, int32_t querySum, size_t stride, int32_t products[4]) {
    __m512i sums[4] = {
        _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
    const __m512i sign = _mm512_set1_epi8((char)0x80);
    for (size_t byte = 0; byte < stride; byte += 64) {
        __m512i factors = _mm512_loadu_si512(query + byte);
        for (int i = 0; i < 4; i++) {
            __m512i row = _mm512_xor_si512(_mm512_loadu_si512(rows[i] + byte), sign);
            sums[i] = _mm512_dpbusd_epi32(sums[i], row, factors);
        }
    }
    __m256i first = _mm256_hadd_epi32(halved(sums[0]), halved(sums[1]));
    __m256i second = _mm256_hadd_epi32(halved(sums[2]), halved(sums[3]));
    __m256i pairs = _mm256_hadd_epi32(first, second);
    __m128i total = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
    _mm_storeu_si128((__m128i *)products, _mm_sub_epi32(total, _mm_set1_epi32(128 * querySum)));
}

#pragma clang attribute pop

const membus_kernels membus_avx512 = {embed, range, list};
#endif
