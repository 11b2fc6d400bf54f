// All that a run needs to go on as if it had never stopped.

import AdaLoRA
import Foundation
import Kernels
import Models

/// What of a checkpoint is not an array of numbers.
struct CheckpointState: Codable, Sendable {
  /// Changes when the meaning of a field does.
  var version = 1
  /// Steps done.
  var step: Int
  /// Name, outputs, inputs and rank of every adapter; name and count of every dense tensor. What is resumed must have
  /// the same.
  var layout: [String]
  /// η and γ.
  var learningRate: Double
  var orthRegWeight: Double
  var allocator: Allocator?
  var source: BatchPosition
  /// All that were made, oldest first.
  var interventions: [Intervention]
  var lastEvaluation: Evaluation?
  var best: Best?
  /// The step of the newest checkpoint that was written before a change.
  var beforeChange: Int?
  /// Of training so far, over all processes.
  var wallSeconds: Double
  var machine: Machine.Arithmetic

  /// `RankAllocator.State` without its arrays.
  struct Allocator: Codable, Sendable {
    var schedule: BudgetSchedule
    var beta1: Double
    var beta2: Double
    var threshold: Float?
    var maskCount: Int
    var isFrozen: Bool
  }

  /// The best evaluation so far.
  struct Best: Codable, Sendable, Equatable {
    var step: Int
    var value: Double
  }
}

/// A run at one moment, read from a file or taken from a trainer.
struct Checkpoint {
  let path: String
  private let contents: CheckpointFile.Contents<CheckpointState>
  var state: CheckpointState { contents.state }

  /// - Throws: for a file that is not whole; see `CheckpointFile.read`.
  init(path: String) throws(InputError) {
    contents = try CheckpointFile.read(path)
    self.path = path
    guard state.version == 1 else {
      throw InputError(
        file: path, place: "version", "\(state.version), expected 1: another version of ranktop wrote it")
    }
    guard state.step >= 0 else { throw InputError(file: path, place: "step", "\(state.step), expected 0 or more") }
  }

