// What the kernels share: dispatch over vector widths, and an exponential that vectorises.
#ifndef CKERNELS_INTERNAL_H
#define CKERNELS_INTERNAL_H

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
/// Compiled three times; the loader picks the widest that the CPU has.
#define RT_VECTOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define RT_VECTOR
#endif
#define RT_INLINE static inline __attribute__((always_inline))

/// Lets a sum be split over vector lanes, in this block alone.
#define RT_REASSOCIATE _Pragma("clang fp reassociate(on) contract(fast)")
/// Lets a product and a sum become one instruction, in this block alone.
#define RT_CONTRACT _Pragma("clang fp contract(fast)")

/// Before a loop whose iterations touch index i alone, so that an output that is also an input still vectorises.
#define RT_EACH _Pragma("clang loop vectorize(assume_safety)")
/// The same for short rows: what is left over after whole vectors is masked and not done one by one.
#define RT_EACH_MASKED _Pragma("clang loop vectorize(assume_safety) vectorize_predicate(enable)")

/// e^x for x <= 88, within 2e-7 relative; 0 where e^x is no normal float (x < -87.3365). NaN stays NaN.
/// x = n ln 2 + r with |r| <= ln 2 / 2; the polynomial is the minimax of e^r to 2e-9 relative.
RT_INLINE float rt_exp(float x) {
  RT_CONTRACT
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits; 127 more is the bias of an exponent.
  const float magic = 12582912.0f + 127.0f;
  float shifted = x * 1.44269504f + magic;
  float n = shifted - magic;
  float r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  float p = 0.00138368353f;
  p = p * r + 0.00837482419f;
  p = p * r + 0.0416682251f;
  p = p * r + 0.166664198f;
  p = p * r + 0.499999911f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  uint32_t bits;
  memcpy(&bits, &shifted, 4);
  bits <<= 23;
  float power;
  memcpy(&power, &bits, 4);
  return x < -87.3365f ? 0.0f : p * power;
}

#endif
