// A sweep that another process drives, or that has ended, as `ranktop watch` shows it.

import ArgumentParser
import Dashboard
import Foundation
import Models
import Training

struct WatchedSweep {
  let folder: String

  /// Seconds between two looks.
  private static let interval = 0.5

  /// A sweep by its name in `runs` or by its folder; nil where the name is no sweep's.
  init?(_ name: String?, runs: String) {
    guard let name, let found = RunFolder.candidates(name, runs: runs).first(where: SweepReader.isSweep) else {
      return nil
    }
    folder = found
  }

  /// Shows its table until it is left; the terminal is the caller's to restore.
  func show(on terminal: CursesTerminal, _ configuration: Configuration, _ reader: SweepReader) -> SweepEnding {
    let frames = Mailbox<SweepFrame> { EndRequest.wakeUp() }
    follow(reader, into: frames)
    return SweepLoop(on: terminal, configuration, mailbox: frames, folder: folder, isOwn: false).run()
  }

  /// Posts what is new, on a thread of its own that ends when the mailbox is let go.
  private func follow(_ reader: SweepReader, into mailbox: Mailbox<SweepFrame>) {
    Thread.start("follower") { [weak mailbox] in
      var last: SweepFrame?
      while mailbox != nil {
        var frame = last
        do throws(InputError) {
          frame = try reader.frame()
        } catch {
          frame?.trouble = error.description
        }
        if let frame, frame != last { mailbox?.post(frame) }
        last = frame
        Thread.sleep(forTimeInterval: Self.interval)
      }
    }
  }

  /// A line on standard output whenever a run has ended, until nothing runs any more.
  /// - Throws: an exit status that is not 0 where a run has failed or was not run.
  func tell(_ reader: SweepReader) throws {
    var last = ""
    while EndRequest.current == nil {
      let frame = try reader.frame()
      let text = SweepConductor.summary(frame)
      let counts = SweepRun.State.allCases.map { "\(frame.count($0)) \($0.rawValue)" }.joined(separator: ", ")
      if counts != last { Console.result("\(frame.name): \(text); \(counts)") }
      last = counts
      if frame.isOver || !frame.isDriven && frame.count(.running) == 0 {
        if frame.count(.done) < frame.runs.count { throw ExitStatus.failed }
        return
      }
      EndRequest.wait(timeout: Int(Self.interval * 1000))
    }
    if let request = EndRequest.current { throw ExitCode(request.exitStatus) }
  }
}

extension SweepLoop {
  /// The table of a sweep, whose runs are opened on the same terminal.
  convenience init(
    on terminal: CursesTerminal, _ configuration: Configuration, mailbox: Mailbox<SweepFrame>, folder: String,
    isOwn: Bool
  ) {
    self.init(
      terminal: terminal, mailbox: mailbox, folder: folder, isOwn: isOwn,
      open: { name throws(InputError) in
        try FollowedRun(in: folder + "/" + name).show(on: terminal, configuration, runs: folder)
      }, suspend: { terminal.suspend() })
  }
}
