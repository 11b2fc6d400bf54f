// One worker's run of a BERT: forward, then backward, over packed sequences.

import Kernels

/// Activations that backward needs are kept in the arena. Every dropout site has a number of its own.
///
/// The pooler reads each sequence's first token alone, so of the last layer only keys and values are computed for every
/// row, the rest for first tokens; where a tap listens, which wants every module's whole output, all of it is.
final class BertPass: ForwardPass {
  private let model: BertModel
  private let workspace: Workspace
  private let d: Int
  private let f: Int
  /// One a layer; pointers into the arena, set anew by each forward.
  private var layers: [LayerState]
  private var batch: PackedBatch?
  private var sequences = 0..<0
  private var rows = 0
  /// Whether the last layer computes first tokens alone.
  private var isPooledOnly = false
  private var pooledInput: MutableFloatPointer?
  private var pooledOutput: MutableFloatPointer?
  private var headInput: MutableFloatPointer?

  private struct LayerState {
    /// Rows of all but input, k and v.
    var rows: Int
    /// What attention's keys and values, and what its queries and the residual path, are computed from: the same
    /// unless the layer computes first tokens alone.
    var input, top: MutableFloatPointer
    var q, k, v, probabilities, context: MutableFloatPointer
    /// x̂ and 1/σ of the norm after attention, and its output.
    var attentionNormalized, attentionDeviation, attended: MutableFloatPointer
    /// The feed-forward block before and after its activation.
    var inner, activated: MutableFloatPointer
    var outputNormalized, outputDeviation, output: MutableFloatPointer
  }

  init(_ model: BertModel, _ workspace: Workspace) {
    self.model = model
    self.workspace = workspace
    d = model.config.hiddenSize
    f = model.config.intermediateSize
    layers = []
    layers.reserveCapacity(model.config.hiddenLayers)
  }

  // MARK: Forward

  func forward(_ batch: PackedBatch, _ sequences: Range<Int>) -> MutableFloatPointer {
    self.batch = batch
    self.sequences = sequences
    rows = batch.rows(sequences)
    isPooledOnly = workspace.tap == nil
    workspace.batchRows = allRows
    workspace.arena.reset()
    layers.removeAll(keepingCapacity: true)
    var hidden = embed(batch)
    for l in model.layers.indices { hidden = forward(layer: l, hidden, batch) }
    return classify(hidden, batch)
  }

  private func embed(_ batch: PackedBatch) -> MutableFloatPointer {
    workspace.clock?.begin(.embedding)
    let arena = workspace.arena
    let tables = model.embeddings
    let out = arena.take(rows * d)
    let mark = arena.mark
    let sum = arena.take(rows * d)
    let deviation = arena.take(rows)
    let first = firstRow
    for s in sequences {
      let start = Int(batch.offsets[s])
      for row in start..<Int(batch.offsets[s + 1]) {
        let target = sum + (row - first) * d
        target.update(from: tables.word.base + Int(batch.tokenIDs[row]) * d, count: d)
        Elementwise.add(target, tables.tokenType.base + Int(batch.typeIDs[row]) * d, count: d)
        Elementwise.add(target, tables.position.base + (row - start) * d, count: d)
      }
    }
    LayerNorm.forward(
      sum, residual: nil, gain: tables.norm.gain.base, bias: tables.norm.bias.base,
      epsilon: model.config.layerNormEpsilon, normalized: sum, rstd: deviation, into: out, rows: rows, columns: d)
    drop(model.config.hiddenDropout, site: 0, out, into: out, rows: rows)
    arena.release(to: mark)
    return out
  }

