// CRC-32C (Castagnoli), the checksum of RFC 3720: tells a file that was damaged or cut from a whole one.

/// The CRC-32C of bytes that come piece by piece; the pieces' sizes do not matter.
public struct CRC32C: Sendable {
  /// The register, complemented as the standard has it.
  private var register = ~UInt32(0)

  public init() {}

  /// The checksum of everything so far; of no bytes it is 0.
  public var value: UInt32 { ~register }

  /// Adds bytes, O(count): eight at a time by eight tables.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    register = Self.tables.withUnsafeBufferPointer { tables in
      var crc = register
      var i = 0
      while i + 8 <= bytes.count {
        let word =
          UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self)) ^ UInt64(crc)
        crc = 0
        // The word's first byte is followed by seven more, so table 7 is its table.
        for k in 0..<8 { crc ^= tables[(7 - k) << 8 | Int(truncatingIfNeeded: word >> UInt64(8 * k)) & 255] }
        i += 8
      }
      while i < bytes.count {
        crc = crc >> 8 ^ tables[Int(UInt8(truncatingIfNeeded: crc) ^ bytes[i])]
        i += 1
      }
      return crc
    }
  }

  /// The checksum of one piece.
  public static func value(of bytes: UnsafeRawBufferPointer) -> UInt32 {
    var crc = CRC32C()
    crc.update(bytes)
    return crc.value
  }

  /// Element t·256 + b: what byte b does to the register when t zero bytes follow it.
  private static let tables: [UInt32] = {
    // x³² + x²⁸ + x²⁷ + … + x⁶ + 1, lowest power in the highest bit.
    let polynomial: UInt32 = 0x82F6_3B78
    var tables = (0..<256).map { byte in
      (0..<8).reduce(UInt32(byte)) { crc, _ in crc >> 1 ^ (crc & 1 == 0 ? 0 : polynomial) }
    }
    for i in 256..<8 * 256 {
      let before = tables[i - 256]
      tables.append(before >> 8 ^ tables[Int(before & 255)])
    }
    return tables
  }()
}
