// One worker's run of an encoder over packed sequences: layers and head, forward.

import Kernels

/// Activations that backward needs are kept in the arena, of a layer that is computed again in backward its output alone.
/// Every dropout site has a number of its own.
///
/// The head reads each sequence's first token alone, so of the last layer only keys and values are computed for every
/// row, the rest for first tokens; where a tap listens, which wants every module's whole output, all of it is.
///
/// Relative embeddings, where attention looks at them, lie behind the rows of each layer's input and pass its projections
/// with them.
final class EncoderPass: LayeredPass {
  let model: EncoderModel
  let workspace: Workspace
  let d: Int
  let f: Int
  var linears: [any LinearLayer] { model.linears }
  /// One a layer; pointers into the arena, set anew by each forward.
  var layers: [LayerState]
  var batch: PackedBatch?
  var sequences = 0..<0
  var rows = 0
  /// Tokens of the longest sequence, and the rows of the relative table that such a one uses.
  private var longest = 0
  private(set) var relativeRows = 0..<0
  /// Whether the last layer computes first tokens alone.
  var isPooledOnly = false
  /// Nil where nothing is projected.
  var embedding: EmbeddingState?
  var convolution: ConvolutionState?
  var head: HeadState?

  struct EmbeddingState {
    /// What the projection was given.
    var narrow: MutableFloatPointer
    var normalized, deviation: MutableFloatPointer
  }

  struct ConvolutionState {
    /// Before the activation.
    var convolved: MutableFloatPointer
    var normalized, deviation: MutableFloatPointer
  }

  struct HeadState {
    /// The first tokens after dropout, the dense layer's output, and what the logits are computed from.
    var input, dense, output: MutableFloatPointer
  }

  struct LayerState {
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
    var outputNormalized, outputDeviation: MutableFloatPointer
  }

  init(_ model: EncoderModel, _ workspace: Workspace) {
    self.model = model
    self.workspace = workspace
    d = model.config.hiddenSize
    f = model.config.intermediateSize
    layers = []
    layers.reserveCapacity(model.config.hiddenLayers)
  }

  func forward(_ batch: PackedBatch, _ sequences: Range<Int>) -> MutableFloatPointer {
    self.batch = batch
    self.sequences = sequences
    rows = batch.rows(sequences)
    longest = sequences.reduce(0) { max($0, Int(batch.offsets[$1 + 1] - batch.offsets[$1])) }
    relativeRows = model.relativeRows(length: longest)
    // What the convolution adds to the first layer's output is added to all of it.
    isPooledOnly = workspace.tap == nil && !(model.convolution != nil && model.layers.count == 1)
    workspace.batchRows = allRows
    workspace.arena.reset()
    layers.removeAll(keepingCapacity: true)
    let embedded = embed(batch)
    var hidden = embedded
    for l in model.layers.indices {
      let isWhole = attentionLayout(l, batch).queries == .all
      let output = takeRows(isWhole ? rows : sequences.count)
      let mark = workspace.arena.mark
      layers.append(forward(layer: l, hidden, into: output, batch))
      if workspace.recomputes { workspace.arena.release(to: mark) }
      hidden = output
      if l == 0, let convolution = model.convolution { hidden = convolve(convolution, embedded, hidden, batch) }
    }
    return classify(hidden, batch)
  }

  // MARK: Layers

