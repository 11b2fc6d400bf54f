// The loss of the planted-rank experiment: how far each module of the student is from the teacher's.

import Foundation
import Kernels
import Models

/// 4 × the mean over modules of ‖student's output − teacher's‖² / ‖teacher's output‖², each on its own activations.
///
/// The teacher runs over the same batch first, as the step's preparation; the sums over the whole batch that the
/// gradient needs are then known before any worker begins the student.
public final class PlantedObjective: Objective, @unchecked Sendable {
  // Unchecked: workers touch their own tap only; sums are read when a phase is over.
  private static let weight = 4.0
  private let taps: [PlantedTap]
  private let teacherPhase: TeacherPhase

  /// - Parameters:
  ///   - modules: how many of the models' first modules are compared.
  ///   - tokenCapacity: the most tokens of a batch.
  public init(teacher: any SequenceModel, modules: Int, tokenCapacity: Int, workers: Int) {
    let sizes = teacher.modules.prefix(modules).map(\.outputSize)
    taps = (0..<workers).map { _ in PlantedTap(outputSizes: Array(sizes), tokenCapacity: tokenCapacity) }
    teacherPhase = TeacherPhase(teacher, taps: taps)
    teacherPhase.willRun = { [taps] worker in
      taps[worker].clear()
      taps[worker].isTeacher = true
    }
    teacherPhase.didRun = { [taps] worker, _, _, _ in taps[worker].isTeacher = false }
  }

  public var usesOutputs: Bool { false }
  public var preparation: (any ParallelPhase)? { teacherPhase }
  public func tap(worker: Int) -> (any ModuleTap)? { taps[worker] }

  public func begin(_ batch: PackedBatch) { teacherPhase.prepare(batch) }

  public func loss(
    _ batch: PackedBatch, _ sequences: Range<Int>, outputs: FloatPointer, columns: Int, worker: Int,
    gradient: MutableFloatPointer, scale: Float, _ workspace: Workspace
  ) -> Double {
    let modules = taps[0].outputSizes.count
    let share = Self.weight / Double(modules)
    var loss = 0.0
    for module in 0..<modules {
      let teacherSquares = taps.reduce(0.0) { $0 + $1.teacherSquares[module] }
      loss += share * taps[worker].differenceSquares[module] / teacherSquares
      taps[worker].coefficients[module] = Float(2 * share * Double(scale) / teacherSquares)
    }
    return loss
  }
}

/// One worker's record of both models' module outputs.
private final class PlantedTap: ModuleTap {
  let outputSizes: [Int]
  var isTeacher = true
  /// Σ teacher², Σ (student − teacher)² and what multiplies the difference in the gradient, a module each.
  let teacherSquares: UnsafeMutablePointer<Double>
  let differenceSquares: UnsafeMutablePointer<Double>
  let coefficients: UnsafeMutablePointer<Float>
  /// The teacher's outputs, then the differences, of all modules.
  private let outputs: SharedRows

  init(outputSizes: [Int], tokenCapacity: Int) {
    self.outputSizes = outputSizes
    outputs = SharedRows(outputSizes: outputSizes, tokenCapacity: tokenCapacity)
    teacherSquares = .allocate(capacity: outputSizes.count)
    differenceSquares = .allocate(capacity: outputSizes.count)
    coefficients = .allocate(capacity: outputSizes.count)
    clear()
  }

  deinit {
    teacherSquares.deallocate()
    differenceSquares.deallocate()
    coefficients.deallocate()
  }

  func clear() {
    teacherSquares.update(repeating: 0, count: outputSizes.count)
    differenceSquares.update(repeating: 0, count: outputSizes.count)
    coefficients.update(repeating: 0, count: outputSizes.count)
  }

  func didForward(_ module: Int, output: FloatPointer, rows: Int) {
    guard module < outputSizes.count else { return }
    let kept = outputs.rows(module)
    let count = rows * outputSizes[module]
    if isTeacher {
      kept.update(from: output, count: count)
      teacherSquares[module] = Elementwise.sumOfSquares(kept, count: count)
    } else {
      for i in 0..<count { kept[i] = output[i] - kept[i] }
      differenceSquares[module] = Elementwise.sumOfSquares(kept, count: count)
    }
  }

  func willBackward(_ module: Int, gradient: MutableFloatPointer, rows: Int) {
    guard module < outputSizes.count else { return }
    let difference = outputs.rows(module)
    let coefficient = coefficients[module]
    for i in 0..<rows * outputSizes[module] { gradient[i] += coefficient * difference[i] }
  }
}

/// Room for every module's output over a batch.
private final class SharedRows {
  private let buffer: Buffer
  private let offsets: [Int]

  init(outputSizes: [Int], tokenCapacity: Int) {
    var total = 0
    offsets = outputSizes.map { size in
      defer { total += size * tokenCapacity }
      return total
    }
    buffer = Buffer(count: total)
  }

  func rows(_ module: Int) -> MutableFloatPointer { buffer.base + offsets[module] }
}
