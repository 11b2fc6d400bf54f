import Models
import Testing

@Suite("CRC-32C")
struct CRC32CTests {
  private func checksum(_ bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { CRC32C.value(of: $0) } }

  /// A bit at a time, as the definition divides polynomials.
  private func bitwise(_ bytes: [UInt8]) -> UInt32 {
    var crc = ~UInt32(0)
    for byte in bytes {
      for bit in 0..<8 {
        let isOdd = (crc ^ UInt32(byte >> bit)) & 1 == 1
        crc >>= 1
        if isOdd { crc ^= 0x82F6_3B78 }
      }
    }
    return ~crc
  }

  @Test("gives the values of RFC 3720, appendix B.4")
  func standard() {
    #expect(checksum(Array(repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(checksum(Array(repeating: 255, count: 32)) == 0x62A8_AB43)
    #expect(checksum(Array(0..<32)) == 0x46DD_794E)
    #expect(checksum((0..<32).reversed()) == 0x113F_DB5C)
    var command = [UInt8](repeating: 0, count: 48)
    for (place, byte) in [
      (0, 0x01), (1, 0xC0), (16, 0x14), (22, 0x04), (27, 0x14), (31, 0x18), (32, 0x28), (40, 0x02),
    ] as [(Int, UInt8)] { command[place] = byte }
    #expect(checksum(command) == 0xD996_3A56)
    #expect(checksum(Array("123456789".utf8)) == 0xE306_9283)
    #expect(checksum([]) == 0)
  }

  @Test("equals the bitwise definition on every length, wherever the bytes are cut and however they lie in memory")
  func pieces() {
    var random = SystemRandomNumberGenerator()
    for length in 0..<70 {
      let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
      let expected = bitwise(bytes)
      #expect(checksum(bytes) == expected, "\(bytes)")
      bytes.withUnsafeBytes { all in
        for cut in 0...length {
          var crc = CRC32C()
          crc.update(UnsafeRawBufferPointer(rebasing: all[..<cut]))
          crc.update(UnsafeRawBufferPointer(rebasing: all[cut...]))
          #expect(crc.value == expected, "\(bytes) cut at \(cut)")
        }
      }
    }
  }

  @Test("any one flipped bit changes it")
  func damage() {
    let bytes = (0..<100).map { UInt8(truncatingIfNeeded: $0 * 37) }
    let whole = checksum(bytes)
    for bit in 0..<800 {
      var damaged = bytes
      damaged[bit / 8] ^= 1 << (bit % 8)
      #expect(checksum(damaged) != whole)
    }
  }
}
