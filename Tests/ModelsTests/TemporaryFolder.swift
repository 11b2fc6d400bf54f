// A folder of a test's own, and what tests of readers share.

import Foundation
import Testing

@testable import Models

/// Removed with its owner.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "ranktop-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var entries: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }

  /// Writes a file and returns its path.
  @discardableResult
  func write(_ bytes: [UInt8], _ name: String = "file") throws -> String {
    let file = path + "/" + name
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }

  @discardableResult
  func write(_ text: String, _ name: String = "file") throws -> String { try write(Array(text.utf8), name) }
}

/// The path of a fixture of this target.
func fixture(_ name: String) throws -> String {
  try #require(Bundle.module.resourcePath) + "/Fixtures/" + name
}

/// The error that `body` ends in, without the part of its text that is the file's path; nil where it succeeds.
func failure<Result>(_ body: () throws(InputError) -> Result) -> String? {
  do throws(InputError) {
    _ = try body()
    return nil
  } catch {
    let name = error.file.split(separator: "/").last.map(String.init) ?? ""
    return InputError(error.kind, file: name, place: error.place, error.message).description
  }
}
