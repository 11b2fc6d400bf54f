// Root-mean-square normalisation, with a frozen gain.

import CKernels

public enum RMSNorm {
  /// out = γ·x/√(mean x² + ε), row by row over [rows, columns]; `rstd` receives one value a row.
  public static func forward(
    _ x: FloatPointer, gain: FloatPointer, epsilon: Float, rstd: MutableFloatPointer, into out: MutableFloatPointer,
    rows: Int, columns: Int
  ) {
    rt_rms_norm_forward(x, gain, epsilon, rstd, out, rows, columns)
  }

  /// The gradient of x, from forward's input. `dx` may be `dout`.
  public static func backward(
    _ dout: FloatPointer, input x: FloatPointer, rstd: FloatPointer, gain: FloatPointer,
    into dx: MutableFloatPointer, rows: Int, columns: Int
  ) {
    rt_rms_norm_backward(dout, x, rstd, gain, dx, rows, columns)
  }
}
