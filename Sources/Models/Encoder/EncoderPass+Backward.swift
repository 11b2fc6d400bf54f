// The backward pass of an encoder: from the logits down to the lowest module that trains.

import Kernels

extension EncoderPass {
  func backward(_ logitsGradient: FloatPointer?) {
    guard let batch, let head else { preconditionFailure("backward before forward") }
    let arena = workspace.arena
    let mark = arena.mark
    let lowest = model.lowestTrainable
    var gradient: MutableFloatPointer?
    if lowest.isBelowPooler {
      let count = (isPooledOnly ? sequences.count : rows) * d
      let zero = takeRows(isPooledOnly ? sequences.count : rows)
      zero.update(repeating: 0, count: count)
      gradient = zero
    }
    if let logitsGradient {
      if lowest != .head {
        backwardHead(logitsGradient, head, into: gradient, batch)
      } else {
        model.head.backward(
          logitsGradient, input: head.output, into: nil, accumulate: false, rows: sequences.count, workspace)
      }
    }
    if let gradient { backwardStack(gradient, batch) }
    arena.release(to: mark)
  }

  /// Through head and pooler; writes the gradient of the last layer's output, where wanted.
  private func backwardHead(
    _ logitsGradient: FloatPointer, _ head: HeadState, into gradient: MutableFloatPointer?, _ batch: PackedBatch
  ) {
    let arena = workspace.arena
    let mark = arena.mark
    let count = sequences.count
    let pooled = arena.take(count * d)
    model.head.backward(logitsGradient, input: head.output, into: pooled, accumulate: false, rows: count, workspace)
    dropFirstTokens(model.config.classifierDropout, site: 1, pooled)
    model.config.poolerActivation.backward(head.dense, pooled, into: pooled, count: count * d)
    let first = isPooledOnly ? gradient : gradient.map { _ in arena.take(count * d) }
    model.pooler.backward(pooled, input: head.input, into: first, accumulate: false, rows: count, workspace)
    if let gradient, let first {
      dropFirstTokens(model.config.poolerDropout, site: 2, first)
      if !isPooledOnly { addToFirstTokens(of: gradient, first, batch) }
    }
    arena.release(to: mark)
  }

  /// Through the layers and what lies below them, as far as anything trains.
  private func backwardStack(_ top: MutableFloatPointer, _ batch: PackedBatch) {
    let lowest = if case .layer(let l) = model.lowestTrainable { l } else { -1 }
    var gradient = top
    var fromConvolution: MutableFloatPointer?
    for l in model.layers.indices.reversed() where l >= lowest {
      if l == 0, let convolution = model.convolution, let state = self.convolution {
        fromConvolution = backward(convolution, state, gradient, batch, isWanted: lowest < 0)
      }
      gradient = backward(layer: l, gradient, batch, isLowest: l == lowest)
    }
    guard lowest < 0 else { return }
    if let fromConvolution { Elementwise.add(gradient, fromConvolution, count: rows * d) }
    backwardProjection(gradient)
  }

  /// Through the norm of a layer's output and the convolved embeddings: `gradient` becomes that of the former. That of
  /// the embeddings is returned where it is wanted.
  private func backward(
    _ convolution: EncoderConvolution, _ state: ConvolutionState, _ gradient: MutableFloatPointer,
    _ batch: PackedBatch, isWanted: Bool
  ) -> MutableFloatPointer? {
    workspace.clock?.begin(.layerNorm)
    LayerNorm.backward(
      gradient, normalized: state.normalized, rstd: state.deviation, gain: convolution.norm.gain.base, into: gradient,
      rows: rows, columns: d)
    guard isWanted else { return nil }
    let arena = workspace.arena
    let embedded = arena.take(rows * d)
    let mark = arena.mark
    let convolved = arena.take(rows * d)
    convolution.activation.backward(state.convolved, gradient, into: convolved, count: rows * d)
    drop(model.config.hiddenDropout, site: 3, convolved, into: convolved, rows: rows)
    embedded.update(repeating: 0, count: rows * d)
    convolution.backward(
      convolved, addingTo: embedded, offsets: offsets(batch), sequences: sequences.count, workspace)
    arena.release(to: mark)
    return embedded
  }

  private func backwardProjection(_ gradient: MutableFloatPointer) {
    guard let embedding else { preconditionFailure("backward before forward") }
    if model.config.projection?.precedesNorm == true {
      drop(model.config.hiddenDropout, site: 0, gradient, into: gradient, rows: rows)
      LayerNorm.backward(
        gradient, normalized: embedding.normalized, rstd: embedding.deviation,
        gain: model.embeddings.norm.gain.base, into: gradient, rows: rows, columns: d)
    }
    applyBackward(0, gradient, input: embedding.narrow, into: nil, accumulate: false, rows: rows)
  }

