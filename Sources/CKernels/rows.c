// Operations over rows: sums, softmax, layer norm, dropout.
#include "CKernels.h"
#include "internal.h"

#include <math.h>

RT_VECTOR void rt_fill_rows(float *y, const float *bias, size_t rows, size_t cols) {
  for (size_t r = 0; r < rows; r++) memcpy(y + r * cols, bias, cols * sizeof(float));
}

RT_VECTOR void rt_add(float *y, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] += x[i];
}

RT_VECTOR void rt_scale(float *y, float scale, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] *= scale;
}

RT_VECTOR void rt_add_column_sums(float *out, const float *x, size_t rows, size_t cols) {
  for (size_t r = 0; r < rows; r++) {
    for (size_t c = 0; c < cols; c++) out[c] += x[r * cols + c];
  }
}

RT_VECTOR void rt_scale_columns(float *out, const float *x, const float *factor, float scale, size_t rows,
                                size_t cols) {
  for (size_t r = 0; r < rows; r++) {
    for (size_t c = 0; c < cols; c++) out[r * cols + c] = scale * factor[c] * x[r * cols + c];
  }
}

RT_VECTOR void rt_add_column_dots(float *out, const float *x, const float *y, float scale, size_t rows, size_t cols) {
  RT_CONTRACT
  // Each column's sum is scaled once it is complete, in strips that stay in registers.
  for (size_t start = 0; start < cols; start += 16) {
    size_t width = cols - start < 16 ? cols - start : 16;
    float sums[16] = {0};
    for (size_t r = 0; r < rows; r++) {
      const float *a = x + r * cols + start, *b = y + r * cols + start;
      for (size_t c = 0; c < width; c++) sums[c] += a[c] * b[c];
    }
    for (size_t c = 0; c < width; c++) out[start + c] += scale * sums[c];
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

RT_VECTOR void rt_softmax_forward(float *x, float scale, size_t rows, size_t cols) {
  for (size_t r = 0; r < rows; r++) {
    RT_REASSOCIATE
    float *row = x + r * cols;
    float largest = row[0];
    for (size_t c = 1; c < cols; c++) largest = row[c] > largest ? row[c] : largest;
    float sum = 0;
    for (size_t c = 0; c < cols; c++) {
      float e = rt_exp(scale * (row[c] - largest));
      row[c] = e;
      sum += e;
    }
    float inverse = 1.0f / sum;
    for (size_t c = 0; c < cols; c++) row[c] *= inverse;
  }
}

RT_VECTOR void rt_softmax_backward(const float *p, float *dp, float scale, size_t rows, size_t cols) {
  for (size_t r = 0; r < rows; r++) {
    RT_REASSOCIATE
    const float *a = p + r * cols;
    float *d = dp + r * cols;
    float dot = 0;
    for (size_t c = 0; c < cols; c++) dot += a[c] * d[c];
    for (size_t c = 0; c < cols; c++) d[c] = scale * a[c] * (d[c] - dot);
  }
}

RT_VECTOR void rt_layer_norm_forward(const float *x, const float *residual, const float *gamma, const float *beta,
                                     float eps, float *xhat, float *rstd, float *out, size_t rows, size_t cols) {
  for (size_t r = 0; r < rows; r++) {
    RT_REASSOCIATE
    const float *in = x + r * cols;
    float *hat = xhat + r * cols, *y = out + r * cols;
    float sum = 0;
    if (residual) {
      const float *res = residual + r * cols;
      for (size_t c = 0; c < cols; c++) {
        float s = in[c] + res[c];
        hat[c] = s;
        sum += s;
      }
    } else {
      for (size_t c = 0; c < cols; c++) {
        hat[c] = in[c];
        sum += in[c];
      }
    }
    float mean = sum / cols;
    float squares = 0;
    for (size_t c = 0; c < cols; c++) {
      float d = hat[c] - mean;
      squares += d * d;
    }
    float inverse = 1.0f / sqrtf(squares / cols + eps);
    rstd[r] = inverse;
    for (size_t c = 0; c < cols; c++) {
      float h = (hat[c] - mean) * inverse;
      hat[c] = h;
      y[c] = gamma[c] * h + beta[c];
    }
  }
}

RT_VECTOR void rt_layer_norm_backward(const float *dout, const float *xhat, const float *rstd, const float *gamma,
                                      float *dx, size_t rows, size_t cols) {
  for (size_t r = 0; r < rows; r++) {
    RT_REASSOCIATE
    const float *d = dout + r * cols, *h = xhat + r * cols;
    float *y = dx + r * cols;
    float sum = 0, dot = 0;
    for (size_t c = 0; c < cols; c++) {
      float g = d[c] * gamma[c];
      sum += g;
      dot += g * h[c];
    }
    float mean = sum / cols, projection = dot / cols, inverse = rstd[r];
    for (size_t c = 0; c < cols; c++) y[c] = inverse * (d[c] * gamma[c] - mean - h[c] * projection);
  }
}

/// The finaliser of SplitMix64.
RT_INLINE uint64_t mix64(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

RT_VECTOR void rt_dropout(const float *x, float *y, float p, uint64_t key, uint64_t firstRow, size_t rows,
                          size_t cols) {
  if (p <= 0) {
    if (x != y) memcpy(y, x, rows * cols * sizeof(float));
    return;
  }
  float keptScale = 1.0f / (1.0f - p);
  uint32_t threshold = (uint32_t)((double)p * 4294967296.0);
  for (size_t r = 0; r < rows; r++) {
    uint64_t rowKey = mix64(key + (firstRow + r) * 0x9E3779B97F4A7C15ull);
    uint32_t low = (uint32_t)rowKey, high = (uint32_t)(rowKey >> 32);
    const float *in = x + r * cols;
    float *out = y + r * cols;
    for (size_t c = 0; c < cols; c++) {
      // Two rounds of multiply and shift: the finaliser of MurmurHash3 over (column, row key).
      uint32_t h = (uint32_t)c * 0x9E3779B1u + low;
      h = (h ^ (h >> 16)) * 0x85EBCA6Bu;
      h = (h ^ (h >> 13) ^ high) * 0xC2B2AE35u;
      h ^= h >> 16;
      out[c] = h >= threshold ? in[c] * keptScale : 0.0f;
    }
  }
}
