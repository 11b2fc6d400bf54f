// GELU in both forms, ReLU and tanh, forward and backward.
#include "CKernels.h"
#include "internal.h"

#include <math.h>

/// Phi(x) and e^(-x^2/2). erfc(z) = e^(-z^2) t P(t) with t = 1/(1 + 0.4 z), z >= 0; P fitted to 1.4e-7 relative.
RT_INLINE float normal_cdf(float x, float *density) {
  RT_CONTRACT
  float z = fabsf(x) * 0.70710678f;
  float t = 1.0f / (1.0f + 0.4f * z);
  float p = 0.050187327f;
  p = p * t - 0.1826155f;
  p = p * t + 0.16864412f;
  p = p * t - 0.0052556326f;
  p = p * t + 0.14127745f;
  p = p * t + 0.16857815f;
  p = p * t + 0.2078386f;
  p = p * t + 0.22566977f;
  p = p * t + 0.22567587f;
  float e = rt_exp(-0.5f * x * x);
  float half = 0.5f * e * t * p;
  *density = e;
  return x >= 0 ? 1.0f - half : half;
}

/// x * Phi(x) is 0 where Phi underflows, also at minus infinity.
RT_VECTOR void rt_gelu_forward(const float *x, float *y, size_t n) {
  for (size_t i = 0; i < n; i++) {
    float density;
    float v = x[i];
    float cdf = normal_cdf(v, &density);
    y[i] = v < -13.5f ? 0.0f : v * cdf;
  }
}

RT_VECTOR void rt_gelu_backward(const float *x, const float *dy, float *dx, size_t n) {
  RT_CONTRACT
  for (size_t i = 0; i < n; i++) {
    float density;
    float v = x[i];
    float cdf = normal_cdf(v, &density);
    float slope = cdf + v * density * 0.39894228f;
    // Beyond these the slope is 0 and 1; there the product may be infinity times zero.
    slope = v < -13.5f ? 0.0f : slope;
    slope = v > 13.5f ? 1.0f : slope;
    dx[i] = dy[i] * slope;
  }
}

/// tanh within 2e-7: its series near 0, where the quotient would cancel.
RT_INLINE float fast_tanh(float x) {
  RT_CONTRACT
  float a = fabsf(x);
  float s = x * x;
  float series = x * (1.0f + s * (-1.0f / 3 + s * (2.0f / 15 + s * (-17.0f / 315 + s * (62.0f / 2835)))));
  float quotient = 1.0f - 2.0f / (rt_exp(2.0f * a) + 1.0f);
  return a < 0.3f ? series : copysignf(quotient, x);
}

RT_INLINE float tanh_argument(float x) {
  RT_CONTRACT
  return 0.79788456f * (x + 0.044715f * x * x * x);
}

RT_VECTOR void rt_gelu_tanh_forward(const float *x, float *y, size_t n) {
  RT_CONTRACT
  for (size_t i = 0; i < n; i++) {
    float v = x[i];
    float value = 0.5f * v * (1.0f + fast_tanh(tanh_argument(v)));
    y[i] = v < -13.5f ? 0.0f : value;
  }
}

RT_VECTOR void rt_gelu_tanh_backward(const float *x, const float *dy, float *dx, size_t n) {
  RT_CONTRACT
  for (size_t i = 0; i < n; i++) {
    float v = x[i];
    float t = fast_tanh(tanh_argument(v));
    float slope = 0.5f * (1.0f + t) + 0.5f * v * (1.0f - t * t) * 0.79788456f * (1.0f + 3 * 0.044715f * v * v);
    slope = v < -13.5f ? 0.0f : slope;
    slope = v > 13.5f ? 1.0f : slope;
    dx[i] = dy[i] * slope;
  }
}

RT_VECTOR void rt_relu_forward(const float *x, float *y, size_t n) {
  // Written so that NaN stays.
  for (size_t i = 0; i < n; i++) y[i] = x[i] < 0 ? 0 : x[i];
}

RT_VECTOR void rt_relu_backward(const float *x, const float *dy, float *dx, size_t n) {
  for (size_t i = 0; i < n; i++) dx[i] = x[i] > 0 ? dy[i] : 0;
}

void rt_tanh_forward(const float *x, float *y, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = tanhf(x[i]);
}

RT_VECTOR void rt_tanh_backward(const float *y, const float *dy, float *dx, size_t n) {
  RT_CONTRACT
  for (size_t i = 0; i < n; i++) dx[i] = dy[i] * (1.0f - y[i] * y[i]);
}
