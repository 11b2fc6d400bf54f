// Commands to a run that another process trains: lines of JSON, appended to a file in the run's folder.

import Foundation
import Models
import Training

/// The file that a run's database names for its commands. A database can come from anywhere: what it names must be a
/// plain file in the run's own folder, and none of those that the run itself is made of.
public struct CommandFile: Sendable {
  public let path: String

  /// - Parameter name: as the database has it.
  /// - Throws: where it is not the name of a file that commands may go into.
  public init(folder: String, name: String) throws(InputError) {
    let own: Set = ["experiment.toml", "interventions.jsonl", "log.txt"]
    guard !name.isEmpty, !name.hasPrefix("."), name.utf8.count < 200, !own.contains(name),
      !name.hasPrefix("telemetry.sqlite"), name.unicodeScalars.allSatisfy({ $0 != "/" && $0.value >= 32 })
    else {
      throw InputError(
        file: folder + "/telemetry.sqlite", place: "meta.control",
        "\(name) is no file for commands, expected a plain name in the run's folder")
    }
    path = folder + "/" + name
  }

  /// Appends a command in one write and brings it to the disk.
  /// - Throws: where it cannot be written, where it is no regular file or a symbolic link, and for a command that the
  ///   language of these files has no word for.
  public func append(_ command: Command) throws(InputError) {
    guard let line = Self.line(command) else { throw InputError(.usage, file: path, "knows no such command") }
    let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Self.failure(path) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw InputError(.unwritable, file: path, "not a regular file")
    }
    let bytes = Array(line.utf8)
    guard write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0 else {
      throw Self.failure(path)
    }
  }

  private static func failure(_ path: String) -> InputError {
    InputError(
      .unwritable, file: path,
      errno == ELOOP ? "a symbolic link, expected a file" : "cannot be written: \(String(cString: strerror(errno)))")
  }

  /// The line of a command, with its end; nil for one that another process does not take.
  static func line(_ command: Command) -> String? {
    switch command {
    case .pause: "{\"command\": \"pause\"}\n"
    case .resume: "{\"command\": \"resume\"}\n"
    case .step(let count): "{\"command\": \"step\", \"count\": \(count)}\n"
    case .stop(discard: false): "{\"command\": \"stop\"}\n"
    case .set(let parameter, let value) where value.isFinite:
      "{\"command\": \"set\", \"parameter\": \"\(parameter.rawValue)\", \"value\": \(value)}\n"
    default: nil
    }
  }
}
