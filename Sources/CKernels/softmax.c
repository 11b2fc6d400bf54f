// Softmax over rows, forward and backward.
#include "CKernels.h"
#include "internal.h"

/// Elements of a block of rows that stay in the nearest cache from one pass to the next.
enum { blockSize = 2048 };

/// The float's bits, as an integer that orders as floats do; its own inverse. The maximum of integers vectorises, that of
/// floats, which may be NaN, does not.
RT_INLINE int32_t ordered(int32_t bits) { return bits ^ ((bits >> 31) & 0x7FFFFFFF); }

/// The largest of scale * x[n].
RT_INLINE float rt_largest(const float *x, float scale, size_t n) {
  int32_t top = INT32_MIN;
  RT_EACH_MASKED
  for (size_t i = 0; i < n; i++) {
    float scaled = scale * x[i];
    int32_t bits;
    memcpy(&bits, &scaled, 4);
    bits = ordered(bits);
    top = bits > top ? bits : top;
  }
  top = ordered(top);
  float largest;
  memcpy(&largest, &top, 4);
  return largest;
}

RT_VECTOR void rt_softmax_forward(float *x, float scale, size_t rows, size_t cols) {
  if (cols == 0) return;
  size_t blockRows = cols < blockSize ? blockSize / cols : 1;
  for (size_t first = 0; first < rows; first += blockRows) {
    RT_REASSOCIATE
    size_t count = rows - first < blockRows ? rows - first : blockRows;
    float *block = x + first * cols;
    for (size_t r = 0; r < count; r++) {
      float *row = block + r * cols;
      float largest = rt_largest(row, scale, cols);
      RT_EACH
      for (size_t c = 0; c < cols; c++) row[c] = scale * row[c] - largest;
    }
    // Over all rows at once, so that short ones leave no remainder.
    RT_EACH
    for (size_t i = 0; i < count * cols; i++) block[i] = rt_exp(block[i]);
    for (size_t r = 0; r < count; r++) {
      float *row = block + r * cols;
      float sum = 0;
      RT_EACH_MASKED
      for (size_t c = 0; c < cols; c++) sum += row[c];
      float inverse = 1.0f / sum;
      RT_EACH
      for (size_t c = 0; c < cols; c++) row[c] *= inverse;
    }
  }
}

RT_VECTOR void rt_softmax_backward(const float *p, float *dp, float scale, size_t rows, size_t cols) {
  for (size_t r = 0; r < rows; r++) {
    RT_REASSOCIATE
    const float *a = p + r * cols;
    float *d = dp + r * cols;
    float dot = 0;
    RT_EACH_MASKED
    for (size_t c = 0; c < cols; c++) dot += a[c] * d[c];
    RT_EACH
    for (size_t c = 0; c < cols; c++) d[c] = scale * a[c] * (d[c] - dot);
  }
}

RT_VECTOR rt_exponential_sum rt_exponentials(float *x, size_t n) {
  RT_REASSOCIATE
  rt_exponential_sum result = {rt_largest(x, 1, n), 0};
  for (size_t first = 0; first < n; first += blockSize) {
    size_t count = n - first < blockSize ? n - first : blockSize;
    float *block = x + first, sum = 0;
    RT_EACH
    for (size_t i = 0; i < count; i++) {
      block[i] = rt_exp(block[i] - result.largest);
      sum += block[i];
    }
    result.sum += sum;
  }
  return result;
}
