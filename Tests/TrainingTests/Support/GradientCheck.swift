// A model's gradients against differences of its loss.

import AdaLoRA
import Kernels
import Testing

/// The loss of one batch, whose gradients each evaluation leaves in the store.
struct GradientCheck {
  let store: AdapterStore
  let loss: () -> Double

  /// The central difference of two steps, its error of the fourth order.
  private func difference(at i: Int, step: Float) -> Double {
    let weights = store.block.weights
    let w = weights[i]
    func slope(_ h: Float) -> Double {
      weights[i] = w + h
      let above = loss()
      weights[i] = w - h
      let below = loss()
      weights[i] = w
      return (above - below) / Double(2 * h)
    }
    return (4 * slope(step / 2) - slope(step)) / 3
  }

  /// Compares every trainable parameter's gradient with a central difference.
  func expectExact() {
    _ = loss()
    let block = store.block
    let gradients = (0..<block.count).map { block.gradients[$0] }
    let scale = gradients.map { abs($0) }.max() ?? 0
    #expect(scale > 1e-3)
    var segments: [(Int, Int)] = store.dense.map { ($0.offset, $0.count) }
    for adapter in store.adapters {
      let layout = adapter.layout
      segments += [
        (layout.pOffset, layout.rank * adapter.outputSize), (layout.qOffset, layout.rank * adapter.inputSize),
      ]
      if let offset = layout.lambdaOffset { segments.append((offset, layout.rank)) }
    }
    let tolerance = 4e-3 * Double(max(scale, 0.1))
    var worst = 0.0
    for (offset, count) in segments {
      for i in offset..<offset + count {
        // Where the loss bends sharply a finer step has to do, which rounding blurs elsewhere.
        let errors = [Float(3e-3), 7e-4].lazy.map { abs(difference(at: i, step: $0) - Double(gradients[i])) }
        worst = max(worst, errors.first { $0 < tolerance } ?? .infinity)
      }
    }
    #expect(worst < tolerance, "worst \(worst) of \(scale)")
  }
}

extension AdapterStore {
  /// Values at which every part of an adapter has a gradient.
  func fillRandomly(_ random: inout RandomSource) {
    for adapter in adapters {
      let layout = adapter.layout
      random.fillNormal(block.weights + layout.pOffset, count: layout.rank * adapter.outputSize, deviation: 0.4)
      random.fillNormal(block.weights + layout.qOffset, count: layout.rank * adapter.inputSize, deviation: 0.4)
      if let offset = layout.lambdaOffset {
        random.fillNormal(block.weights + offset, count: layout.rank, deviation: 1)
      }
    }
  }
}
