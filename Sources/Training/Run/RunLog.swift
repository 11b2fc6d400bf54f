// A run's own log: the events of its story, and whatever libraries say.

import Foundation
import Logging
import Models

/// `log.txt` of a run. A line an event, with the wall-clock time.
final class RunLog {
  private let logger: Logger

  init(path: String) throws(InputError) {
    guard let file = fopen(path, "a") else {
      throw InputError(.unwritable, file: path, "cannot be written: \(String(cString: strerror(errno)))")
    }
    let stream = FileStream(file)
    logger = Logger(label: "run") { _ in StreamLogHandler(label: "run", stream: stream) }
  }

  func write(_ event: Event) {
    let level: Logger.Level = event.kind == .failed ? .error : event.kind == .warning ? .warning : .info
    logger.log(level: level, "step \(event.step) \(event.kind.rawValue): \(event.text)")
  }
}

/// A file that swift-log's stream handler writes to, line by line.
private struct FileStream: TextOutputStream, @unchecked Sendable {
  // Unchecked: stdio locks the stream for each call.
  private final class Owner {
    let file: UnsafeMutablePointer<FILE>
    init(_ file: UnsafeMutablePointer<FILE>) { self.file = file }
    deinit { fclose(file) }
  }
  private let owner: Owner

  init(_ file: UnsafeMutablePointer<FILE>) { owner = Owner(file) }

  mutating func write(_ string: String) {
    fputs(string, owner.file)
    fflush(owner.file)
  }
}
