// Rotary position embedding: pairs of elements turned by an angle of their position.
#include "CKernels.h"
#include "internal.h"

RT_VECTOR void rt_rotate(float *x, size_t xRow, const float *cosines, const float *sines, float direction, size_t rows,
                         size_t heads, size_t half) {
  for (size_t r = 0; r < rows; r++) {
    const float *c = cosines + r * half, *s = sines + r * half;
    for (size_t h = 0; h < heads; h++) {
      RT_CONTRACT
      float *first = x + r * xRow + h * 2 * half, *second = first + half;
      RT_EACH
      for (size_t i = 0; i < half; i++) {
        float a = first[i], b = second[i], sine = direction * s[i];
        first[i] = a * c[i] - b * sine;
        second[i] = b * c[i] + a * sine;
      }
    }
  }
}
