// The interventions of a run, each on disk before it has effect.

import Foundation
import Models

/// `interventions.jsonl` of a run: a line a change, appended and synced. Going back is a line too, so that nothing that
/// was ever done is lost.
final class InterventionLog {
  /// One line.
  struct Entry: Codable, Equatable {
    /// A change; nil where the line says that the run went back.
    var change: Intervention?
    /// Changes that stand after the run went back.
    var kept: Int?
    /// The number of the scheduled command that made it.
    var scheduled: Int?
    /// Wall-clock time.
    var time: String
  }

  private let path: String
  private let descriptor: Int32
  private(set) var entries: [Entry]

  /// Opens or makes it. A last line that a crash cut short was never reported as done; it is removed.
  /// - Throws: for a line that is not an entry.
  init(path: String) throws(InputError) {
    self.path = path
    let (entries, length) = try Self.parse(path)
    self.entries = entries
    descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard descriptor >= 0 else { throw AtomicFile.failure(path) }
    AtomicFile.syncFolder(of: path)
    guard ftruncate(descriptor, off_t(length)) == 0, lseek(descriptor, 0, SEEK_END) >= 0 else {
      throw AtomicFile.failure(path)
    }
  }

  deinit { close(descriptor) }

  /// The entries of a run that another process may have open.
  static func read(_ path: String) throws(InputError) -> [Entry] { try parse(path).entries }

  /// The changes that stand: what was gone back over is taken out.
  static func standing(_ entries: [Entry]) -> [Intervention] {
    var changes: [Intervention] = []
    for entry in entries {
      if let change = entry.change { changes.append(change) }
      if let kept = entry.kept { changes.removeLast(max(changes.count - kept, 0)) }
    }
    return changes
  }

  var standing: [Intervention] { Self.standing(entries) }

  /// A log with which a new run does the same again up to a step. Scheduled commands that the run went back over stay
  /// done.
  static func repeating(_ entries: [Entry], before limit: Int = .max) -> [Entry] {
    var standing: [Entry] = []
    var undone: [Entry] = []
    for entry in entries {
      if let change = entry.change, change.step < limit { standing.append(entry) }
      if let kept = entry.kept, kept < standing.count {
        undone += standing[kept...].filter { $0.scheduled != nil }
        standing.removeLast(standing.count - kept)
      }
    }
    guard let time = undone.last?.time else { return standing }
    return undone + [Entry(change: nil, kept: 0, scheduled: nil, time: time)] + standing
  }

  /// Scheduled commands that were done once, whether or not the run went back since.
  var doneSchedule: Set<Int> { Set(entries.compactMap(\.scheduled)) }

  /// Returns when the line is on disk.
  func append(_ change: Intervention, scheduled: Int?) throws(InputError) {
    try append(Entry(change: change, kept: nil, scheduled: scheduled, time: Self.now))
  }

  /// Notes that the run went back to where so many changes stood.
  func goBack(keeping kept: Int) throws(InputError) {
    try append(Entry(change: nil, kept: kept, scheduled: nil, time: Self.now))
  }

  private func append(_ entry: Entry) throws(InputError) {
    let line = try Self.line(entry, path)
    let start = lseek(descriptor, 0, SEEK_CUR)
    let output = AtomicFile.Output(descriptor: descriptor, path: path)
    do throws(InputError) {
      try line.withUnsafeBufferPointer { (bytes) throws(InputError) in
        try output.write(UnsafeRawBufferPointer(bytes))
      }
      guard fsync(descriptor) == 0 else { throw AtomicFile.failure(path) }
    } catch {
      // Half a line would be taken for damage.
      if ftruncate(descriptor, start) == 0 { lseek(descriptor, start, SEEK_SET) }
      throw error
    }
    entries.append(entry)
  }

  /// Writes a whole log.
  static func write(_ entries: [Entry], to path: String) throws(InputError) {
    var text: [UInt8] = []
    for entry in entries {
      text += try line(entry, path)
    }
    try AtomicFile.write(text, to: path)
  }

  private static func line(_ entry: Entry, _ path: String) throws(InputError) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    guard let line = try? encoder.encode(entry) else {
      throw InputError(.unwritable, file: path, "a value that is not finite cannot be written")
    }
    return Array(line) + [UInt8(ascii: "\n")]
  }

  private static func parse(_ path: String) throws(InputError) -> (entries: [Entry], length: Int) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return ([], 0) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw InputError(file: path, "not a regular file, expected the run's own log")
    }
    let bytes = try FileBytes.read(path)
    var entries: [Entry] = []
    var start = 0
    while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
      guard let entry = try? JSONDecoder().decode(Entry.self, from: Foundation.Data(bytes[start..<end])),
        (entry.change == nil) != (entry.kept == nil), entry.change.map({ $0.step >= 0 && $0.new.isFinite }) ?? true,
        entry.kept.map({ $0 >= 0 }) ?? true
      else { throw InputError(file: path, place: "line \(entries.count + 1)", "not an intervention of this version") }
      entries.append(entry)
      start = end + 1
    }
    return (entries, start)
  }

  private static var now: String { Date().formatted(.iso8601) }
}
