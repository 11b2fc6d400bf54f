// The container of a checkpoint: one file, checked as a whole before anything in it is believed.

import Foundation
import Models

/// A header and named sections of numbers in one file:
///
///     "RKTPCKP1" · UInt64 length of the file · UInt64 length of the header · header, JSON · sections · UInt32 CRC-32C
///
/// Little-endian; each section starts at a multiple of 64 bytes. The checksum covers everything before it.
enum CheckpointFile {
  /// One array of numbers.
  struct Section: Codable, Equatable {
    var name: String
    /// In bytes.
    var offset: Int
    var count: Int
  }

  private struct Header<State: Codable>: Codable {
    var state: State
    var sections: [Section]
  }

  private static let magic = Array("RKTPCKP1".utf8)
  private static let alignment = 64

  /// Writes whole or not at all, and returns when the file would survive a power cut.
  static func write<State: Codable>(
    _ state: State, sections: [(name: String, bytes: UnsafeRawBufferPointer)], to path: String
  ) throws(InputError) {
    var places: [Section] = []
    var offset = 0
    for section in sections {
      places.append(Section(name: section.name, offset: offset, count: section.bytes.count))
      offset = aligned(offset + section.bytes.count)
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let header: Foundation.Data
    do {
      header = try encoder.encode(Header(state: state, sections: places))
    } catch {
      throw InputError(.unwritable, file: path, "the state cannot be written: \(error)")
    }
    let start = aligned(magic.count + 16 + header.count)
    var head = [UInt8](repeating: 0, count: start)
    head.replaceSubrange(0..<8, with: magic)
    put(UInt64(start + offset + 4), into: &head, at: 8)
    put(UInt64(header.count), into: &head, at: 16)
    head.replaceSubrange(24..<24 + header.count, with: header)
    try AtomicFile.write(to: path) { (output) throws(InputError) in
      var checksum = CRC32C()
      func write(_ bytes: UnsafeRawBufferPointer) throws(InputError) {
        checksum.update(bytes)
        try output.write(bytes)
      }
      try head.withUnsafeBufferPointer { (bytes) throws(InputError) in try write(UnsafeRawBufferPointer(bytes)) }
      let padding = [UInt8](repeating: 0, count: alignment)
      for section in sections {
        try write(section.bytes)
        let rest = aligned(section.bytes.count) - section.bytes.count
        try padding.withUnsafeBufferPointer { (bytes) throws(InputError) in
          try write(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[..<rest])))
        }
      }
      let trailer = [checksum.value.littleEndian]
      try trailer.withUnsafeBufferPointer { (bytes) throws(InputError) in
        try output.write(UnsafeRawBufferPointer(bytes))
      }
    }
  }

  /// A file that has been checked.
  struct Contents<State: Codable> {
    let state: State
    private let file: MappedFile
    private let sections: [String: UnsafeRawBufferPointer]
    private let path: String

    fileprivate init(_ state: State, _ file: MappedFile, _ sections: [String: UnsafeRawBufferPointer]) {
      self.state = state
      self.file = file
      self.sections = sections
      path = file.path
    }

    func section(_ name: String) -> UnsafeRawBufferPointer? { sections[name] }

    /// The bytes of a section. Valid as long as `self` is.
    func bytes(_ name: String, count: Int) throws(InputError) -> UnsafeRawBufferPointer {
      guard let bytes = sections[name] else {
        throw InputError(file: path, place: "section \(name)", "is not there")
      }
      guard bytes.count == count else {
        throw InputError(file: path, place: "section \(name)", "\(bytes.count) bytes, expected \(count)")
      }
      return bytes
    }

    func floats(_ name: String, count: Int) throws(InputError) -> [Float] {
      Array(try bytes(name, count: count * 4).bindMemory(to: Float.self))
    }
  }

  /// - Throws: for a file that is missing, cut, changed, or not of this format. Memory is taken for what the file really
  ///   holds, whatever it claims.
  static func read<State: Codable>(_ path: String, as type: State.Type = State.self) throws(InputError)
    -> Contents<State>
  {
    var status = stat()
    guard lstat(path, &status) == 0 else { throw InputError(.missing, file: path, "no such file") }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw InputError(file: path, "not a regular file, expected a checkpoint")
    }
    let file = try MappedFile(path: path)
    let bytes = file.bytes
    guard bytes.count >= 28, bytes.prefix(8).elementsEqual(magic) else {
      throw InputError(file: path, place: "byte 0", "not a checkpoint of this version, expected RKTPCKP1")
    }
    let length = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self).littleEndian
    guard length == UInt64(bytes.count) else {
      throw InputError(file: path, "is \(bytes.count) bytes long, expected \(length)")
    }
    let end = bytes.count - 4
    var checksum = CRC32C()
    checksum.update(UnsafeRawBufferPointer(rebasing: bytes[..<end]))
    guard checksum.value == bytes.loadUnaligned(fromByteOffset: end, as: UInt32.self).littleEndian else {
      throw InputError(file: path, "its checksum does not fit its contents: the file was damaged")
    }
    let headerLength = bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self).littleEndian
    guard headerLength <= UInt64(end - 24) else {
      throw InputError(file: path, place: "byte 16", "a header of \(headerLength) bytes, expected at most \(end - 24)")
    }
    let header: Header<State>
    do {
      header = try JSONDecoder().decode(
        Header<State>.self, from: Foundation.Data(bytes[24..<24 + Int(headerLength)]))
    } catch {
      throw InputError(file: path, place: "header", "cannot be read: \(Self.reason(error))")
    }
    let start = aligned(24 + Int(headerLength))
    var sections: [String: UnsafeRawBufferPointer] = [:]
    for section in header.sections {
      guard section.offset >= 0, section.count >= 0, section.offset % alignment == 0, start <= end,
        section.offset <= end - start, section.count <= end - start - section.offset
      else {
        throw InputError(
          file: path, place: "section \(section.name)",
          "\(section.count) bytes at \(section.offset), expected a place within the file's \(bytes.count)")
      }
      let first = start + section.offset
      sections[section.name] = UnsafeRawBufferPointer(rebasing: bytes[first..<first + section.count])
    }
    return Contents(header.state, file, sections)
  }

  private static func reason(_ error: any Error) -> String {
    switch error {
    case DecodingError.keyNotFound(let key, _): "\(key.stringValue) is missing"
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
      DecodingError.dataCorrupted(let context):
      (context.codingPath.map(\.stringValue).joined(separator: ".") + " " + context.debugDescription)
    default: "\(error)"
    }
  }

  private static func aligned(_ offset: Int) -> Int { (offset + alignment - 1) / alignment * alignment }

  private static func put(_ value: UInt64, into bytes: inout [UInt8], at offset: Int) {
    for i in 0..<8 { bytes[offset + i] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(i))) }
  }
}
