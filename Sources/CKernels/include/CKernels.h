// The loops that need the CPU's widest vectors, dispatched at run time by target_clones.
// Every matrix is row-major float32. Every function has a naive twin in Tests/KernelsTests.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// MARK: Bias, sums

/// y[rows, cols] = bias[cols] in every row.
void rt_fill_rows(float *y, const float *bias, size_t rows, size_t cols);
/// y[n] += x[n].
void rt_add(float *y, const float *x, size_t n);
/// y[n] = scale * y[n].
void rt_scale(float *y, float scale, size_t n);
/// out[cols] += the sum of x[rows, cols] over its rows.
void rt_add_column_sums(float *out, const float *x, size_t rows, size_t cols);
/// out[rows, cols] = scale * factor[rows] * x[rows, cols]; a NULL factor is 1. `out` may be `x`.
void rt_scale_rows(float *out, const float *x, const float *factor, float scale, size_t rows, size_t cols);
/// out[rows, cols] += scale * factor[rows] * x[rows, cols]; a NULL factor is 1.
void rt_add_scaled_rows(float *out, const float *x, const float *factor, float scale, size_t rows, size_t cols);
/// out[rows] += scale * sum over columns of x[rows, cols] * y[rows, cols].
void rt_add_row_dots(float *out, const float *x, const float *y, float scale, size_t rows, size_t cols);
/// The sum of squares of x[n], accumulated in double in a fixed order.
double rt_sum_of_squares(const float *x, size_t n);

// MARK: Small products

/// c[m, n] = start + a·b over k terms: a's element (i, p) is a[i * aRow + p * aColumn], so that a may be transposed; b's
/// is b[p * bRow + j]. start's row i is at start + i * startRow: NULL starts from 0, a startRow of 0 from one row
/// (a bias), c with cRow accumulates. No other overlap of c. Any k; for m·n·k too small for a BLAS to pay.
void rt_product(size_t m, size_t n, size_t k, const float *a, size_t aRow, size_t aColumn, const float *b, size_t bRow,
                const float *start, size_t startRow, float *c, size_t cRow);
/// y[cols, yRow] = the transpose of x[rows, cols]; the columns of y from `rows` to the next multiple of 16, which
/// yRow must reach, become 0.
void rt_transpose(const float *x, size_t xRow, float *y, size_t yRow, size_t rows, size_t cols);

// MARK: bfloat16

/// Whether the CPU multiplies bfloat16 faster than float32.
bool rt_multiplies_bfloat16(void);
/// y[n] = x[n] as bfloat16, to the nearest, ties to even.
void rt_to_bfloat16(const float *x, uint16_t *y, size_t n);

// W[k, n] in bfloat16 as the product with it reads it (oneDNN's BA16a64b2a): in panels of 64 columns, one after another;
// of a panel 32 rows at a time; of these, two rows at a time with their values side by side. Padded with 0.

size_t rt_panel_bytes(size_t k, size_t n);
/// w has k rows of n.
void rt_pack_panels(const float *w, size_t k, size_t n, void *packed);
/// w has n rows of k: the transpose of W.
void rt_pack_transposed_panels(const float *w, size_t k, size_t n, void *packed);

// MARK: Stored weights

// y[n] = the n values that are stored at x, of any alignment; little-endian, as the machines are that this runs on.
// n is a multiple of a block's values: 1, 32 (q8_0, q4_0, q4_1) or 256 (q4_k, q5_k, q6_k).
void rt_from_float16(const uint8_t *x, float *y, size_t n);
void rt_from_bfloat16(const uint8_t *x, float *y, size_t n);
void rt_from_q8_0(const uint8_t *x, float *y, size_t n);
void rt_from_q4_0(const uint8_t *x, float *y, size_t n);
void rt_from_q4_1(const uint8_t *x, float *y, size_t n);
void rt_from_q4_k(const uint8_t *x, float *y, size_t n);
void rt_from_q5_k(const uint8_t *x, float *y, size_t n);
void rt_from_q6_k(const uint8_t *x, float *y, size_t n);

// MARK: Activations (dx may be dy)

/// Exact GELU, x * Phi(x), with erf to within 2e-7 absolute.
void rt_gelu_forward(const float *x, float *y, size_t n);
void rt_gelu_backward(const float *x, const float *dy, float *dx, size_t n);
/// The tanh form ("gelu_new", "gelu_pytorch_tanh").
void rt_gelu_tanh_forward(const float *x, float *y, size_t n);
void rt_gelu_tanh_backward(const float *x, const float *dy, float *dx, size_t n);
void rt_relu_forward(const float *x, float *y, size_t n);
void rt_relu_backward(const float *x, const float *dy, float *dx, size_t n);
void rt_tanh_forward(const float *x, float *y, size_t n);
void rt_tanh_backward(const float *x, const float *dy, float *dx, size_t n);

