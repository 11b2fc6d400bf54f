// What the passes of encoders and decoders have in common.

import Kernels

/// A pass through a stack of layers, forward and backward, over rows of `d` values.
protocol LayeredPass: ForwardPass {
  var workspace: Workspace { get }
  var d: Int { get }
  /// In the order of the model's modules.
  var linears: [any LinearLayer] { get }
  var batch: PackedBatch? { get }
  var sequences: Range<Int> { get }
}

extension LayeredPass {
  func apply(_ module: Int, _ x: FloatPointer, into y: MutableFloatPointer, rows: Int) {
    linears[module].forward(x, into: y, rows: rows, workspace)
    workspace.tap?.didForward(module, output: y, rows: rows)
  }

  func applyBackward(
    _ module: Int, _ dy: MutableFloatPointer, input: FloatPointer, into dx: MutableFloatPointer?, accumulate: Bool,
    rows: Int
  ) {
    workspace.tap?.willBackward(module, gradient: dy, rows: rows)
    linears[module].backward(dy, input: input, into: dx, accumulate: accumulate, rows: rows, workspace)
  }

  func drop(_ p: Float, site: Int, _ x: FloatPointer, into y: MutableFloatPointer, rows: Int) {
    workspace.clock?.begin(.dropout)
    workspace.dropout(p, site: site).apply(x, into: y, at: workspace.batchRows, rows: rows, columns: d)
  }

  /// The batch's row at which this pass's begin.
  var firstRow: Int { batch.map { Int($0.offsets[sequences.lowerBound]) } ?? 0 }

  /// The number of a layer's dropout site, below which are those outside the layers.
  func site(_ layer: Int, _ place: Int) -> Int { 4 + 4 * layer + place }
}
