#ifndef MEMBUS_KERNELS_H
#define MEMBUS_KERNELS_H

#include "meaning.h"

/// What each kernel brings: see meaning.h.
typedef struct {
    void (*embed)(
        membus_encoder, const uint32_t *tokens, const uint32_t *lengths, size_t texts, float *scratch, float *vectors);
    void (*range)(membus_rows, const int8_t *query, float scale, size_t first, size_t end, float *cosines);
    void (*list)(membus_rows, const int8_t *query, float scale, const uint32_t *numbers, size_t count, float *cosines);
} membus_kernels;

extern const membus_kernels membus_baseline;
#if defined(__x86_64__)
extern const membus_kernels membus_avx2, membus_avx512;
#endif

/// The widest row that a layer makes.
static inline size_t membus_widest(membus_shape shape) {
    return 3 * shape.hidden > shape.inner ? 3 * (size_t)shape.hidden : shape.inner;
}

#endif
