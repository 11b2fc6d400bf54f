// One tile of a small matrix product held in registers. Included once for each register file, with these defined:
// TILE_ROWS and TILE_LANES, a tile's rows and the floats of one vector; TILE_NAME(x), a name of its own; TILE_TARGET.
#define TILE_COLUMNS (2 * TILE_LANES)

typedef float TILE_NAME(lanes) __attribute__((vector_size(4 * TILE_LANES), aligned(4)));

/// c[rows, vectors * lanes] = start + a b over k. `rows` and `vectors` are constants where this is inlined.
RT_INLINE void TILE_NAME(tile)(const int rows, const int vectors, size_t k, const float *a, size_t aRow, size_t aColumn,
                               const float *b, size_t bRow, const float *start, size_t startRow, float *c,
                               size_t cRow) {
  RT_CONTRACT
  typedef TILE_NAME(lanes) lanes;
  lanes sums[TILE_ROWS][2];
  _Pragma("clang loop unroll(full)")
  for (int i = 0; i < rows; i++) {
    _Pragma("clang loop unroll(full)")
    for (int v = 0; v < vectors; v++) {
      sums[i][v] = start ? *(const lanes *)(start + i * startRow + v * TILE_LANES) : (lanes){0};
    }
  }
  // A pointer to every third row: with aRow and 2 aRow as offsets, all rows are within reach of few registers.
  const float *third[(TILE_ROWS + 2) / 3];
  _Pragma("clang loop unroll(full)")
  for (int i = 0; i < rows; i += 3) {
    third[i / 3] = a + i * aRow;
    // Unrelated for all the compiler knows: else it derives each row's address from the last, one after another.
    __asm__("" : "+r"(third[i / 3]));
  }
  _Pragma("clang loop unroll(disable)")
  for (size_t p = 0; p < k; p++) {
    lanes right[2];
    _Pragma("clang loop unroll(full)")
    for (int v = 0; v < vectors; v++) right[v] = *(const lanes *)(b + v * TILE_LANES);
    // What the next tile reads: rows of b may lie far apart, which the hardware does not foresee.
    _Pragma("clang loop unroll(full)")
    for (int v = 0; v < vectors; v++) __builtin_prefetch(b + (vectors + v) * TILE_LANES);
    b += bRow;
    _Pragma("clang loop unroll(full)")
    for (int i = 0; i < rows; i++) {
      float left = third[i / 3][i % 3 * aRow];
      _Pragma("clang loop unroll(full)")
      for (int v = 0; v < vectors; v++) sums[i][v] += left * right[v];
    }
    _Pragma("clang loop unroll(full)")
    for (int i = 0; i < rows; i += 3) third[i / 3] += aColumn;
  }
  _Pragma("clang loop unroll(full)")
  for (int i = 0; i < rows; i++) {
    _Pragma("clang loop unroll(full)")
    for (int v = 0; v < vectors; v++) *(lanes *)(c + i * cRow + v * TILE_LANES) = sums[i][v];
  }
}

#define TILE_CASE(n)                                                                                   \
  case n:                                                                                              \
    TILE_NAME(tile)(n, vectors, k, a, aRow, aColumn, b, bRow, start, startRow, c, cRow);               \
    break;

RT_INLINE void TILE_NAME(any_tile)(int rows, const int vectors, size_t k, const float *a, size_t aRow, size_t aColumn,
                                   const float *b, size_t bRow, const float *start, size_t startRow, float *c,
                                   size_t cRow) {
  switch (rows) {
    TILE_CASE(1)
    TILE_CASE(2)
    TILE_CASE(3)
    TILE_CASE(4)
    TILE_CASE(5)
    TILE_CASE(6)
#if TILE_ROWS > 6
    TILE_CASE(7)
    TILE_CASE(8)
    TILE_CASE(9)
    TILE_CASE(10)
    TILE_CASE(11)
    TILE_CASE(12)
#endif
  }
}

/// A block of at most blockDepth terms, so that what it reads of b stays in the nearest cache.
TILE_TARGET static void TILE_NAME(block)(size_t m, size_t n, size_t k, const float *a, size_t aRow, size_t aColumn,
                                         const float *b, size_t bRow, const float *start, size_t startRow, float *c,
                                         size_t cRow) {
  size_t whole = n - n % TILE_LANES;
  for (size_t row = 0; row < m; row += TILE_ROWS) {
    int rows = m - row < TILE_ROWS ? (int)(m - row) : TILE_ROWS;
    const float *left = a + row * aRow;
    for (size_t column = 0; column < whole; column += TILE_COLUMNS) {
      const float *begin = start ? start + row * startRow + column : NULL;
      float *out = c + row * cRow + column;
      if (whole - column >= TILE_COLUMNS) {
        TILE_NAME(any_tile)(rows, 2, k, left, aRow, aColumn, b + column, bRow, begin, startRow, out, cRow);
      } else {
        TILE_NAME(any_tile)(rows, 1, k, left, aRow, aColumn, b + column, bRow, begin, startRow, out, cRow);
      }
    }
  }
  if (whole == n) return;
  // The last columns, fewer than a vector: from and to padded copies.
  size_t width = n - whole;
  float right[blockDepth * TILE_LANES], tile[TILE_ROWS * TILE_LANES];
  for (size_t p = 0; p < k; p++) {
    for (size_t j = 0; j < TILE_LANES; j++) right[p * TILE_LANES + j] = j < width ? b[p * bRow + whole + j] : 0;
  }
  for (size_t row = 0; row < m; row += TILE_ROWS) {
    int rows = m - row < TILE_ROWS ? (int)(m - row) : TILE_ROWS;
    for (int i = 0; i < rows; i++) {
      for (size_t j = 0; j < TILE_LANES; j++) {
        tile[i * TILE_LANES + j] = start && j < width ? start[(row + i) * startRow + whole + j] : 0;
      }
    }
    TILE_NAME(any_tile)(rows, 1, k, a + row * aRow, aRow, aColumn, right, TILE_LANES, tile, TILE_LANES, tile,
                        TILE_LANES);
    for (int i = 0; i < rows; i++) {
      for (size_t j = 0; j < width; j++) c[(row + i) * cRow + whole + j] = tile[i * TILE_LANES + j];
    }
  }
}

#undef TILE_CASE
#undef TILE_COLUMNS