  /// Writes the state of a trainer, whole or not at all.
  /// - Parameter fill: sets what the trainer does not know.
  static func write(
    _ trainer: Trainer, to path: String, _ fill: (inout CheckpointState) -> Void
  ) throws(InputError) {
    guard let source = trainer.resumableSource else {
      throw InputError(.unwritable, file: path, "the data of this run cannot be gone on with from the middle")
    }
    let store = trainer.store
    let position = source.position
    var state = CheckpointState(
      step: trainer.stepsDone, layout: Self.layout(store), learningRate: trainer.options.learningRate,
      orthRegWeight: trainer.options.orthRegWeight, source: position, interventions: [], wallSeconds: 0,
      machine: Machine.Arithmetic(threads: trainer.team.pool.count))
    var arrays: [(name: String, bytes: [UInt8])] = [("order", position.order.withUnsafeBytes { Array($0) })]
    state.source.order = []
    if let allocator = trainer.allocator?.state {
      state.allocator = CheckpointState.Allocator(
        schedule: allocator.schedule, beta1: allocator.beta1, beta2: allocator.beta2, threshold: allocator.threshold,
        maskCount: allocator.maskCount, isFrozen: allocator.isFrozen)
      arrays.append(("kept", allocator.kept.map { $0 ? 1 : 0 }))
      arrays.append(("mask_scores", allocator.maskScores.withUnsafeBytes { Array($0) }))
      arrays.append(("scores", allocator.scores.withUnsafeBytes { Array($0) }))
    }
    fill(&state)
    let blocks = Self.blocks(store).map { name, base in
      (name, UnsafeRawBufferPointer(start: base, count: store.block.count * 4))
    }
    // One owner for all small arrays, so that their bytes stay put while the file is written.
    let small = arrays.flatMap(\.bytes)
    let sections = state
    try small.withUnsafeBufferPointer { (values) throws(InputError) in
      let bytes = UnsafeRawBufferPointer(values)
      var offset = 0
      let rest = arrays.map { array in
        defer { offset += array.bytes.count }
        return (array.name, UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + array.bytes.count]))
      }
      try CheckpointFile.write(sections, sections: blocks + rest, to: path)
    }
  }

  /// Sets a trainer to this moment.
  /// - Throws: where it was another experiment's; the trainer is then as it was.
  func restore(_ trainer: Trainer) throws(InputError) {
    let store = trainer.store
    guard let source = trainer.resumableSource else {
      throw InputError(file: path, "the data of this run cannot be gone on with from the middle")
    }
    let layout = Self.layout(store)
    guard state.layout == layout else {
      let different = zip(state.layout, layout).first { $0 != $1 }
      throw InputError(
        file: path, place: "layout",
        different.map { "has \($0.0), but the experiment has \($0.1)" }
          ?? "\(state.layout.count) tensors, but the experiment has \(layout.count)")
    }
    guard state.step <= trainer.options.totalSteps else {
      throw InputError(file: path, place: "step", "\(state.step), expected at most \(trainer.options.totalSteps)")
    }
    let bytes = store.block.count * 4
    var blocks: [(MutableFloatPointer, UnsafeRawBufferPointer)] = []
    for (name, base) in Self.blocks(store) { blocks.append((base, try contents.bytes(name, count: bytes))) }
    let allocator = try allocatorState(for: trainer)
    var position = state.source
    position.order = Array(
      try contents.bytes("order", count: source.position.order.count * 4).bindMemory(to: Int32.self))
    guard source.seek(to: position) else {
      throw InputError(
        file: path, place: "section order", "does not fit the data set's \(position.order.count) examples")
    }
    for (base, saved) in blocks {
      UnsafeMutableRawPointer(base).copyMemory(from: saved.baseAddress ?? .init(base), byteCount: bytes)
    }
    if let allocator { trainer.allocator?.state = allocator }
    trainer.options.learningRate = state.learningRate
    trainer.options.orthRegWeight = state.orthRegWeight
    trainer.setStepsDone(state.step)
  }

  /// Whether all its weights are.
  var isFinite: Bool {
    contents.section("weights")?.bindMemory(to: Float.self).allSatisfy(\.isFinite) ?? false
  }

  private func allocatorState(for trainer: Trainer) throws(InputError) -> RankAllocator.State? {
    guard let allocator = trainer.allocator else { return nil }
    guard let saved = state.allocator else {
      throw InputError(file: path, place: "allocator", "is not there: the run had a fixed rank")
    }
    var target = allocator.state
    let count = target.kept.count
    guard saved.schedule.initialBudget == target.schedule.initialBudget,
      saved.schedule.totalSteps == target.schedule.totalSteps, saved.beta1 > 0, saved.beta1 < 1, saved.beta2 > 0,
      saved.beta2 < 1, saved.schedule.isSound
    else { throw InputError(file: path, place: "allocator", "does not fit the experiment's schedule") }
    target.schedule = saved.schedule
    target.beta1 = saved.beta1
    target.beta2 = saved.beta2
    target.threshold = saved.threshold
    target.maskCount = saved.maskCount
    target.isFrozen = saved.isFrozen
    target.kept = try contents.bytes("kept", count: count).map { $0 != 0 }
    target.maskScores = try contents.floats("mask_scores", count: count)
    target.scores = try contents.floats("scores", count: target.scores.count)
    return target
  }

  private static func blocks(_ store: AdapterStore) -> [(String, MutableFloatPointer)] {
    [
      ("weights", store.block.weights), ("first_moment", store.moments.first), ("second_moment", store.moments.second),
      ("smoothed_sensitivity", store.smoothedSensitivity), ("uncertainty", store.uncertainty),
    ]
  }

  private static func layout(_ store: AdapterStore) -> [String] {
    store.adapters.map { "\($0.name) \($0.outputSize)×\($0.inputSize) rank \($0.layout.rank)" }
      + store.dense.map { "\($0.name) of \($0.count)" }
  }
}
