#ifndef MEMBUS_MEANING_H
#define MEMBUS_MEANING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// The same work in the instructions of several processors. All of them give the same integers, bit by bit; vectors of
/// a text differ in the last places, since sums are fused or not.
typedef enum {
    /// What every processor of the architecture has: SSE2 on x86-64.
    membus_kernel_baseline = 0,
    /// AVX2 and FMA.
    membus_kernel_avx2 = 1,
    /// AVX-512 with its byte, word and VNNI instructions.
    membus_kernel_avx512 = 2,
} membus_kernel;

/// Whether this machine has the instructions.
bool membus_kernel_runs(membus_kernel kernel);

/// The fastest that runs here.
membus_kernel membus_kernel_best(void);

/// A BERT encoder's dimensions. `hidden` and `inner` are multiples of 32; a head has 32 dimensions.
typedef struct {
    uint32_t words, positions, hidden, heads, inner, layers;
} membus_shape;

/// How many columns of a matrix lie together: see `membus_pack`.
enum { membus_panel = 16 };

/// A model: its dimensions and its weights, floats that follow each other in this order, aligned to 64 bytes:
///
///     word vectors        words × hidden
///     position vectors    positions × hidden, the vector of the text's type added to each
///     their norm          gain, then bias
///     of each layer       query, key and value as one matrix, hidden × 3 hidden, and its bias
///                         attention's output, hidden × hidden, its bias, its norm
///                         up, hidden × inner, and its bias
///                         down, inner × hidden, its bias, its norm
///
/// Matrices are packed.
typedef struct {
    membus_shape shape;
    const float *weights;
} membus_encoder;

/// How many floats a model has.
size_t membus_weights(membus_shape shape);

/// Brings a matrix of `outputs` rows and `inputs` columns, as PyTorch stores it, into the order in which the kernels
/// read it: panels of 16 outputs, in each of them 16 floats of the first input, then of the second.
void membus_pack(const float *matrix, size_t outputs, size_t inputs, float *packed);

/// How many floats of scratch space it takes to embed texts of so many tokens together, of which the longest has
/// `longest`.
size_t membus_scratch(membus_shape shape, size_t tokens, size_t longest);

/// Embeds texts: `vectors` receives `hidden` floats of each, of length 1. `tokens` are those of all texts, one after
/// the other; `lengths` tell how many each has: 1 to `positions`. A text's vector does not depend on the others.
/// `scratch` is aligned to 64 bytes.
void membus_embed(
    membus_kernel kernel, membus_encoder encoder, const uint32_t *tokens, const uint32_t *lengths, size_t texts,
    float *scratch, float *vectors);

/// Vectors of bytes, of which each stands for `scale` × its bytes.
typedef struct {
    /// Row i begins at i × `stride` bytes. The stride is a multiple of 64, and what is left of it holds zeroes.
    const int8_t *bytes;
    const float *scales;
    size_t stride;
} membus_rows;

/// Cosines of one vector to rows `first` up to, not including, `end`: the dot product of the bytes, exact in 32 bits,
/// times both scales. `query` has a row's stride of bytes. `cosines` receives one of each row.
void membus_scan_range(
    membus_kernel kernel, membus_rows rows, const int8_t *query, float scale, size_t first, size_t end, float *cosines);

/// The same of the rows that `numbers` names.
void membus_scan_list(
    membus_kernel kernel, membus_rows rows, const int8_t *query, float scale, const uint32_t *numbers, size_t count,
    float *cosines);

/// The same of the rows whose bits are set: row i is bit i % 64 of word i / 64. `count` rows have a bit. Returns how
/// many were set: so many cosines are written, in order of the rows. `numbers`, unless null, receives their rows.
size_t membus_scan_bitmap(
    membus_kernel kernel, membus_rows rows, const int8_t *query, float scale, const uint64_t *bits, size_t count,
    uint32_t *numbers, float *cosines);

#endif
