// How fast this machine multiplies matrices of given shapes, measured then and there.

import Foundation
import Kernels
import Models

/// Every worker multiplies by a frozen weight of its own rows, at the same time, as in a step.
private final class ProductPhase: ParallelPhase, @unchecked Sendable {
  // Unchecked: each worker has rows and a workspace of its own.
  private let matrix: FrozenMatrix
  private let rows: Int
  private let rooms: [Room]
  var isBackward = false

  private final class Room {
    let input, output: Buffer
    let workspace: Workspace

    init(_ matrix: FrozenMatrix, rows: Int, _ random: inout RandomSource) {
      let width = max(matrix.inputSize, matrix.outputSize)
      input = Buffer(count: rows * width)
      output = Buffer(count: rows * width)
      random.fillNormal(input.base, count: rows * width, deviation: 1)
      workspace = Workspace(arena: Arena(capacity: 0), gradients: output.base, slots: 0)
    }
  }

  init(_ matrix: FrozenMatrix, rows: Int, workers: Int, _ random: inout RandomSource) {
    self.matrix = matrix
    self.rows = rows
    var rooms: [Room] = []
    for _ in 0..<workers { rooms.append(Room(matrix, rows: rows, &random)) }
    self.rooms = rooms
  }

  func run(worker: Int) {
    let room = rooms[worker]
    if isBackward {
      matrix.applyTransposed(room.input.base, into: room.output.base, rows: rows, accumulate: false, room.workspace)
    } else {
      matrix.apply(room.input.base, into: room.output.base, rows: rows, accumulate: false, room.workspace)
    }
  }
}

enum MultiplicationRate {
  /// The machine's rate over x·Wᵀ and dy·W of the modules' weights, in FLOP/s of all workers together: the fastest of a
  /// few runs for each shape, shapes weighing what they weigh in the model.
  static func measure(_ modules: [LinearModule], rows: Int, precision: Precision, pool: WorkerPool) -> Double {
    struct Shape: Hashable { let out, input: Int }
    var random = RandomSource(seed: 9)
    let share = max(1, rows / pool.count)
    var flops = 0.0
    var seconds = 0.0
    for (shape, same) in Dictionary(grouping: modules, by: { Shape(out: $0.outputSize, input: $0.inputSize) }) {
      let weight = SharedBuffer((0..<shape.out * shape.input).map { _ in Float(random.uniform()) - 0.5 })
      let matrix = FrozenMatrix(
        weight.base, outputSize: shape.out, inputSize: shape.input, owner: weight, precision: precision)
      let phase = ProductPhase(matrix, rows: share, workers: pool.count, &random)
      for isBackward in [false, true] {
        phase.isBackward = isBackward
        let best = Stopwatch.fastest(of: 7) { pool.run(phase) }
        flops += Double(2 * share * pool.count * shape.out * shape.input * same.count)
        seconds += best * Double(same.count)
      }
    }
    return seconds > 0 ? flops / seconds : 0
  }
}

enum Stopwatch {
  /// Seconds that `body` takes.
  static func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try body()
    let elapsed = start.duration(to: .now).components
    return Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18
  }

  static func fastest(of count: Int, _ body: () -> Void) -> Double {
    (0..<count).reduce(Double.infinity) { best, _ in min(best, seconds(body)) }
  }
}

extension [Double] {
  /// Of an even number the higher of the two in the middle; 0 of none.
  var median: Double { isEmpty ? 0 : sorted()[count / 2] }
}
