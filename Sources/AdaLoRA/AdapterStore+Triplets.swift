// A triplet, or a doublet where there is no λ, as a part of ΔW: how large it is, taking it out, putting a fresh one in.

import Kernels

extension AdapterStore {
  /// λ of an adapter's triplets; where there is none, the length of a doublet's column of B times that of its row of A.
  /// What is not zero is part of ΔW.
  /// - Parameter take: gets each triplet's number and size, in order.
  public func sizes(_ index: Int, _ take: (Int, Float) -> Void) {
    let adapter = adapters[index]
    let (layout, d1, d2) = (adapter.layout, adapter.outputSize, adapter.inputSize)
    for i in 0..<layout.rank {
      if let offset = layout.lambdaOffset {
        take(i, block.weights[offset + i])
      } else {
        let squares =
          Elementwise.sumOfSquares(block.weights + layout.pOffset + i * d1, count: d1)
          * Elementwise.sumOfSquares(block.weights + layout.qOffset + i * d2, count: d2)
        take(i, Float(squares.squareRoot()))
      }
    }
  }

  public func sizes(_ index: Int) -> [Float] {
    var all: [Float] = []
    sizes(index) { all.append($1) }
    return all
  }

  /// Takes triplets out of ΔW: λ ← 0, or where there is none the column of B. The rest stays.
  func takeOut(_ index: Int, where isOut: (Int) -> Bool) {
    let adapter = adapters[index]
    let layout = adapter.layout
    for i in 0..<layout.rank where isOut(i) {
      if let offset = layout.lambdaOffset {
        block.weights[offset + i] = 0
      } else {
        (block.weights + layout.pOffset + i * adapter.outputSize).update(repeating: 0, count: adapter.outputSize)
      }
    }
  }

  /// Draws P and Q of a triplet anew, of length 1 and orthogonal to the others that `isKept` names, with λ = 0; Ī, Ū and
  /// Adam's first moment start from 0.
  func startAnew(_ index: Int, _ triplet: Int, among isKept: (Int) -> Bool, _ random: inout RandomSource) {
    let adapter = adapters[index]
    let layout = adapter.layout
    takeOut(index) { $0 == triplet }
    let others = (0..<layout.rank).filter { $0 != triplet && isKept($0) }
    for (offset, count) in [(layout.pOffset, adapter.outputSize), (layout.qOffset, adapter.inputSize)] {
      let own = block.weights + offset + triplet * count
      random.fillNormal(own, count: count, deviation: 1)
      // The others are near orthonormal, so that one pass of each suffices.
      for other in others {
        let row = block.weights + offset + other * count
        let square = Float(Elementwise.sumOfSquares(row, count: count))
        guard square > 0 else { continue }
        let share = (0..<count).reduce(Float(0)) { $0 + own[$1] * row[$1] } / square
        for i in 0..<count { own[i] -= share * row[i] }
      }
      let length = Float(Elementwise.sumOfSquares(own, count: count).squareRoot())
      for i in 0..<count where length > 0 { own[i] /= length }
    }
    let rows = [
      (layout.pOffset + triplet * adapter.outputSize, adapter.outputSize),
      (layout.qOffset + triplet * adapter.inputSize, adapter.inputSize),
    ]
    for (offset, count) in rows + (layout.lambdaOffset.map { [($0 + triplet, 1)] } ?? []) {
      for values in [moments.first, smoothedSensitivity, uncertainty] {
        (values + offset).update(repeating: 0, count: count)
      }
    }
  }
}
