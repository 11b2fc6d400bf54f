// Softmax over rows.

import CKernels

public enum Softmax {
  /// In place over each row of [rows, columns]: x ← softmax(scale·x).
  public static func forward(_ x: MutableFloatPointer, scale: Float, rows: Int, columns: Int) {
    rt_softmax_forward(x, scale, rows, columns)
  }

  /// In place: dp ← scale·p·(dp − Σ p·dp), the gradient of the scores before `scale`.
  public static func backward(_ p: FloatPointer, _ dp: MutableFloatPointer, scale: Float, rows: Int, columns: Int) {
    rt_softmax_backward(p, dp, scale, rows, columns)
  }
}
