// Sums, scalings and copies over whole vectors, rows or columns.
#include "CKernels.h"
#include "internal.h"

RT_VECTOR void rt_fill_rows(float *y, const float *bias, size_t rows, size_t cols) {
  for (size_t r = 0; r < rows; r++) memcpy(y + r * cols, bias, cols * sizeof(float));
}

RT_VECTOR void rt_add(float *y, const float *x, size_t n) {
  RT_EACH
  for (size_t i = 0; i < n; i++) y[i] += x[i];
}

RT_VECTOR void rt_scale(float *y, float scale, size_t n) {
  RT_EACH
  for (size_t i = 0; i < n; i++) y[i] *= scale;
}

RT_VECTOR void rt_add_column_sums(float *out, const float *x, size_t rows, size_t cols) {
  for (size_t r = 0; r < rows; r++) {
    RT_EACH
    for (size_t c = 0; c < cols; c++) out[c] += x[r * cols + c];
  }
}

RT_VECTOR void rt_scale_rows(float *out, const float *x, const float *factor, float scale, size_t rows, size_t cols) {
  for (size_t r = 0; r < rows; r++) {
    float f = factor ? scale * factor[r] : scale;
    RT_EACH
    for (size_t c = 0; c < cols; c++) out[r * cols + c] = f * x[r * cols + c];
  }
}

RT_VECTOR void rt_add_scaled_rows(float *out, const float *x, const float *factor, float scale, size_t rows,
                                  size_t cols) {
  RT_CONTRACT
  for (size_t r = 0; r < rows; r++) {
    float f = factor ? scale * factor[r] : scale;
    RT_EACH
    for (size_t c = 0; c < cols; c++) out[r * cols + c] += f * x[r * cols + c];
  }
}

RT_VECTOR void rt_add_row_dots(float *out, const float *x, const float *y, float scale, size_t rows, size_t cols) {
  for (size_t r = 0; r < rows; r++) {
    RT_REASSOCIATE
    float sum = 0;
    RT_EACH
    for (size_t c = 0; c < cols; c++) sum += x[r * cols + c] * y[r * cols + c];
    out[r] += scale * sum;
  }
}

RT_VECTOR double rt_sum_of_squares(const float *x, size_t n) {
  RT_CONTRACT
  double sums[16] = {0};
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (size_t k = 0; k < 16; k++) sums[k] += (double)x[i + k] * x[i + k];
  }
  for (; i < n; i++) sums[0] += (double)x[i] * x[i];
  double total = 0;
  for (size_t k = 0; k < 16; k++) total += sums[k];
  return total;
}
