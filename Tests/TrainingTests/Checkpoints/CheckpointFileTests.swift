import Foundation
import Models
import Testing

@testable import Training

@Suite("A checkpoint file")
struct CheckpointFileTests {
  private struct State: Codable, Equatable {
    var step = 7
    var name = "a state"
  }

  private let scratch: TemporaryFolder
  private var path: String { scratch.path + "/step-7.ckpt" }
  private let weights: [Float] = [0.5, -1.25, .leastNonzeroMagnitude, 3e38]
  private let kept: [UInt8] = [1, 0, 1]

  init() throws { scratch = try TemporaryFolder() }

  private func write() throws {
    try weights.withUnsafeBytes { weights in
      try kept.withUnsafeBytes { kept in
        try CheckpointFile.write(
          State(), sections: [("weights", weights), ("kept", kept), ("none", .init(start: nil, count: 0))], to: path)
      }
    }
  }

  private func read() throws -> CheckpointFile.Contents<State> { try CheckpointFile.read(path) }

  @Test("what was written is read again, to the bit")
  func roundTrip() throws {
    try write()
    let contents = try read()
    #expect(contents.state == State())
    #expect(try contents.floats("weights", count: 4) == weights)
    #expect(Array(try contents.bytes("kept", count: 3)) == kept)
    #expect(try contents.bytes("none", count: 0).isEmpty)
    #expect(contents.section("more") == nil)
  }

  @Test("a section that is missing or of another length is an error that names it")
  func lengths() throws {
    try write()
    let contents = try read()
    for (name, count, expected) in [
      ("kept", 4, "section kept: 3 bytes, expected 4"), ("more", 1, "section more: is not there"),
    ] {
      let error = #expect(throws: InputError.self) { try contents.bytes(name, count: count) }
      #expect(error?.description.hasSuffix(expected) == true)
    }
  }

  @Test("each bit that changes is found")
  func flips() throws {
    try write()
    let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
    for index in bytes.indices {
      for bit in [0, 3, 7] {
        var changed = bytes
        changed[index] ^= 1 << UInt8(bit)
        try Data(changed).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: InputError.self, "byte \(index)") { try read() }
        #expect(error?.kind == .malformed && error?.file == path)
      }
    }
  }

  @Test("each byte that is missing or too much is found")
  func lengthsOfFile() throws {
    try write()
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    for count in 0..<bytes.count {
      try bytes.prefix(count).write(to: URL(fileURLWithPath: path))
      #expect(throws: InputError.self, "\(count) bytes") { try read() }
    }
    try (bytes + [0]).write(to: URL(fileURLWithPath: path))
    let error = #expect(throws: InputError.self) { try read() }
    #expect(error?.message == "is \(bytes.count + 1) bytes long, expected \(bytes.count)")
  }

  /// A file around a header, with a right checksum.
  private func forge(_ header: String, headerLength: UInt64? = nil, body: Int = 128) throws {
    var bytes = Array("RKTPCKP1".utf8)
    let text = Array(header.utf8)
    let padding = (64 - (24 + text.count) % 64) % 64
    let total = UInt64(24 + text.count + padding + body + 4)
    for number in [total, headerLength ?? UInt64(text.count)] {
      bytes += (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) }
    }
    bytes += text + Array(repeating: 0, count: padding + body)
    var checksum = CRC32C()
    bytes.withUnsafeBytes { checksum.update($0) }
    bytes += (0..<4).map { UInt8(truncatingIfNeeded: checksum.value >> (8 * UInt32($0))) }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  private func header(_ offset: String, _ count: String) -> String {
    #"{"sections":[{"count":\#(count),"name":"weights","offset":\#(offset)}],"state":{"name":"","step":1}}"#
  }

  @Test(
    "a section outside the file is refused though the checksum is right",
    arguments: [
      ("0", "129"), ("64", "65"), ("128", "1"), ("192", "0"), ("0", "10737418240"), ("0", "9223372036854775807"),
      ("9223372036854775744", "64"), ("-64", "64"), ("0", "-1"), ("4", "4"),
    ])
  func sections(offset: String, count: String) throws {
    try forge(header("64", "64"))
    #expect(try read().section("weights")?.count == 64)
    try forge(header(offset, count))
    let error = #expect(throws: InputError.self) { try read() }
    #expect(error?.place == "section weights")
  }

  @Test("a header that lies about itself is refused though the checksum is right")
  func headers() throws {
    for (length, place) in [(UInt64.max, "byte 16"), (1 << 40, "byte 16"), (10, "header"), (0, "header")] {
      try forge(header("0", "4"), headerLength: length)
      let error = #expect(throws: InputError.self) { try read() }
      #expect(error?.place == place)
    }
    for text in [
      "", "[]", "{}", #"{"sections":[]}"#, #"{"state":{"name":"","step":1}}"#, header("1e400", "4"),
      String(repeating: "[", count: 100_000), #"{"sections":[],"state":{"name":"","step":1.5}}"#,
    ] {
      try forge(text)
      let error = #expect(throws: InputError.self) { try read() }
      #expect(error?.place == "header")
    }
  }

  @Test("nothing but a regular file is read")
  func kinds() throws {
    try write()
    let other = scratch.path + "/other"
    try FileManager.default.moveItem(atPath: path, toPath: other)
    #expect(throws: InputError(.missing, file: path, "no such file")) { try read() }
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: other)
    let notRegular = InputError(file: path, "not a regular file, expected a checkpoint")
    #expect(throws: notRegular) { try read() }
    unlink(path)
    #expect(mkfifo(path, 0o600) == 0)
    #expect(throws: notRegular) { try read() }
  }
}
