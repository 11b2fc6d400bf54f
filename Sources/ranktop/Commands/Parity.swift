// `ranktop parity`.

import ArgumentParser
import Training

struct Parity: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Replay a recorded PEFT run and compare every step.",
    discussion: """
      Prints one JSON object of the largest differences and exits 0 only where budgets and rank patterns are identical
      and all numbers agree within their bounds.

      Example:
        ranktop parity Tests/TrainingTests/Fixtures/bert-adalora
      """)

  @Argument(help: "The recorded case's folder.")
  var folder: String

  @Option(help: ArgumentHelp("Worker threads; 0 = one per core.", valueName: "n"))
  var threads = 0

  func run() throws {
    let report = try ParityReport.replay(folder: folder, threads: Machine.threads(threads))
    Console.result(report.json.serialized(pretty: false))
    if !report.passes { throw ExitStatus.failed }
  }
}
