// Root-mean-square normalisation over rows, forward and backward.
#include "CKernels.h"
#include "internal.h"

RT_VECTOR void rt_rms_norm_forward(const float *x, const float *gamma, float eps, float *rstd, float *out, size_t rows,
                                   size_t cols) {
  for (size_t r = 0; r < rows; r++) {
    RT_REASSOCIATE
    const float *in = x + r * cols;
    float *y = out + r * cols;
    float squares = 0;
    RT_EACH
    for (size_t c = 0; c < cols; c++) squares += in[c] * in[c];
    float inverse = 1.0f / __builtin_elementwise_sqrt(squares / cols + eps);
    rstd[r] = inverse;
    RT_EACH
    for (size_t c = 0; c < cols; c++) y[c] = gamma[c] * (in[c] * inverse);
  }
}

RT_VECTOR void rt_rms_norm_backward(const float *dout, const float *x, const float *rstd, const float *gamma, float *dx,
                                    size_t rows, size_t cols) {
  for (size_t r = 0; r < rows; r++) {
    RT_REASSOCIATE
    const float *d = dout + r * cols, *in = x + r * cols;
    float *y = dx + r * cols;
    float dot = 0, inverse = rstd[r];
    RT_EACH
    for (size_t c = 0; c < cols; c++) dot += d[c] * gamma[c] * in[c];
    float projection = dot * inverse * inverse / cols;
    RT_EACH
    for (size_t c = 0; c < cols; c++) y[c] = inverse * (d[c] * gamma[c] - in[c] * projection);
  }
}
