// The README's example of a loop of one's own. The code between the marks stands in the README to the letter.

import AdaLoRA
import Foundation
import Kernels
import Testing

@Suite("The README's own loop")
struct ReadmeExampleTests {
  /// Rows of a toy regression whose answer is W plus a change of rank 2.
  private struct Task {
    let weight: [Float]
    let target: [Float]
    var random = RandomSource(seed: 31)

    init() {
      var random = RandomSource(seed: 30)
      let weight = (0..<64 * 32).map { _ in Float(random.normal()) }
      let u = (0..<64 * 2).map { _ in Float(random.normal()) }
      let v = (0..<2 * 32).map { _ in Float(random.normal()) }
      self.weight = weight
      target = weight.indices.map { i -> Float in
        let (row, column) = (i / 32, i % 32)
        return weight[i] + 0.3 * (u[2 * row] * v[column] + u[2 * row + 1] * v[32 + column])
      }
    }

    /// 16 rows of inputs and what the answer makes of them.
    mutating func batch() -> (x: [Float], wanted: [Float]) {
      let x = (0..<16 * 32).map { _ in Float(random.normal()) }
      let wanted = (0..<16 * 64).map { i -> Float in
        let row = i / 64 * 32
        let column = i % 64 * 32
        var sum: Float = 0
        for j in 0..<32 { sum += x[row + j] * target[column + j] }
        return sum
      }
      return (x, wanted)
    }
  }

  @Test("trains, and leaves the rank where the change is")
  func trains() throws {
    var task = Task()
    let weight = task.weight
    let steps = 300
    var first = 0.0
    var last = 0.0
    // README example begins
    let adapters = AdapterStore()
    let layer = SVDLinear(weight: weight, outputSize: 64, inputSize: 32, rank: 12, in: adapters)  // wrap
    adapters.markTrainable()  // P, λ and Q train, nothing else
    let optimizer = AdamW(learningRate: 1e-2)
    let allocator = RankAllocator(
      adapters, initialRank: 12, targetRank: 2, initialWarmup: 50, finalWarmup: 100, maskInterval: 10,
      totalSteps: steps, beta1: 0.85, beta2: 0.85)
    for step in 0..<steps {
      let (x, wanted) = task.batch()
      let difference = zip(layer.forward(x), wanted).map { $0 - $1 }  // L = mean square / 2
      adapters.zeroGradients()
      layer.backward(difference.map { $0 / Float(difference.count) })  // ∂L/∂y
      adapters.orthogonalityRegularization(weight: 0.1)
      adapters.update(optimizer, count: step + 1)
      try allocator.updateAndMask(step: step)
      last = difference.reduce(0) { $0 + Double($1 * $1) } / Double(difference.count)
      if step == 0 { first = last }
    }
    // README example ends
    #expect(allocator.ranks == [2])
    #expect(last < 0.05 * first)
  }

  @Test("stands in the README as it is here, in under 25 lines")
  func standsInTheReadme() throws {
    let here = URL(fileURLWithPath: #filePath)
    let root = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let source = try String(contentsOf: here, encoding: .utf8)
    let begin = try #require(source.range(of: "// README example begins\n"))
    let end = try #require(source.range(of: "    // README example ends\n"))
    let lines = source[begin.upperBound..<end.lowerBound].split(separator: "\n", omittingEmptySubsequences: false)
      .dropLast().map { $0.hasPrefix("    ") ? String($0.dropFirst(4)) : String($0) }
    #expect(lines.count < 25)
    let readme = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
    #expect(readme.contains(lines.joined(separator: "\n")))
  }
}
