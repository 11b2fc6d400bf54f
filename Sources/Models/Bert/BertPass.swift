// One worker's run of a BERT: forward, then backward, over packed sequences.

import Kernels

/// Activations that backward needs are kept in the arena. Every dropout site has a number of its own.
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
  private var pooledInput: MutableFloatPointer?
  private var pooledOutput: MutableFloatPointer?
  private var headInput: MutableFloatPointer?

  private struct LayerState {
    var input, q, k, v, probabilities, context: MutableFloatPointer
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
    workspace.firstRow = Int(batch.offsets[sequences.lowerBound])
    workspace.arena.reset()
    layers.removeAll(keepingCapacity: true)
    var hidden = embed(batch)
    for l in model.layers.indices { hidden = forward(layer: l, hidden, batch) }
    return classify(hidden, batch)
  }

  private func embed(_ batch: PackedBatch) -> MutableFloatPointer {
    let arena = workspace.arena
    let tables = model.embeddings
    let out = arena.take(rows * d)
    let mark = arena.mark
    let sum = arena.take(rows * d)
    let deviation = arena.take(rows)
    let first = Int(batch.offsets[sequences.lowerBound])
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
    drop(model.config.hiddenDropout, site: 0, out, into: out, columns: d)
    arena.release(to: mark)
    return out
  }

  private func forward(layer l: Int, _ input: MutableFloatPointer, _ batch: PackedBatch) -> MutableFloatPointer {
    let arena = workspace.arena
    let config = model.config
    let layer = model.layers[l]
    let state = LayerState(
      input: input, q: arena.take(rows * d), k: arena.take(rows * d), v: arena.take(rows * d),
      probabilities: arena.take(model.attention.probabilityCount(offsets(batch), sequences: sequences.count)),
      context: arena.take(rows * d), attentionNormalized: arena.take(rows * d), attentionDeviation: arena.take(rows),
      attended: arena.take(rows * d), inner: arena.take(rows * f), activated: arena.take(rows * f),
      outputNormalized: arena.take(rows * d), outputDeviation: arena.take(rows), output: arena.take(rows * d))
    layers.append(state)
    let first = 6 * l
    apply(first, input, into: state.q)
    apply(first + 1, input, into: state.k)
    apply(first + 2, input, into: state.v)
    model.attention.forward(
      state.q, state.k, state.v, probabilities: state.probabilities, into: state.context, offsets: offsets(batch),
      sequences: sequences.count, dropout: workspace.dropout(config.attentionDropout, site: site(l, 0)),
      firstRow: workspace.firstRow, arena: arena)
    apply(first + 3, state.context, into: state.attentionNormalized)
    drop(config.hiddenDropout, site: site(l, 1), state.attentionNormalized, into: state.attentionNormalized, columns: d)
    LayerNorm.forward(
      state.attentionNormalized, residual: input, gain: layer.attentionNorm.gain.base,
      bias: layer.attentionNorm.bias.base, epsilon: config.layerNormEpsilon, normalized: state.attentionNormalized,
      rstd: state.attentionDeviation, into: state.attended, rows: rows, columns: d)
    apply(first + 4, state.attended, into: state.inner)
    config.activation.forward(state.inner, into: state.activated, count: rows * f)
    apply(first + 5, state.activated, into: state.outputNormalized)
    drop(config.hiddenDropout, site: site(l, 2), state.outputNormalized, into: state.outputNormalized, columns: d)
    LayerNorm.forward(
      state.outputNormalized, residual: state.attended, gain: layer.outputNorm.gain.base,
      bias: layer.outputNorm.bias.base, epsilon: config.layerNormEpsilon, normalized: state.outputNormalized,
      rstd: state.outputDeviation, into: state.output, rows: rows, columns: d)
    return state.output
  }

  /// Pooler over each sequence's first token, tanh, dropout, head.
  private func classify(_ hidden: MutableFloatPointer, _ batch: PackedBatch) -> MutableFloatPointer {
    let arena = workspace.arena
    let count = sequences.count
    let first = arena.take(count * d)
    let pooled = arena.take(count * d)
    let input = arena.take(count * d)
    for (i, s) in sequences.enumerated() {
      let row = Int(batch.offsets[s]) - workspace.firstRow
      (first + i * d).update(from: hidden + row * d, count: d)
    }
    applyPooler(first, into: pooled, count: count)
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
    guard let batch, let pooledInput, let pooledOutput, let headInput else {
      preconditionFailure("backward before forward")
    }
    let arena = workspace.arena
    let mark = arena.mark
    let count = sequences.count
    let hidden = arena.take(rows * d)
    hidden.update(repeating: 0, count: rows * d)
    let hasLayers = model.lowestTrainable != nil
    if let logitsGradient {
      let pooled = arena.take(count * d)
      let first = arena.take(count * d)
      let pooler = model.linears[model.linears.count - 1]
      let goesOn = hasLayers || pooler.isTrainable
      model.head.backward(
        logitsGradient, input: headInput, into: goesOn ? pooled : nil, accumulate: false, rows: count, workspace)
      if goesOn {
        headDropout.apply(pooled, into: pooled, firstRow: sequences.lowerBound, rows: count, columns: d)
        Tanh.backward(pooledOutput, pooled, into: pooled, count: count * d)
        pooler.backward(
          pooled, input: pooledInput, into: hasLayers ? first : nil, accumulate: false, rows: count, workspace)
        if hasLayers {
          for (i, s) in sequences.enumerated() {
            let row = Int(batch.offsets[s]) - workspace.firstRow
            (hidden + row * d).update(from: first + i * d, count: d)
          }
        }
      }
    }
    if let lowest = model.lowestTrainable {
      for l in model.layers.indices.reversed() where l >= lowest {
        backward(layer: l, hidden, batch, isLowest: l == lowest)
      }
    }
    arena.release(to: mark)
  }

  /// `gradient` holds the loss's gradient of the layer's output and receives that of its input.
  private func backward(layer l: Int, _ gradient: MutableFloatPointer, _ batch: PackedBatch, isLowest: Bool) {
    let arena = workspace.arena
    let config = model.config
    let layer = model.layers[l]
    let state = layers[l]
    let mark = arena.mark
    let first = 6 * l
    let branch = arena.take(rows * d)
    // The feed-forward block.
    LayerNorm.backward(
      gradient, normalized: state.outputNormalized, rstd: state.outputDeviation, gain: layer.outputNorm.gain.base,
      into: gradient, rows: rows, columns: d)
    drop(config.hiddenDropout, site: site(l, 2), gradient, into: branch, columns: d)
    let inner = arena.take(rows * f)
    applyBackward(first + 5, branch, input: state.activated, into: inner, accumulate: false)
    config.activation.backward(state.inner, inner, into: inner, count: rows * f)
    let endsAfterFeedForward = isLowest && !layer.trainsProjections && !layer.trainsAttentionOutput
    applyBackward(
      first + 4, inner, input: state.attended, into: endsAfterFeedForward ? nil : gradient, accumulate: true)
    guard !endsAfterFeedForward else { return arena.release(to: mark) }
    // The attention block.
    LayerNorm.backward(
      gradient, normalized: state.attentionNormalized, rstd: state.attentionDeviation,
      gain: layer.attentionNorm.gain.base, into: gradient, rows: rows, columns: d)
    drop(config.hiddenDropout, site: site(l, 1), gradient, into: branch, columns: d)
    let endsAfterOutput = isLowest && !layer.trainsProjections
    let context = arena.take(rows * d)
    applyBackward(
      first + 3, branch, input: state.context, into: endsAfterOutput ? nil : context, accumulate: false)
    guard !endsAfterOutput else { return arena.release(to: mark) }
    let dq = arena.take(rows * d)
    let dk = arena.take(rows * d)
    let dv = arena.take(rows * d)
    model.attention.backward(
      context, state.q, state.k, state.v, probabilities: state.probabilities, dq: dq, dk: dk, dv: dv,
      offsets: offsets(batch), sequences: sequences.count,
      dropout: workspace.dropout(config.attentionDropout, site: site(l, 0)), firstRow: workspace.firstRow, arena: arena)
    // Nothing below the lowest adapter wants a gradient.
    let target = isLowest ? nil : gradient
    applyBackward(first, dq, input: state.input, into: target, accumulate: true)
    applyBackward(first + 1, dk, input: state.input, into: target, accumulate: true)
    applyBackward(first + 2, dv, input: state.input, into: target, accumulate: true)
    arena.release(to: mark)
  }

  // MARK: Pieces

  private func apply(_ module: Int, _ x: FloatPointer, into y: MutableFloatPointer) {
    model.linears[module].forward(x, into: y, rows: rows, workspace)
    workspace.tap?.didForward(module, output: y, rows: rows)
  }

  private func applyBackward(
    _ module: Int, _ dy: MutableFloatPointer, input: FloatPointer, into dx: MutableFloatPointer?, accumulate: Bool
  ) {
    workspace.tap?.willBackward(module, gradient: dy, rows: rows)
    model.linears[module].backward(dy, input: input, into: dx, accumulate: accumulate, rows: rows, workspace)
  }

  private func applyPooler(_ x: FloatPointer, into y: MutableFloatPointer, count: Int) {
    model.linears[model.linears.count - 1].forward(x, into: y, rows: count, workspace)
  }

  private func drop(_ p: Float, site: Int, _ x: FloatPointer, into y: MutableFloatPointer, columns: Int) {
    workspace.dropout(p, site: site)
      .apply(x, into: y, firstRow: workspace.firstRow, rows: rows, columns: columns)
  }

  private var headDropout: Dropout { workspace.dropout(model.config.classifierDropout, site: 1) }

  /// The offsets of this pass's sequences.
  private func offsets(_ batch: PackedBatch) -> UnsafePointer<Int32> {
    UnsafePointer(batch.offsets + sequences.lowerBound)
  }

  private func site(_ layer: Int, _ place: Int) -> Int { 4 + 4 * layer + place }
}