  private func forward(layer l: Int, _ input: MutableFloatPointer, _ batch: PackedBatch) -> MutableFloatPointer {
    let arena = workspace.arena
    let config = model.config
    let layer = model.layers[l]
    let attention = attentionLayout(l, batch)
    let isWhole = attention.queries == .all
    let n = isWhole ? rows : sequences.count
    let state = LayerState(
      rows: n, input: input, top: isWhole ? input : arena.take(n * d), q: arena.take(n * d), k: arena.take(rows * d),
      v: arena.take(rows * d), probabilities: arena.take(model.attention.probabilityCount(attention)),
      context: arena.take(n * d), attentionNormalized: arena.take(n * d), attentionDeviation: arena.take(n),
      attended: arena.take(n * d), inner: arena.take(n * f), activated: arena.take(n * f),
      outputNormalized: arena.take(n * d), outputDeviation: arena.take(n), output: arena.take(n * d))
    layers.append(state)
    let first = 6 * l
    apply(first + 1, input, into: state.k, rows: rows)
    apply(first + 2, input, into: state.v, rows: rows)
    if !isWhole {
      gatherFirstTokens(of: input, into: state.top, batch)
      workspace.batchRows = .each(attention.offsets)
    }
    apply(first, state.top, into: state.q, rows: n)
    workspace.clock?.begin(.attention, flops: attentionFlops(attention, products: 2))
    model.attention.forward(
      state.q, state.k, state.v, probabilities: state.probabilities, into: state.context, attention,
      dropout: workspace.dropout(config.attentionDropout, site: site(l, 0)), arena: arena)
    apply(first + 3, state.context, into: state.attentionNormalized, rows: n)
    drop(config.hiddenDropout, site: site(l, 1), state.attentionNormalized, into: state.attentionNormalized, rows: n)
    workspace.clock?.begin(.layerNorm)
    LayerNorm.forward(
      state.attentionNormalized, residual: state.top, gain: layer.attentionNorm.gain.base,
      bias: layer.attentionNorm.bias.base, epsilon: config.layerNormEpsilon, normalized: state.attentionNormalized,
      rstd: state.attentionDeviation, into: state.attended, rows: n, columns: d)
    apply(first + 4, state.attended, into: state.inner, rows: n)
    workspace.clock?.begin(.activation)
    config.activation.forward(state.inner, into: state.activated, count: n * f)
    apply(first + 5, state.activated, into: state.outputNormalized, rows: n)
    drop(config.hiddenDropout, site: site(l, 2), state.outputNormalized, into: state.outputNormalized, rows: n)
    workspace.clock?.begin(.layerNorm)
    LayerNorm.forward(
      state.outputNormalized, residual: state.attended, gain: layer.outputNorm.gain.base,
      bias: layer.outputNorm.bias.base, epsilon: config.layerNormEpsilon, normalized: state.outputNormalized,
      rstd: state.outputDeviation, into: state.output, rows: n, columns: d)
    workspace.batchRows = allRows
    return state.output
  }

  /// Pooler over each sequence's first token, tanh, dropout, head.
  private func classify(_ hidden: MutableFloatPointer, _ batch: PackedBatch) -> MutableFloatPointer {
    let arena = workspace.arena
    let count = sequences.count
    let first = isPooledOnly ? hidden : arena.take(count * d)
    let pooled = arena.take(count * d)
    let input = arena.take(count * d)
    if !isPooledOnly { gatherFirstTokens(of: hidden, into: first, batch) }
    applyPooler(first, into: pooled, count: count)
    workspace.clock?.begin(.head)
    Tanh.forward(pooled, into: pooled, count: count * d)
    headDropout.apply(pooled, into: input, firstRow: sequences.lowerBound, rows: count, columns: d)
    let logits = arena.take(count * model.labelCount)
    model.head.forward(input, into: logits, rows: count, workspace)
    pooledInput = first
    pooledOutput = pooled
    headInput = input
    return logits
  }

  // MARK: Backward

  func backward(_ logitsGradient: FloatPointer?) {
    guard let batch, let headInput else { preconditionFailure("backward before forward") }
    let arena = workspace.arena
    let mark = arena.mark
    let hasLayers = model.lowestTrainable != nil
    var gradient: MutableFloatPointer?
    if hasLayers {
      let count = (isPooledOnly ? sequences.count : rows) * d
      let zero = arena.take(count)
      zero.update(repeating: 0, count: count)
      gradient = zero
    }
    if let logitsGradient {
      if hasLayers || model.linears[model.linears.count - 1].isTrainable {
        backwardHead(logitsGradient, headInput, into: gradient, batch)
      } else {
        model.head.backward(
          logitsGradient, input: headInput, into: nil, accumulate: false, rows: sequences.count, workspace)
      }
    }
    if let lowest = model.lowestTrainable, var gradient {
      for l in model.layers.indices.reversed() where l >= lowest {
        gradient = backward(layer: l, gradient, batch, isLowest: l == lowest)
      }
    }
    arena.release(to: mark)
  }

