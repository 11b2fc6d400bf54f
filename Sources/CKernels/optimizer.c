// AdamW, and the sensitivities that AdaLoRA smooths, in one pass over memory.
#include "CKernels.h"
#include "internal.h"

#include <math.h>
#include <stdbool.h>

/// One of the forms below: whether the weights step, and when I is taken (-1 before, 1 after the step, 0 not at all).
RT_INLINE rt_sensitivity_sums update_row(float *restrict w, const float *restrict g, float *restrict m,
                                         float *restrict v, float *restrict ibar, float *restrict ubar, size_t n,
                                         const rt_update_config *config, const bool steps, const int senses) {
  const rt_update_config k = *config;
  const float decay = (float)(1.0 - (double)k.learningRate * k.weightDecay);
  const float step = (float)((double)k.learningRate / k.biasCorrection1);
  float sensitivity = 0, smoothed = 0, uncertainty = 0, product = 0;
  RT_EACH
  for (size_t i = 0; i < n; i++) {
    float grad = g[i] * k.gradientScale;
    float old = w[i], new = old;
    if (steps) {
      float first = m[i] + k.oneMinusBeta1 * (grad - m[i]);
      float second = v[i] * k.beta2 + k.oneMinusBeta2 * grad * grad;
      // The library's sqrtf may set errno, which keeps a loop from vectorising.
      float denominator = __builtin_elementwise_sqrt(second) / k.biasCorrection2Sqrt + k.epsilon;
      new = old * decay - step * first / denominator;
      m[i] = first;
      v[i] = second;
      w[i] = new;
    }
    if (senses != 0) {
      RT_REASSOCIATE
      float s = fabsf((senses < 0 ? old : new) * grad);
      float a = k.smoothing * ibar[i] + k.oneMinusSmoothing * s;
      float u = k.uncertaintySmoothing * ubar[i] + k.oneMinusUncertaintySmoothing * fabsf(s - a);
      ibar[i] = a;
      ubar[i] = u;
      sensitivity += s;
      smoothed += a;
      uncertainty += u;
      product += a * u;
    }
  }
  return (rt_sensitivity_sums){sensitivity, smoothed, uncertainty, product};
}

RT_VECTOR void rt_update(float *w, const float *g, float *m, float *v, size_t n, const rt_update_config *config) {
  update_row(w, g, m, v, 0, 0, n, config, true, 0);
}

RT_VECTOR rt_sensitivity_sums rt_update_sensing_after(float *w, const float *g, float *m, float *v, float *ibar,
                                                      float *ubar, size_t n, const rt_update_config *config) {
  return update_row(w, g, m, v, ibar, ubar, n, config, true, 1);
}

RT_VECTOR rt_sensitivity_sums rt_update_sensing_before(float *w, const float *g, float *m, float *v, float *ibar,
                                                       float *ubar, size_t n, const rt_update_config *config) {
  return update_row(w, g, m, v, ibar, ubar, n, config, true, -1);
}

RT_VECTOR rt_sensitivity_sums rt_sense(float *w, const float *g, float *ibar, float *ubar, size_t n,
                                       const rt_update_config *config) {
  return update_row(w, g, 0, 0, ibar, ubar, n, config, false, -1);
}
