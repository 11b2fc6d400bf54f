// A frozen linear layer with a low-rank path beside it.

/// Where the factors of one low-rank path lie in a parameter block, in floats.
///
/// P is stored transposed, so that a triplet is one row of Pᵀ [r, d₁], one λ and one row of Q [r, d₂], each contiguous.
public struct LowRankLayout: Codable, Sendable, Equatable {
  /// r.
  public var rank: Int
  public var pOffset: Int
  public var qOffset: Int
  /// Absent where the path has no λ (LoRA).
  public var lambdaOffset: Int?

  public init(rank: Int, pOffset: Int, qOffset: Int, lambdaOffset: Int?) {
    self.rank = rank
    self.pOffset = pOffset
    self.qOffset = qOffset
    self.lambdaOffset = lambdaOffset
  }
}

/// y = x·Wᵀ + b + s·P(Λ(Q·x)): equation 3 of the AdaLoRA paper with scale s; with no λ it is LoRA's s·B(A·x).
public final class LowRankLinear: LinearLayer {
  public let base: FrozenLinear
  public let layout: LowRankLayout
  /// s: α/(r₀ + 1e-5) for AdaLoRA, α/r for LoRA.
  public let scale: Float
  /// Of x on the low-rank path alone.
  public let dropout: Float
  private let block: ParameterBlock
  /// The layer's number among the low-rank layers that share workspaces.
  private let slot: Int

  public init(
    base: FrozenLinear, block: ParameterBlock, layout: LowRankLayout, scale: Float, dropout: Float, slot: Int
  ) {
    self.base = base
    self.block = block
    self.layout = layout
    self.scale = scale
    self.dropout = dropout
    self.slot = slot
  }

  public var name: String { base.name }
  public var outputSize: Int { base.outputSize }
  public var inputSize: Int { base.inputSize }
  public var isTrainable: Bool { true }

  private var p: MutableFloatPointer { block.weights + layout.pOffset }
  private var q: MutableFloatPointer { block.weights + layout.qOffset }
  private var lambda: MutableFloatPointer? { layout.lambdaOffset.map { block.weights + $0 } }

  /// Writes s·λ∘h (s·h where there is no λ) to `out`, both [rows, r].
  private func scaleByLambda(_ h: FloatPointer, into out: MutableFloatPointer, rows: Int) {
    let rank = layout.rank
    if let lambda {
      Elementwise.scaleColumns(h, by: lambda, scale: scale, into: out, rows: rows, columns: rank)
    } else {
      out.update(from: h, count: rows * rank)
      Elementwise.scale(out, by: scale, count: rows * rank)
    }
  }

  public func forward(_ x: FloatPointer, into y: MutableFloatPointer, rows: Int, _ workspace: Workspace) {
    base.forward(x, into: y, rows: rows, workspace)
    let rank = layout.rank
    guard rank > 0 else { return }
    let h = workspace.arena.take(rows * rank)
    workspace.saved[slot] = h
    let mark = workspace.arena.mark
    var path = x
    let drop = workspace.dropout(dropout, site: Self.firstSite + slot)
    if drop.probability > 0 {
      let dropped = workspace.arena.take(rows * inputSize)
      drop.apply(x, into: dropped, firstRow: workspace.firstRow, rows: rows, columns: inputSize)
      path = FloatPointer(dropped)
    }
    BLAS.multiply(rows, rank, inputSize, path, .no, lda: inputSize, q, .yes, ldb: inputSize, h, ldc: rank)
    let scaled = workspace.arena.take(rows * rank)
    scaleByLambda(h, into: scaled, rows: rows)
    BLAS.multiply(rows, outputSize, rank, scaled, .no, lda: rank, p, .no, ldb: outputSize, beta: 1, y, ldc: outputSize)
    workspace.arena.release(to: mark)
  }

  /// With g = dy·P: dλ = s·Σ h∘g, dPᵀ = (s·λ∘h)ᵀ·dy, dQ = (s·λ∘g)ᵀ·x, dx = dy·W + (s·λ∘g)·Q.
  public func backward(
    _ dy: FloatPointer, input x: FloatPointer, into dx: MutableFloatPointer?, accumulate: Bool, rows: Int,
    _ workspace: Workspace
  ) {
    base.backward(dy, input: x, into: dx, accumulate: accumulate, rows: rows, workspace)
    let rank = layout.rank
    guard rank > 0 else { return }
    guard let h = workspace.saved[slot] else { preconditionFailure("\(name): backward before forward") }
    let arena = workspace.arena
    let mark = arena.mark
    let g = arena.take(rows * rank)
    let scaled = arena.take(rows * rank)
    BLAS.multiply(rows, rank, outputSize, dy, .no, lda: outputSize, p, .yes, ldb: outputSize, g, ldc: rank)
    if let offset = layout.lambdaOffset {
      Elementwise.addColumnDots(workspace.gradients + offset, h, g, scale: scale, rows: rows, columns: rank)
    }
    scaleByLambda(h, into: scaled, rows: rows)
    BLAS.multiply(
      rank, outputSize, rows, scaled, .yes, lda: rank, dy, .no, ldb: outputSize, beta: 1,
      workspace.gradients + layout.pOffset, ldc: outputSize)
    scaleByLambda(g, into: scaled, rows: rows)
    let drop = workspace.dropout(dropout, site: Self.firstSite + slot)
    guard drop.probability > 0 else {
      addInputProducts(scaled, x, into: dx, rows: rows, workspace)
      arena.release(to: mark)
      return
    }
    // The same mask on x and on the path's share of dx.
    let dropped = arena.take(rows * inputSize)
    drop.apply(x, into: dropped, firstRow: workspace.firstRow, rows: rows, columns: inputSize)
    addInputProducts(scaled, dropped, into: nil, rows: rows, workspace)
    if let dx {
      BLAS.multiply(rows, inputSize, rank, scaled, .no, lda: rank, q, .no, ldb: inputSize, dropped, ldc: inputSize)
      drop.apply(dropped, into: dropped, firstRow: workspace.firstRow, rows: rows, columns: inputSize)
      Elementwise.add(dx, dropped, count: rows * inputSize)
    }
    arena.release(to: mark)
  }

  private func addInputProducts(
    _ scaled: FloatPointer, _ x: FloatPointer, into dx: MutableFloatPointer?, rows: Int, _ workspace: Workspace
  ) {
    let rank = layout.rank
    BLAS.multiply(
      rank, inputSize, rows, scaled, .yes, lda: rank, x, .no, ldb: inputSize, beta: 1,
      workspace.gradients + layout.qOffset, ldc: inputSize)
    guard let dx else { return }
    BLAS.multiply(rows, inputSize, rank, scaled, .no, lda: rank, q, .no, ldb: inputSize, beta: 1, dx, ldc: inputSize)
  }

  /// Adapters' dropout sites are numbered apart from the model's own.
  private static let firstSite = 1 << 20
}
