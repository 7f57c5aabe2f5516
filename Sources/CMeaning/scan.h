// The scan, once for each kernel, made of its `four`: the dot products of a query with four rows, which share the loads
// of the query and the adding up at the end.

#include "kernels.h"

INLINE void four(
    const int8_t *const rows[4], const int8_t *query, int32_t querySum, size_t stride, int32_t products[4]);

INLINE int32_t sum_of(const int8_t *bytes, size_t count) {
    int32_t sum = 0;
    for (size_t i = 0; i < count; i++) sum += bytes[i];
    return sum;
}

/// How far ahead bytes are asked for. The processor foresees a stream, too, but not far enough: with this a scan takes
/// half the time.
enum { STREAM = 12 << 10 };

/// How many rows ahead, where they lie apart and the processor foresees nothing.
enum { AHEAD = 16 };

static void range(membus_rows rows, const int8_t *query, float scale, size_t first, size_t end, float *cosines) {
    int32_t querySum = sum_of(query, rows.stride);
    for (size_t row = first; row < end; row += 4) {
        size_t count = end - row < 4 ? end - row : 4;
        size_t here = row * rows.stride + STREAM;
        for (size_t byte = here; byte < here + 4 * rows.stride && byte < end * rows.stride; byte += 64)
            __builtin_prefetch(rows.bytes + byte);
        const int8_t *bytes[4];
        for (size_t i = 0; i < 4; i++) bytes[i] = rows.bytes + (row + (i < count ? i : 0)) * rows.stride;
        int32_t products[4];
        four(bytes, query, querySum, rows.stride, products);
        for (size_t i = 0; i < count; i++) *cosines++ = (float)products[i] * (scale * rows.scales[row + i]);
    }
}

static void list(
    membus_rows rows, const int8_t *query, float scale, const uint32_t *numbers, size_t count, float *cosines) {
    int32_t querySum = sum_of(query, rows.stride);
    for (size_t at = 0; at < count; at += 4) {
        for (size_t next = at + AHEAD; next < at + AHEAD + 4 && next < count; next++)
            for (size_t byte = 0; byte < rows.stride; byte += 64)
                __builtin_prefetch(rows.bytes + numbers[next] * rows.stride + byte);
        size_t here = count - at < 4 ? count - at : 4;
        const int8_t *bytes[4];
        for (size_t i = 0; i < 4; i++) bytes[i] = rows.bytes + numbers[at + (i < here ? i : 0)] * rows.stride;
        int32_t products[4];
        four(bytes, query, querySum, rows.stride, products);
        for (size_t i = 0; i < here; i++)
            *cosines++ = (float)products[i] * (scale * rows.scales[numbers[at + i]]);
    }
}
