// Following a run of another process: when frames are posted, what becomes of errors and of a death, how commands are
// written.

import Foundation
import Models
import Testing

@testable import Dashboard
@testable import Training

/// A run that a test writes.
private final class FakeReading: RunReading {
  var next: Frame?
  var failure: InputError?
  var current = RunTrainer(holdsLock: true, isAlive: true, updated: 1000)
  var refreshes = 0

  func refresh() throws(InputError) -> Frame? {
    refreshes += 1
    if let failure { throw failure }
    defer { next = nil }
    return next
  }

  func trainer() throws(InputError) -> RunTrainer { current }
}

@Suite("Following a run")
struct FollowerTests {
  private func follow(_ state: RunState = .training) throws -> (RunFollower, FakeReading, Mailbox<Frame>) {
    let reading = FakeReading()
    reading.next = FakeRun.demo.frame(at: 20, state: state)
    let mailbox = Mailbox<Frame>()
    return (try RunFollower(to: mailbox, now: 1000) { reading }, reading, mailbox)
  }

  @Test("the first frame is there at once, later ones when something was written, ten looks a second")
  func posts() throws {
    let (follower, reading, mailbox) = try follow()
    #expect(mailbox.take()?.stepsDone == 20)
    #expect(follower.look(now: 1000.1) == 0.1)
    #expect(mailbox.take() == nil)
    reading.next = FakeRun.demo.frame(at: 25)
    #expect(follower.look(now: 1000.2) == 0.1)
    #expect(mailbox.take()?.stepsDone == 25)
    #expect(mailbox.take() == nil)
  }

  @Test("a run that is over is looked at once a second, and picks up when it is gone on with")
  func over() throws {
    let (follower, reading, mailbox) = try follow(.done)
    reading.current = RunTrainer(holdsLock: false, isAlive: false, updated: 1)
    #expect(mailbox.take()?.state == .done)
    #expect(follower.look(now: 1005) == 1)
    #expect(mailbox.take() == nil && !follower.isAbandoned)
    reading.current = RunTrainer(holdsLock: true, isAlive: true, updated: 1006)
    reading.next = FakeRun.demo.frame(at: 30)
    #expect(follower.look(now: 1006) == 0.1)
    #expect(mailbox.take()?.state == .training)
  }

  @Test("a run whose process died says since when and how it goes on, and follows when that is done")
  func death() throws {
    let (follower, reading, mailbox) = try follow()
    _ = mailbox.take()
    reading.current = RunTrainer(holdsLock: false, isAlive: false, updated: 1000)
    _ = follower.look(now: 1001)
    #expect(mailbox.take() == nil)
    _ = follower.look(now: 1003)
    let frame = try #require(mailbox.take())
    let since = RunTrainer.time(1000, at: 1003)
    #expect(since.wholeMatch(of: /\d\d:\d\d/) != nil)
    #expect(frame.state == .halted("no process trains this run since \(since); ranktop resume demo-1 goes on"))
    #expect(follower.isAbandoned && frame.eta == nil && frame.tokensPerSecond == 0)
    _ = follower.look(now: 1004)
    #expect(mailbox.take() == nil)
    reading.current = RunTrainer(holdsLock: true, isAlive: true, updated: 1004)
    reading.next = FakeRun.demo.frame(at: 21)
    _ = follower.look(now: 1004.1)
    #expect(mailbox.take()?.state == .training && !follower.isAbandoned)
  }

  @Test("a halted run whose process ended keeps its reason")
  func haltedDeath() throws {
    let (follower, reading, mailbox) = try follow(.halted("R is nan"))
    #expect(mailbox.take()?.state == .halted("R is nan"))
    reading.current = RunTrainer(holdsLock: false, isAlive: false, updated: 1000)
    _ = follower.look(now: 1003)
    guard case .halted(let why) = mailbox.take()?.state else { throw CommandLanguage.Problem(text: "not halted") }
    #expect(why.hasPrefix("R is nan; no process trains this run since"))
  }

  @Test("what cannot be read while it is shown is told, tried again, and forgotten when it can be read")
  func trouble() throws {
    let reading = FakeReading()
    reading.next = FakeRun.demo.frame(at: 20)
    let mailbox = Mailbox<Frame>()
    var openings = 0
    let follower = try RunFollower(to: mailbox, now: 1000) {
      openings += 1
      return reading
    }
    _ = mailbox.take()
    reading.failure = InputError(file: "runs/x/telemetry.sqlite", "disk I/O error")
    #expect(follower.look(now: 1000.1) == 1)
    #expect(mailbox.take()?.state == .waiting("runs/x/telemetry.sqlite: disk I/O error"))
    #expect(follower.look(now: 1001) == 1)
    #expect(mailbox.take() == nil && openings == 2)
    reading.failure = nil
    #expect(follower.look(now: 1002) == 0.1)
    #expect(mailbox.take()?.state == .training)
  }

  @Test("what cannot be opened at all is an error before anything is shown")
  func opening() {
    let reading = FakeReading()
    reading.failure = InputError(file: "x", "not a database")
    #expect(throws: InputError(file: "x", "not a database")) { try RunFollower(to: Mailbox<Frame>()) { reading } }
  }

