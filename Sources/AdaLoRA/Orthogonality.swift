// The regulariser R that keeps P and Q near orthogonal, with its gradient.

import Kernels

/// R over all adapters: the mean over all P and Q of ‖PᵀP − I‖_F and ‖QQᵀ − I‖_F (`peft`, `loralib`), or the sum over
/// modules of both squared (`paper`, equation 4).
public struct OrthogonalityRegularizer: Sendable {
  public let dialect: Dialect

  public init(dialect: Dialect = .peft) { self.dialect = dialect }

  /// Adds γ·∂R/∂P and γ·∂R/∂Q of one adapter to `gradients` (laid out like the store's block).
  /// - Parameter scratch: at least r² floats.
  /// - Returns: the adapter's share of R.
  public func addGradient(
    _ store: AdapterStore, adapter index: Int, weight: Float, to gradients: MutableFloatPointer,
    scratch: MutableFloatPointer
  ) -> Double {
    let adapter = store.adapters[index]
    let layout = adapter.layout
    let p = term(
      store.block.weights + layout.pOffset, rank: layout.rank, columns: adapter.outputSize,
      count: 2 * store.adapters.count, weight: weight, gradient: gradients + layout.pOffset, scratch: scratch)
    let q = term(
      store.block.weights + layout.qOffset, rank: layout.rank, columns: adapter.inputSize,
      count: 2 * store.adapters.count, weight: weight, gradient: gradients + layout.qOffset, scratch: scratch)
    return p + q
  }

  /// One factor F [r, columns]: A = F·Fᵀ − I; ∂‖A‖/∂F = 2·A·F/‖A‖ (0 at ‖A‖ = 0), ∂‖A‖²/∂F = 4·A·F.
  private func term(
    _ factor: FloatPointer, rank: Int, columns: Int, count: Int, weight: Float, gradient: MutableFloatPointer,
    scratch a: MutableFloatPointer
  ) -> Double {
    let square = Self.residual(factor, rank: rank, columns: columns, into: a)
    let norm = square.squareRoot()
    let share: Double
    let coefficient: Double
    switch dialect {
    case .peft, .loralib:
      share = norm / Double(count)
      coefficient = norm > 0 ? 2 / norm / Double(count) : 0
    case .paper:
      share = square
      coefficient = 4
    }
    if weight != 0 && coefficient != 0 {
      BLAS.multiply(
        rank, columns, rank, alpha: weight * Float(coefficient), a, .no, lda: rank, factor, .no, ldb: columns, beta: 1,
        gradient, ldc: columns)
    }
    return share
  }

  /// F·Fᵀ − I of a factor F [r, columns], r² floats.
  /// - Returns: the square of its Frobenius norm.
  private static func residual(
    _ factor: FloatPointer, rank: Int, columns: Int, into a: MutableFloatPointer
  ) -> Double {
    BLAS.multiply(rank, rank, columns, factor, .no, lda: columns, factor, .yes, ldb: columns, a, ldc: rank)
    for i in 0..<rank { a[i * rank + i] -= 1 }
    return Elementwise.sumOfSquares(a, count: rank * rank)
  }

  /// ‖PᵀP − I‖_F and ‖QQᵀ − I‖_F of each adapter, in the store's order: two numbers an adapter. Reads only.
  public static func norms(_ store: AdapterStore) -> [Float] {
    let largest = store.adapters.map(\.layout.rank).max() ?? 0
    let scratch = Buffer(count: largest * largest)
    return store.adapters.flatMap { adapter in
      let layout = adapter.layout
      return [(layout.pOffset, adapter.outputSize), (layout.qOffset, adapter.inputSize)].map { offset, columns in
        let factor = FloatPointer(store.block.weights + offset)
        return Float(residual(factor, rank: layout.rank, columns: columns, into: scratch.base).squareRoot())
      }
    }
  }
}

extension AdapterStore {
  /// Adds γ·∂R/∂w to the gradients, for loops that run on one thread.
  /// - Parameter weight: γ.
  /// - Returns: R, without γ.
  @discardableResult
  public func orthogonalityRegularization(weight: Float, dialect: Dialect = .peft) -> Double {
    let scratch = Buffer(count: (adapters.map(\.layout.rank).max() ?? 0) * (adapters.map(\.layout.rank).max() ?? 0))
    let regularizer = OrthogonalityRegularizer(dialect: dialect)
    return adapters.indices.reduce(0) {
      $0 + regularizer.addGradient(self, adapter: $1, weight: weight, to: block.gradients, scratch: scratch.base)
    }
  }
}
