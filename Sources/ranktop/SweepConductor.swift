// Drives a sweep to its end, under its table or headless, and tells of it.

import Dashboard
import Foundation
import Models
import Synchronization
import Training

struct SweepConductor {
  private let runner: SweepRunner
  private let screen: ScreenArguments

  init(_ runner: SweepRunner, _ screen: ScreenArguments) {
    self.runner = runner
    self.screen = screen
  }

  /// Between two looks at the processes, in milliseconds.
  private static let interval = 100

  /// Runs until all is over, or a person or a signal has stopped it.
  /// - Parameter configuration: the person's, for the dashboards of single runs.
  func run(_ configuration: Configuration) {
    if screen.wantsDashboard {
      do {
        let terminal = try CursesTerminal(
          log: runner.plan.folder + "/log.txt", ascii: screen.ascii, glyphs: configuration.glyphs,
          noColor: screen.noColor)
        terminal.setSavedPlace("the sweep is in \(runner.plan.folder); the same command goes on")
        conduct(terminal, configuration)
        return tellEnd()
      } catch {
        Console.note("no dashboard: \(error)")
      }
    }
    tellBeginning()
    runner.onEvent = { [runner] event in Console.note(Self.line(event, runner.frame)) }
    while runner.tick() {
      if EndRequest.current != nil { runner.stop() }
      EndRequest.wait(timeout: Self.interval)
    }
    tellEnd()
  }

  /// The table has the main thread; the sweep is driven on another.
  private func conduct(_ terminal: CursesTerminal, _ configuration: Configuration) {
    let frames = Mailbox<SweepFrame> { EndRequest.wakeUp() }
    let isToStop = Mutex(false)
    let over = Outcome<Void>()
    Thread.start("sweep") { [runner] in
      var last: SweepFrame?
      var goesOn = true
      while goesOn {
        if isToStop.withLock({ $0 }) { runner.stop() }
        goesOn = runner.tick()
        let frame = runner.frame
        if frame != last { frames.post(frame) }
        last = frame
        if goesOn { usleep(UInt32(Self.interval) * 1000) }
      }
      over.finish(.success(()))
    }
    _ = SweepLoop(on: terminal, configuration, mailbox: frames, folder: runner.plan.folder, isOwn: true).run()
    terminal.restore()
    isToStop.withLock { $0 = true }
    if !over.isFinished { Console.note("stopping the runs, each with a checkpoint…") }
    over.wait()
  }

  private func tellBeginning() {
    let frame = runner.frame
    var text = "sweep \(runner.plan.folder): \(frame.runs.count) runs, \(runner.plan.jobs) at once"
    if frame.count(.done) > 0 { text += ", \(frame.count(.done)) done" }
    if frame.count(.failed) > 0 { text += ", \(frame.count(.failed)) failed (--retry runs them again)" }
    if frame.count(.running) > 0 { text += ", \(frame.count(.running)) still trained by processes of before" }
    Console.note(text)
    for run in frame.runs where run.state == .failed { Console.note("failed   \(run.title): \(run.reason ?? "?")") }
  }

  private func tellEnd() {
    let frame = runner.frame
    let left = frame.count(.waiting) + frame.count(.running)
    guard left > 0 else { return }
    var text = "stopped; \(left) of \(frame.runs.count) runs are not done; the same command goes on"
    if runner.adoptedCount > 0 { text += "; \(runner.adoptedCount) are still trained by processes of before" }
    Console.note(text)
  }

  private static func line(_ event: SweepEvent, _ frame: SweepFrame) -> String {
    switch event {
    case .started(let run, nil): return "start    \(run.title): \(run.folder ?? "")"
    case .started(let run, let step?): return "resume   \(run.title): \(run.folder ?? ""), from step \(step)"
    case .ended(let run):
      let word = run.state == .waiting ? "stopped" : run.state.rawValue
      var text = word.padding(toLength: 9, withPad: " ", startingAt: 0) + run.title
      switch run.state {
      case .failed: text += ": " + (run.reason ?? "?")
      case .waiting, .running: text += ": at step \(run.step) of \(run.totalSteps)"
      case .done:
        if let accuracy = run.accuracy {
          text += String(format: ": accuracy %.4f", accuracy)
        } else if let loss = run.loss {
          text += String(format: ": loss %.4f", loss)
        }
        if let seconds = run.wallSeconds { text += " in " + Progress.duration(seconds) }
      }
      text += "; " + summary(frame)
      return text
    }
  }

  /// `3 of 9 done, 1 failed, ETA 1:05`.
  static func summary(_ frame: SweepFrame) -> String {
    var text = "\(frame.count(.done)) of \(frame.runs.count) done"
    if frame.count(.failed) > 0 { text += ", \(frame.count(.failed)) failed" }
    if let left = frame.secondsLeft { text += ", ETA " + Progress.duration(left) }
    return text
  }
}