  @Test("when nobody holds the mailbox, it ends")
  func ends() throws {
    let reading = FakeReading()
    reading.next = FakeRun.demo.frame(at: 20)
    var mailbox: Mailbox<Frame>? = Mailbox<Frame>()
    let follower = try RunFollower(to: try #require(mailbox), now: 1000) { reading }
    #expect(follower.look(now: 1000.1) != nil)
    mailbox = nil
    #expect(follower.look(now: 1000.2) == nil)
    _ = mailbox
  }

  @Test("on its own thread a change is posted within half a second")
  func thread() throws {
    let (follower, reading, mailbox) = try follow()
    _ = mailbox.take()
    // Nobody else touches it before the thread looks for the first time.
    reading.next = FakeRun.demo.frame(at: 26)
    let start = ContinuousClock.now
    follower.start()
    var frame: Frame?
    while frame == nil, ContinuousClock.now - start < .seconds(20) {
      usleep(5000)
      frame = mailbox.take()
    }
    #expect(frame?.stepsDone == 26)
  }

  static let trainers: [(RunTrainer, Double, Bool)] = [
    (RunTrainer(holdsLock: true, isAlive: nil, updated: nil), 0, false),
    (RunTrainer(holdsLock: true, isAlive: false, updated: 0), 1e6, false),
    (RunTrainer(holdsLock: false, isAlive: true, updated: 0), 1, false),
    // A number that another process has by now.
    (RunTrainer(holdsLock: false, isAlive: true, updated: 0), 3, true),
    (RunTrainer(holdsLock: false, isAlive: nil, updated: nil), 0, true),
    // Another program's run has no lock: its process, or that it still writes.
    (RunTrainer(holdsLock: nil, isAlive: true, updated: 0), 1e6, false),
    (RunTrainer(holdsLock: nil, isAlive: false, updated: 0), 9, false),
    (RunTrainer(holdsLock: nil, isAlive: false, updated: 0), 11, true),
    (RunTrainer(holdsLock: nil, isAlive: nil, updated: nil), 0, true),
  ]

  @Test("a lock decides, else the process, else whether it still writes", arguments: trainers)
  func gone(trainer: RunTrainer, now: Double, isGone: Bool) { #expect(trainer.isGone(at: now) == isGone) }

  @Test("a long time ago has its day; another program's run is not ours to resume")
  func words() {
    #expect(RunTrainer.time(1000, at: 1e6).wholeMatch(of: /1970-01-01 \d\d:\d\d/) != nil)
    #expect(RunTrainer.time(.nan, at: 0) == "?")
    #expect(RunTrainer.time(1e300, at: 0) == "?")
    let other = RunTrainer(holdsLock: nil, isAlive: false, updated: nil)
    #expect(other.words(run: "peft-1", at: 0) == "no process trains this run")
  }
}

@Suite("Commands to another process")
struct CommandFileTests {
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("commands-\(UUID().uuidString)")

  private func inFolder(_ body: (String) throws -> Void) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder.path)
  }

  @Test("each command is one line of JSON at the end of the file")
  func lines() throws {
    try inFolder { folder in
      let file = try CommandFile(folder: folder, name: "commands.jsonl")
      for command in [
        Command.set(.beta1, 0.9), .set(.learningRate, 1e-5), .set(.targetR, 3), .pause, .resume, .step(count: 10),
        .stop(discard: false),
      ] { try file.append(command) }
      let text = try String(contentsOfFile: file.path, encoding: .utf8)
      #expect(
        text == """
          {"command": "set", "parameter": "beta1", "value": 0.9}
          {"command": "set", "parameter": "learning_rate", "value": 1e-05}
          {"command": "set", "parameter": "target_r", "value": 3.0}
          {"command": "pause"}
          {"command": "resume"}
          {"command": "step", "count": 10}
          {"command": "stop"}

          """)
      for line in text.split(separator: "\n") {
        #expect(try JSONSerialization.jsonObject(with: Data(line.utf8)) is [String: Any])
      }
      for command in [Command.stop(discard: true), .rewind, .fork(step: nil), .set(.beta1, .nan), .checkpoint] {
        #expect(throws: InputError.self) { try file.append(command) }
      }
      #expect(try String(contentsOfFile: file.path, encoding: .utf8) == text)
    }
  }

  @Test(
    "a name that leads elsewhere, or to what the run is made of, is refused",
    arguments: [
      "", ".", "..", "../x", "/tmp/x", "a/b", ".lock", "telemetry.sqlite", "telemetry.sqlite-wal", "experiment.toml",
      "interventions.jsonl", "log.txt", "a\nb", "a\0b", String(repeating: "a", count: 300),
    ])
  func names(name: String) {
    #expect(throws: InputError.self) { try CommandFile(folder: "runs/x", name: name) }
  }

  @Test("a symbolic link, a folder and a pipe are refused, and nothing is written through them")
  func links() throws {
    try inFolder { folder in
      try "victim\n".write(toFile: folder + "/victim", atomically: true, encoding: .utf8)
      try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: folder + "/victim")
      try FileManager.default.createDirectory(atPath: folder + "/folder", withIntermediateDirectories: false)
      mkfifo(folder + "/pipe", 0o600)
      for name in ["link", "folder", "pipe"] {
        let file = try CommandFile(folder: folder, name: name)
        #expect(throws: InputError.self, "\(name)") { try file.append(.pause) }
      }
      #expect(try String(contentsOfFile: folder + "/victim", encoding: .utf8) == "victim\n")
    }
  }
}
