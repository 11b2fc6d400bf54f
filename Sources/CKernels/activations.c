// GELU in both forms, ReLU and tanh, forward and backward.
#include "CKernels.h"
#include "internal.h"

#include <math.h>

/// x within [-15, 15], beyond which both GELUs are 0 or x and their slopes 0 or 1. NaN stays NaN.
RT_INLINE float within_fifteen(float x) {
  float y = x < -15.0f ? -15.0f : x;
  return y > 15.0f ? 15.0f : y;
}

/// Phi(x), and e^(-x^2/2) in `density`. Phi(-|x|) = e^(-x^2/2) t P(t) with t = 1/(1 + 0.2828427 |x|); P is the minimax
/// to 6e-8 relative.
RT_INLINE float normal_cdf(float x, float *density) {
  RT_CONTRACT
  float t = 1.0f / (1.0f + 0.2828427f * fabsf(x));
  float p = 0.0201818263f;
  p = p * t - 0.0679725334f;
  p = p * t + 0.0374186002f;
  p = p * t + 0.0492856950f;
  p = p * t + 0.0361618772f;
  p = p * t + 0.0983041748f;
  p = p * t + 0.100525707f;
  p = p * t + 0.113281183f;
  p = p * t + 0.112813547f;
  float e = rt_exp(-0.5f * x * x);
  float tail = e * t * p;
  *density = e;
  return x >= 0 ? 1.0f - tail : tail;
}

RT_VECTOR void rt_gelu_forward(const float *x, float *y, size_t n) {
  RT_EACH
  for (size_t i = 0; i < n; i++) {
    float density;
    // -15 times a Phi of 0 is 0, where minus infinity times 0 is not.
    float v = x[i] < -15.0f ? -15.0f : x[i];
    y[i] = v * normal_cdf(v, &density);
  }
}

RT_VECTOR void rt_gelu_backward(const float *x, const float *dy, float *dx, size_t n) {
  RT_CONTRACT
  RT_EACH
  for (size_t i = 0; i < n; i++) {
    float density;
    float v = within_fifteen(x[i]);
    float cdf = normal_cdf(v, &density);
    dx[i] = dy[i] * (cdf + v * density * 0.39894228f);
  }
}

/// The tanh form is x * sigmoid(2 u) with u = sqrt(2/pi) (x + 0.044715 x^3). Returns the sigmoid, and sigmoid * (1 -
/// sigmoid) in `slope`, without cancellation.
RT_INLINE float tanh_cdf(float x, float *slope) {
  RT_CONTRACT
  float u = x * (1.59576912f + 0.0713548162f * x * x);
  float e = rt_exp(-fabsf(u));
  float larger = 1.0f / (1.0f + e);
  float smaller = e * larger;
  *slope = larger * smaller;
  return x >= 0 ? larger : smaller;
}

RT_VECTOR void rt_gelu_tanh_forward(const float *x, float *y, size_t n) {
  RT_EACH
  for (size_t i = 0; i < n; i++) {
    float slope;
    float v = x[i] < -15.0f ? -15.0f : x[i];
    y[i] = v * tanh_cdf(within_fifteen(v), &slope);
  }
}

RT_VECTOR void rt_gelu_tanh_backward(const float *x, const float *dy, float *dx, size_t n) {
  RT_CONTRACT
  RT_EACH
  for (size_t i = 0; i < n; i++) {
    float slope;
    float v = within_fifteen(x[i]);
    float cdf = tanh_cdf(v, &slope);
    dx[i] = dy[i] * (cdf + v * slope * (1.59576912f + 0.214064449f * v * v));
  }
}

RT_VECTOR void rt_relu_forward(const float *x, float *y, size_t n) {
  // Written so that NaN stays.
  RT_EACH
  for (size_t i = 0; i < n; i++) y[i] = x[i] < 0 ? 0 : x[i];
}

RT_VECTOR void rt_relu_backward(const float *x, const float *dy, float *dx, size_t n) {
  RT_EACH
  for (size_t i = 0; i < n; i++) dx[i] = x[i] <= 0 ? 0 : dy[i];
}

RT_INLINE float hyperbolic_tangent(float v) {
  RT_CONTRACT
  float e = rt_exp(-2.0f * fabsf(v));
  float quotient = copysignf((1.0f - e) / (1.0f + e), v);
  // Near 0, where the quotient would cancel, the series.
  float s = v * v;
  float series = v * (1.0f + s * (-1.0f / 3 + s * (2.0f / 15 + s * (-17.0f / 315 + s * (62.0f / 2835)))));
  return s < 0.09f ? series : quotient;
}

RT_VECTOR void rt_tanh_forward(const float *x, float *y, size_t n) {
  RT_EACH
  for (size_t i = 0; i < n; i++) y[i] = hyperbolic_tangent(x[i]);
}

RT_VECTOR void rt_tanh_backward(const float *x, const float *dy, float *dx, size_t n) {
  RT_CONTRACT
  RT_EACH
  for (size_t i = 0; i < n; i++) {
    float y = hyperbolic_tangent(x[i]);
    dx[i] = dy[i] * (1.0f - y * y);
  }
}

/// sigmoid(x), and sigmoid * (1 - sigmoid) in `slope`, without cancellation.
RT_INLINE float sigmoid(float x, float *slope) {
  float e = rt_exp(-fabsf(x));
  float larger = 1.0f / (1.0f + e);
  float smaller = e * larger;
  *slope = larger * smaller;
  return x >= 0 ? larger : smaller;
}

RT_VECTOR void rt_gated_silu_forward(const float *gate, const float *up, float *out, size_t n) {
  RT_EACH
  for (size_t i = 0; i < n; i++) {
    float slope;
    out[i] = up[i] * (gate[i] * sigmoid(gate[i], &slope));
  }
}

RT_VECTOR void rt_gated_silu_backward(const float *gate, const float *up, const float *dout, float *dgate, float *dup,
                                      size_t n) {
  RT_CONTRACT
  RT_EACH
  for (size_t i = 0; i < n; i++) {
    float slope, g = gate[i], d = dout[i];
    float s = sigmoid(g, &slope);
    dup[i] = d * (g * s);
    dgate[i] = d * up[i] * (s + g * slope);
  }
}
