// The frozen head of a language model: the loss over a large vocabulary without tokens × vocabulary in memory.

import Foundation
import Kernels

/// Logits over the vocabulary, states·Wᵀ, a tile of rows at a time.
public struct TokenHead: Sendable {
  /// W, [vocabulary, d].
  public let weight: FrozenMatrix

  public init(_ weight: FrozenMatrix) { self.weight = weight }

  /// The most logits that exist at once, unless a few rows have more.
  private static let tileFloats = 1 << 24

  private func tileRows(_ rows: Int) -> Int { min(rows, max(16, min(256, Self.tileFloats / weight.outputSize))) }

  /// Floats of scratch that `loss` takes.
  public func scratchFloats(rows: Int) -> Int {
    tileRows(rows) * (weight.outputSize + weight.inputSize) + 3 * SmallProduct.lanes
  }

  /// Σ −log softmax(logits)[target] over the rows that have a target, summed in double.
  /// - Parameters:
  ///   - states: [rows, d].
  ///   - targets: [rows], −1 where a row does not count.
  ///   - gradient: receives `scale` times the sum's gradient, [rows, d]; nil where it is not wanted.
  public func loss(
    _ states: FloatPointer, targets: UnsafePointer<Int32>, gradient: MutableFloatPointer?, scale: Double, rows: Int,
    _ workspace: Workspace
  ) -> Double {
    let (vocabulary, d) = (weight.outputSize, weight.inputSize)
    let arena = workspace.arena
    let mark = arena.mark
    defer { arena.release(to: mark) }
    let tile = tileRows(rows)
    let x = arena.take(tile * d)
    let logits = arena.take(tile * vocabulary)
    gradient?.update(repeating: 0, count: rows * d)
    var sum = 0.0
    var next = 0
    while next < rows {
      // Rows that count, side by side.
      let first = next
      var count = 0
      while next < rows, count < tile {
        if targets[next] >= 0 {
          (x + count * d).update(from: states + next * d, count: d)
          count += 1
        }
        next += 1
      }
      guard count > 0 else { break }
      weight.apply(x, into: logits, rows: count, accumulate: false, workspace)
      workspace.clock?.begin(.loss)
      var place = 0
      for row in first..<next where targets[row] >= 0 {
        sum += Self.crossEntropy(logits + place * vocabulary, Int(targets[row]), vocabulary, scale: scale)
        place += 1
      }
      guard let gradient else { continue }
      weight.applyTransposed(logits, into: x, rows: count, accumulate: false, workspace)
      place = 0
      for row in first..<next where targets[row] >= 0 {
        (gradient + row * d).update(from: x + place * d, count: d)
        place += 1
      }
    }
    return sum
  }

  /// Of one token's state, [d].
  public func logits(_ state: FloatPointer, _ workspace: Workspace) -> [Float] {
    [Float](unsafeUninitializedCapacity: weight.outputSize) { logits, count in
      if let base = logits.baseAddress { weight.apply(state, into: base, rows: 1, accumulate: false, workspace) }
      count = weight.outputSize
    }
  }

  /// −log softmax(row)[target]; the row becomes its gradient times `scale`.
  private static func crossEntropy(
    _ row: MutableFloatPointer, _ target: Int, _ count: Int, scale: Double
  ) -> Double {
    precondition(target < count, "token \(target) of a vocabulary of \(count)")
    let right = row[target]
    let (largest, sum) = Softmax.exponentials(row, count: count)
    Elementwise.scale(row, by: Float(scale / sum), count: count)
    row[target] -= Float(scale)
    return log(sum) - Double(right - largest)
  }
}
