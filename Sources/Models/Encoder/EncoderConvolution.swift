// DeBERTa's convolution of the embeddings, each sequence by itself.

import Kernels

/// y(t) = Σ W_k·x(t + k − reach) + b over a sequence's tokens, 0 beyond its ends.
struct EncoderConvolution: Sendable {
  /// W_k, [d, d] each, an odd number of them.
  let taps: [FrozenMatrix]
  let bias: TensorData
  /// Of the first layer's output and what was convolved.
  let norm: EncoderModel.Norm
  let activation: Activation

  /// x and y are [rows, d]; `offsets` are the rows at which sequences begin, from `offsets[0]` on.
  func forward(
    _ x: FloatPointer, into y: MutableFloatPointer, offsets: UnsafePointer<Int32>, sequences: Int,
    _ workspace: Workspace
  ) {
    let d = bias.count
    Elementwise.fillRows(y, with: bias.base, rows: Int(offsets[sequences] - offsets[0]), columns: d)
    forEachTap(offsets, sequences) { tap, input, output, rows in
      taps[tap].apply(x + input * d, into: y + output * d, rows: rows, accumulate: true, workspace)
    }
  }

  /// Adds the gradient of x.
  func backward(
    _ dy: FloatPointer, addingTo dx: MutableFloatPointer, offsets: UnsafePointer<Int32>, sequences: Int,
    _ workspace: Workspace
  ) {
    let d = bias.count
    forEachTap(offsets, sequences) { tap, input, output, rows in
      taps[tap].applyTransposed(dy + output * d, into: dx + input * d, rows: rows, accumulate: true, workspace)
    }
  }

  /// The rows that each tap reads and writes.
  private func forEachTap(
    _ offsets: UnsafePointer<Int32>, _ sequences: Int,
    _ body: (_ tap: Int, _ input: Int, _ output: Int, _ rows: Int) -> Void
  ) {
    for s in 0..<sequences {
      let start = Int(offsets[s] - offsets[0])
      let length = Int(offsets[s + 1] - offsets[s])
      for tap in taps.indices {
        let shift = tap - taps.count / 2
        let rows = length - abs(shift)
        if rows > 0 { body(tap, start + max(shift, 0), start + max(-shift, 0), rows) }
      }
    }
  }
}
