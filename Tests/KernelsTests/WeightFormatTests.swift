// Stored weights against naive readings of the formats' definitions, and the products of frozen weights that use them.

import Glibc
import Testing

@testable import Kernels

/// The formats as their definitions have them, one value at a time.
private enum Naive {
  static func float(_ format: WeightFormat, _ x: [UInt8], _ i: Int) -> Float {
    func half(_ at: Int) -> Float { float16(UInt16(x[at]) | UInt16(x[at + 1]) << 8) }
    func signed(_ at: Int) -> Float { Float(Int8(bitPattern: x[at])) }
    let at = i / format.blockValues * format.blockBytes
    let k = i % format.blockValues
    func nibble(_ start: Int) -> UInt8 { k < 16 ? x[at + start + k] & 15 : x[at + start + k - 16] >> 4 }
    switch format {
    case .float32:
      return Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(x[at + $1]) << UInt32(8 * $1) })
    case .float16: return half(at)
    case .bfloat16: return Float(bitPattern: UInt32(x[at]) << 16 | UInt32(x[at + 1]) << 24)
    case .q8_0: return half(at) * signed(at + 2 + k)
    case .q4_0: return half(at) * Float(Int(nibble(2)) - 8)
    case .q4_1:
      let product = half(at) * Float(nibble(4))
      return product + half(at + 2)
    case .q4_k, .q5_k:
      let part = k / 32
      let (scale, minimum) = sixBits(Array(x[at + 4..<at + 16]), part)
      let low = at + (format == .q4_k ? 16 : 48) + 32 * (part / 2) + k % 32
      var q = part % 2 == 0 ? x[low] & 15 : x[low] >> 4
      if format == .q5_k, x[at + 16 + k % 32] & 1 << UInt8(part) != 0 { q += 16 }
      let (by, less) = (half(at) * Float(scale), half(at + 2) * Float(minimum))
      let product = by * Float(q)
      return product - less
    case .q6_k:
      let (group, quarter, l) = (k / 128, k % 128 / 32, k % 32)
      let low = x[at + 64 * group + 32 * (quarter % 2) + l]
      let high = x[at + 128 + 32 * group + l] >> UInt8(2 * quarter) & 3
      let q = Int((quarter < 2 ? low & 15 : low >> 4) | high << 4) - 32
      let by = half(at + 208) * signed(at + 192 + k / 16)
      return by * Float(q)
    }
  }

  /// Eight pairs of six bits, as llama.cpp's `get_scale_min_k4` takes them apart.
  private static func sixBits(_ q: [UInt8], _ j: Int) -> (UInt8, UInt8) {
    j < 4
      ? (q[j] & 63, q[j + 4] & 63)
      : (q[j + 4] & 0xF | (q[j - 4] >> 6) << 4, q[j + 4] >> 4 | (q[j] >> 6) << 4)
  }

  static func float16(_ bits: UInt16) -> Float {
    let sign: Float = bits & 0x8000 == 0 ? 1 : -1
    let (exponent, fraction) = (Int32(bits >> 10 & 31), Float(bits & 1023))
    switch exponent {
    case 0: return sign * fraction * 0x1p-24
    case 31: return fraction == 0 ? sign * .infinity : .nan
    default: return sign * scalbnf(1 + fraction / 1024, exponent - 15)
    }
  }
}

/// Random bytes in which every half float that scales a block is between 2⁻¹⁴ and 2.
private func blocks(_ format: WeightFormat, _ count: Int, seed: UInt64) -> [UInt8] {
  var random = RandomSource(seed: seed)
  var bytes = (0..<format.bytes(count)).map { _ in UInt8(random.uniform() * 256) }
  let scales: [Int] =
    switch format {
    case .float32: [2]
    case .bfloat16, .float16, .q8_0, .q4_0: [0]
    case .q4_1, .q4_k, .q5_k: [0, 2]
    case .q6_k: [208]
    }
  for block in stride(from: 0, to: bytes.count, by: format.blockBytes) {
    for at in scales { bytes[block + at + 1] = bytes[block + at + 1] & 0x83 | 0x38 }
  }
  return bytes
}

@Suite("Stored weights")
struct WeightFormatTests {
  @Test("every format is read as its definition says, bit for bit", arguments: WeightFormat.allCases)
  func formats(format: WeightFormat) {
    let count = 512
    for seed in 0..<8 as Range<UInt64> {
      // At an odd address.
      let bytes = [0] + blocks(format, count, seed: seed)
      var values = [Float](repeating: 7, count: count + 1)
      bytes.withUnsafeBytes { format.read($0.baseAddress.unsafelyUnwrapped + 1, into: &values, count: count) }
      let stored = Array(bytes.dropFirst())
      let wrong = (0..<count).filter { values[$0].bitPattern != Naive.float(format, stored, $0).bitPattern }
      #expect(wrong.isEmpty, "\(format): \(wrong.prefix(5))")
      #expect(values[count] == 7)
    }
  }