  /// Through head and pooler; writes the gradient of the last layer's output, where wanted.
  private func backwardHead(
    _ logitsGradient: FloatPointer, _ headInput: FloatPointer, into gradient: MutableFloatPointer?,
    _ batch: PackedBatch
  ) {
    guard let pooledInput, let pooledOutput else { preconditionFailure("backward before forward") }
    let arena = workspace.arena
    let mark = arena.mark
    let count = sequences.count
    let pooled = arena.take(count * d)
    model.head.backward(logitsGradient, input: headInput, into: pooled, accumulate: false, rows: count, workspace)
    headDropout.apply(pooled, into: pooled, firstRow: sequences.lowerBound, rows: count, columns: d)
    Tanh.backward(pooledOutput, pooled, into: pooled, count: count * d)
    let first = isPooledOnly ? gradient : gradient.map { _ in arena.take(count * d) }
    model.linears[model.linears.count - 1].backward(
      pooled, input: pooledInput, into: first, accumulate: false, rows: count, workspace)
    if let gradient, let first, !isPooledOnly { addToFirstTokens(of: gradient, first, batch) }
    arena.release(to: mark)
  }

  /// `gradient` holds the loss's gradient of the layer's output and is used up; returns that of the layer's input, which
  /// means nothing for the lowest layer.
  private func backward(
    layer l: Int, _ gradient: MutableFloatPointer, _ batch: PackedBatch, isLowest: Bool
  ) -> MutableFloatPointer {
    let arena = workspace.arena
    let config = model.config
    let layer = model.layers[l]
    let state = layers[l]
    let attention = attentionLayout(l, batch)
    let isWhole = attention.queries == .all
    let n = state.rows
    // What is returned outlives the scratch.
    let below = isWhole || isLowest ? gradient : arena.take(rows * d)
    let mark = arena.mark
    defer {
      workspace.batchRows = allRows
      arena.release(to: mark)
    }
    if !isWhole { workspace.batchRows = .each(attention.offsets) }
    let first = 6 * l
    let branch = arena.take(n * d)
    // The feed-forward block.
    workspace.clock?.begin(.layerNorm)
    LayerNorm.backward(
      gradient, normalized: state.outputNormalized, rstd: state.outputDeviation, gain: layer.outputNorm.gain.base,
      into: gradient, rows: n, columns: d)
    drop(config.hiddenDropout, site: site(l, 2), gradient, into: branch, rows: n)
    let inner = arena.take(n * f)
    applyBackward(first + 5, branch, input: state.activated, into: inner, accumulate: false, rows: n)
    workspace.clock?.begin(.activation)
    config.activation.backward(state.inner, inner, into: inner, count: n * f)
    let endsAfterFeedForward = isLowest && !layer.trainsProjections && !layer.trainsAttentionOutput
    applyBackward(
      first + 4, inner, input: state.attended, into: endsAfterFeedForward ? nil : gradient, accumulate: true, rows: n)
    guard !endsAfterFeedForward else { return below }
    // The attention block.
    workspace.clock?.begin(.layerNorm)
    LayerNorm.backward(
      gradient, normalized: state.attentionNormalized, rstd: state.attentionDeviation,
      gain: layer.attentionNorm.gain.base, into: gradient, rows: n, columns: d)
    drop(config.hiddenDropout, site: site(l, 1), gradient, into: branch, rows: n)
    let endsAfterOutput = isLowest && !layer.trainsProjections
    let context = arena.take(n * d)
    applyBackward(
      first + 3, branch, input: state.context, into: endsAfterOutput ? nil : context, accumulate: false, rows: n)
    guard !endsAfterOutput else { return below }
    let dq = arena.take(n * d)
    let dk = arena.take(rows * d)
    let dv = arena.take(rows * d)
    workspace.clock?.begin(.attention, flops: attentionFlops(attention, products: 4))
    model.attention.backward(
      context, state.q, state.k, state.v, probabilities: state.probabilities, dq: dq, dk: dk, dv: dv, attention,
      dropout: workspace.dropout(config.attentionDropout, site: site(l, 0)), arena: arena)
    // Nothing below the lowest adapter wants a gradient.
    applyBackward(first, dq, input: state.top, into: isLowest ? nil : gradient, accumulate: true, rows: n)
    workspace.batchRows = allRows
    let target = isLowest ? nil : below
    applyBackward(first + 1, dk, input: state.input, into: target, accumulate: isWhole, rows: rows)
    applyBackward(first + 2, dv, input: state.input, into: target, accumulate: true, rows: rows)
    if let target, !isWhole { addToFirstTokens(of: target, gradient, batch) }
    return below
  }

