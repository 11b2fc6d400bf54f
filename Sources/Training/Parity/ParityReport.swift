// Replays a recorded reference run and says how far each step is from it.

import AdaLoRA
import Kernels
import Models

/// The largest differences over a replay, and whether all are within their bounds.
public struct ParityReport: Sendable, Equatable {
  public var name: String
  public var steps = 0
  public var lossMaxAbs = 0.0
  public var taskLossMaxAbs = 0.0
  public var orthMaxAbs = 0.0
  public var gradNormMaxRel = 0.0
  public var scoreMaxRel = 0.0
  public var budgetMismatches = 0
  public var patternMismatches = 0
  public var lambdaL1MaxRel = 0.0
  public var logitsMaxAbs = 0.0

  /// Budgets and patterns identical; losses, R within 1e-5; norms and Σ|λ| within 1e-4 relative; scores within 1e-3 of a
  /// step's largest; the loaded adapter's logits within 1e-4.
  public var passes: Bool {
    budgetMismatches == 0 && patternMismatches == 0 && lossMaxAbs <= 1e-5 && taskLossMaxAbs <= 1e-5
      && orthMaxAbs <= 1e-5 && gradNormMaxRel <= 1e-4 && scoreMaxRel <= 1e-3 && lambdaL1MaxRel <= 1e-4
      && logitsMaxAbs <= 1e-4
  }

  public var json: JSON {
    .object(
      JSONObject([
        ("case", .string(name)), ("steps", .integer(steps)), ("loss_max_abs", .number(lossMaxAbs)),
        ("task_loss_max_abs", .number(taskLossMaxAbs)), ("orth_max_abs", .number(orthMaxAbs)),
        ("grad_norm_max_rel", .number(gradNormMaxRel)), ("score_max_rel", .number(scoreMaxRel)),
        ("budget_mismatches", .integer(budgetMismatches)), ("pattern_mismatches", .integer(patternMismatches)),
        ("lambda_l1_max_rel", .number(lambdaL1MaxRel)), ("logits_max_abs", .number(logitsMaxAbs)),
        ("pass", .bool(passes)),
      ]))
  }

  /// Replays the case in `folder` with the reference's own edge cases.
  /// - Throws: `InputError` for a bad folder; a number that is not finite fails the report instead.
  public static func replay(folder: String, threads: Int) throws(InputError) -> ParityReport {
    let recorded = try ParityCase(folder: folder, workers: threads)
    let pool = WorkerPool(count: threads)
    var report = ParityReport(name: recorded.name)
    try report.compareTraining(recorded, pool: pool)
    try report.compareLogits(recorded, pool: pool)
    return report
  }

  private mutating func compareTraining(_ recorded: ParityCase, pool: WorkerPool) throws(InputError) {
    let settings = recorded.settings
    let blueprint = try recorded.model.blueprint().withoutDropout()
    let chosen = blueprint.modules.filter { settings.targetModules.matches($0.name) }
    let plan = AdapterPlan(
      entries: chosen.map { AdapterPlan.Entry(module: $0, rank: settings.rank, alpha: settings.alpha) },
      parameterization: settings.method.parameterization,
      trainsHead: true)
    let (model, store) = try blueprint.build(
      recorded.model, plan, task: recorded.task, seed: 0)
    try recorded.loadInitial(into: store)
    let allocator =
      settings.method == .lora
      ? nil
      : RankAllocator(
        store, initialRank: settings.rank, targetRank: settings.targetRank, initialWarmup: settings.tinit,
        finalWarmup: settings.tfinal, maskInterval: settings.deltaT, totalSteps: settings.steps,
        beta1: settings.beta1, beta2: settings.beta2, followsReference: true)
    let trainer = Trainer(
      model: model, store: store, allocator: allocator, source: recorded.batches,
      objective: model.objective, pool: pool,
      options: TrainerOptions(
        totalSteps: settings.steps, learningRate: settings.learningRate,
        orthRegWeight: allocator == nil ? 0 : settings.orthRegWeight))
    for expected in recorded.steps {
      let record: StepRecord
      let scoresFinal = allocator.map { trainer.stepsDone >= $0.schedule.finalStep } ?? true
      do {
        record = try trainer.step()
      } catch {
        lossMaxAbs = .infinity
        return
      }
      steps += 1
      compare(record, expected, trainer, scoresAreFrozen: scoresFinal)
    }
  }

