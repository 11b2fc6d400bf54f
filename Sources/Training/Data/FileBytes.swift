// A whole file in memory, and the check that it is text.

import Foundation
import Models

package enum FileBytes {
  /// - Throws: `missing` where there is no such file, `malformed` where it cannot be read; both say why.
  package static func read(_ path: String) throws(InputError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(path) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure(path) }
    if status.st_mode & S_IFMT == S_IFDIR { throw InputError(file: path, "a folder, expected a file") }
    var bytes: [UInt8] = []
    // One byte more than there should be, so that the end shows itself; a pipe has no size and grows instead.
    var room = max(Int(status.st_size) + 1, 1 << 16)
    while true {
      var count = 0
      let chunk = [UInt8](unsafeUninitializedCapacity: room) { buffer, initialized in
        repeat { count = Foundation.read(descriptor, buffer.baseAddress, room) } while count < 0 && errno == EINTR
        initialized = max(count, 0)
      }
      guard count >= 0 else { throw failure(path) }
      if count == 0 { return bytes }
      if bytes.isEmpty { bytes = chunk } else { bytes += chunk }
      room = max(Int(status.st_size) + 1 - bytes.count, 1 << 16)
    }
  }

  private static func failure(_ path: String) -> InputError {
    let reason = String(cString: strerror(errno))
    let isMissing = errno == ENOENT || errno == ENOTDIR
    return InputError(
      isMissing ? .missing : .malformed, file: path, isMissing ? "no such file" : "cannot be read: \(reason)")
  }
}

enum UTF8Text {
  /// - Throws: naming line and byte offset of the first byte that is not UTF-8.
  static func check(_ bytes: [UInt8], file: String) throws(InputError) {
    do {
      _ = try UTF8Span(validating: bytes.span)
    } catch {
      let offset = error.byteOffsets.lowerBound
      throw InputError(
        file: file, place: "line \(line(of: offset, in: bytes)), byte \(offset)", "not UTF-8, expected UTF-8 text")
    }
  }

  /// The 1-based line that a byte stands on.
  static func line(of offset: Int, in bytes: [UInt8]) -> Int {
    1 + bytes[..<offset].count { $0 == UInt8(ascii: "\n") }
  }
}
