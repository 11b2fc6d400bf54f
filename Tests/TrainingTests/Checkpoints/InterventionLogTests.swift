import Foundation
import Models
import Testing

@testable import Training

@Suite("The log of interventions")
struct InterventionLogTests {
  private let scratch: TemporaryFolder
  private var path: String { scratch.path + "/interventions.jsonl" }

  init() throws { scratch = try TemporaryFolder() }

  private func change(_ step: Int, _ new: Double = 0.9) -> Intervention {
    Intervention(step: step, parameter: .beta1, old: 0.85, new: new, isUndo: false)
  }

  private func append(_ text: String) throws {
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try file.seekToEnd()
    try file.write(contentsOf: Data(text.utf8))
    try file.close()
  }

  @Test("what was appended is there when it is opened again, to the bit")
  func roundTrip() throws {
    let value = 0.1 + 0.2
    try InterventionLog(path: path).append(change(5, value), scheduled: 3)
    let log = try InterventionLog(path: path)
    #expect(log.standing == [change(5, value)])
    #expect(log.doneSchedule == [3])
    #expect(try InterventionLog.read(path) == log.entries)
  }

  @Test("no file is an empty log")
  func empty() throws {
    #expect(try InterventionLog.read(path) == [])
    #expect(try InterventionLog(path: path).standing == [])
  }

  @Test("a last line that was cut anywhere is dropped, and the next goes in its place")
  func torn() throws {
    try InterventionLog(path: path).append(change(5), scheduled: nil)
    let first = try Data(contentsOf: URL(fileURLWithPath: path))
    try InterventionLog(path: path).append(change(9), scheduled: nil)
    let both = try Data(contentsOf: URL(fileURLWithPath: path))
    for count in first.count..<both.count {
      try both.prefix(count).write(to: URL(fileURLWithPath: path))
      #expect(try InterventionLog.read(path).compactMap(\.change) == [change(5)])
      let log = try InterventionLog(path: path)
      try log.append(change(7), scheduled: nil)
      #expect(try InterventionLog(path: path).standing == [change(5), change(7)])
    }
  }

  @Test(
    "a line that is not an entry is refused with its number",
    arguments: [
      "garbage", "{}", #"{"time":"now"}"#, #"{"kept":-1,"time":"now"}"#, "\u{0}\u{0}", "",
      #"{"change":{"isUndo":false,"new":0.9,"old":0.8,"parameter":"beta9","step":1},"time":"now"}"#,
      #"{"change":{"isUndo":false,"new":0.9,"old":0.8,"parameter":"beta1","step":-1},"time":"now"}"#,
      #"{"change":{"isUndo":false,"new":0.9,"old":0.8,"parameter":"beta1","step":1},"kept":0,"time":"now"}"#,
      #"{"change":{"isUndo":false,"new":1e999,"old":0.8,"parameter":"beta1","step":1},"time":"now"}"#,
    ])
  func garbage(line: String) throws {
    try InterventionLog(path: path).append(change(5), scheduled: nil)
    try append(line + "\n")
    let error = #expect(throws: InputError.self) { try InterventionLog(path: path) }
    #expect(error?.kind == .malformed && error?.place == "line 2")
    #expect(throws: try #require(error)) { try InterventionLog.read(path) }
  }

  @Test("nothing but a regular file is read or written")
  func link() throws {
    let outside = scratch.path + "/outside"
    for there in [true, false] {
      if there { try Data("{}\n".utf8).write(to: URL(fileURLWithPath: outside)) } else { unlink(outside) }
      unlink(path)
      symlink(outside, path)
      let error = #expect(throws: InputError.self) { try InterventionLog(path: path) }
      #expect(error?.message == "not a regular file, expected the run's own log")
      #expect(FileManager.default.fileExists(atPath: outside) == there)
    }
  }

  @Test("going back takes changes out, whatever came after is added again")
  func goingBack() throws {
    let log = try InterventionLog(path: path)
    for step in [1, 2, 3] { try log.append(change(step), scheduled: step) }
    try log.goBack(keeping: 1)
    #expect(log.standing == [change(1)])
    try log.append(change(4), scheduled: nil)
    try log.goBack(keeping: 9)
    #expect(try InterventionLog(path: path).standing == [change(1), change(4)])
    try log.goBack(keeping: 0)
    #expect(try InterventionLog(path: path).standing == [])
    #expect(log.doneSchedule == [1, 2, 3])
    #expect(log.entries.count == 7)
  }

  @Test("a run that does the same again gets each standing change once, and none that was gone back over")
  func repeating() throws {
    let log = try InterventionLog(path: path)
    try log.append(change(1), scheduled: nil)
    try log.append(change(2, 0.5), scheduled: 0)
    try log.goBack(keeping: 1)
    try log.append(change(2, 0.7), scheduled: nil)
    try log.goBack(keeping: 1)
    try log.append(change(2, 0.7), scheduled: nil)
    try log.append(change(8), scheduled: 1)
    let all = InterventionLog.repeating(log.entries)
    #expect(InterventionLog.standing(all) == [change(1), change(2, 0.7), change(8)])
    #expect(Set(all.compactMap(\.scheduled)) == [0, 1])
    let early = InterventionLog.repeating(log.entries, before: 8)
    #expect(InterventionLog.standing(early) == [change(1), change(2, 0.7)])
    // What was scheduled for later is still to come there.
    #expect(Set(early.compactMap(\.scheduled)) == [0])
  }
}
