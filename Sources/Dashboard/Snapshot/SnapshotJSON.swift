// snapshot.json and timing.json.

import AdaLoRA
import Models
import Training

enum SnapshotJSON {
  /// Everything on the screen, in full precision: a float's exact value, a number's shortest text. A module, a record,
  /// an event a line.
  /// - Parameter frame: a timeless one.
  static func snapshot(_ frame: Frame) -> String {
    var entries: [(String, JSON)] = [("format", .string("ranktop snapshot")), ("version", .integer(1))]
    entries.append(("description", description(frame.description)))
    switch frame.state {
    case .training: entries.append(("state", .string("training")))
    case .paused: entries.append(("state", .string("paused")))
    case .evaluating: entries.append(("state", .string("evaluating")))
    case .done: entries.append(("state", .string("done")))
    case .waiting(let reason): entries += [("state", .string("waiting")), ("reason", .string(reason))]
    case .halted(let reason): entries += [("state", .string("halted")), ("reason", .string(reason))]
    case .failed(let reason): entries += [("state", .string("failed")), ("reason", .string(reason))]
    }
    entries += [
      ("steps_done", .integer(frame.stepsDone)), ("record", frame.record.map(record) ?? .null),
      (
        "hyperparameters",
        .object(
          JSONObject(Hyperparameter.allCases.map { ($0.rawValue, .number(frame.value(of: $0))) }))
      ),
      ("schedule", frame.schedule.map { schedule($0, step: frame.record?.step ?? 0) } ?? .null),
      ("agreement", agreement(frame)),
      ("modules", .array(frame.description.modules.indices.map { module(frame, $0) })),
      (
        "interventions",
        .array(
          frame.interventions.map { change in
            object([
              ("step", .integer(change.step)), ("parameter", .string(change.parameter.rawValue)),
              ("old", .number(change.old)), ("new", .number(change.new)), ("is_undo", .bool(change.isUndo)),
            ])
          })
      ),
      (
        "events",
        .array(
          frame.events.map { event in
            object([
              ("step", .integer(event.step)), ("kind", .string(event.kind.rawValue)), ("text", .string(event.text)),
            ])
          })
      ),
      (
        "history",
        .array(
          frame.history.map { point in
            object([("record", record(point.record)), ("ranks", .array(point.ranks.map { .integer($0) }))])
          })
      ),
    ]
    return lines(entries)
  }

  /// What the clock decides: speed, time left, and how long each recorded step took.
  static func timing(_ frame: Frame) -> String {
    lines([
      ("eta_s", frame.eta.map { .number($0) } ?? .null), ("tokens_per_s", .number(frame.tokensPerSecond)),
      (
        "steps",
        .array(
          frame.history.map { point in
            object([("step", .integer(point.record.step)), ("step_ms", .number(point.record.stepMs))])
          })
      ),
    ])
  }

  // MARK: Parts

  private static func description(_ run: RunDescription) -> JSON {
    object([
      ("run", .string(run.run)), ("model", .string(run.model)), ("method", .string(run.method)),
      ("score", .string(run.score.rawValue)), ("dialect", .string(run.dialect.rawValue)),
      ("initial_rank", .integer(run.initialRank)), ("effective_scale", .number(run.effectiveScale)),
      ("total_step", .integer(run.totalSteps)), ("threads", .integer(run.threads)),
      ("blas_core", .string(run.blasCore)),
      ("metric", .string(run.metric)),
    ])
  }

  /// As the trace has it, without the time it took.
  private static func record(_ record: StepRecord) -> JSON {
    guard case .object(let fields) = record.json else { return .null }
    return object(fields.filter { $0.key != "step_ms" }.map { ($0.key, $0.value) })
  }

  private static func schedule(_ schedule: BudgetSchedule, step: Int) -> JSON {
    object([
      ("initial_budget", .integer(schedule.initialBudget)), ("target_budget", .integer(schedule.targetBudget)),
      ("tinit", .integer(schedule.initialWarmup)), ("tfinal", .integer(schedule.finalWarmup)),
      ("total_step", .integer(schedule.totalSteps)), ("deltaT", .integer(schedule.maskInterval)),
      ("phase", .string(schedule.phase(at: step).rawValue)), ("budget", .integer(schedule.budget(at: step))),
      (
        "anchors",
        .array(
          schedule.anchors.map { anchor in
            object([
              ("step", .integer(anchor.step)), ("budget", .integer(anchor.budget)), ("target", .integer(anchor.target)),
            ])
          })
      ),
    ])
  }

  /// The share of the kept set that each rule has in common with the run's own, if the mask fell now.
  private static func agreement(_ frame: Frame) -> JSON {
    guard frame.description.prunesByScore, !frame.triplets.scores.isEmpty else { return .null }
    let decisions = RuleDecisions(
      scores: frame.triplets.scores, budget: frame.record?.budget ?? frame.schedule?.initialBudget ?? 0,
      prices: frame.description.prices, rank: frame.description.initialRank)
    return object(
      ScoringRule.allCases.map { rule in
        (rule.rawValue, decisions.agreement(frame.description.score, rule).map { .number($0) } ?? .null)
      })
  }

  private static func module(_ frame: Frame, _ index: Int) -> JSON {
    let module = frame.description.modules[index]
    let rank = frame.description.initialRank
    let triplets = frame.triplets
    func own(_ values: [Float]) -> JSON {
      .array((0..<rank).compactMap { values[at: index * rank + $0] }.map { .number(Double($0)) })
    }
    var entries: [(String, JSON)] = [
      ("name", .string(module.name)), ("layer", module.layer.map { .integer($0) } ?? .null),
      ("type", .string(module.type)), ("rows", .integer(module.outputSize)), ("columns", .integer(module.inputSize)),
      ("initial", .integer(rank)), ("kept", frame.ranks[at: index].map { .integer($0) } ?? .null),
      ("nonzero", frame.nonzero[at: index].map { .integer($0) } ?? .null),
      ("planted", module.plantedRank.map { .integer($0) } ?? .null),
    ]
    if !triplets.lambda.isEmpty {
      entries += [
        ("lambda", own(triplets.lambda)),
        ("kept_triplets", .array((0..<rank).compactMap { triplets.kept[at: index * rank + $0] }.map { .bool($0) })),
        ("s_lambda", own(triplets.lambdaPart)), ("s_p", own(triplets.pPart)), ("s_q", own(triplets.qPart)),
        ("smoothed_sensitivity", own(triplets.smoothedSensitivity)), ("uncertainty", own(triplets.uncertainty)),
        ("scores", object(ScoringRule.allCases.map { ($0.rawValue, own(triplets.scores[$0] ?? [])) })),
        ("mask_scores", own(triplets.maskScores)),
      ]
    }
    return object(entries)
  }

  // MARK: Layout

  private static func object(_ entries: [(String, JSON)]) -> JSON { .object(JSONObject(entries)) }

  /// A key a line, and an element a line where its value is a list.
  private static func lines(_ entries: [(String, JSON)]) -> String {
    let members = entries.map { key, value in
      var text = value.serialized(pretty: false)
      if case .array(let items) = value, !items.isEmpty {
        text = "[\n" + items.map { "    " + $0.serialized(pretty: false) }.joined(separator: ",\n") + "\n  ]"
      }
      return "  " + JSON.string(key).serialized(pretty: false) + ": " + text
    }
    return "{\n" + members.joined(separator: ",\n") + "\n}\n"
  }
}
