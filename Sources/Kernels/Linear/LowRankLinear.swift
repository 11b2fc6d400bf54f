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
  private let live: LiveTriplets

  public init(
    base: FrozenLinear, block: ParameterBlock, layout: LowRankLayout, scale: Float, dropout: Float, slot: Int,
    live: LiveTriplets
  ) {
    self.base = base
    self.block = block
    self.layout = layout
    self.scale = scale
    self.dropout = dropout
    self.slot = slot
    self.live = live
  }

  public var name: String { base.name }
  public var outputSize: Int { base.outputSize }
  public var inputSize: Int { base.inputSize }
  public var isTrainable: Bool { true }

  private var p: MutableFloatPointer { block.weights + layout.pOffset }
  private var q: MutableFloatPointer { block.weights + layout.qOffset }
  private var lambda: MutableFloatPointer? { layout.lambdaOffset.map { block.weights + $0 } }

  /// Floats of scratch that forward and backward of `rows` rows take, beyond the x·Qᵀ that stays between them.
  public func scratchFloats(rows: Int) -> Int {
    let rank = layout.rank
    let padded = SmallProduct.padded(rank)
    return padded * (rows + max(inputSize, outputSize)) + 2 * rank * (outputSize + inputSize)
      + (dropout > 0 ? rows * inputSize : 0) + 7 * SmallProduct.lanes
  }

  /// Floats that stay between forward and backward of `rows` rows.
  public func savedFloats(rows: Int) -> Int { rows * SmallProduct.padded(layout.rank) }

  /// s·Λ·Pᵀ (s·Pᵀ where there is no λ) of the live triplets, [live, d₁], in the arena.
  private func scaledP(_ arena: Arena) -> MutableFloatPointer {
    let scaled = arena.take(live.count * outputSize)
    var row = 0
    for run in live.runs {
      Elementwise.scaleRows(
        p + run.lowerBound * outputSize, by: lambda.map { $0 + run.lowerBound }, scale: scale,
        into: scaled + row * outputSize, rows: run.count, columns: outputSize)
      row += run.count
    }
    return scaled
  }

  /// Q of the live triplets, [live, d₂]: where it lies if they lie together, else in the arena.
  private func liveQ(_ arena: Arena) -> MutableFloatPointer {
    if live.runs.count == 1 { return q + live.runs[0].lowerBound * inputSize }
    let rows = arena.take(live.count * inputSize)
    var row = 0
    for run in live.runs {
      (rows + row * inputSize).update(from: q + run.lowerBound * inputSize, count: run.count * inputSize)
      row += run.count
    }
    return rows
  }

  public func forward(_ x: FloatPointer, into y: MutableFloatPointer, rows: Int, _ workspace: Workspace) {
    let rank = live.count
    guard rank > 0 else { return base.forward(x, into: y, rows: rows, workspace) }
    workspace.clock?.begin(.adapter, flops: 2 * rows * rank * (inputSize + outputSize))
    let arena = workspace.arena
    let padded = SmallProduct.padded(rank)
    let h = arena.take(savedFloats(rows: rows))
    workspace.saved[slot] = h
    let mark = arena.mark
    var path = x
    let drop = workspace.dropout(dropout, site: Self.firstSite + slot)
    if drop.probability > 0 {
      let dropped = arena.take(rows * inputSize)
      drop.apply(x, into: dropped, at: workspace.batchRows, rows: rows, columns: inputSize)
      path = FloatPointer(dropped)
    }
    let factor = arena.take(inputSize * padded)
    SmallProduct.transpose(liveQ(arena), ldx: inputSize, into: factor, rows: rank, columns: inputSize)
    SmallProduct.multiply(rows, padded, inputSize, path, lda: inputSize, factor, ldb: padded, h, ldc: padded)
    SmallProduct.multiply(
      rows, outputSize, rank, h, lda: padded, scaledP(arena), ldb: outputSize,
      start: base.bias.map { .row($0.base) } ?? .zero, y, ldc: outputSize)
    base.weight.apply(x, into: y, rows: rows, accumulate: true, workspace)
    arena.release(to: mark)
  }

  /// With M = hᵀ·dy and g = dy·(s·Λ·Pᵀ)ᵀ: dλ = s·Σ M∘Pᵀ, dPᵀ = s·Λ·M, dQ = gᵀ·x, dx = dy·W + g·Q.
  public func backward(
    _ dy: FloatPointer, input x: FloatPointer, into dx: MutableFloatPointer?, accumulate: Bool, rows: Int,
    _ workspace: Workspace
  ) {
    let rank = live.count
    guard rank > 0, rows > 0 else {
      return base.backward(dy, input: x, into: dx, accumulate: accumulate, rows: rows, workspace)
    }
    guard let h = workspace.saved[slot] else { preconditionFailure("\(name): backward before forward") }
    let inputFlops = (dx == nil ? 2 : 4) * rows * rank * inputSize
    workspace.clock?.begin(.adapter, flops: 4 * rows * rank * outputSize + inputFlops)
    let arena = workspace.arena
    let padded = SmallProduct.padded(rank)
    let mark = arena.mark
    let m = arena.take(rank * outputSize)
    let factor = arena.take(outputSize * padded)
    let g = arena.take(rows * padded)
    SmallProduct.transpose(scaledP(arena), ldx: outputSize, into: factor, rows: rank, columns: outputSize)
    // By blocks of rows, so that dy is still near when it is read again.
    let block = max(48, Self.blockFloats / outputSize / 48 * 48)
    for row in stride(from: 0, to: rows, by: block) {
      let count = min(block, rows - row)
      let part = dy + row * outputSize
      SmallProduct.multiply(
        rank, outputSize, count, h + row * padded, .yes, lda: padded, part, ldb: outputSize,
        start: row == 0 ? .zero : .output, m, ldc: outputSize)
      SmallProduct.multiply(
        count, padded, outputSize, part, lda: outputSize, factor, ldb: padded, g + row * padded, ldc: padded)
    }
    addOutputProducts(m, workspace)
    addInputProducts(g, x, into: dx, accumulate: accumulate, rows: rows, workspace)
    if let dx { base.weight.applyTransposed(dy, into: dx, rows: rows, accumulate: true, workspace) }
    arena.release(to: mark)
  }

  /// dλ ← dλ + s·Σ M∘Pᵀ and dPᵀ ← dPᵀ + s·Λ·M; M is [live, d₁].
  private func addOutputProducts(_ m: FloatPointer, _ workspace: Workspace) {
    var row = 0
    for run in live.runs {
      let m = m + row * outputSize
      let start = run.lowerBound * outputSize
      if let offset = layout.lambdaOffset {
        Elementwise.addRowDots(
          workspace.gradients + offset + run.lowerBound, m, p + start, scale: scale, rows: run.count,
          columns: outputSize)
      }
      Elementwise.addScaledRows(
        workspace.gradients + layout.pOffset + start, m, by: lambda.map { $0 + run.lowerBound }, scale: scale,
        rows: run.count, columns: outputSize)
      row += run.count
    }
  }

  /// dQ ← dQ + gᵀ·x; g is [rows, live].
  private func addToQ(_ g: FloatPointer, _ x: FloatPointer, rows: Int, _ workspace: Workspace) {
    let gradient = workspace.gradients + layout.qOffset
    let padded = SmallProduct.padded(live.count)
    if live.runs.count == 1 {
      return SmallProduct.multiply(
        live.count, inputSize, rows, g, .yes, lda: padded, x, ldb: inputSize, start: .output,
        gradient + live.runs[0].lowerBound * inputSize, ldc: inputSize)
    }
    let mark = workspace.arena.mark
    let sum = workspace.arena.take(live.count * inputSize)
    SmallProduct.multiply(
      live.count, inputSize, rows, g, .yes, lda: padded, x, ldb: inputSize, sum, ldc: inputSize)
    var row = 0
    for run in live.runs {
      Elementwise.add(
        gradient + run.lowerBound * inputSize, sum + row * inputSize, count: run.count * inputSize)
      row += run.count
    }
    workspace.arena.release(to: mark)
  }

  /// dQ ← dQ + gᵀ·x̃ and the path's share of dx, where x̃ is x under the path's dropout.
  private func addInputProducts(
    _ g: FloatPointer, _ x: FloatPointer, into dx: MutableFloatPointer?, accumulate: Bool, rows: Int,
    _ workspace: Workspace
  ) {
    let rank = live.count
    let padded = SmallProduct.padded(rank)
    let drop = workspace.dropout(dropout, site: Self.firstSite + slot)
    var path = x
    var dropped: MutableFloatPointer?
    if drop.probability > 0 {
      let copy = workspace.arena.take(rows * inputSize)
      drop.apply(x, into: copy, at: workspace.batchRows, rows: rows, columns: inputSize)
      path = FloatPointer(copy)
      dropped = copy
    }
    addToQ(g, path, rows: rows, workspace)
    guard let dx else { return }
    let q = liveQ(workspace.arena)
    guard let dropped else {
      return SmallProduct.multiply(
        rows, inputSize, rank, g, lda: padded, q, ldb: inputSize, start: accumulate ? .output : .zero, dx,
        ldc: inputSize)
    }
    // The mask of x on the path's share.
    SmallProduct.multiply(rows, inputSize, rank, g, lda: padded, q, ldb: inputSize, dropped, ldc: inputSize)
    drop.apply(dropped, into: accumulate ? dropped : dx, at: workspace.batchRows, rows: rows, columns: inputSize)
    if accumulate { Elementwise.add(dx, dropped, count: rows * inputSize) }
  }

  /// What stays in the second cache.
  private static let blockFloats = 1 << 17
  /// Adapters' dropout sites are numbered apart from the model's own.
  private static let firstSite = 1 << 20
}