  func forward(
    layer l: Int, _ input: MutableFloatPointer, into output: MutableFloatPointer, _ batch: PackedBatch
  ) -> LayerState {
    let arena = workspace.arena
    let config = model.config
    let layer = model.layers[l]
    let places = layer.places
    let attention = attentionLayout(l, batch)
    let isWhole = attention.queries == .all
    let n = isWhole ? rows : sequences.count
    let state = LayerState(
      rows: n, input: input, top: isWhole ? input : takeRows(n), q: takeRows(n), k: takeRows(rows),
      v: arena.take(rows * d), probabilities: arena.take(model.attention.probabilityCount(attention)),
      context: arena.take(n * d), attentionNormalized: arena.take(n * d), attentionDeviation: arena.take(n),
      attended: arena.take(n * d), inner: arena.take(n * f), activated: arena.take(n * f),
      outputNormalized: arena.take(n * d), outputDeviation: arena.take(n))
    appendPositions(l, to: input, rows: rows)
    applyWithPositions(places.key, places.positionKey, input, into: state.k, rows: rows, keyTail)
    apply(places.value, input, into: state.v, rows: rows)
    if !isWhole {
      gatherFirstTokens(of: input, into: state.top, batch)
      (state.top + n * d).update(from: input + rows * d, count: relativeRows.count * d)
      workspace.batchRows = .each(attention.offsets)
    }
    applyWithPositions(places.query, places.positionQuery, state.top, into: state.q, rows: n, queryTail)
    workspace.clock?.begin(.attention, flops: attentionFlops(attention, products: 2))
    model.attention.forward(
      state.q, state.k, state.v, probabilities: state.probabilities, into: state.context, attention,
      positions: positions(state), dropout: workspace.dropout(config.attentionDropout, site: site(l, 0)), arena: arena)
    apply(places.attentionOutput, state.context, into: state.attentionNormalized, rows: n)
    drop(config.hiddenDropout, site: site(l, 1), state.attentionNormalized, into: state.attentionNormalized, rows: n)
    workspace.clock?.begin(.layerNorm)
    LayerNorm.forward(
      state.attentionNormalized, residual: state.top, gain: layer.attentionNorm.gain.base,
      bias: layer.attentionNorm.bias.base, epsilon: config.layerNormEpsilon, normalized: state.attentionNormalized,
      rstd: state.attentionDeviation, into: state.attended, rows: n, columns: d)
    apply(places.intermediate, state.attended, into: state.inner, rows: n)
    workspace.clock?.begin(.activation)
    config.activation.forward(state.inner, into: state.activated, count: n * f)
    apply(places.output, state.activated, into: state.outputNormalized, rows: n)
    drop(config.hiddenDropout, site: site(l, 2), state.outputNormalized, into: state.outputNormalized, rows: n)
    workspace.clock?.begin(.layerNorm)
    LayerNorm.forward(
      state.outputNormalized, residual: state.attended, gain: layer.outputNorm.gain.base,
      bias: layer.outputNorm.bias.base, epsilon: config.layerNormEpsilon, normalized: state.outputNormalized,
      rstd: state.outputDeviation, into: output, rows: n, columns: d)
    workspace.batchRows = allRows
    return state
  }

  // MARK: Head

  /// Each sequence's first token through dropout, dense layer, activation, dropout and head.
  private func classify(_ hidden: MutableFloatPointer, _ batch: PackedBatch) -> MutableFloatPointer {
    let arena = workspace.arena
    let count = sequences.count
    let state = HeadState(
      input: isPooledOnly ? hidden : arena.take(count * d), dense: arena.take(count * d), output: arena.take(count * d))
    head = state
    if !isPooledOnly { gatherFirstTokens(of: hidden, into: state.input, batch) }
    dropFirstTokens(model.config.poolerDropout, site: 2, state.input)
    model.pooler.forward(state.input, into: state.dense, rows: count, workspace)
    workspace.clock?.begin(.head)
    model.config.poolerActivation.forward(state.dense, into: state.output, count: count * d)
    dropFirstTokens(model.config.classifierDropout, site: 1, state.output)
    let logits = arena.take(count * model.labelCount)
    model.head.forward(state.output, into: logits, rows: count, workspace)
    return logits
  }

  /// In place, over a row for each sequence.
  func dropFirstTokens(_ p: Float, site: Int, _ x: MutableFloatPointer) {
    workspace.dropout(p, site: site).apply(
      x, into: x, firstRow: sequences.lowerBound, rows: sequences.count, columns: d)
  }

  // MARK: Relative positions

  /// Room for [n, d] with relative embeddings behind.
  func takeRows(_ n: Int) -> MutableFloatPointer { workspace.arena.take((n + relativeRows.count) * d) }

