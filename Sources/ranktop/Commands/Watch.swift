// `ranktop watch`.

import ArgumentParser
import Dashboard
import Foundation
import Models
import Training

struct Watch: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show a run or a sweep of another process, or one that has ended, from its database.",
    discussion: """
      Follows a run live and never writes into it, except for commands to a run that reads them. All that was recorded
      can be scrubbed through with < and >. Where there is no terminal, a line every few seconds tells of the run until
      it ends; the exit status is 1 where it failed or where no process trains it any more.

      Example:
        ranktop watch sst2-adalora-2 --beside sst2-adalora-1
      """)

  @Argument(help: ArgumentHelp("A run's or a sweep's name or folder; the run written last without.", valueName: "run"))
  var source: String?

  @Option(help: ArgumentHelp("Another run to compare with, side by side.", valueName: "run"))
  var beside: String?

  @Option(help: ArgumentHelp("Folder of runs.", valueName: "dir"))
  var runs = "runs"

  @OptionGroup var screen: ScreenArguments

  func run() throws {
    let configuration = screen.wantsDashboard ? try Configuration.load() : Configuration()
    EndRequest.watch()
    if let sweep = WatchedSweep(source, runs: runs) {
      guard beside == nil else { throw ValidationError("--beside: only with a run, and \(sweep.folder) is a sweep") }
      let reader = try SweepReader(folder: sweep.folder)
      guard let terminal = terminal(configuration) else { return try sweep.tell(reader) }
      let ending = sweep.show(on: terminal, configuration, reader)
      terminal.restore()
      if case .requested(let request) = ending { throw ExitCode(request.exitStatus) }
      return
    }
    let run = try FollowedRun(try WatchedRun.find(source, runs: runs))
    let other = try beside.map { try WatchedRun.beside($0, runs: runs) }
    guard let terminal = terminal(configuration) else { return try tell(run) }
    let mode = run.show(on: terminal, configuration, runs: runs, beside: other)
    terminal.restore()
    if case .requested(let request) = mode { throw ExitCode(request.exitStatus) }
  }

  /// nil where there is none to draw on.
  private func terminal(_ configuration: Configuration) -> CursesTerminal? {
    guard screen.wantsDashboard else { return nil }
    do {
      // The run's own log is not this process's to write.
      return try CursesTerminal(
        log: "/dev/null", ascii: screen.ascii, glyphs: configuration.glyphs, noColor: screen.noColor)
    } catch {
      Console.note("no dashboard: \(error)")
      return nil
    }
  }

  /// A line every few seconds on standard output, until the run ends.
  private func tell(_ run: FollowedRun) throws {
    var last = ContinuousClock.now - .seconds(60)
    var newest: Frame?
    while EndRequest.current == nil, let pause = run.follower.look() {
      let before = newest?.state
      newest = run.frames.take() ?? newest
      guard let frame = newest else { continue }
      let isEnd = frame.state.isOver || run.follower.isAbandoned
      let isNews = frame.state != before && ![.training, .evaluating].contains(frame.state)
      if isEnd || isNews || ContinuousClock.now - last >= .seconds(5) {
        last = .now
        Console.result(Self.line(frame))
      }
      if isEnd {
        if case .done = frame.state { return }
        throw ExitStatus.failed
      }
      EndRequest.wait(timeout: Int(pause * 1000))
    }
    if let request = EndRequest.current { throw ExitCode(request.exitStatus) }
  }

  static func line(_ frame: Frame) -> String {
    var text = "step \(frame.stepsDone)/\(frame.description.totalSteps)"
    if let record = frame.record {
      text += String(
        format: " loss %.4f R %.4f norm %.3g kept %d/%d", record.taskLoss, record.orth, record.gradNorm, record.kept,
        record.budget)
    }
    if frame.tokensPerSecond > 0 { text += String(format: " %.0f tok/s", frame.tokensPerSecond) }
    if let eta = frame.eta, !frame.state.isOver { text += " ETA \(Progress.duration(eta))" }
    return text + " " + frame.state.words
  }
}
