// Layer normalisation of (x + residual), with frozen gain and bias.

import CKernels

public enum LayerNorm {
  /// out = γ·x̂ + β with x̂ = (x + residual − mean)/√(variance + ε), row by row over [rows, columns].
  /// `normalized` receives x̂ and may be `x`; `rstd` receives one value a row.
  public static func forward(
    _ x: FloatPointer, residual: FloatPointer?, gain: FloatPointer, bias: FloatPointer, epsilon: Float,
    normalized: MutableFloatPointer, rstd: MutableFloatPointer, into out: MutableFloatPointer, rows: Int, columns: Int
  ) {
    rt_layer_norm_forward(x, residual, gain, bias, epsilon, normalized, rstd, out, rows, columns)
  }

  /// The gradient of x (and of the residual: they are the same). `dx` may be `dout`.
  public static func backward(
    _ dout: FloatPointer, normalized: FloatPointer, rstd: FloatPointer, gain: FloatPointer,
    into dx: MutableFloatPointer, rows: Int, columns: Int
  ) {
    rt_layer_norm_backward(dout, normalized, rstd, gain, dx, rows, columns)
  }
}
