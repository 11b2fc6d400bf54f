// Layer normalisation over rows, forward and backward.
#include "CKernels.h"
#include "internal.h"

RT_VECTOR void rt_layer_norm_forward(const float *x, const float *residual, const float *gamma, const float *beta,
                                     float eps, float *xhat, float *rstd, float *out, size_t rows, size_t cols) {
  for (size_t r = 0; r < rows; r++) {
    RT_REASSOCIATE
    const float *in = x + r * cols;
    float *hat = xhat + r * cols, *y = out + r * cols;
    float sum = 0;
    if (residual) {
      const float *res = residual + r * cols;
      RT_EACH
      for (size_t c = 0; c < cols; c++) {
        float s = in[c] + res[c];
        hat[c] = s;
        sum += s;
      }
    } else {
      RT_EACH
      for (size_t c = 0; c < cols; c++) {
        float s = in[c];
        hat[c] = s;
        sum += s;
      }
    }
    float mean = sum / cols;
    float squares = 0;
    RT_EACH
    for (size_t c = 0; c < cols; c++) {
      float d = hat[c] - mean;
      squares += d * d;
    }
    float inverse = 1.0f / __builtin_elementwise_sqrt(squares / cols + eps);
    rstd[r] = inverse;
    RT_EACH
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
    RT_EACH
    for (size_t c = 0; c < cols; c++) {
      float g = d[c] * gamma[c];
      sum += g;
      dot += g * h[c];
    }
    float mean = sum / cols, projection = dot / cols, inverse = rstd[r];
    RT_EACH
    for (size_t c = 0; c < cols; c++) y[c] = inverse * (d[c] * gamma[c] - mean - h[c] * projection);
  }
}
