// bfloat16: who has it, and rounding to it.
#include "CKernels.h"
#include "internal.h"

bool rt_multiplies_bfloat16(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

RT_VECTOR void rt_to_bfloat16(const float *x, uint16_t *y, size_t n) {
  RT_EACH
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, x + i, 4);
    // Half of the last bit kept, and that bit, so that a tie goes to the even neighbour. A NaN is kept from rounding up
    // to infinity or past it.
    uint32_t rounded = bits + 0x7fffu + (bits >> 16 & 1u);
    uint32_t isNaN = (bits & 0x7fffffffu) > 0x7f800000u;
    y[i] = (uint16_t)((isNaN ? bits | 0x400000u : rounded) >> 16);
  }
}
