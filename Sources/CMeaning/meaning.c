#include "meaning.h"

#include "kernels.h"

bool membus_kernel_runs(membus_kernel kernel) {
    switch (kernel) {
    case membus_kernel_baseline: return true;
#if defined(__x86_64__)
    case membus_kernel_avx2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case membus_kernel_avx512:
        return membus_kernel_runs(membus_kernel_avx2) && __builtin_cpu_supports("avx512f")
            && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
            && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
#endif
    default: return false;
    }
}

membus_kernel membus_kernel_best(void) {
    if (membus_kernel_runs(membus_kernel_avx512)) return membus_kernel_avx512;
    if (membus_kernel_runs(membus_kernel_avx2)) return membus_kernel_avx2;
    return membus_kernel_baseline;
}

static const membus_kernels *kernels(membus_kernel kernel) {
    switch (kernel) {
#if defined(__x86_64__)
    case membus_kernel_avx2: return &membus_avx2;
    case membus_kernel_avx512: return &membus_avx512;
#endif
    default: return &membus_baseline;
    }
}

size_t membus_weights(membus_shape shape) {
    size_t hidden = shape.hidden, inner = shape.inner;
    size_t attention = 3 * hidden * hidden + 3 * hidden + hidden * hidden + 3 * hidden;
    size_t forward = hidden * inner + inner + inner * hidden + 3 * hidden;
    return (shape.words + shape.positions + 2) * hidden + shape.layers * (attention + forward);
}

void membus_pack(const float *matrix, size_t outputs, size_t inputs, float *packed) {
    for (size_t output = 0; output < outputs; output++) {
        float *panel = packed + output / membus_panel * membus_panel * inputs + output % membus_panel;
        for (size_t input = 0; input < inputs; input++) panel[input * membus_panel] = matrix[output * inputs + input];
    }
}

size_t membus_scratch(membus_shape shape, size_t tokens, size_t longest) {
    size_t padded = (longest + 31) / 32 * 32;
    return tokens * (3 * (size_t)shape.hidden + membus_widest(shape)) + padded * 64 + longest * padded;
}

void membus_embed(
    membus_kernel kernel, membus_encoder encoder, const uint32_t *tokens, const uint32_t *lengths, size_t texts,
    float *scratch, float *vectors) {
    kernels(kernel)->embed(encoder, tokens, lengths, texts, scratch, vectors);
}

void membus_scan_range(
    membus_kernel kernel, membus_rows rows, const int8_t *query, float scale, size_t first, size_t end,
    float *cosines) {
    kernels(kernel)->range(rows, query, scale, first, end, cosines);
}

void membus_scan_list(
    membus_kernel kernel, membus_rows rows, const int8_t *query, float scale, const uint32_t *numbers, size_t count,
    float *cosines) {
    kernels(kernel)->list(rows, query, scale, numbers, count, cosines);
}

size_t membus_scan_bitmap(
    membus_kernel kernel, membus_rows rows, const int8_t *query, float scale, const uint64_t *bits, size_t count,
    uint32_t *numbers, float *cosines) {
    enum { PIECE = 512 };
    uint32_t piece[PIECE + 64];
    size_t found = 0, held = 0;
    for (size_t word = 0; word * 64 < count; word++) {
        uint64_t rest = bits[word];
        if (count - word * 64 < 64) rest &= (UINT64_C(1) << (count - word * 64)) - 1;
        for (; rest; rest &= rest - 1) piece[held++] = (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(rest);
        if (held < PIECE && (word + 1) * 64 < count) continue;
        kernels(kernel)->list(rows, query, scale, piece, held, cosines + found);
        for (size_t i = 0; numbers && i < held; i++) numbers[found + i] = piece[i];
        found += held, held = 0;
    }
    return found;
}
