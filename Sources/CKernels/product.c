// Products of small or narrow matrices, for which a BLAS spends more on packing than on multiplying.
#include "CKernels.h"
#include "internal.h"

/// Terms of a sum that are added up before the next ones are looked at.
enum { blockDepth = 384 };

#if defined(__x86_64__)
// The wide tile needs the 32 registers of 64 bytes; only then is it chosen, at run time.
#define TILE_ROWS 12
#define TILE_LANES 16
#define TILE_NAME(x) wide_##x
#define TILE_TARGET __attribute__((target("arch=x86-64-v4"), min_vector_width(512)))
#include "product_tile.h"
#undef TILE_ROWS
#undef TILE_LANES
#undef TILE_NAME
#undef TILE_TARGET
#endif

#define TILE_ROWS 6
#define TILE_LANES 8
#define TILE_NAME(x) narrow_##x
#if defined(__x86_64__)
#define TILE_TARGET __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define TILE_TARGET
#endif
#include "product_tile.h"

void rt_product(size_t m, size_t n, size_t k, const float *a, size_t aRow, size_t aColumn, const float *b, size_t bRow,
                const float *start, size_t startRow, float *c, size_t cRow) {
#if defined(__x86_64__)
  int isWide = __builtin_cpu_supports("x86-64-v4");
#endif
  // A transposed a is long: few of its terms at a time, so that c, and b for further rows, stay near.
  size_t depth = aColumn == 1 ? blockDepth : 64;
  size_t done = 0;
  do {
    size_t terms = k - done < depth ? k - done : depth;
#if defined(__x86_64__)
    if (isWide) {
      wide_block(m, n, terms, a + done * aColumn, aRow, aColumn, b + done * bRow, bRow, start, startRow, c, cRow);
    } else
#endif
      narrow_block(m, n, terms, a + done * aColumn, aRow, aColumn, b + done * bRow, bRow, start, startRow, c, cRow);
    start = c;
    startRow = cRow;
    done += terms;
  } while (done < k);
}

typedef float square_row __attribute__((vector_size(64), aligned(4)));

/// At most sixteen rows of sixteen become columns; missing ones are 0.
RT_INLINE void transpose_square(const float *x, size_t xRow, size_t rows, float *y, size_t yRow) {
  square_row r[16], s[16];
  for (size_t i = 0; i < 16; i++) r[i] = i < rows ? *(const square_row *)(x + i * xRow) : (square_row){0};
  // Four rounds of the perfect shuffle of rows i and i + 8.
#define ROUND(from, to)                                                                                               \
  for (int i = 0; i < 8; i++) {                                                                                        \
    to[2 * i] = __builtin_shufflevector(from[i], from[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23); \
    to[2 * i + 1] =                                                                                                    \
        __builtin_shufflevector(from[i], from[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);   \
  }
  ROUND(r, s)
  ROUND(s, r)
  ROUND(r, s)
  ROUND(s, r)
#undef ROUND
  for (int i = 0; i < 16; i++) *(square_row *)(y + i * yRow) = r[i];
}

#if defined(__x86_64__)
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), min_vector_width(512)))
#endif
void rt_transpose(const float *x, size_t xRow, float *y, size_t yRow, size_t rows, size_t cols) {
  for (size_t row = 0; row < rows; row += 16) {
    size_t count = rows - row < 16 ? rows - row : 16, column = 0;
    for (; column + 16 <= cols; column += 16) {
      transpose_square(x + row * xRow + column, xRow, count, y + column * yRow + row, yRow);
    }
    for (; column < cols; column++) {
      for (size_t i = 0; i < 16; i++) y[column * yRow + row + i] = i < count ? x[(row + i) * xRow + column] : 0;
    }
  }
}
