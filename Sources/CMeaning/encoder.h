// The encoder, once for each kernel. A text goes through these stops:
//
//   1. words     each token's vector and its place's are added and normed
//   2. layers    in each, attention and then two matrices; what goes in is added to what comes out of both, and normed
//   3. pooling   the mean over all tokens, brought to length 1
//
// Matrices take the tokens of all texts at once, since weights are read once then; attention takes each text alone.

#include "lanes.h"
#include "product.h"

#include <math.h>

#include "kernels.h"

enum { HEAD = 32 };

/// values = gain × (values - mean) / deviation + bias
INLINE void norm(float *values, size_t count, const float *gain, const float *bias) {
    lane total = {0};
    for (size_t i = 0; i < count; i += LANES) total += load(values + i);
    lane mean = all(sum(total) / (float)count);
    lane squares = {0};
    for (size_t i = 0; i < count; i += LANES) {
        lane off = load(values + i) - mean;
        squares += off * off;
    }
    lane by = all(1 / sqrtf(sum(squares) / (float)count + 1e-12f));
    for (size_t i = 0; i < count; i += LANES)
        store(values + i, (load(values + i) - mean) * by * load(gain + i) + load(bias + i));
}

INLINE void add(float *to, const float *from, size_t count) {
    for (size_t i = 0; i < count; i += LANES) store(to + i, load(to + i) + load(from + i));
}

/// Each row becomes e to the power of its first `count` values, scaled, divided by their sum.
static void soften(float *scores, size_t count, size_t padded) {
    const float scale = 0.17677669529663687f;  // 1 / √32
    for (size_t row = 0; row < count; row++) {
        float *values = scores + row * padded;
        for (size_t i = count; i < padded; i++) values[i] = -INFINITY;
        lane top = load(values);
        for (size_t i = LANES; i < padded; i += LANES) top = larger(load(values + i), top);
        lane best = all(largest(top)), total = {0};
        for (size_t i = 0; i < padded; i += LANES) {
            lane value = exponential((load(values + i) - best) * scale);
            store(values + i, value);
            total += value;
        }
        lane by = all(1 / sum(total));
        for (size_t i = 0; i < padded; i += LANES) store(values + i, load(values + i) * by);
    }
}

/// One head's share of one text: mixed = softmax(query × keyᵀ / √32) × value.
static void attend(const float *query, size_t hidden, size_t count, float *scratch, float *mixed) {
    size_t stride = 3 * hidden, padded = (count + 31) / 32 * 32;
    const float *key = query + hidden, *value = key + hidden;
    float *keys = scratch, *values = keys + padded * HEAD, *scores = values + padded * HEAD;
    memset(keys, 0, padded * HEAD * sizeof(float));
    for (size_t token = 0; token < count; token++) {
        float *panel = keys + token / 16 * 16 * HEAD + token % 16;
        for (size_t i = 0; i < HEAD; i++) panel[i * 16] = key[token * stride + i];
        for (size_t i = 0; i < HEAD; i += 16)
            memcpy(values + i * count + token * 16, value + token * stride + i, 16 * sizeof(float));
    }
    product((left_matrix){query, stride}, count, HEAD, keys, padded, NULL, (result_matrix){scores, padded});
    soften(scores, count, padded);
    product((left_matrix){scores, padded}, count, count, values, HEAD, NULL, (result_matrix){mixed, hidden});
}

/// Takes the next `count` floats of a model.
INLINE const float *take(const float **from, size_t count) {
    const float *here = *from;
    *from += count;
    return here;
}

static void pool(const float *state, size_t hidden, size_t count, float *vector) {
    memcpy(vector, state, hidden * sizeof(float));
    for (size_t token = 1; token < count; token++) add(vector, state + token * hidden, hidden);
    lane squares = {0};
    for (size_t i = 0; i < hidden; i += LANES) squares += load(vector + i) * load(vector + i);
    lane by = all(1 / fmaxf(sqrtf(sum(squares)), 1e-12f));
    for (size_t i = 0; i < hidden; i += LANES) store(vector + i, load(vector + i) * by);
}

static void embed(
    membus_encoder encoder, const uint32_t *tokens, const uint32_t *lengths, size_t texts, float *scratch,
    float *vectors) {
    const membus_shape shape = encoder.shape;
    const size_t hidden = shape.hidden, inner = shape.inner;
    const float *from = encoder.weights;
    const float *words = take(&from, shape.words * hidden), *places = take(&from, shape.positions * hidden);
    const float *gain = take(&from, hidden), *offset = take(&from, hidden);

    size_t count = 0;
    for (size_t text = 0; text < texts; text++) count += lengths[text];
    float *state = scratch, *change = state + count * hidden, *mixed = change + count * hidden;
    float *wide = mixed + count * hidden, *attention = wide + count * membus_widest(shape);

    for (size_t text = 0, token = 0; text < texts; text++)
        for (size_t place = 0; place < lengths[text]; place++, token++) {
            float *row = state + token * hidden;
            memcpy(row, words + tokens[token] * hidden, hidden * sizeof(float));
            add(row, places + place * hidden, hidden);
            norm(row, hidden, gain, offset);
        }

    for (size_t layer = 0; layer < shape.layers; layer++) {
        const float *matrix = take(&from, 3 * hidden * hidden), *bias = take(&from, 3 * hidden);
        product(
            (left_matrix){state, hidden}, count, hidden, matrix, 3 * hidden, bias, (result_matrix){wide, 3 * hidden});
        for (size_t text = 0, token = 0; text < texts; token += lengths[text++])
            for (size_t head = 0; head < shape.heads; head++)
                attend(
                    wide + token * 3 * hidden + head * HEAD, hidden, lengths[text], attention,
                    mixed + token * hidden + head * HEAD);
        matrix = take(&from, hidden * hidden), bias = take(&from, hidden);
        gain = take(&from, hidden), offset = take(&from, hidden);
        product((left_matrix){mixed, hidden}, count, hidden, matrix, hidden, bias, (result_matrix){change, hidden});
        for (size_t token = 0; token < count; token++) {
            add(state + token * hidden, change + token * hidden, hidden);
            norm(state + token * hidden, hidden, gain, offset);
        }

        matrix = take(&from, hidden * inner), bias = take(&from, inner);
        product((left_matrix){state, hidden}, count, hidden, matrix, inner, bias, (result_matrix){wide, inner});
        for (size_t i = 0; i < count * inner; i += LANES) store(wide + i, gelu(load(wide + i)));
        matrix = take(&from, inner * hidden), bias = take(&from, hidden);
        gain = take(&from, hidden), offset = take(&from, hidden);
        product((left_matrix){wide, inner}, count, inner, matrix, hidden, bias, (result_matrix){change, hidden});
        for (size_t token = 0; token < count; token++) {
            add(state + token * hidden, change + token * hidden, hidden);
            norm(state + token * hidden, hidden, gain, offset);
        }
    }
    for (size_t text = 0, token = 0; text < texts; token += lengths[text++])
        pool(state + token * hidden, hidden, lengths[text], vectors + text * hidden);
}
