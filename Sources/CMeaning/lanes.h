// Vectors of LANES floats, for a file that names LANES, ROWS and WIDE and then includes these headers: each kernel is
// made of the same text, and the compiler writes it in that kernel's instructions.

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef float lane __attribute__((vector_size(LANES * 4)));
typedef int32_t lane_bits __attribute__((vector_size(LANES * 4)));
/// One in memory, wherever it begins.
typedef float loose_lane __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))

INLINE lane load(const float *from) { return *(const loose_lane *)from; }
INLINE void store(float *to, lane value) { *(loose_lane *)to = value; }
INLINE lane all(float value) { return value - (lane){0}; }
INLINE lane choose(lane_bits mask, lane yes, lane no) {
    return (lane)(((lane_bits)yes & mask) | ((lane_bits)no & ~mask));
}
INLINE lane larger(lane a, lane b) { return choose(a > b, a, b); }

INLINE float sum(lane value) {
    float total = 0;
    for (int i = 0; i < LANES; i++) total += value[i];
    return total;
}

INLINE float largest(lane value) {
    float best = value[0];
    for (int i = 1; i < LANES; i++) best = value[i] > best ? value[i] : best;
    return best;
}

/// e to the power of x, for x up to 88; 0 for what is below -87. Off by one unit in the last place.
INLINE lane exponential(lane x) {
    const float magic = 12582912;  // 1.5 × 2^23: adding it rounds to a whole number, in the lowest bits
    x = larger(x, all(-87.5f));
    lane shifted = x * 1.44269504f + magic;
    lane whole = shifted - magic;
    lane rest = x - whole * 0.693359375f;
    rest = rest - whole * -2.12194440e-4f;
    // Cephes' expf.
    lane power = all(1.9875691500e-4f);
    power = power * rest + 1.3981999507e-3f;
    power = power * rest + 8.3334519073e-3f;
    power = power * rest + 4.1665795894e-2f;
    power = power * rest + 1.6666665459e-1f;
    power = power * rest + 5.0000001201e-1f;
    power = power * (rest * rest) + (rest + 1);
    lane_bits exponent = (lane_bits)shifted << 23;
    lane result = (lane)((lane_bits)power + exponent);
    return choose(x > -87, result, (lane){0});
}

/// Half of x times 1 + erf(x / √2). erf is off by 1.4e-7 at most: below 1 it is a polynomial, above 1 - e^(-x²) times
/// one of 1 / (1 + x / 2); both fitted for the least greatest error.
INLINE lane gelu(lane x) {
    lane z = x * 0.70710678f;
    lane square = z * z;
    lane near = all(7.88912416e-5f);
    near = near * square - 8.02084274e-4f;
    near = near * square + 5.18953552e-3f;
    near = near * square - 2.68544447e-2f;
    near = near * square + 1.12836002e-1f;
    near = near * square - 3.76126271e-1f;
    near = (near * square + 1.12837917f) * z;
    lane size = larger(z, -z);
    lane t = 1 / (1 + 0.5f * size);
    lane far = all(-0.203299194f);
    far = far * t + 0.55622953f;
    far = far * t + 0.0293686646f;
    far = far * t + 0.342269635f;
    far = far * t + 0.275491989f;
    far = 1 - far * t * exponential(-square);
    far = choose(z < 0, -far, far);
    lane erf = choose(size < 1, near, far);
    return 0.5f * x * (1 + erf);
}