  /// `gradient` holds the loss's gradient of the layer's output and is used up; returns that of the layer's input, which
  /// means nothing for the lowest layer.
  private func backward(
    layer l: Int, _ gradient: MutableFloatPointer, _ batch: PackedBatch, isLowest: Bool
  ) -> MutableFloatPointer {
    let arena = workspace.arena
    let config = model.config
    let layer = model.layers[l]
    let places = layer.places
    let attention = attentionLayout(l, batch)
    let isWhole = attention.queries == .all
    // What is returned outlives the scratch.
    let below = isWhole || isLowest ? gradient : takeRows(rows)
    let mark = arena.mark
    defer {
      workspace.batchRows = allRows
      arena.release(to: mark)
    }
    var state = layers[l]
    if workspace.recomputes {
      state = workspace.withoutTap { forward(layer: l, state.input, into: takeRows(state.rows), batch) }
    }
    let n = state.rows
    if !isWhole { workspace.batchRows = .each(attention.offsets) }
    let branch = arena.take(n * d)
    // The feed-forward block.
    workspace.clock?.begin(.layerNorm)
    LayerNorm.backward(
      gradient, normalized: state.outputNormalized, rstd: state.outputDeviation, gain: layer.outputNorm.gain.base,
      into: gradient, rows: n, columns: d)
    drop(config.hiddenDropout, site: site(l, 2), gradient, into: branch, rows: n)
    let inner = arena.take(n * f)
    applyBackward(places.output, branch, input: state.activated, into: inner, accumulate: false, rows: n)
    workspace.clock?.begin(.activation)
    config.activation.backward(state.inner, inner, into: inner, count: n * f)
    let endsAfterFeedForward = isLowest && !layer.trainsProjections && !layer.trainsAttentionOutput
    applyBackward(
      places.intermediate, inner, input: state.attended, into: endsAfterFeedForward ? nil : gradient, accumulate: true,
      rows: n)
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
      places.attentionOutput, branch, input: state.context, into: endsAfterOutput ? nil : context, accumulate: false,
      rows: n)
    guard !endsAfterOutput else { return below }
    let dq = takeRows(n)
    let dk = takeRows(rows)
    let dv = arena.take(rows * d)
    workspace.clock?.begin(.attention, flops: attentionFlops(attention, products: 4))
    model.attention.backward(
      context, state.q, state.k, state.v, probabilities: state.probabilities, dq: dq, dk: dk, dv: dv, attention,
      positions: positions(state),
      into: Attention.PositionGradients(
        keys: keyTail > 0 ? dk + rows * d : nil, queries: queryTail > 0 ? dq + n * d : nil),
      dropout: workspace.dropout(config.attentionDropout, site: site(l, 0)), arena: arena)
    // Nothing below the lowest adapter wants a gradient.
    backwardWithPositions(
      places.query, places.positionQuery, dq, input: state.top, into: isLowest ? nil : gradient, accumulate: true,
      rows: n, queryTail)
    workspace.batchRows = allRows
    let target = isLowest ? nil : below
    backwardWithPositions(
      places.key, places.positionKey, dk, input: state.input, into: target, accumulate: isWhole, rows: rows, keyTail)
    applyBackward(places.value, dv, input: state.input, into: target, accumulate: true, rows: rows)
    if let target, !isWhole { addToFirstTokens(of: target, gradient, batch) }
    return below
  }

  /// Backward of a projection of a layer's input and of the `tail` relative embeddings behind it. These are frozen: what
  /// comes out behind the gradient of the input means nothing.
  private func backwardWithPositions(
    _ module: Int, _ own: Int?, _ dy: MutableFloatPointer, input: FloatPointer, into dx: MutableFloatPointer?,
    accumulate: Bool, rows: Int, _ tail: Int
  ) {
    guard tail > 0, own == nil, model.linears[module].isTrainable else {
      applyBackward(module, dy, input: input, into: dx, accumulate: accumulate, rows: rows)
      guard tail > 0, let own else { return }
      return withPositionRows(after: nil) {
        applyBackward(own, dy + rows * d, input: input + rows * d, into: nil, accumulate: false, rows: tail)
      }
    }
    withPositionRows(after: rows) {
      workspace.tap?.willBackward(module, gradient: dy, rows: rows)
      model.linears[module].backward(
        dy, input: input, into: dx, accumulate: accumulate, rows: rows + tail, workspace)
    }
  }

  /// Adds [sequences, d] to the rows of first tokens in [rows, d].
  private func addToFirstTokens(of x: MutableFloatPointer, _ y: FloatPointer, _ batch: PackedBatch) {
    for (i, s) in sequences.enumerated() {
      Elementwise.add(x + (Int(batch.offsets[s]) - firstRow) * d, y + i * d, count: d)
    }
  }
}
