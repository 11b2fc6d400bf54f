// `ranktop watch`.

import ArgumentParser
import Dashboard
import Foundation
import Models
import Training

struct Watch: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show a run that another process trains, or one that has ended, from its database.",
    discussion: """
      Follows a run live and never writes into it, except for commands to a run that reads them. All that was recorded
      can be scrubbed through with < and >. Where there is no terminal, a line every few seconds tells of the run until
      it ends; the exit status is 1 where it failed or where no process trains it any more.

      Example:
        ranktop watch sst2-adalora-2 --beside sst2-adalora-1
      """)

  @Argument(help: ArgumentHelp("A run's name or folder; the one written last where left out.", valueName: "run"))
  var source: String?

  @Option(help: ArgumentHelp("Another run to compare with, side by side.", valueName: "run"))
  var beside: String?

  @Option(help: ArgumentHelp("Folder of runs.", valueName: "dir"))
  var runs = "runs"

  @OptionGroup var screen: ScreenArguments

  func run() throws {
    let watched = try WatchedRun.find(source, runs: runs)
    let commands = try watched.commandFile()
    let configuration = screen.wantsDashboard ? try Configuration.load() : Configuration()
    EndRequest.watch()
    let frames = Mailbox<Frame> { EndRequest.wakeUp() }
    let follower = try watched.follow(into: frames)
    let other = try beside.map { try WatchedRun.beside($0, runs: runs) }
    guard screen.wantsDashboard else { return try tell(follower, frames) }
    let terminal: CursesTerminal
    do {
      // The run's own log is not this process's to write.
      terminal = try CursesTerminal(
        log: "/dev/null", ascii: screen.ascii, glyphs: configuration.glyphs, noColor: screen.noColor)
    } catch {
      Console.note("no dashboard: \(error)")
      return try tell(follower, frames)
    }
    follower.start()
    let loop = DashboardLoop(
      terminal: terminal, mailbox: frames, beside: other,
      openBeside: { [runs] name throws(InputError) in try WatchedRun.beside(name, runs: runs) },
      configuration: configuration,
      send: { (command) throws(InputError) in try commands?.append(command) }, suspend: { terminal.suspend() })
    let mode = loop.run()
    terminal.restore()
    if case .requested(let request) = mode { throw ExitCode(request.exitStatus) }
  }

  /// A line every few seconds on standard output, until the run ends.
  private func tell(_ follower: RunFollower, _ frames: Mailbox<Frame>) throws {
    var last = ContinuousClock.now - .seconds(60)
    var newest: Frame?
    while EndRequest.current == nil, let pause = follower.look() {
      let before = newest?.state
      newest = frames.take() ?? newest
      guard let frame = newest else { continue }
      let isEnd = frame.state.isOver || follower.isAbandoned
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
