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

  /// In place over x [count]: x ← exp(x − largest).
  /// - Returns: the largest, and the sum of the exponentials.
  /// - Precondition: count ≥ 1.
  public static func exponentials(_ x: MutableFloatPointer, count: Int) -> (largest: Float, sum: Double) {
    precondition(count >= 1, "exponentials of \(count) numbers")
    let result = rt_exponentials(x, count)
    return (result.largest, result.sum)
  }
}
