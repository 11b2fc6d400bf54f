// A program run by a test, with its streams in files.

import Foundation

/// A child process. Not Foundation's Process: its children inherit the socket by which it learns of their end, and what
/// they leave behind keeps that open.
public final class Child {
  public struct Failure: Error, CustomStringConvertible {
    public var description: String
  }

  /// How a program ended.
  public struct Ending {
    /// The exit status, or 128 + the signal that ended it.
    public var status: Int32
    public var output: String
    public var error: String
  }

  public let pid: pid_t
  private let outputPath: String
  private let errorPath: String
  private var isOver = false

  /// Starts a program, found along PATH, with nothing on its standard input.
  /// - Parameters:
  ///   - folder: where its output goes.
  ///   - environment: added to the test's own.
  public init(
    _ program: String, _ arguments: [String], folder: URL, environment: [String: String] = [:],
    workingDirectory: String? = nil
  ) throws {
    let name = UUID().uuidString
    outputPath = folder.appendingPathComponent(name + ".out").path
    errorPath = folder.appendingPathComponent(name + ".err").path
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, errorPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    // The threads of tests block signals; the program must not.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    let place = workingDirectory.map { ["-C", $0] } ?? []
    let words = ["env"] + place + environment.map { "\($0)=\($1)" } + [program] + arguments
    var strings: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for string in strings { free(string) } }
    var child: pid_t = 0
    let error = posix_spawn(&child, "/usr/bin/env", &actions, &attributes, &strings, environ)
    guard error == 0 else {
      throw Failure(description: "\(program) cannot be started: \(String(cString: strerror(error)))")
    }
    pid = child
  }

  deinit {
    guard !isOver else { return }
    kill(pid, SIGKILL)
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
  }

  public func signal(_ number: Int32) { kill(pid, number) }

  /// What it has written so far.
  public var error: String { Self.text(errorPath) }
  public var output: String { Self.text(outputPath) }

  /// Waits for its end; kills it when that takes too long.
  public func wait(seconds: Double = 60) throws -> Ending {
    let deadline = Date(timeIntervalSinceNow: seconds)
    var status: Int32 = 0
    while true {
      let found = waitpid(pid, &status, WNOHANG)
      if found == pid { break }
      guard found == 0 || errno == EINTR else { throw Failure(description: "the child is gone") }
      if Date() > deadline {
        throw Failure(description: "not over after \(seconds) s; it said\n\(output)\n\(error)")
      }
      usleep(2_000)
    }
    isOver = true
    let signal = status & 0x7F
    return Ending(status: signal == 0 ? status >> 8 & 0xFF : 128 + signal, output: output, error: error)
  }

  /// Removes the files of its streams.
  public func removeFiles() { for path in [outputPath, errorPath] { unlink(path) } }

  private static func text(_ path: String) -> String {
    String(decoding: (try? Data(contentsOf: URL(fileURLWithPath: path))) ?? Data(), as: UTF8.self)
  }

  /// The path of a program of this package, built beside the tests.
  public static func program(_ name: String) throws -> String {
    let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let beside = CommandLine.arguments.first.map { URL(fileURLWithPath: $0) } ?? URL(fileURLWithPath: tests)
    for place in [URL(fileURLWithPath: tests), beside] {
      let path = place.deletingLastPathComponent().appendingPathComponent(name).path
      if FileManager.default.isExecutableFile(atPath: path) { return path }
    }
    throw Failure(description: "\(name) is not built beside \(tests)")
  }
}
