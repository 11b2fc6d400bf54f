// Stored weights to float32: half floats, and the quantised blocks of GGUF files.
//
// Each value is rounded after every operation (no fused multiply-add), as the reference, ggml's Python package, does.
#include "CKernels.h"
#include "internal.h"

/// Before the loop over a block's values: unrolled in full before it is vectorised it would not be.
#define RT_BLOCK _Pragma("clang loop vectorize(assume_safety) unroll(disable)")
#define RT_ROUND_EACH _Pragma("clang fp contract(off)")

RT_INLINE float rt_from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

RT_INLINE float rt_half(const uint8_t *at) {
  uint16_t half;
  memcpy(&half, at, 2);
  uint32_t magnitude = (uint32_t)(half & 0x7fffu) << 13;
  uint32_t exponent = half & 0x7c00u;
  // Exponents are biased by 15 there, by 127 here. Below 2^-14 there is no leading one: a subtraction normalises.
  uint32_t normal = magnitude + ((exponent == 0x7c00u ? 224u : 112u) << 23);
  float tiny = rt_from_bits(magnitude | 113u << 23) - 0x1p-14f;
  uint32_t small;
  memcpy(&small, &tiny, 4);
  return rt_from_bits((exponent == 0 ? small : normal) | (uint32_t)(half & 0x8000u) << 16);
}

RT_VECTOR void rt_from_float16(const uint8_t *x, float *y, size_t n) {
  RT_EACH
  for (size_t i = 0; i < n; i++) y[i] = rt_half(x + 2 * i);
}

RT_VECTOR void rt_from_bfloat16(const uint8_t *x, float *y, size_t n) {
  RT_EACH
  for (size_t i = 0; i < n; i++) {
    uint16_t half;
    memcpy(&half, x + 2 * i, 2);
    y[i] = rt_from_bits((uint32_t)half << 16);
  }
}

// MARK: Blocks of 32

// d, then 32 signed bytes: y = d q.
RT_VECTOR void rt_from_q8_0(const uint8_t *x, float *y, size_t n) {
  RT_ROUND_EACH
  for (size_t b = 0; b < n / 32; b++, x += 34, y += 32) {
    float d = rt_half(x);
    const int8_t *q = (const int8_t *)x + 2;
    RT_BLOCK
    for (size_t i = 0; i < 32; i++) y[i] = d * (float)q[i];
  }
}

// d, then 16 bytes whose low halves are the first 16 values, the high halves the others: y = d (q - 8).
RT_VECTOR void rt_from_q4_0(const uint8_t *x, float *y, size_t n) {
  RT_ROUND_EACH
  for (size_t b = 0; b < n / 32; b++, x += 18, y += 32) {
    float d = rt_half(x);
    for (unsigned part = 0; part < 2; part++) {
      RT_BLOCK
      for (size_t i = 0; i < 16; i++) y[16 * part + i] = d * (float)((x[2 + i] >> 4 * part & 15) - 8);
    }
  }
}

// d, m, then 16 bytes likewise: y = d q + m.
RT_VECTOR void rt_from_q4_1(const uint8_t *x, float *y, size_t n) {
  RT_ROUND_EACH
  for (size_t b = 0; b < n / 32; b++, x += 20, y += 32) {
    float d = rt_half(x), m = rt_half(x + 2);
    for (unsigned part = 0; part < 2; part++) {
      RT_BLOCK
      for (size_t i = 0; i < 16; i++) y[16 * part + i] = d * (float)(x[4 + i] >> 4 * part & 15) + m;
    }
  }
}

// MARK: Blocks of 256

// Of the eight parts' scales and minima, 6 bits each, in 12 bytes: the low 6 bits of the first 8 bytes are those of
// parts 0 to 3; parts 4 to 7 have their low 4 bits in the last 4 bytes and their high 2 bits atop the first 8.
RT_INLINE void rt_six_bits(const uint8_t *packed, size_t part, uint8_t *scale, uint8_t *minimum) {
  if (part < 4) {
    *scale = packed[part] & 63;
    *minimum = packed[part + 4] & 63;
  } else {
    *scale = (uint8_t)((packed[part + 4] & 15) | packed[part - 4] >> 6 << 4);
    *minimum = (uint8_t)(packed[part + 4] >> 4 | packed[part] >> 6 << 4);
  }
}

// d, dmin, 12 bytes of scales and minima, then 4 times 32 bytes whose low halves are one part, the high halves the next:
// y = d scale q - dmin minimum.
RT_VECTOR void rt_from_q4_k(const uint8_t *x, float *y, size_t n) {
  RT_ROUND_EACH
  for (size_t b = 0; b < n / 256; b++, x += 144) {
    float d = rt_half(x), dmin = rt_half(x + 2);
    for (size_t part = 0; part < 8; part++, y += 32) {
      uint8_t scale, minimum;
      rt_six_bits(x + 4, part, &scale, &minimum);
      float by = d * (float)scale, less = dmin * (float)minimum;
      const uint8_t *q = x + 16 + 32 * (part / 2);
      unsigned shift = part % 2 * 4;
      RT_BLOCK
      for (size_t i = 0; i < 32; i++) y[i] = by * (float)(q[i] >> shift & 15) - less;
    }
  }
}

// The same with 32 bytes before q whose bit `part` is the fifth of the value.
RT_VECTOR void rt_from_q5_k(const uint8_t *x, float *y, size_t n) {
  RT_ROUND_EACH
  for (size_t b = 0; b < n / 256; b++, x += 176) {
    float d = rt_half(x), dmin = rt_half(x + 2);
    const uint8_t *high = x + 16;
    for (size_t part = 0; part < 8; part++, y += 32) {
      uint8_t scale, minimum;
      rt_six_bits(x + 4, part, &scale, &minimum);
      float by = d * (float)scale, less = dmin * (float)minimum;
      const uint8_t *q = x + 48 + 32 * (part / 2);
      unsigned shift = part % 2 * 4;
      RT_BLOCK
      for (size_t i = 0; i < 32; i++) {
        y[i] = by * (float)((q[i] >> shift & 15) | (high[i] >> part & 1) << 4) - less;
      }
    }
  }
}

// 128 bytes of low halves, 64 of the two bits above, 16 signed scales of 16 values each, d: y = d scale (q - 32). Of
// each half of 128 values, part p of 32 has its low bits in bytes 32 (p mod 2), the low halves for p < 2.
RT_VECTOR void rt_from_q6_k(const uint8_t *x, float *y, size_t n) {
  RT_ROUND_EACH
  for (size_t b = 0; b < n / 256; b++, x += 210) {
    float d = rt_half(x + 208);
    const int8_t *scales = (const int8_t *)x + 192;
    for (size_t part = 0; part < 8; part++, y += 32) {
      const uint8_t *low = x + 64 * (part / 4) + 32 * (part % 2);
      const uint8_t *high = x + 128 + 32 * (part / 4);
      unsigned lowShift = part % 4 / 2 * 4, highShift = part % 4 * 2;
      float first = d * (float)scales[2 * part], second = d * (float)scales[2 * part + 1];
      RT_BLOCK
      for (size_t i = 0; i < 16; i++) {
        y[i] = first * (float)(((low[i] >> lowShift & 15) | (high[i] >> highShift & 3) << 4) - 32);
      }
      RT_BLOCK
      for (size_t i = 16; i < 32; i++) {
        y[i] = second * (float)(((low[i] >> lowShift & 15) | (high[i] >> highShift & 3) << 4) - 32);
      }
    }
  }
}