  /// The number that dropout knows a relative embedding by, beyond any token's: all workers draw the same for it.
  private var positionNumber: Int { 1 << 40 + relativeRows.lowerBound }

  /// Rows behind the queries (keys) that position queries (keys) take.
  var queryTail: Int { model.config.relative?.hasPositionQueries == true ? relativeRows.count : 0 }
  var keyTail: Int { model.config.relative?.hasPositionKeys == true ? relativeRows.count : 0 }

  /// Puts a layer's relative embeddings, after dropout, behind its input.
  private func appendPositions(_ l: Int, to input: MutableFloatPointer, rows: Int) {
    guard let table = model.relativeTable else { return }
    workspace.clock?.begin(.dropout)
    workspace.dropout(model.config.hiddenDropout, site: site(l, 3)).apply(
      table.base + relativeRows.lowerBound * d, into: input + rows * d, at: .run(from: positionNumber),
      rows: relativeRows.count, columns: d)
  }

  /// Runs `body` with the numbers of relative embeddings behind those of the first `rows` rows, or alone.
  func withPositionRows(after rows: Int?, _ body: () -> Void) {
    let before = workspace.batchRows
    workspace.batchRows =
      rows.map { before.appending(after: $0, from: positionNumber) } ?? .run(from: positionNumber)
    body()
    workspace.batchRows = before
  }

  /// Projects a layer's input, and the `tail` relative embeddings behind it through the same module or their own.
  private func applyWithPositions(
    _ module: Int, _ own: Int?, _ x: FloatPointer, into y: MutableFloatPointer, rows: Int, _ tail: Int
  ) {
    guard tail > 0 else { return apply(module, x, into: y, rows: rows) }
    guard let own else {
      withPositionRows(after: rows) {
        model.linears[module].forward(x, into: y, rows: rows + tail, workspace)
        workspace.tap?.didForward(module, output: y, rows: rows)
      }
      return
    }
    apply(module, x, into: y, rows: rows)
    withPositionRows(after: nil) { apply(own, x + rows * d, into: y + rows * d, rows: tail) }
  }

  /// What attention adds to the scores of a layer, if anything.
  func positions(_ state: LayerState) -> Attention.Positions? {
    guard let relative = model.config.relative, !relativeRows.isEmpty else { return nil }
    return Attention.Positions(
      relative: relative.positions, longest: longest, keys: keyTail > 0 ? FloatPointer(state.k + rows * d) : nil,
      queries: queryTail > 0 ? FloatPointer(state.q + state.rows * d) : nil)
  }

  // MARK: Pieces

  /// Copies the rows of first tokens from [rows, d] to [sequences, d].
  private func gatherFirstTokens(of x: FloatPointer, into y: MutableFloatPointer, _ batch: PackedBatch) {
    for (i, s) in sequences.enumerated() {
      (y + i * d).update(from: x + (Int(batch.offsets[s]) - firstRow) * d, count: d)
    }
  }

  var allRows: BatchRows { .run(from: firstRow) }

  /// The batch's rows at which this pass's sequences begin.
  func offsets(_ batch: PackedBatch) -> UnsafePointer<Int32> { UnsafePointer(batch.offsets + sequences.lowerBound) }

  /// This pass's sequences as the attention of layer `l` sees them.
  func attentionLayout(_ l: Int, _ batch: PackedBatch) -> Attention.Layout {
    Attention.Layout(
      offsets: offsets(batch), sequences: sequences.count,
      queries: isPooledOnly && l == model.layers.count - 1 ? .first : .all)
  }

  /// Of so many products of every head's queries, keys and head size, and half as many with positions.
  func attentionFlops(_ layout: Attention.Layout, products: Int) -> Int {
    (0..<layout.sequences).reduce(0) { sum, s in
      let length = Int(layout.offsets[s + 1] - layout.offsets[s])
      let queries = layout.queries == .all ? length : 1
      let withPositions = (keyTail > 0 ? queries : 0) + (queryTail > 0 ? length : 0)
      return sum + products * d * (2 * length * queries + withPositions * (length + queries - 1))
    }
  }
}
