// A matrix of few rows times a packed one. A tile of ROWS × WIDE vectors is kept in registers while it goes through the
// inputs in order, so that an element's sum does not depend on how many rows there are: a text has one vector, alone or
// among others.

/// Inputs that are taken at once: so many rows of the left and a panel of the right stay in the first cache.
enum { BLOCK = 384 };

/// Without it the compiler leaves the largest tiles' loops as they are, and their sums in memory.
#define UNDONE _Pragma("clang loop unroll(full)")

/// A matrix by rows.
typedef struct {
    const float *at;
    size_t stride;
} left_matrix;

typedef struct {
    float *at;
    size_t stride;
} result_matrix;

/// What the next tile but some reads. Weights do not fit into the second cache, and the processor foresees them too
/// late.
typedef struct {
    const float *at;
    /// Floats for each input; 0 asks for the same again, which costs nothing.
    size_t step;
} ahead;

/// `rows` is a constant wherever this is called: the loops over it come undone.
INLINE void tile(
    const int rows, left_matrix left, size_t inputs, const float *right, size_t panel, const float *bias,
    result_matrix result, ahead next) {
    enum { perPanel = 16 / LANES };
    lane sums[ROWS][WIDE];
    UNDONE
    for (int row = 0; row < rows; row++)
        UNDONE
        for (int i = 0; i < WIDE; i++)
            sums[row][i] = bias ? load(bias + i * LANES) : load(result.at + row * result.stride + i * LANES);
    for (size_t input = 0; input < inputs; input++) {
        UNDONE
        for (int i = 0; i < WIDE * LANES; i += 16) __builtin_prefetch(next.at + i / 16 * panel + input * next.step);
        lane factors[WIDE];
        UNDONE
        for (int i = 0; i < WIDE; i++)
            factors[i] = load(right + (i / perPanel) * panel + input * 16 + (i % perPanel) * LANES);
        UNDONE
        for (int row = 0; row < rows; row++) {
            lane factor = all(left.at[row * left.stride + input]);
            UNDONE
            for (int i = 0; i < WIDE; i++) sums[row][i] += factor * factors[i];
        }
    }
    UNDONE
    for (int row = 0; row < rows; row++)
        UNDONE
        for (int i = 0; i < WIDE; i++) store(result.at + row * result.stride + i * LANES, sums[row][i]);
}

#define TILE(n) \
    case n: \
        if (n <= ROWS) tile(n <= ROWS ? n : ROWS, left, inputs, right, panel, bias, result, next); \
        break;

static void tile_of(
    size_t rows, left_matrix left, size_t inputs, const float *right, size_t panel, const float *bias,
    result_matrix result, ahead next) {
    switch (rows) {
        TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12)
    }
}

/// result = left × right + bias. `outputs` is a multiple of 32; without a bias, sums begin at 0.
static void product(
    left_matrix left, size_t rows, size_t inputs, const float *right, size_t outputs, const float *bias,
    result_matrix result) {
    static const float zeroes[64];
    size_t tiles = (rows + ROWS - 1) / ROWS;
    for (size_t block = 0; block < inputs; block += BLOCK) {
        size_t depth = inputs - block < BLOCK ? inputs - block : BLOCK;
        for (size_t column = 0; column < outputs; column += WIDE * LANES) {
            const float *panel = right + column / 16 * 16 * inputs + block * 16 + column % 16;
            const float *start = block ? NULL : bias ? bias + column : zeroes;
            // Of even heights: a tile of one row would wait for its own sums.
            for (size_t i = 0, row = 0; i < tiles; i++) {
                size_t end = rows * (i + 1) / tiles;
                left_matrix part = {left.at + row * left.stride + block, left.stride};
                result_matrix place = {result.at + row * result.stride + column, result.stride};
                // The next columns, while the first tile of these is at work.
                ahead next = {panel + WIDE * LANES * inputs, i == 0 ? 16 : 0};
                tile_of(end - row, part, depth, panel, 16 * inputs, start, place, next);
                row = end;
            }
        }
    }
}
