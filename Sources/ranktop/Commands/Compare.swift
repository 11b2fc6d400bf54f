// `ranktop compare`.

import ArgumentParser
import Dashboard
import Foundation
import Models
import Training

extension ComparisonMetric: ExpressibleByArgument {}

struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare runs: results with intervals over seeds, paired differences, ranks side by side, cost.",
    discussion: """
      Runs that differ in nothing but the seed form a group, as do those of one cell of a sweep. The groups are
      compared, seed by seed, with the first one or with --baseline. Only finished runs count; what is left out is
      said, and so is what is not alike.

      Example:
        ranktop compare paper-sst2 --baseline LoRA --html comparison.html
        ranktop compare sst2-adalora-1 sst2-adalora-2 sst2-lora-1 sst2-lora-2 --metric matthews --csv runs.csv
      """)

  @Argument(
    help: ArgumentHelp("Names or folders of runs, or of sweeps, whose runs that are done count.", valueName: "run"))
  var sources: [String]

  @Option(help: "What to compare by: \(ComparisonMetric.allCases.map(\.rawValue).joined(separator: ", ")).")
  var metric = ComparisonMetric.accuracy

  @Option(
    help: ArgumentHelp("The group that the others are compared with; the first where left out.", valueName: "group"))
  var baseline: String?

  @Option(help: ArgumentHelp("Also write the runs as CSV, one a row; - is standard output alone.", valueName: "file"))
  var csv: String?

  @Option(help: ArgumentHelp("Also write a page with pictures, complete in one file.", valueName: "file"))
  var html: String?

  @Option(help: ArgumentHelp("Folder of runs.", valueName: "dir"))
  var runs = "runs"

  func run() throws {
    var grouping = RunGrouping()
    for source in sources {
      if let sweep = WatchedSweep(source, runs: runs) {
        try grouping.add(sweep: sweep.folder)
      } else {
        try grouping.add(try WatchedRun.find(source, runs: runs).folder)
      }
    }
    let comparison = try Comparison(grouping, metric: metric, baseline: baseline)
    if let html { try AtomicFile.write(ComparisonPage(comparison).html, to: html) }
    if let csv, csv != "-" { try AtomicFile.write(ComparisonCSV.text(comparison), to: csv) }
    if csv == "-" {
      FileHandle.standardOutput.write(Data(ComparisonCSV.text(comparison).utf8))
    } else {
      print(Self.text(comparison), terminator: "")
    }
  }

  /// As the terminal can show it; plain and as wide as it needs where standard output is none.
  private static func text(_ comparison: Comparison) -> String {
    guard isatty(STDOUT_FILENO) == 1 else {
      return ComparisonText(comparison, width: nil, hasColors: false, isASCII: false).text
    }
    setlocale(LC_CTYPE, "")
    let environment = ProcessInfo.processInfo.environment
    var size = winsize()
    let isKnown = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    return ComparisonText(
      comparison, width: isKnown ? Int(size.ws_col) : 80,
      hasColors: (environment["NO_COLOR"] ?? "").isEmpty && (environment["TERM"] ?? "").contains("256color"),
      isASCII: String(cString: nl_langinfo(Int32(CODESET))) != "UTF-8"
    ).text
  }
}
