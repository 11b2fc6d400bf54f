// AdamW, and the sensitivities that AdaLoRA smooths.
#include "CKernels.h"
#include "internal.h"

#include <math.h>

RT_VECTOR void rt_adamw(float *w, float *g, float *m, float *v, size_t n, const rt_adamw_config *config) {
  rt_adamw_config k = *config;
  float decay = 1.0f - k.learningRate * k.weightDecay;
  float step = k.learningRate / k.biasCorrection1;
  for (size_t i = 0; i < n; i++) {
    float grad = g[i] * k.gradientScale;
    g[i] = grad;
    float weight = w[i] * decay;
    float first = m[i] + k.oneMinusBeta1 * (grad - m[i]);
    float second = v[i] * k.beta2 + k.oneMinusBeta2 * grad * grad;
    m[i] = first;
    v[i] = second;
    float denominator = sqrtf(second) / k.biasCorrection2Sqrt + k.epsilon;
    w[i] = weight - step * (first / denominator);
  }
}

RT_VECTOR rt_sensitivity_sums rt_sensitivity(const float *w, const float *g, float *ibar, float *ubar, size_t n,
                                             double beta1, double beta2) {
  rt_sensitivity_sums sums = {0, 0, 0, 0};
  const float b1 = (float)beta1, b2 = (float)beta2, c1 = (float)(1 - beta1), c2 = (float)(1 - beta2);
  {
    RT_REASSOCIATE
    float sensitivity = 0, smoothed = 0, uncertainty = 0, product = 0;
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
    sums.sensitivity = sensitivity;
    sums.smoothed = smoothed;
    sums.uncertainty = uncertainty;
    sums.product = product;
  }
  return sums;
}
