// Products of small or narrow matrices: a low-rank path's, an attention head's. Large ones go to `BLAS`.

import CKernels

public enum SmallProduct {
  /// Rows are as long as a multiple of this where they are read whole.
  public static let lanes = 16

  /// `columns` rounded up to whole vectors.
  @inline(__always)
  public static func padded(_ columns: Int) -> Int { (columns + lanes - 1) & ~(lanes - 1) }

  /// What a product is added to.
  public enum Start {
    case zero
    /// What lies in C already.
    case output
    /// One row, the same for every row of C.
    case row(FloatPointer)
  }

  /// C = start + op(A)·B on row-major matrices: op(A) is m×k, B is k×n, C is m×n. Each leading dimension is the length
  /// of a stored row. Nothing past a matrix's columns is read or written.
  @inline(__always)
  public static func multiply(
    _ m: Int, _ n: Int, _ k: Int, _ a: FloatPointer, _ transposeA: Transpose = .no, lda: Int, _ b: FloatPointer,
    ldb: Int, start: Start = .zero, _ c: MutableFloatPointer, ldc: Int
  ) {
    let (row, column) = transposeA == .no ? (lda, 1) : (1, lda)
    switch start {
    case .zero: rt_product(m, n, k, a, row, column, b, ldb, nil, 0, c, ldc)
    case .output: rt_product(m, n, k, a, row, column, b, ldb, c, ldc, c, ldc)
    case .row(let start): rt_product(m, n, k, a, row, column, b, ldb, start, 0, c, ldc)
    }
  }

  /// y [columns, padded(rows)] becomes the transpose of x [rows, columns], its padding 0.
  @inline(__always)
  public static func transpose(
    _ x: FloatPointer, ldx: Int, into y: MutableFloatPointer, rows: Int, columns: Int
  ) {
    rt_transpose(x, ldx, y, padded(rows), rows, columns)
  }
}
