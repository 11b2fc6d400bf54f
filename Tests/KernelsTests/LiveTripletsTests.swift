import Kernels
import Testing

@Suite("Live triplets")
struct LiveTripletsTests {
  @Test("those that lie together make one run")
  func runs() {
    let live = LiveTriplets(rank: 8)
    #expect(live.runs == [0..<8] && live.count == 8)
    live.choose { [0, 1, 3, 6, 7].contains($0) }
    #expect(live.runs == [0..<2, 3..<4, 6..<8] && live.count == 5)
    live.choose { _ in false }
    #expect(live.runs.isEmpty && live.count == 0)
    live.choose { $0 > 1 }
    #expect(live.runs == [2..<8] && live.count == 6)
  }

  /// A path of rank 6 over a frozen 20×9, with dropped triplets' λ at 0.
  private func results(live: LiveTriplets, dropout: Float, accumulate: Bool) -> (y: [Float], dx: [Float], g: [Float]) {
    let (rank, outputs, inputs, rows) = (6, 20, 9, 11)
    let block = ParameterBlock()
    let layout = LowRankLayout(
      rank: rank, pOffset: block.reserve(rank * outputs), qOffset: block.reserve(rank * inputs),
      lambdaOffset: block.reserve(rank))
    block.seal()
    for (i, value) in normals(block.count, seed: 61).enumerated() { block.weights[i] = value }
    for i in [0, 3, 4] { block.weights[(layout.lambdaOffset ?? 0) + i] = 0 }
    let base = FrozenLinear(
      name: "m", weight: FrozenMatrix(normals(outputs * inputs, seed: 62), outputSize: outputs, inputSize: inputs),
      bias: SharedBuffer(normals(outputs, seed: 63)))
    let layer = LowRankLinear(
      base: base, block: block, layout: layout, scale: 1.5, dropout: dropout, slot: 0, live: live)
    let workspace = Workspace(arena: Arena(capacity: 10_000), gradients: block.gradients, slots: 1)
    workspace.isTraining = true
    let x = normals(rows * inputs, seed: 64)
    var y = [Float](repeating: 0, count: rows * outputs)
    var dx = normals(rows * inputs, seed: 65)
    layer.forward(x, into: &y, rows: rows, workspace)
    layer.backward(
      normals(rows * outputs, seed: 66), input: x, into: &dx, accumulate: accumulate, rows: rows, workspace)
    for i in [0, 3, 4] { block.gradients[(layout.lambdaOffset ?? 0) + i] = 0 }
    return (y, dx, Array(UnsafeBufferPointer(start: FloatPointer(block.gradients), count: block.count)))
  }

  @Test(
    "without triplets whose λ is 0, a path computes the same, but for those λ's gradients",
    arguments: [Float(0), 0.3], [false, true])
  func same(dropout: Float, accumulate: Bool) {
    let live = LiveTriplets(rank: 6)
    live.choose { ![0, 3, 4].contains($0) }
    let whole = results(live: LiveTriplets(rank: 6), dropout: dropout, accumulate: accumulate)
    let part = results(live: live, dropout: dropout, accumulate: accumulate)
    for (a, b) in [(part.y, whole.y), (part.dx, whole.dx), (part.g, whole.g)] {
      #expect(largestError(a, b.map(Double.init), relativeAbove: 1) < 2e-6)
    }
    #expect(part.g.contains { $0 != 0 })
  }

  @Test("with none live, only the frozen layer is left")
  func none() {
    let live = LiveTriplets(rank: 6)
    live.choose { _ in false }
    let results = results(live: live, dropout: 0, accumulate: false)
    #expect(results.g.allSatisfy { $0 == 0 })
    #expect(results.y.contains { $0 != 0 })
  }
}
