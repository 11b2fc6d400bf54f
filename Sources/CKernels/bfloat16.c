// bfloat16: who has it, and rounding to it.
#include "CKernels.h"
#include "internal.h"

bool rt_multiplies_bfloat16(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

/// To the nearest, ties to even.
RT_INLINE uint32_t rt_rounded(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  // Half of the last bit kept, and that bit, so that a tie goes to the even neighbour. A NaN is kept from rounding up
  // to infinity or past it.
  uint32_t rounded = bits + 0x7fffu + (bits >> 16 & 1u);
  uint32_t isNaN = (bits & 0x7fffffffu) > 0x7f800000u;
  return (isNaN ? bits | 0x400000u : rounded) >> 16;
}

RT_VECTOR void rt_to_bfloat16(const float *x, uint16_t *y, size_t n) {
  RT_EACH
  for (size_t i = 0; i < n; i++) y[i] = (uint16_t)rt_rounded(x[i]);
}

enum { panelRows = 32, panelColumns = 64 };

size_t rt_panel_bytes(size_t k, size_t n) {
  size_t down = (k + panelRows - 1) / panelRows, across = (n + panelColumns - 1) / panelColumns;
  return down * across * panelRows * panelColumns * sizeof(uint16_t);
}

RT_VECTOR void rt_pack_panels(const float *w, size_t k, size_t n, void *packed) {
  uint32_t *out = packed;
  for (size_t column = 0; column < n; column += panelColumns) {
    size_t count = n - column < panelColumns ? n - column : panelColumns;
    for (size_t p = 0; p < k; p += panelRows) {
      for (size_t i = p; i < p + panelRows; i += 2, out += panelColumns) {
        const float *even = w + i * n + column, *odd = even + n;
        if (count == panelColumns && i + 1 < k) {
          RT_EACH
          for (size_t j = 0; j < panelColumns; j++) out[j] = rt_rounded(even[j]) | rt_rounded(odd[j]) << 16;
        } else {
          for (size_t j = 0; j < panelColumns; j++) {
            out[j] = j < count && i < k ? rt_rounded(even[j]) : 0;
            if (j < count && i + 1 < k) out[j] |= rt_rounded(odd[j]) << 16;
          }
        }
      }
    }
  }
}

RT_VECTOR void rt_pack_transposed_panels(const float *w, size_t k, size_t n, void *packed) {
  uint16_t rows[panelColumns * panelRows];
  float *out = packed;
  for (size_t column = 0; column < n; column += panelColumns) {
    size_t count = n - column < panelColumns ? n - column : panelColumns;
    for (size_t p = 0; p < k; p += panelRows, out += panelColumns * panelRows / 2) {
      size_t terms = k - p < panelRows ? k - p : panelRows;
      if (count < panelColumns || terms < panelRows) memset(rows, 0, sizeof rows);
      for (size_t j = 0; j < count; j++) {
        const float *from = w + (column + j) * k + p;
        uint16_t *to = rows + j * panelRows;
        RT_EACH
        for (size_t i = 0; i < terms; i++) to[i] = (uint16_t)rt_rounded(from[i]);
      }
      // Neighbours in a row stay together: what is transposed are pairs, as if they were floats.
      rt_transpose((const float *)rows, panelRows / 2, out, panelColumns, panelColumns, panelRows / 2);
    }
  }
}
