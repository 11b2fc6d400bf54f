// Dropout whose mask is a hash of its place.
#include "CKernels.h"
#include "internal.h"

/// The finaliser of SplitMix64.
RT_INLINE uint64_t mix64(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

RT_VECTOR void rt_dropout(const float *x, float *y, float p, uint64_t key, uint64_t firstRow, size_t rows,
                          size_t cols) {
  if (p <= 0) {
    if (x != y) memcpy(y, x, rows * cols * sizeof(float));
    return;
  }
  float keptScale = 1.0f / (1.0f - p);
  uint32_t threshold = (uint32_t)((double)p * 4294967296.0);
  for (size_t r = 0; r < rows; r++) {
    uint64_t rowKey = mix64(key + (firstRow + r) * 0x9E3779B97F4A7C15ull);
    uint32_t low = (uint32_t)rowKey, high = (uint32_t)(rowKey >> 32);
    const float *in = x + r * cols;
    float *out = y + r * cols;
    RT_EACH_MASKED
    for (size_t c = 0; c < cols; c++) {
      // Two rounds of multiply and shift: the finaliser of MurmurHash3 over (column, row key).
      uint32_t h = (uint32_t)c * 0x9E3779B1u + low;
      h = (h ^ (h >> 16)) * 0x85EBCA6Bu;
      h = (h ^ (h >> 13) ^ high) * 0xC2B2AE35u;
      h ^= h >> 16;
      float value = in[c] * keptScale;
      out[c] = h >= threshold ? value : 0.0f;
    }
  }
}
