// `ranktop whatif`.

import AdaLoRA
import ArgumentParser
import Dashboard
import Foundation
import Models
import Training

struct WhatIf: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "whatif",
    abstract: "Train a run again and tell what other rules would have kept at every step of it.",
    discussion: """
      Repeats a recorded run bit for bit, with its changes, and lets shadows decide beside it: by another score, target,
      β₁, β₂ or schedule. They see the weights as this run's own masks left them, so they tell what a rule would have kept
      of this run's weights, not what a training under that rule would have become. What a shadow does not set follows
      the run. Nothing is recorded, and the run is not touched.

      In a terminal the dashboard shows a shadow beside the real ranks; w goes to the next. Elsewhere there is one JSON
      object a mask and a summary; with --headless in a terminal, a table.

      Example:
        ranktop whatif sst2-adalora-1 --score magnitude --target 3 --beta1 0.5
        ranktop whatif sst2-adalora-1 --shadow 'score=random' --shadow 'beta1=0.5 beta2=0.5'
      """)

  @Argument(help: ArgumentHelp("A run's name or folder; the newest where left out.", valueName: "run"))
  var source: String?

  @Option(help: ArgumentHelp("How triplets are scored.", valueName: "rule"))
  var score: String?

  @Option(help: ArgumentHelp("Mean rank a module at the end.", valueName: "rank"))
  var target: String?

  @Option(name: .customLong("beta1"), help: ArgumentHelp("β₁, which smooths Ī.", valueName: "value"))
  var beta1: String?

  @Option(name: .customLong("beta2"), help: ArgumentHelp("β₂, which smooths Ū.", valueName: "value"))
  var beta2: String?

  @Option(name: .customLong("deltaT"), help: ArgumentHelp("Steps between masks.", valueName: "steps"))
  var deltaT: String?

  @Option(help: ArgumentHelp("Steps of warm-up.", valueName: "steps"))
  var tinit: String?

  @Option(help: ArgumentHelp("Steps of the final phase.", valueName: "steps"))
  var tfinal: String?

  @Option(
    name: .customLong("shadow"), parsing: .singleValue,
    help: ArgumentHelp("One more shadow, such as 'score=magnitude target=3'; repeatable.", valueName: "settings"))
  var more: [String] = []

  @Option(help: ArgumentHelp("Ends when so many steps are done.", valueName: "step"))
  var until: Int?

  @Option(help: ArgumentHelp("Folder of runs.", valueName: "dir"))
  var runs = "runs"

  @OptionGroup var screen: ScreenArguments

  func validate() throws {
    if let until, until < 1 { throw ValidationError("--until \(until): expected at least 1") }
  }

  /// What each shadow was asked to do differently, with what to call it in an error.
  private var asked: [(place: String, words: [String])] {
    let flags = [score, target, beta1, beta2, deltaT, tinit, tfinal]
    let own = zip(ShadowSettings.names, flags).flatMap { name, value in value.map { [name, $0] } ?? [] }
    let first = own.isEmpty ? [] : [("--" + own[0], own)]
    return first + more.map { ("--shadow '\($0)'", CommandText.words($0)) }
  }

  private func shadows(initialRank: Int) throws(InputError) -> [ShadowSettings] {
    guard !asked.isEmpty else {
      let flags = ShadowSettings.names.map { "--" + $0 }.joined(separator: ", ")
      throw InputError(.usage, file: "", "what is to be different? expected \(flags) or --shadow")
    }
    return try asked.map { (place, words) throws(InputError) in
      do throws(CommandProblem) {
        return try ShadowSettings(words: words, initialRank: initialRank)
      } catch {
        throw InputError(.usage, file: "", place: place, error.text)
      }
    }
  }

  func run() throws {
    let saved = try SavedRun.find(source, runs: runs)
    let adapter = try Experiment.load(path: saved.folder.experiment).adapter
    guard adapter.method.method.allocates else {
      throw InputError(
        file: saved.folder.experiment, place: "adapter",
        "\(adapter.method.title) has a fixed rank, expected a run that scores and prunes")
    }
    let settings = try shadows(initialRank: adapter.ranks.room)
    let place = FileManager.default.temporaryDirectory.appending(path: "ranktop-whatif-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: place) }
    let conductor = try Conductor(screen)
    let check = try ReplayCheck(of: saved, in: place, commands: conductor.commands, frames: conductor.frames)
    for difference in check.machineDifferences { Console.note("bits may differ: \(difference)") }
    let session = check.run.session
    for shadow in settings {
      guard let objection = session.add(shadow: shadow) else { continue }
      throw InputError(.usage, file: "", place: shadow.text, objection)
    }
    guard let report = ShadowReport(session) else { return }
    let table = isatty(STDOUT_FILENO) == 1 ? WhatIfTable(settings.map(\.text)) : nil
    conductor.openBeside = { [runs] name throws(InputError) in try WatchedRun.beside(name, runs: runs) }
    let (verdict, status) = try conductor.run(
      total: session.description.totalSteps, log: "/dev/null", savedPlace: nil, session: session
    ) { onStep in
      if !conductor.isDrawing { table?.heading.forEach(Console.line) }
      return try check.run(until: until, stopsAtDifference: false) { record, _ in
        onStep(record)
        guard let mask = report.mask(after: record), !conductor.isDrawing else { return }
        if let table { Console.line(table.row(mask)) } else { Console.result(mask.json.serialized(pretty: false)) }
      }
    }
    if let difference = verdict.difference {
      Console.note("this is not the recorded run bit for bit: \(difference)")
    } else {
      Console.note("\(verdict.steps) steps are the recorded ones, bit for bit")
    }
    if let table {
      table.modules(session.description.modules.map(\.name), report.last).forEach(Console.line)
    } else {
      Console.result(JSON.object(JSONObject([("summary", report.summary(verdict))])).serialized(pretty: false))
    }
    if status != 0 { throw ExitCode(status) }
  }
}