  private mutating func compare(
    _ record: StepRecord, _ expected: ParityCase.Step, _ trainer: Trainer, scoresAreFrozen: Bool
  ) {
    raise(&lossMaxAbs, abs(record.loss - expected.loss))
    raise(&taskLossMaxAbs, abs(record.taskLoss - expected.taskLoss))
    raise(&orthMaxAbs, abs(record.orth - expected.orth))
    raise(&gradNormMaxRel, relative(record.gradNorm, expected.gradNorm))
    guard let allocator = trainer.allocator else { return }
    if let budget = expected.budget, budget != record.budget { budgetMismatches += 1 }
    let names = trainer.store.adapters.map(\.name)
    let rank = allocator.scores.rank
    if let pattern = expected.pattern {
      let ours = names.indices.map { k in (0..<rank).map { allocator.kept[k * rank + $0] } }
      if zip(names, ours).contains(where: { pattern[$0] != $1 }) { patternMismatches += 1 }
    }
    if let scores = expected.scores, !scoresAreFrozen {
      let largest = scores.values.flatMap { $0 }.map(abs).max() ?? 0
      for (k, name) in names.enumerated() {
        guard let row = scores[name], row.count == rank else {
          scoreMaxRel = .infinity
          continue
        }
        for (i, value) in row.enumerated() where largest > 0 {
          raise(&scoreMaxRel, abs(Double(allocator.scores.score(k * rank + i, by: .smoothed)) - value) / largest)
        }
      }
    }
    if let expectedSum = expected.lambdaL1 {
      let sum = names.indices.reduce(0.0) { total, k in
        (0..<rank).reduce(total) { $0 + Double(abs(trainer.store.lambda(k)[$1])) }
      }
      raise(&lambdaL1MaxRel, relative(sum, expectedSum))
    }
  }

  /// The adapter that the reference saved, loaded and run on batch 0.
  private mutating func compareLogits(_ recorded: ParityCase, pool: WorkerPool) throws(InputError) {
    let blueprint = try recorded.model.blueprint().withoutDropout()
    let adapter = try PEFTAdapter(folder: recorded.folder + "/adapter")
    let (model, store) = try blueprint.build(
      recorded.model, try adapter.plan(blueprint), task: recorded.task, seed: 0)
    try adapter.load(into: store)
    let team = WorkerTeam(model: model, store: store, pool: pool, seed: 0)
    let batch = PackedBatch(
      sequenceCapacity: recorded.batches.capacity.sequences, tokenCapacity: recorded.batches.capacity.tokens,
      workers: pool.count)
    recorded.batches.fill(batch, with: 0)
    team.forward(batch)
    let width = model.tokenHead?.weight.outputSize ?? model.labelCount
    let logits = Self.logits(team, batch)
    guard recorded.logits.count == logits.count, recorded.logits.allSatisfy({ $0.count == width }) else {
      logitsMaxAbs = .infinity
      return
    }
    for (ours, expected) in zip(logits, recorded.logits) {
      for (a, b) in zip(ours, expected) { raise(&logitsMaxAbs, abs(Double(a) - b)) }
    }
  }

  /// Of the last forward, in the batch's order: a row a sequence, or of a language model a row a token.
  private static func logits(_ team: WorkerTeam, _ batch: PackedBatch) -> [[Float]] {
    let model = team.model
    var logits: [[Float]] = []
    for worker in batch.shards.indices {
      guard let outputs = team.outputs(worker) else { continue }
      let (rows, columns) = model.outputShape(batch, batch.shards[worker])
      for row in 0..<rows {
        let output = outputs + row * columns
        logits.append(model.tokenHead?.logits(output, team.workspace(worker)) ?? (0..<columns).map { output[$0] })
      }
    }
    return logits
  }

  /// NaN counts as infinitely far.
  private func raise(_ largest: inout Double, _ value: Double) {
    largest = value.isNaN ? .infinity : max(largest, value)
  }

  private func relative(_ value: Double, _ expected: Double) -> Double {
    let difference = abs(value - expected)
    return difference == 0 ? 0 : difference / max(abs(expected), 1e-30)
  }
}

extension ParityCase {
  /// Copies the recorded starting values into a store; PEFT's parameter names carry the adapter's name.
  func loadInitial(into store: AdapterStore) throws(InputError) {
    let end = settings.method == .lora ? ".default.weight" : ".default"
    for (k, adapter) in store.adapters.enumerated() {
      let name = PEFTAdapter.prefix + adapter.name
      let rank = adapter.layout.rank
      store.setLoraA(k, try initial.floats(name + ".lora_A" + end, shape: [rank, adapter.inputSize]))
      store.setLoraB(k, try initial.floats(name + ".lora_B" + end, shape: [adapter.outputSize, rank]))
      if adapter.layout.lambdaOffset != nil {
        store.setLoraE(k, try initial.floats(name + ".lora_E" + end, shape: [rank, 1]))
      }
    }
    for tensor in store.dense {
      // `classifier.dense.weight` is kept under `classifier.modules_to_save.default.dense.weight`.
      let parts = tensor.name.split(separator: ".", maxSplits: 1).joined(separator: ".modules_to_save.default.")
      store.setDense(tensor, try initial.floats(PEFTAdapter.prefix + parts, shape: tensor.shape))
    }
  }
}
