// One worker's run of a decoder: forward, then backward, over packed sequences.

import Kernels

/// Activations that backward needs are kept in the arena; of a layer that is computed again in backward, and outside
/// training, which has no backward, its output alone is. Every dropout site has a number of its own.
final class DecoderPass: ForwardPass {
  private let model: DecoderModel
  private let workspace: Workspace
  private let config: DecoderConfig
  private let d: Int
  private let f: Int
  /// One a layer; pointers into the arena, set anew by each forward. What a layer that is computed again had is gone.
  private var layers: [LayerState] = []
  private var batch: PackedBatch?
  private var sequences = 0..<0
  private var rows = 0
  /// Of the final norm: its input, and its output, which the head takes.
  private var final = NormState()
  private var finalOutput: MutableFloatPointer?

  /// What a norm's backward needs: x of a root mean square, x̂ of a layer norm, and 1/σ.
  private struct NormState {
    var saved: MutableFloatPointer?
    var deviation: MutableFloatPointer?
  }

  private struct LayerState {
    var input: MutableFloatPointer
    var attentionNorm = NormState()
    /// Outputs of the norms.
    var attentionInput, feedForwardInput: MutableFloatPointer
    var q, k, v: HeadRows
    var queryNorm = NormState()
    var keyNorm = NormState()
    var context: MutableFloatPointer
    var feedForwardNorm = NormState()
    /// The feed-forward block before and after its activation; `up` is what the gate lets through.
    var gate, up, activated: MutableFloatPointer
  }

  init(_ model: DecoderModel, _ workspace: Workspace) {
    self.model = model
    self.workspace = workspace
    config = model.config
    d = config.hiddenSize
    f = config.intermediateSize
    layers.reserveCapacity(config.hiddenLayers)
  }

  // MARK: Forward

  func forward(_ batch: PackedBatch, _ sequences: Range<Int>) -> MutableFloatPointer {
    self.batch = batch
    self.sequences = sequences
    rows = batch.rows(sequences)
    workspace.batchRows = .run(from: Int(batch.offsets[sequences.lowerBound]))
    workspace.arena.reset()
    layers.removeAll(keepingCapacity: true)
    var hidden = embed(batch)
    for l in model.layers.indices {
      let output = workspace.arena.take(rows * d)
      let mark = workspace.arena.mark
      layers.append(forward(layer: l, hidden, into: output, batch))
      if !workspace.isTraining || workspace.recomputes { workspace.arena.release(to: mark) }
      hidden = output
    }
    return finish(hidden, batch)
  }

  private func embed(_ batch: PackedBatch) -> MutableFloatPointer {
    workspace.clock?.begin(.embedding)
    let out = workspace.arena.take(rows * d)
    for s in sequences {
      let start = Int(batch.offsets[s])
      for row in start..<Int(batch.offsets[s + 1]) {
        let target = out + (row - firstRow) * d
        model.tokenTable.readRow(Int(batch.tokenIDs[row]), into: target)
        if let table = model.positionTable { Elementwise.add(target, table.base + (row - start) * d, count: d) }
      }
    }
    drop(config.embeddingDropout, site: 0, out, into: out)
    return out
  }

