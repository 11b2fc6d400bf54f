// Sums, scalings and copies over whole vectors or over rows.

import CKernels

public enum Elementwise {
  /// y ← y + x.
  public static func add(_ y: MutableFloatPointer, _ x: FloatPointer, count: Int) { rt_add(y, x, count) }

  /// y ← scale·y.
  public static func scale(_ y: MutableFloatPointer, by scale: Float, count: Int) { rt_scale(y, scale, count) }

  /// Σ x², accumulated in double in a fixed order.
  public static func sumOfSquares(_ x: FloatPointer, count: Int) -> Double { rt_sum_of_squares(x, count) }

  /// Every row of y [rows, columns] becomes `row`.
  public static func fillRows(_ y: MutableFloatPointer, with row: FloatPointer, rows: Int, columns: Int) {
    rt_fill_rows(y, row, rows, columns)
  }

  /// out [columns] ← out + the sum of x's rows.
  public static func addColumnSums(_ out: MutableFloatPointer, _ x: FloatPointer, rows: Int, columns: Int) {
    rt_add_column_sums(out, x, rows, columns)
  }

  /// Row i of out ← scale · factor[i] · row i of x; without a factor it is 1. `out` may be `x`.
  public static func scaleRows(
    _ x: FloatPointer, by factor: FloatPointer?, scale: Float, into out: MutableFloatPointer, rows: Int, columns: Int
  ) {
    rt_scale_rows(out, x, factor, scale, rows, columns)
  }

  /// Row i of out ← itself + scale · factor[i] · row i of x; without a factor it is 1.
  public static func addScaledRows(
    _ out: MutableFloatPointer, _ x: FloatPointer, by factor: FloatPointer?, scale: Float, rows: Int, columns: Int
  ) {
    rt_add_scaled_rows(out, x, factor, scale, rows, columns)
  }

  /// out [rows] ← out + scale · the sum over columns of x·y.
  public static func addRowDots(
    _ out: MutableFloatPointer, _ x: FloatPointer, _ y: FloatPointer, scale: Float, rows: Int, columns: Int
  ) {
    rt_add_row_dots(out, x, y, scale, rows, columns)
  }
}
