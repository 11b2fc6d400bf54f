import Testing

@testable import Kernels

/// To bfloat16's 8 significant bits, ties to even, by arithmetic instead of bits.
private func rounded(_ x: Float) -> Double {
  let unit = Double(x.ulp) * 65536
  return (Double(x) / unit).rounded(.toNearestOrEven) * unit
}

@Suite("Frozen weights in bfloat16", .enabled(if: Precision.bfloat16.isSupported))
struct PackedWeightTests {
  private struct Case: ~Copyable {
    let matrix: FrozenMatrix
    let weight: [Float]
    let workspace: Workspace
    let gradients = Buffer(count: 1)

    init(_ outputs: Int, _ inputs: Int) {
      weight = normals(outputs * inputs, seed: 51)
      let copy = SharedBuffer(weight)
      matrix = FrozenMatrix(
        copy.base, outputSize: outputs, inputSize: inputs, owner: copy, precision: .bfloat16)
      workspace = Workspace(arena: Arena(capacity: 0), gradients: gradients.base, slots: 0)
    }
  }

  /// Rows around those that the kernels are made for.
  static let rowCounts = [1, 15, 16, 17, 63, 64, 65, 80, 200]

  @Test("both directions are within 4e-6 of the sums of rounded products", arguments: rowCounts, [false, true])
  func products(rows: Int, accumulate: Bool) {
    for (outputs, inputs) in [(1, 1), (12, 100), (130, 33), (96, 384)] {
      let c = Case(outputs, inputs)
      for isBackward in [false, true] {
        let (k, n) = isBackward ? (outputs, inputs) : (inputs, outputs)
        let x = normals(rows * k, seed: 52)
        let before = normals(rows * n, seed: 53)
        var y = before
        if isBackward {
          c.matrix.applyTransposed(x, into: &y, rows: rows, accumulate: accumulate, c.workspace)
        } else {
          c.matrix.apply(x, into: &y, rows: rows, accumulate: accumulate, c.workspace)
        }
        var worst = 0.0
        for row in 0..<rows {
          for column in 0..<n {
            var sum = accumulate ? Double(before[row * n + column]) : 0
            var size = abs(sum)
            for i in 0..<k {
              let product =
                rounded(x[row * k + i]) * rounded(c.weight[isBackward ? i * n + column : column * k + i])
              sum += product
              size += abs(product)
            }
            worst = max(worst, abs(Double(y[row * n + column]) - sum) / size)
          }
        }
        #expect(worst < 4e-6)
      }
    }
  }

  @Test("a row's result does not depend on the rows it is multiplied with", arguments: rowCounts)
  func rowsAreApart(rows: Int) {
    let c = Case(48, 96)
    let x = normals(200 * 96, seed: 54)
    var (all, some) = ([Float](repeating: 0, count: 200 * 48), [Float](repeating: 7, count: rows * 48 + 1))
    c.matrix.apply(x, into: &all, rows: 200, accumulate: false, c.workspace)
    c.matrix.apply(x, into: &some, rows: rows, accumulate: false, c.workspace)
    #expect(zip(all, some.dropLast()).allSatisfy { abs($0 - $1) < 1e-4 })
    #expect(some[rows * 48] == 7)
    var again = some
    c.matrix.apply(x, into: &again, rows: rows, accumulate: false, c.workspace)
    #expect(again == some)
  }

  @Test("two workers at once get the bits that one gets")
  func workers() {
    let c = Case(384, 384)
    let x = normals(500 * 384, seed: 55)
    var alone = [Float](repeating: 0, count: 500 * 384)
    c.matrix.apply(x, into: &alone, rows: 500, accumulate: false, c.workspace)
    let phase = Together(c.matrix, x)
    WorkerPool(count: 3).run(phase)
    #expect(phase.results.allSatisfy { $0.values == alone })
  }

  private final class Together: ParallelPhase, @unchecked Sendable {
    struct Result { let buffer: SharedOutput; var values: [Float] { buffer.values } }
    let matrix: FrozenMatrix
    let x: [Float]
    let results = (0..<3).map { _ in Result(buffer: SharedOutput(500 * 384)) }
    private let workspaces: [Workspace]
    private let gradients = SharedOutput(1)

    init(_ matrix: FrozenMatrix, _ x: [Float]) {
      self.matrix = matrix
      self.x = x
      workspaces = (0..<3).map { [gradients] _ in
        Workspace(arena: Arena(capacity: 0), gradients: gradients.base, slots: 0)
      }
    }

    func run(worker: Int) {
      matrix.apply(x, into: results[worker].buffer.base, rows: 500, accumulate: false, workspaces[worker])
    }
  }

  private final class SharedOutput {
    private let buffer: Buffer
    init(_ count: Int) { buffer = Buffer(count: count) }
    var base: MutableFloatPointer { buffer.base }
    var values: [Float] { buffer.values }
  }

  @Test("the self-check passes")
  func check() throws {
    let check = try #require(BFloat16Check.run())
    #expect(check.isRight)
    #expect(check.largestError > 0)
  }
}