  private func forward(
    layer l: Int, _ input: MutableFloatPointer, into output: MutableFloatPointer, _ batch: PackedBatch
  ) -> LayerState {
    let arena = workspace.arena
    let layer = model.layers[l]
    let first = config.modulesPerLayer * l
    let (n, q, kv) = (rows, config.queryWidth, config.keyValueWidth)
    let middle = arena.take(n * d)
    let attentionInput = arena.take(n * d)
    let attentionNorm = normalize(input, layer.attentionNorm, into: attentionInput, rows: n, columns: d)
    var state: LayerState
    if config.isGPT2 {
      let fused = arena.take(n * 3 * d)
      let (activated, inner) = (arena.take(n * f), arena.take(n * f))
      state = LayerState(
        input: input, attentionInput: attentionInput, feedForwardInput: arena.take(n * d),
        q: HeadRows(fused, stride: 3 * d), k: HeadRows(fused + d, stride: 3 * d),
        v: HeadRows(fused + 2 * d, stride: 3 * d),
        context: arena.take(n * d), gate: inner, up: inner, activated: activated)
      apply(first, attentionInput, into: fused)
    } else {
      state = LayerState(
        input: input, attentionInput: attentionInput, feedForwardInput: arena.take(n * d),
        q: HeadRows(arena.take(n * q), stride: q), k: HeadRows(arena.take(n * kv), stride: kv),
        v: HeadRows(arena.take(n * kv), stride: kv),
        context: arena.take(n * q), gate: arena.take(n * f), up: arena.take(n * f), activated: arena.take(n * f))
      apply(first, attentionInput, into: state.q.base)
      apply(first + 1, attentionInput, into: state.k.base)
      apply(first + 2, attentionInput, into: state.v.base)
    }
    state.attentionNorm = attentionNorm
    if let norm = layer.queryNorm {
      state.queryNorm = normalizeHeads(&state.q, norm, heads: config.attentionHeads)
    }
    if let norm = layer.keyNorm { state.keyNorm = normalizeHeads(&state.k, norm, heads: config.keyValueHeads) }
    let layout = layout(batch)
    workspace.clock?.begin(.attention, flops: model.attention.flops(layout, products: 2))
    rotate(state.q, state.k, layout, isInverse: false)
    model.attention.forward(
      q: state.q, k: state.k, v: state.v, into: state.context, layout,
      dropout: workspace.dropout(config.attentionDropout, site: site(l, 0)), arena: arena)
    let afterAttention = first + (config.isGPT2 ? 1 : 3)
    apply(afterAttention, state.context, into: middle)
    drop(config.residualDropout, site: site(l, 1), middle, into: middle)
    Elementwise.add(middle, input, count: n * d)

    state.feedForwardNorm = normalize(middle, layer.feedForwardNorm, into: state.feedForwardInput, rows: n, columns: d)
    apply(afterAttention + 1, state.feedForwardInput, into: state.gate)
    if !config.isGPT2 { apply(afterAttention + 2, state.feedForwardInput, into: state.up) }
    workspace.clock?.begin(.activation)
    if config.isGPT2 {
      config.activation.forward(state.gate, into: state.activated, count: n * f)
    } else {
      GatedSiLU.forward(state.gate, state.up, into: state.activated, count: n * f)
    }
    apply(first + config.modulesPerLayer - 1, state.activated, into: output)
    drop(config.residualDropout, site: site(l, 2), output, into: output)
    Elementwise.add(output, middle, count: n * d)
    return state
  }

  /// The final norm, of every row or of each sequence's last, and the classifier if there is one.
  private func finish(_ hidden: MutableFloatPointer, _ batch: PackedBatch) -> MutableFloatPointer {
    let arena = workspace.arena
    guard let head = model.head else {
      let out = arena.take(rows * d)
      final = normalize(hidden, model.finalNorm, into: out, rows: rows, columns: d)
      finalOutput = out
      return out
    }
    let last = arena.take(sequences.count * d)
    for (i, s) in sequences.enumerated() {
      (last + i * d).update(from: hidden + (lastToken(s, batch) - firstRow) * d, count: d)
    }
    let out = arena.take(sequences.count * d)
    final = normalize(last, model.finalNorm, into: out, rows: sequences.count, columns: d)
    finalOutput = out
    let logits = arena.take(sequences.count * model.labelCount)
    head.forward(out, into: logits, rows: sequences.count, workspace)
    return logits
  }

  // MARK: Backward

  func backward(_ outputGradient: FloatPointer?) {
    guard let batch, let finalOutput else { preconditionFailure("backward before forward") }
    let arena = workspace.arena
    let mark = arena.mark
    defer { arena.release(to: mark) }
    guard let lowest = model.lowestTrainable else {
      if let outputGradient, let head = model.head {
        head.backward(
          outputGradient, input: finalOutput, into: nil, accumulate: false, rows: sequences.count, workspace)
      }
      return
    }
    let gradient = arena.take(rows * d)
    if let outputGradient, model.head == nil {
      denormalize(outputGradient, model.finalNorm, final, into: gradient, rows: rows, columns: d)
    } else {
      gradient.update(repeating: 0, count: rows * d)
      if let outputGradient, let head = model.head {
        let last = arena.take(sequences.count * d)
        head.backward(
          outputGradient, input: finalOutput, into: last, accumulate: false, rows: sequences.count, workspace)
        denormalize(last, model.finalNorm, final, into: last, rows: sequences.count, columns: d)
        for (i, s) in sequences.enumerated() {
          Elementwise.add(gradient + (lastToken(s, batch) - firstRow) * d, last + i * d, count: d)
        }
      }
    }
    for l in model.layers.indices.reversed() where l >= lowest {
      backward(layer: l, gradient, batch, isLowest: l == lowest)
    }
  }

