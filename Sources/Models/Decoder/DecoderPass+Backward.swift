// A decoder's backward, from the outputs down to the lowest layer that trains.

import Kernels

extension DecoderPass {
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
    drop(config.residualDropout, site: site(l, 2), gradient, into: branch, rows: n)
    let inner = arena.take(n * f)
    let afterAttention = first + config.projectionsPerLayer
    applyBackward(
      first + config.modulesPerLayer - 1, branch, input: state.activated, into: inner, accumulate: false, rows: n)
    let endsAfterFeedForward = isLowest && !layer.trainsProjections && !layer.trainsAttentionOutput
    let target = endsAfterFeedForward ? nil : below
    workspace.clock?.begin(.activation)
    if config.isGPT2 {
      config.activation.backward(state.gate, inner, into: inner, count: n * f)
    } else {
      let up = arena.take(n * f)
      GatedSiLU.backward(state.gate, state.up, inner, dgate: inner, dup: up, count: n * f)
      applyBackward(afterAttention + 2, up, input: state.feedForwardInput, into: target, accumulate: false, rows: n)
    }
    applyBackward(
      afterAttention + 1, inner, input: state.feedForwardInput, into: target, accumulate: !config.isGPT2, rows: n)
    guard !endsAfterFeedForward else { return }
    denormalize(below, layer.feedForwardNorm, state.feedForwardNorm, into: below, rows: n, columns: d)
    Elementwise.add(gradient, below, count: n * d)
    // The attention block.
    drop(config.residualDropout, site: site(l, 1), gradient, into: branch, rows: n)
    let endsAfterOutput = isLowest && !layer.trainsProjections
    let context = arena.take(n * q)
    applyBackward(
      afterAttention, branch, input: state.context, into: endsAfterOutput ? nil : context, accumulate: false, rows: n)
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
    applyBackward(first, dq.base, input: state.attentionInput, into: lower, accumulate: false, rows: n)
    if !config.isGPT2 {
      applyBackward(first + 1, dk.base, input: state.attentionInput, into: lower, accumulate: true, rows: n)
      applyBackward(first + 2, dv.base, input: state.attentionInput, into: lower, accumulate: true, rows: n)
    }
    guard let lower else { return }
    denormalize(lower, layer.attentionNorm, state.attentionNorm, into: lower, rows: n, columns: d)
    Elementwise.add(gradient, lower, count: n * d)
  }

  // MARK: Pieces

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
}
