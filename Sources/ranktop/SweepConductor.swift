// Drives a sweep to its end, headless, and tells of it.

import Dashboard
import Foundation
import Training

struct SweepConductor {
  private let runner: SweepRunner

  init(_ runner: SweepRunner) { self.runner = runner }

  /// Between two looks at the processes, in milliseconds.
  private static let interval = 100

  /// Runs until all is over or a signal has stopped it.
  func run() throws {
    tellBeginning()
    runner.onEvent = { [runner] event in Console.note(Self.line(event, runner.frame)) }
    while runner.tick() {
      if EndRequest.current != nil { runner.stop() }
      EndRequest.wait(timeout: Self.interval)
    }
    tellEnd()
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
        if let accuracy = run.accuracy { text += String(format: ": accuracy %.4f", accuracy) }
        if let seconds = run.wallSeconds { text += " in " + Progress.duration(seconds) }
      }
      text += "; \(frame.count(.done)) of \(frame.runs.count) done"
      if let left = frame.secondsLeft { text += ", ETA " + Progress.duration(left) }
      return text
    }
  }
}