/// The gated form of Llama: out = up * silu(gate), silu(x) = x * sigmoid(x). out may be up or gate.
void rt_gated_silu_forward(const float *gate, const float *up, float *out, size_t n);
/// Writes the gradients of both; dgate may be dout.
void rt_gated_silu_backward(const float *gate, const float *up, const float *dout, float *dgate, float *dup, size_t n);

// MARK: Rotary embedding

/// Turns each pair (i, i + half) of each head of x[rows, heads * 2 * half] by the angle whose cosine and sine are in
/// row r of [rows, half]; direction -1 turns back. Rows of x are xRow apart.
void rt_rotate(float *x, size_t xRow, const float *cosines, const float *sines, float direction, size_t rows,
               size_t heads, size_t half);

// MARK: Softmax

/// In place over each row of x[rows, cols]: x = softmax(scale * x).
void rt_softmax_forward(float *x, float scale, size_t rows, size_t cols);
/// In place over dp: dp = scale * p * (dp - sum(p * dp)), the gradient of the unscaled scores.
void rt_softmax_backward(const float *p, float *dp, float scale, size_t rows, size_t cols);

typedef struct {
  float largest;
  double sum;
} rt_exponential_sum;

/// In place over x[n], n at least 1: x = exp(x - largest). Returns the largest and the sum, in double over blocks.
rt_exponential_sum rt_exponentials(float *x, size_t n);

// MARK: Layer norm

/// For each row: s = x + residual (residual may be NULL); xhat = (s - mean) * rstd; out = gamma * xhat + beta.
/// xhat may be x. The variance is the biased one, computed from the centred values.
void rt_layer_norm_forward(const float *x, const float *residual, const float *gamma, const float *beta, float eps,
                           float *xhat, float *rstd, float *out, size_t rows, size_t cols);
/// dx = rstd * (g - mean(g) - xhat * mean(g * xhat)) with g = dout * gamma. dx may be dout.
void rt_layer_norm_backward(const float *dout, const float *xhat, const float *rstd, const float *gamma, float *dx,
                            size_t rows, size_t cols);

/// For each row: rstd = 1 / sqrt(mean(x^2) + eps); out = gamma * (x * rstd).
void rt_rms_norm_forward(const float *x, const float *gamma, float eps, float *rstd, float *out, size_t rows,
                         size_t cols);
/// dx = rstd * (g - x * rstd^2 * mean(g * x)) with g = dout * gamma. dx may be dout.
void rt_rms_norm_backward(const float *dout, const float *x, const float *rstd, const float *gamma, float *dx,
                          size_t rows, size_t cols);

// MARK: Dropout

/// y = x * keep / (1 - p), where keep is a pure function of (key, firstRow + row, column): a counter-based hash, so
/// the same call on a gradient is the backward pass and no mask is stored. y may be x. 0 <= p < 1.
void rt_dropout(const float *x, float *y, float p, uint64_t key, uint64_t firstRow, size_t rows, size_t cols);

// MARK: Optimizer and sensitivity

typedef struct {
  float learningRate, beta1, beta2, epsilon, weightDecay;
  /// 1 - beta1 and 1 - beta2, rounded from double: the difference of floats would be off by 5e-5.
  float oneMinusBeta1, oneMinusBeta2;
  /// 1 - beta1^t and sqrt(1 - beta2^t), t counted from 1.
  float biasCorrection1, biasCorrection2Sqrt;
  /// What the gradient is multiplied by before it is used (clipping).
  float gradientScale;
  /// AdaLoRA's beta1 and beta2 with their complements, rounded likewise.
  float smoothing, uncertaintySmoothing, oneMinusSmoothing, oneMinusUncertaintySmoothing;
} rt_update_config;

typedef struct {
  /// Sums over the row of I = |w g|, of the smoothed sensitivity, of the uncertainty and of their product.
  float sensitivity, smoothed, uncertainty, product;
} rt_sensitivity_sums;

// With I = |w g|: ibar = beta1 ibar + (1 - beta1) I; ubar = beta2 ubar + (1 - beta2) |I - ibar|. No two arrays overlap.

/// One AdamW step with decoupled weight decay, in the order of torch.optim.AdamW.
void rt_update(float *w, const float *g, float *m, float *v, size_t n, const rt_update_config *config);
/// The same, and the sensitivities of the new weights; the row's sums.
rt_sensitivity_sums rt_update_sensing_after(float *w, const float *g, float *m, float *v, float *ibar, float *ubar,
                                            size_t n, const rt_update_config *config);
/// The same of the old weights.
rt_sensitivity_sums rt_update_sensing_before(float *w, const float *g, float *m, float *v, float *ibar, float *ubar,
                                             size_t n, const rt_update_config *config);
/// The sensitivities alone.
rt_sensitivity_sums rt_sense(float *w, const float *g, float *ibar, float *ubar, size_t n,
                             const rt_update_config *config);

#endif