  /// `gradient` holds the loss's gradient of the layer's output and becomes that of its input, which means nothing for
  /// the lowest layer: nothing below the lowest adapter wants one.
  private func backward(layer l: Int, _ gradient: MutableFloatPointer, _ batch: PackedBatch, isLowest: Bool) {
    let arena = workspace.arena
    let mark = arena.mark
    defer { arena.release(to: mark) }
    let layer = model.layers[l]
    var state = layers[l]
    if workspace.recomputes {
      state = workspace.withoutTap { forward(layer: l, state.input, into: arena.take(rows * d), batch) }
    }
    let first = config.modulesPerLayer * l
    let (n, q, kv) = (rows, config.queryWidth, config.keyValueWidth)
    let branch = arena.take(n * d)
    let below = arena.take(n * d)
    // The feed-forward block.
    drop(config.residualDropout, site: site(l, 2), gradient, into: branch)
    let inner = arena.take(n * f)
    let afterAttention = first + (config.isGPT2 ? 1 : 3)
    applyBackward(first + config.modulesPerLayer - 1, branch, input: state.activated, into: inner, accumulate: false)
    let endsAfterFeedForward = isLowest && !layer.trainsProjections && !layer.trainsAttentionOutput
    let target = endsAfterFeedForward ? nil : below
    workspace.clock?.begin(.activation)
    if config.isGPT2 {
      config.activation.backward(state.gate, inner, into: inner, count: n * f)
    } else {
      let up = arena.take(n * f)
      GatedSiLU.backward(state.gate, state.up, inner, dgate: inner, dup: up, count: n * f)
      applyBackward(afterAttention + 2, up, input: state.feedForwardInput, into: target, accumulate: false)
    }
    applyBackward(
      afterAttention + 1, inner, input: state.feedForwardInput, into: target, accumulate: !config.isGPT2)
    guard !endsAfterFeedForward else { return }
    denormalize(below, layer.feedForwardNorm, state.feedForwardNorm, into: below, rows: n, columns: d)
    Elementwise.add(gradient, below, count: n * d)
    // The attention block.
    drop(config.residualDropout, site: site(l, 1), gradient, into: branch)
    let endsAfterOutput = isLowest && !layer.trainsProjections
    let context = arena.take(n * q)
    applyBackward(
      afterAttention, branch, input: state.context, into: endsAfterOutput ? nil : context, accumulate: false)
    guard !endsAfterOutput else { return }
    let (dq, dk, dv): (HeadRows, HeadRows, HeadRows)
    if config.isGPT2 {
      let fused = arena.take(n * 3 * d)
      (dq, dk, dv) = (
        HeadRows(fused, stride: 3 * d), HeadRows(fused + d, stride: 3 * d), HeadRows(fused + 2 * d, stride: 3 * d)
      )
    } else {
      dq = HeadRows(arena.take(n * q), stride: q)
      dk = HeadRows(arena.take(n * kv), stride: kv)
      dv = HeadRows(arena.take(n * kv), stride: kv)
    }
    let layout = layout(batch)
    workspace.clock?.begin(.attention, flops: model.attention.flops(layout, products: 5))
    model.attention.backward(
      context, q: state.q, k: state.k, v: state.v, dq: dq, dk: dk, dv: dv, layout,
      dropout: workspace.dropout(config.attentionDropout, site: site(l, 0)), arena: arena)
    rotate(dq, dk, layout, isInverse: true)
    if let norm = layer.queryNorm {
      denormalize(
        dq.base, norm, state.queryNorm, into: dq.base, rows: n * config.attentionHeads, columns: config.headSize)
    }
    if let norm = layer.keyNorm {
      denormalize(
        dk.base, norm, state.keyNorm, into: dk.base, rows: n * config.keyValueHeads, columns: config.headSize)
    }
    let lower = isLowest ? nil : below
    applyBackward(first, dq.base, input: state.attentionInput, into: lower, accumulate: false)
    if !config.isGPT2 {
      applyBackward(first + 1, dk.base, input: state.attentionInput, into: lower, accumulate: true)
      applyBackward(first + 2, dv.base, input: state.attentionInput, into: lower, accumulate: true)
    }
    guard let lower else { return }
    denormalize(lower, layer.attentionNorm, state.attentionNorm, into: lower, rows: n, columns: d)
    Elementwise.add(gradient, lower, count: n * d)
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

  private func drop(_ p: Float, site: Int, _ x: FloatPointer, into y: MutableFloatPointer) {
    workspace.clock?.begin(.dropout)
    workspace.dropout(p, site: site).apply(x, into: y, at: workspace.batchRows, rows: rows, columns: d)
  }

  private func normalize(
    _ x: MutableFloatPointer, _ norm: DecoderModel.Norm, into out: MutableFloatPointer, rows: Int, columns: Int
  ) -> NormState {
    workspace.clock?.begin(.layerNorm)
    let deviation = workspace.arena.take(rows)
    guard let bias = norm.bias else {
      RMSNorm.forward(
        x, gain: norm.gain.base, epsilon: norm.epsilon, rstd: deviation, into: out, rows: rows, columns: columns)
      return NormState(saved: x, deviation: deviation)
    }
    let normalized = workspace.arena.take(rows * columns)
    LayerNorm.forward(
      x, residual: nil, gain: norm.gain.base, bias: bias.base, epsilon: norm.epsilon, normalized: normalized,
      rstd: deviation, into: out, rows: rows, columns: columns)
    return NormState(saved: normalized, deviation: deviation)
  }

  /// Normalises each head by itself; `x` becomes the result, and what it was is kept.
  private func normalizeHeads(_ x: inout HeadRows, _ norm: DecoderModel.Norm, heads: Int) -> NormState {
    let out = workspace.arena.take(rows * heads * config.headSize)
    let state = normalize(x.base, norm, into: out, rows: rows * heads, columns: config.headSize)
    x.base = out
    return state
  }

  private func denormalize(
    _ dout: FloatPointer, _ norm: DecoderModel.Norm, _ state: NormState, into dx: MutableFloatPointer, rows: Int,
    columns: Int
  ) {
    guard let saved = state.saved, let deviation = state.deviation else {
      preconditionFailure("backward before forward")
    }
    workspace.clock?.begin(.layerNorm)
    if norm.bias == nil {
      RMSNorm.backward(
        dout, input: saved, rstd: deviation, gain: norm.gain.base, into: dx, rows: rows, columns: columns)
    } else {
      LayerNorm.backward(
        dout, normalized: saved, rstd: deviation, gain: norm.gain.base, into: dx, rows: rows, columns: columns)
    }
  }

  private func rotate(_ q: HeadRows, _ k: HeadRows, _ layout: CausalAttention.Layout, isInverse: Bool) {
    guard let table = model.rotaryTable else { return }
    let (offsets, count) = (layout.offsets, layout.sequences)
    table.rotate(q, heads: config.attentionHeads, offsets: offsets, sequences: count, isInverse: isInverse)
    table.rotate(k, heads: config.keyValueHeads, offsets: offsets, sequences: count, isInverse: isInverse)
  }

  /// The batch's row that a classifier reads: the sequence's last that is no padding token, as the reference takes it.
  private func lastToken(_ s: Int, _ batch: PackedBatch) -> Int {
    let start = Int(batch.offsets[s])
    let end = Int(batch.offsets[s + 1])
    guard let padding = config.padTokenID else { return end - 1 }
    return (start..<end).last { batch.tokenIDs[$0] != Int32(padding) } ?? start
  }

  private func layout(_ batch: PackedBatch) -> CausalAttention.Layout {
    CausalAttention.Layout(
      offsets: UnsafePointer(batch.offsets + sequences.lowerBound), sequences: sequences.count)
  }

  /// The batch's row at which this pass's begin.
  private var firstRow: Int { batch.map { Int($0.offsets[sequences.lowerBound]) } ?? 0 }

  private func site(_ layer: Int, _ place: Int) -> Int { 4 + 4 * layer + place }
}
