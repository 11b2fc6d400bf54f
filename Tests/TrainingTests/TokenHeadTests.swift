import Foundation
import Kernels
import Models
import Testing

@testable import Training

@Suite("The head over a vocabulary")
struct TokenHeadTests {
  @Test("its loss and gradient are those of all logits at once, though few exist together")
  func tiles() {
    // More rows than a tile, of which some do not count.
    let (vocabulary, d, rows) = (37, 3, 600)
    var random = RandomSource(seed: 1)
    func normals(_ count: Int) -> [Float] { (0..<count).map { _ in Float(random.normal()) } }
    let weight = normals(vocabulary * d)
    let states = normals(rows * d)
    let targets = (0..<rows).map { $0 % 3 == 1 ? -1 : Int32($0 % vocabulary) }
    var expected = 0.0
    var gradient = [Double](repeating: 0, count: rows * d)
    for row in 0..<rows where targets[row] >= 0 {
      let logits = (0..<vocabulary).map { v in
        (0..<d).reduce(0.0) { $0 + Double(states[row * d + $1]) * Double(weight[v * d + $1]) }
      }
      let sum = logits.reduce(0) { $0 + exp($1) }
      expected += log(sum) - logits[Int(targets[row])]
      for v in 0..<vocabulary {
        let share = exp(logits[v]) / sum - (v == Int(targets[row]) ? 1 : 0)
        for c in 0..<d { gradient[row * d + c] += 0.5 * share * Double(weight[v * d + c]) }
      }
    }
    let head = TokenHead(FrozenMatrix(weight, outputSize: vocabulary, inputSize: d))
    let none = Buffer(count: 0)
    let arena = Arena(capacity: head.scratchFloats(rows: rows))
    #expect(arena.capacity < rows * vocabulary)
    let workspace = Workspace(arena: arena, gradients: none.base, slots: 0)
    var got = [Float](repeating: .nan, count: rows * d)
    let loss = head.loss(states, targets: targets, gradient: &got, scale: 0.5, rows: rows, workspace)
    #expect(abs(loss - expected) < 1e-4)
    #expect(zip(got, gradient).allSatisfy { abs(Double($0) - $1) < 2e-6 })
    #expect(head.loss(states, targets: targets, gradient: nil, scale: 1, rows: rows, workspace) == loss)
  }
}