  @Test("every half float is widened exactly")
  func halves() {
    let halves = (0...UInt16.max).map { $0.littleEndian }
    var values = [Float](repeating: 0, count: halves.count)
    halves.withUnsafeBytes {
      WeightFormat.float16.read($0.baseAddress.unsafelyUnwrapped, into: &values, count: halves.count)
    }
    for (bits, value) in values.enumerated() {
      let expected = Naive.float16(UInt16(bits))
      #expect(value == expected && value.sign == expected.sign || value.isNaN && expected.isNaN, "\(bits)")
    }
  }

  @Test("no format is read past its end", arguments: WeightFormat.allCases)
  func bounds(format: WeightFormat) {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let count = 2 * format.blockValues
    guard let base = mmap(nil, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      base != MAP_FAILED, mprotect(base + page, page, PROT_NONE) == 0
    else { preconditionFailure("no guarded page") }
    defer { munmap(base, 2 * page) }
    var values = [Float](repeating: 1, count: count)
    format.read(base + page - format.bytes(count), into: &values, count: count)
    #expect(values.allSatisfy { $0 == 0 })
  }

  @Test("rows of interleaved heads come in their order")
  func interleaved() {
    let stored = (0..<16).map(Float.init)
    var rows = [Float](repeating: 0, count: 16)
    stored.withUnsafeBytes {
      let matrix = StoredMatrix($0.baseAddress.unsafelyUnwrapped, rows: 8, columns: 2, interleavedHead: 4)
      matrix.read(0..<8, 0..<2, into: &rows)
    }
    #expect(rows == [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15])
  }

  /// Sizes on both sides of a tile's.
  @Test(
    "products with stored weights are those with the same weights as floats", arguments: WeightFormat.allCases,
    [(256, 256), (768, 512), (520, 1280)])
  func products(format: WeightFormat, size: (outputs: Int, inputs: Int)) {
    for precision in Precision.allCases where precision.isSupported { products(format, size, precision) }
  }

  private func products(_ format: WeightFormat, _ size: (outputs: Int, inputs: Int), _ precision: Precision) {
    let (outputs, inputs) = size
    let owner = SharedBuffer([])
    let gradients = SharedBuffer([0])
    let workspace = Workspace(
      arena: Arena(capacity: 0), gradients: MutableFloatPointer(mutating: gradients.base), slots: 0)
    blocks(format, outputs * inputs, seed: 3).withUnsafeBytes { bytes in
      for (head, isTransposed) in [(nil, false), (8, false), (nil, true)] {
        let (rows, columns) = isTransposed ? (inputs, outputs) : (outputs, inputs)
        guard columns % format.blockValues == 0 else { continue }
        let stored = FrozenMatrix(
          StoredMatrix(
            bytes.baseAddress.unsafelyUnwrapped, format, rows: rows, columns: columns, interleavedHead: head),
          isTransposed: isTransposed, owner: owner, precision: precision)
        let values = SharedBuffer(stored.values)
        let floats = FrozenMatrix(
          values.base, outputSize: outputs, inputSize: inputs, owner: values, precision: precision)
        let (x, dy) = (normals(3 * inputs, seed: 1), normals(3 * outputs, seed: 2))
        for accumulate in [false, true] {
          var (y, expected) = (normals(3 * outputs, seed: 4), normals(3 * outputs, seed: 4))
          stored.apply(x, into: &y, rows: 3, accumulate: accumulate, workspace)
          floats.apply(x, into: &expected, rows: 3, accumulate: accumulate, workspace)
          #expect(distance(y, expected) < 1e-5)
          var (dx, same) = (normals(3 * inputs, seed: 5), normals(3 * inputs, seed: 5))
          stored.applyTransposed(dy, into: &dx, rows: 3, accumulate: accumulate, workspace)
          floats.applyTransposed(dy, into: &same, rows: 3, accumulate: accumulate, workspace)
          #expect(distance(dx, same) < 1e-5)
        }
      }
    }
  }

  @Test("more rows than go through a tile at once are multiplied all", .enabled(if: Precision.bfloat16.isSupported))
  func manyRows() {
    let (rows, outputs, inputs) = (PackedTile.mostRows + 70, 24, 32)
    let gradients = SharedBuffer([0])
    let workspace = Workspace(
      arena: Arena(capacity: 0), gradients: MutableFloatPointer(mutating: gradients.base), slots: 0)
    blocks(.q8_0, outputs * inputs, seed: 9).withUnsafeBytes { bytes in
      let matrix = StoredMatrix(bytes.baseAddress.unsafelyUnwrapped, .q8_0, rows: outputs, columns: inputs)
      let x = normals(rows * inputs, seed: 6)
      var results: [[Float]] = []
      for precision in Precision.allCases {
        var y = [Float](repeating: 1, count: rows * outputs)
        FrozenMatrix(matrix, owner: gradients, precision: precision).apply(
          x, into: &y, rows: rows, accumulate: true, workspace)
        results.append(y)
      }
      #expect(distance(results[1], results[0]) < 1e-2)
    }
  }

  /// The largest difference, relative to the largest value.
  private func distance(_ a: [Float], _ b: [Float]) -> Float {
    let size = b.reduce(0) { max($0, abs($1)) }
    return zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } / size
  }
}
