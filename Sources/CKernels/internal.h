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
#define RT_CONTRACT _Pragma("clang fp contract(fast)")

/// e^x within 2e-7 relative: x = n ln 2 + r with |r| <= ln 2 / 2, and the Taylor series of e^r to its seventh power.
/// Below -87.3 it is 0, above 88.7 infinity; NaN stays NaN.
RT_INLINE float rt_exp(float x) {
  RT_CONTRACT
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
  const float magic = 12582912.0f;
  float clamped = x < -87.3f ? -87.3f : x;
  clamped = clamped > 88.7f ? 88.7f : clamped;
  float shifted = clamped * 1.44269504f + magic;
  float n = shifted - magic;
  float r = clamped - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  uint32_t bits, power;
  memcpy(&bits, &shifted, 4);
  // n may be 128, whose power of two is no float: multiply by 2^(n-1) and then by 2.
  power = (bits - 0x4B400000u + 126u) << 23;
  float scale;
  memcpy(&scale, &power, 4);
  float y = p * scale * 2.0f;
  y = x < -87.3f ? 0.0f : y;
  return x > 88.7f ? __builtin_inff() : y;
}

#endif
