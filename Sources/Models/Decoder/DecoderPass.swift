// One worker's run of a decoder: forward, then backward, over packed sequences.

import Kernels

/// Activations that backward needs are kept in the arena; of a layer that is computed again in backward, and outside
/// training, which has no backward, its output alone is. Every dropout site has a number of its own.
final class DecoderPass: LayeredPass {
  let model: DecoderModel
  let workspace: Workspace
  let config: DecoderConfig
  let d: Int
  let f: Int
  var linears: [any LinearLayer] { model.linears }
  /// One a layer; pointers into the arena, set anew by each forward. What a layer that is computed again had is gone.
  var layers: [LayerState] = []
  var batch: PackedBatch?
  var sequences = 0..<0
  var rows = 0
  /// Of the final norm: its input, and its output, which the head takes.
  var final = NormState()
  var finalOutput: MutableFloatPointer?

  /// What a norm's backward needs: x of a root mean square, x̂ of a layer norm, and 1/σ.
  struct NormState {
    var saved: MutableFloatPointer?
    var deviation: MutableFloatPointer?
  }

  struct LayerState {
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
    let first = firstRow
    for s in sequences {
      let start = Int(batch.offsets[s])
      for row in start..<Int(batch.offsets[s + 1]) {
        let target = out + (row - first) * d
        model.tokenTable.readRow(Int(batch.tokenIDs[row]), into: target)
        if let table = model.positionTable { Elementwise.add(target, table.base + (row - start) * d, count: d) }
      }
    }
    drop(config.embeddingDropout, site: 0, out, into: out, rows: rows)
    return out
  }

  func forward(
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
      apply(first, attentionInput, into: fused, rows: n)
    } else {
      state = LayerState(
        input: input, attentionInput: attentionInput, feedForwardInput: arena.take(n * d),
        q: HeadRows(arena.take(n * q), stride: q), k: HeadRows(arena.take(n * kv), stride: kv),
        v: HeadRows(arena.take(n * kv), stride: kv),
        context: arena.take(n * q), gate: arena.take(n * f), up: arena.take(n * f), activated: arena.take(n * f))
      apply(first, attentionInput, into: state.q.base, rows: n)
      apply(first + 1, attentionInput, into: state.k.base, rows: n)
      apply(first + 2, attentionInput, into: state.v.base, rows: n)
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
    let afterAttention = first + config.projectionsPerLayer
    apply(afterAttention, state.context, into: middle, rows: n)
    drop(config.residualDropout, site: site(l, 1), middle, into: middle, rows: n)
    Elementwise.add(middle, input, count: n * d)

    state.feedForwardNorm = normalize(middle, layer.feedForwardNorm, into: state.feedForwardInput, rows: n, columns: d)
    apply(afterAttention + 1, state.feedForwardInput, into: state.gate, rows: n)
    if !config.isGPT2 { apply(afterAttention + 2, state.feedForwardInput, into: state.up, rows: n) }
    workspace.clock?.begin(.activation)
    if config.isGPT2 {
      config.activation.forward(state.gate, into: state.activated, count: n * f)
    } else {
      GatedSiLU.forward(state.gate, state.up, into: state.activated, count: n * f)
    }
    apply(first + config.modulesPerLayer - 1, state.activated, into: output, rows: n)
    drop(config.residualDropout, site: site(l, 2), output, into: output, rows: n)
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

  // MARK: Pieces

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

  func rotate(_ q: HeadRows, _ k: HeadRows, _ layout: CausalAttention.Layout, isInverse: Bool) {
    guard let table = model.rotaryTable else { return }
    let (offsets, count) = (layout.offsets, layout.sequences)
    table.rotate(q, heads: config.attentionHeads, offsets: offsets, sequences: count, isInverse: isInverse)
    table.rotate(k, heads: config.keyValueHeads, offsets: offsets, sequences: count, isInverse: isInverse)
  }

  /// The batch's row that a classifier reads: the sequence's last that is no padding token, as the reference takes it.
  func lastToken(_ s: Int, _ batch: PackedBatch) -> Int {
    let start = Int(batch.offsets[s])
    let end = Int(batch.offsets[s + 1])
    guard let padding = config.padTokenID else { return end - 1 }
    return (start..<end).last { batch.tokenIDs[$0] != Int32(padding) } ?? start
  }

  func layout(_ batch: PackedBatch) -> CausalAttention.Layout {
    CausalAttention.Layout(
      offsets: UnsafePointer(batch.offsets + sequences.lowerBound), sequences: sequences.count)
  }
}
