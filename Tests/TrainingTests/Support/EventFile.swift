// A second opinion on event files: decodes them by the formats' descriptions, sharing nothing with the writer.

import Foundation

enum EventFile {
  struct Histogram: Equatable {
    var minimum = 0.0
    var maximum = 0.0
    var count = 0.0
    var sum = 0.0
    var sumOfSquares = 0.0
    var limits: [Double] = []
    var buckets: [Double] = []
  }

  struct Event: Equatable {
    var wallTime = 0.0
    var step = 0
    var version: String?
    var startsSession = false
    var tag: String?
    var scalar: Float?
    var histogram: Histogram?
  }

  struct Damage: Error {
    let what: String
  }

  static func read(_ path: String) throws -> [Event] {
    var rest = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))[...]
    var events: [Event] = []
    while !rest.isEmpty {
      guard rest.count >= 16 else { throw Damage(what: "cut") }
      let length = Int(number(rest.prefix(8)))
      guard masked(rest.prefix(8)) == UInt32(number(rest.dropFirst(8).prefix(4))) else {
        throw Damage(what: "checksum of the length")
      }
      let message = rest.dropFirst(12).prefix(length)
      let checksum = rest.dropFirst(12 + length).prefix(4)
      guard message.count == length, checksum.count == 4, masked(message) == UInt32(number(checksum)) else {
        throw Damage(what: "checksum of the message")
      }
      events.append(try event(message))
      rest = rest.dropFirst(16 + length)
    }
    return events
  }

  // MARK: Messages

  private static func event(_ bytes: ArraySlice<UInt8>) throws -> Event {
    var event = Event()
    for (field, value) in try fields(bytes) {
      switch field {
      case 1: event.wallTime = double(value)
      case 2: event.step = Int(number(value))
      case 3: event.version = String(decoding: value, as: UTF8.self)
      case 5:
        for (field, value) in try fields(value) where field == 1 { try read(value, into: &event) }
      case 7:
        for (field, value) in try fields(value) where field == 1 { event.startsSession = number(value) == 1 }
      default: throw Damage(what: "field \(field) of an event")
      }
    }
    return event
  }

  private static func read(_ bytes: ArraySlice<UInt8>, into event: inout Event) throws {
    for (field, value) in try fields(bytes) {
      switch field {
      case 1: event.tag = String(decoding: value, as: UTF8.self)
      case 2: event.scalar = Float(bitPattern: UInt32(number(value)))
      case 5:
        var histogram = Histogram()
        for (field, value) in try fields(value) {
          switch field {
          case 1: histogram.minimum = double(value)
          case 2: histogram.maximum = double(value)
          case 3: histogram.count = double(value)
          case 4: histogram.sum = double(value)
          case 5: histogram.sumOfSquares = double(value)
          case 6: histogram.limits = doubles(value)
          case 7: histogram.buckets = doubles(value)
          default: throw Damage(what: "field \(field) of a histogram")
          }
        }
        event.histogram = histogram
      default: throw Damage(what: "field \(field) of a value")
      }
    }
  }

  // MARK: The wire format

  /// Fields with their payload; a varint as eight little-endian bytes.
  private static func fields(_ bytes: ArraySlice<UInt8>) throws -> [(Int, ArraySlice<UInt8>)] {
    var rest = bytes
    var fields: [(Int, ArraySlice<UInt8>)] = []
    func varint() throws -> UInt64 {
      var value: UInt64 = 0
      var shift: UInt64 = 0
      while let byte = rest.popFirst() {
        value |= UInt64(byte & 127) << shift
        if byte < 128 { return value }
        shift += 7
      }
      throw Damage(what: "a cut varint")
    }
    while !rest.isEmpty {
      let key = try varint()
      let count: Int
      switch key & 7 {
      case 0:
        let value = try varint()
        fields.append((Int(key >> 3), (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }[...]))
        continue
      case 1: count = 8
      case 2: count = Int(try varint())
      case 5: count = 4
      default: throw Damage(what: "wire type \(key & 7)")
      }
      guard rest.count >= count else { throw Damage(what: "a cut field") }
      fields.append((Int(key >> 3), rest.prefix(count)))
      rest = rest.dropFirst(count)
    }
    return fields
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  private static func double(_ bytes: ArraySlice<UInt8>) -> Double { Double(bitPattern: number(bytes)) }

  private static func doubles(_ bytes: ArraySlice<UInt8>) -> [Double] {
    stride(from: bytes.startIndex, to: bytes.endIndex, by: 8).map { double(bytes[$0..<$0 + 8]) }
  }

  /// CRC-32C a bit at a time, rotated and shifted as TFRecord masks it.
  private static func masked(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var crc = ~UInt32(0)
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
    }
    crc = ~crc
    return (crc >> 15 | crc << 17) &+ 0xA282_EAD8
  }
}
