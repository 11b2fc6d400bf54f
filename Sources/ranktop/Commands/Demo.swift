// `ranktop demo`, and `ranktop` alone.

import AdaLoRA
import ArgumentParser
import Dashboard
import Foundation
import Models
import Training

extension ListedMethod: ExpressibleByArgument {}
extension ScoringRule: ExpressibleByArgument {}
extension BudgetUnit: ExpressibleByArgument {}
extension PlantedExperiment.Family: ExpressibleByArgument {}
extension PlantedExperiment.Signal: ExpressibleByArgument {}

struct Demo: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train the planted-rank experiment: nothing to download, and the truth is known.",
    discussion: """
      A small random model is the base, a BERT of 18 linear modules or a Llama of 28; a teacher is the base plus
      low-rank changes of known rank in 8 or 12 of them. Adapters over the base must find where they are. The summary
      compares planted and allocated ranks.

      Example:
        ranktop demo --score random --seed 3
      """)

  @OptionGroup var training: TrainingArguments

  @OptionGroup var output: OutputArguments

  @OptionGroup var screen: ScreenArguments

  @Option(help: ArgumentHelp("The base: an encoder, or a decoder.", valueName: "name"))
  var family = PlantedExperiment.Family.bert

  @Option(help: ArgumentHelp("What decides about rank.", valueName: "name"))
  var method = ListedMethod.adalora

  @Option(help: ArgumentHelp("What the budget counts.", valueName: "unit"))
  var budget = BudgetUnit.rank

  @Option(help: ArgumentHelp("How triplets are scored.", valueName: "rule"))
  var score = ScoringRule.smoothed

  @Option(
    help: ArgumentHelp("What the student sees of the teacher: every module's output, or its labels.", valueName: "what")
  )
  var signal = PlantedExperiment.Signal.modules

  @Option(help: ArgumentHelp("Training steps.", valueName: "n"))
  var steps = 400

  func validate() throws {
    guard steps >= 20, steps <= 1_000_000 else { throw ValidationError("--steps \(steps): expected 20 to 1000000") }
  }

  func run() throws {
    var experiment = PlantedExperiment()
    experiment.family = family
    experiment.steps = steps
    experiment.method = method
    experiment.budget = budget
    experiment.score = score
    experiment.signal = signal
    experiment.seed = UInt64(training.seed ?? 0)
    let threads = training.threads ?? 0
    let trace = try output.trace.map { path in try TraceWriter(path: path) }
    let conductor = try Conductor(screen)
    let session = try experiment.makeSession(
      threads: Machine.threads(threads), commands: conductor.commands, frames: conductor.frames,
      snapshots: SnapshotWriter())
    let tensorBoard = try output.tensorBoard(session)
    let (ending, status) = try conductor.run(total: steps, log: "/dev/null", savedPlace: nil, session: session) {
      onStep in
      var failure: InputError?
      session.onStep = { record in
        do throws(InputError) {
          try trace?.write(record)
          try tensorBoard?.write(record, of: session)
        } catch {
          failure = error
          session.warn(error.description)
          session.commands.send(.stop(discard: true))
        }
        onStep(record)
      }
      let ending = session.run()
      if let failure { throw failure }
      return ending
    }
    switch ending {
    case .finished: Console.result(Self.table(experiment.outcome(of: session)))
    case .stopped: Console.note("stopped after \(session.trainer.stepsDone) of \(steps) steps")
    case .failed(let reason):
      Console.error(reason)
      throw ExitStatus.failed
    }
    if status != 0 { throw ExitCode(status) }
  }

  /// Planted against allocated rank a module, the correlation and the share.
  static func table(_ outcome: PlantedExperiment.Outcome) -> String {
    let width = outcome.modules.map(\.count).max() ?? 0
    var lines = ["module".padding(toLength: width, withPad: " ", startingAt: 0) + "  planted  allocated"]
    for (i, module) in outcome.modules.enumerated() {
      let planted = outcome.planted[i] == 0 ? "·" : String(outcome.planted[i])
      let allocated = outcome.allocated[i] == 0 ? "·" : String(outcome.allocated[i])
      lines.append(
        module.padding(toLength: width, withPad: " ", startingAt: 0)
          + String(repeating: " ", count: 9 - planted.count) + planted
          + String(repeating: " ", count: 11 - allocated.count) + allocated)
    }
    lines.append(
      String(
        format: "rank correlation %.3f, %.1f %% of the allocated rank in planted modules (chance %.1f %%)",
        outcome.correlation, 100 * outcome.share,
        100 * Double(outcome.planted.count { $0 > 0 }) / Double(outcome.planted.count)))
    lines.append(
      "rank \(outcome.allocated.reduce(0, +)) allocated, off by \(outcome.distance) in all, "
        + "exact in \(outcome.exact) of \(outcome.planted.count) modules")
    return lines.joined(separator: "\n")
  }
}
