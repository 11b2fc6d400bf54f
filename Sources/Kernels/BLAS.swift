// Matrix products, by OpenBLAS. The one file that imports it.

import COpenBLAS

/// Whether an operand is used as it lies in memory or transposed.
public enum Transpose: Sendable { case no, yes }

public enum BLAS {
  /// C = α·op(A)·op(B) + β·C on row-major matrices: op(A) is m×k, op(B) is k×n, C is m×n. Each leading dimension is
  /// the length of a stored row.
  @inline(__always)
  public static func multiply(
    _ m: Int, _ n: Int, _ k: Int,
    alpha: Float = 1, _ a: FloatPointer, _ transposeA: Transpose, lda: Int,
    _ b: FloatPointer, _ transposeB: Transpose, ldb: Int,
    beta: Float = 0, _ c: MutableFloatPointer, ldc: Int
  ) {
    guard m > 0, n > 0 else { return }
    cblas_sgemm(
      CblasRowMajor, transposeA == .no ? CblasNoTrans : CblasTrans, transposeB == .no ? CblasNoTrans : CblasTrans,
      blasint(m), blasint(n), blasint(k), alpha, a, blasint(max(lda, 1)), b, blasint(max(ldb, 1)), beta, c,
      blasint(max(ldc, 1)))
  }

  /// Makes OpenBLAS single-threaded: the workers that call it are the parallelism, and its own threads would wait for
  /// each other. Whatever multiplies calls it first; only the first call does anything.
  public static func useOneThread() { _ = isSingleThreaded }

  private static let isSingleThreaded: Bool = {
    openblas_set_num_threads(1)
    return true
  }()

  /// The core that OpenBLAS chose its kernels for, such as "Haswell".
  public static var coreName: String { String(cString: openblas_get_corename()) }

  /// OpenBLAS's own description of its build, with its version. Asked for once: OpenBLAS composes it in a buffer that
  /// all threads share.
  public static let configuration = String(cString: openblas_get_config())
}
