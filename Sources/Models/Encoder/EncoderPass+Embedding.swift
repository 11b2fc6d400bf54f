// Tokens to vectors, and what DeBERTa's convolution makes of them.

import Kernels

extension EncoderPass {
  /// Each token's vector, [rows, d] with room behind.
  func embed(_ batch: PackedBatch) -> MutableFloatPointer {
    workspace.clock?.begin(.embedding)
    let arena = workspace.arena
    let norm = model.embeddings.norm
    let epsilon = model.config.layerNormEpsilon
    let width = model.config.embeddingSize
    let out = takeRows(rows)
    guard let projection = model.config.projection else {
      let mark = arena.mark
      let sum = arena.take(rows * d)
      let deviation = arena.take(rows)
      lookUp(batch, into: sum)
      LayerNorm.forward(
        sum, residual: nil, gain: norm.gain.base, bias: norm.bias.base, epsilon: epsilon, normalized: sum,
        rstd: deviation, into: out, rows: rows, columns: d)
      drop(model.config.hiddenDropout, site: 0, out, into: out, rows: rows)
      arena.release(to: mark)
      return out
    }
    let state = EmbeddingState(
      narrow: arena.take(rows * width), normalized: arena.take(rows * max(d, width)), deviation: arena.take(rows))
    embedding = state
    let narrow = state.narrow
    if projection.precedesNorm {
      lookUp(batch, into: narrow)
      apply(0, narrow, into: state.normalized, rows: rows)
      LayerNorm.forward(
        state.normalized, residual: nil, gain: norm.gain.base, bias: norm.bias.base, epsilon: epsilon,
        normalized: state.normalized, rstd: state.deviation, into: out, rows: rows, columns: d)
      drop(model.config.hiddenDropout, site: 0, out, into: out, rows: rows)
    } else {
      lookUp(batch, into: state.normalized)
      LayerNorm.forward(
        state.normalized, residual: nil, gain: norm.gain.base, bias: norm.bias.base, epsilon: epsilon,
        normalized: state.normalized, rstd: state.deviation, into: narrow, rows: rows, columns: width)
      workspace.clock?.begin(.dropout)
      workspace.dropout(model.config.hiddenDropout, site: 0).apply(
        narrow, into: narrow, at: workspace.batchRows, rows: rows, columns: width)
      apply(0, narrow, into: out, rows: rows)
    }
    return out
  }

  /// The sum of each token's word, type and position.
  private func lookUp(_ batch: PackedBatch, into sum: MutableFloatPointer) {
    let config = model.config
    let tables = model.embeddings
    let width = config.embeddingSize
    let first = firstRow
    let padding = config.family.countsFromPadding ? config.padTokenID : nil
    let lastType = config.family.readsTokenTypes ? config.typeVocabularySize - 1 : 0
    for s in sequences {
      let start = Int(batch.offsets[s])
      var position = config.firstPosition
      for row in start..<Int(batch.offsets[s + 1]) {
        let token = Int(batch.tokenIDs[row])
        let target = sum + (row - first) * width
        target.update(from: tables.word.base + token * width, count: width)
        if let types = tables.tokenType {
          Elementwise.add(target, types.base + min(Int(batch.typeIDs[row]), lastType) * width, count: width)
        }
        // Where positions count from the padding token, one of these within a text has its own and is not counted.
        let isPadding = token == padding
        if let positions = tables.position {
          Elementwise.add(target, positions.base + (isPadding ? token : position) * width, count: width)
        }
        if !isPadding { position += 1 }
      }
    }
  }

  /// The norm of a layer's output and the convolved embeddings.
  func convolve(
    _ convolution: EncoderConvolution, _ embedded: FloatPointer, _ hidden: FloatPointer, _ batch: PackedBatch
  ) -> MutableFloatPointer {
    let arena = workspace.arena
    let state = ConvolutionState(
      convolved: arena.take(rows * d), normalized: arena.take(rows * d), deviation: arena.take(rows))
    self.convolution = state
    let out = takeRows(rows)
    convolution.forward(
      embedded, into: state.convolved, offsets: offsets(batch), sequences: sequences.count, workspace)
    drop(model.config.hiddenDropout, site: 3, state.convolved, into: state.convolved, rows: rows)
    workspace.clock?.begin(.activation)
    convolution.activation.forward(state.convolved, into: state.normalized, count: rows * d)
    workspace.clock?.begin(.layerNorm)
    LayerNorm.forward(
      state.normalized, residual: hidden, gain: convolution.norm.gain.base, bias: convolution.norm.bias.base,
      epsilon: model.config.layerNormEpsilon, normalized: state.normalized, rstd: state.deviation, into: out,
      rows: rows, columns: d)
    return out
  }
}