  // MARK: Pieces

  private func apply(_ module: Int, _ x: FloatPointer, into y: MutableFloatPointer, rows: Int) {
    model.linears[module].forward(x, into: y, rows: rows, workspace)
    workspace.tap?.didForward(module, output: y, rows: rows)
  }

  private func applyBackward(
    _ module: Int, _ dy: MutableFloatPointer, input: FloatPointer, into dx: MutableFloatPointer?, accumulate: Bool,
    rows: Int
  ) {
    workspace.tap?.willBackward(module, gradient: dy, rows: rows)
    model.linears[module].backward(dy, input: input, into: dx, accumulate: accumulate, rows: rows, workspace)
  }

  private func applyPooler(_ x: FloatPointer, into y: MutableFloatPointer, count: Int) {
    model.linears[model.linears.count - 1].forward(x, into: y, rows: count, workspace)
  }

  private func drop(_ p: Float, site: Int, _ x: FloatPointer, into y: MutableFloatPointer, rows: Int) {
    workspace.clock?.begin(.dropout)
    workspace.dropout(p, site: site).apply(x, into: y, at: workspace.batchRows, rows: rows, columns: d)
  }

  /// Copies the rows of first tokens from [rows, d] to [sequences, d].
  private func gatherFirstTokens(of x: FloatPointer, into y: MutableFloatPointer, _ batch: PackedBatch) {
    for (i, s) in sequences.enumerated() {
      (y + i * d).update(from: x + (Int(batch.offsets[s]) - firstRow) * d, count: d)
    }
  }

  /// Adds [sequences, d] to the rows of first tokens in [rows, d].
  private func addToFirstTokens(of x: MutableFloatPointer, _ y: FloatPointer, _ batch: PackedBatch) {
    for (i, s) in sequences.enumerated() {
      Elementwise.add(x + (Int(batch.offsets[s]) - firstRow) * d, y + i * d, count: d)
    }
  }

  private var headDropout: Dropout { workspace.dropout(model.config.classifierDropout, site: 1) }

  /// The batch's row at which this pass's begin.
  private var firstRow: Int { batch.map { Int($0.offsets[sequences.lowerBound]) } ?? 0 }
  private var allRows: BatchRows { .run(from: firstRow) }

  /// This pass's sequences as the attention of layer `l` sees them.
  private func attentionLayout(_ l: Int, _ batch: PackedBatch) -> Attention.Layout {
    Attention.Layout(
      offsets: UnsafePointer(batch.offsets + sequences.lowerBound), sequences: sequences.count,
      queries: isPooledOnly && l == model.layers.count - 1 ? .first : .all)
  }

  /// Of so many products of every head's queries, keys and head size.
  private func attentionFlops(_ layout: Attention.Layout, products: Int) -> Int {
    (0..<layout.sequences).reduce(0) { sum, s in
      let length = Int(layout.offsets[s + 1] - layout.offsets[s])
      return sum + 2 * products * d * length * (layout.queries == .all ? length : 1)
    }
  }

  private func site(_ layer: Int, _ place: Int) -> Int { 4 + 4 * layer + place }
}
