// AdamW, and the sensitivities that AdaLoRA smooths.
#include "CKernels.h"
#include "internal.h"

#include <math.h>

RT_VECTOR void rt_adamw(float *w, float *g, float *m, float *v, size_t n, const rt_adamw_config *config) {
  const rt_adamw_config k = *config;
  const float decay = (float)(1.0 - (double)k.learningRate * k.weightDecay);
  const float step = (float)((double)k.learningRate / k.biasCorrection1);
  RT_EACH
  for (size_t i = 0; i < n; i++) {
    float grad = g[i] * k.gradientScale;
    float weight = w[i] * decay;
    float first = m[i] + k.oneMinusBeta1 * (grad - m[i]);
    float second = v[i] * k.beta2 + k.oneMinusBeta2 * grad * grad;
    // The library's sqrtf may set errno, which keeps a loop from vectorising.
    float denominator = __builtin_elementwise_sqrt(second) / k.biasCorrection2Sqrt + k.epsilon;
    g[i] = grad;
    m[i] = first;
    v[i] = second;
    w[i] = weight - step * first / denominator;
  }
}

RT_VECTOR rt_sensitivity_sums rt_sensitivity(const float *w, const float *g, float *ibar, float *ubar, size_t n,
                                             double beta1, double beta2) {
  RT_REASSOCIATE
  const float b1 = (float)beta1, b2 = (float)beta2, c1 = (float)(1 - beta1), c2 = (float)(1 - beta2);
  float sensitivity = 0, smoothed = 0, uncertainty = 0, product = 0;
  RT_EACH
  for (size_t i = 0; i < n; i++) {
    float s = fabsf(w[i] * g[i]);
    float a = b1 * ibar[i] + c1 * s;
    float u = b2 * ubar[i] + c2 * fabsf(s - a);
    ibar[i] = a;
    ubar[i] = u;
    sensitivity += s;
    smoothed += a;
    uncertainty += u;
    product += a * u;
  }
  return (rt_sensitivity_sums){sensitivity, smoothed, uncertainty, product};
}
