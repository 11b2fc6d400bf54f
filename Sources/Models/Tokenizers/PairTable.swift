// A hash table from pairs of numbers to a number: merges of tokens, edges of a trie.

/// A map from pairs to values, by open addressing. Look-ups take expected O(1) steps.
struct PairTable: Sendable {
  private var keys: [UInt64]
  private var values: [UInt32]
  private var shift: UInt64
  private(set) var count = 0

  static let noValue = UInt32.max

  private static let empty = UInt64.max

  init() {
    keys = Array(repeating: Self.empty, count: 16)
    values = Array(repeating: 0, count: 16)
    shift = 60
  }

  private static func key(_ first: Int32, _ second: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: first)) << 32 | UInt64(UInt32(bitPattern: second))
  }

  @inline(__always)
  private func place(of key: UInt64) -> Int {
    let mask = keys.count - 1
    // Fibonacci hashing: the highest bits of the product depend on all of the key.
    var place = Int(truncatingIfNeeded: ((key ^ key >> 32) &* 0x9E37_79B9_7F4A_7C15) >> shift)
    while keys[place] != key, keys[place] != Self.empty { place = (place + 1) & mask }
    return place
  }

  /// The value of a pair of numbers that are not negative, or `noValue`.
  @inline(__always)
  subscript(first: Int32, second: Int32) -> UInt32 {
    let key = Self.key(first, second)
    let place = place(of: key)
    return keys[place] == key ? values[place] : Self.noValue
  }

  /// Enters a pair, or changes its value where it is already there.
  mutating func insert(_ first: Int32, _ second: Int32, _ value: UInt32) {
    precondition(first >= 0 && second >= 0 && value != Self.noValue, "the pair \(first), \(second) with \(value)")
    if 2 * (count + 1) > keys.count { grow() }
    let key = Self.key(first, second)
    let place = place(of: key)
    if keys[place] != key { count += 1 }
    keys[place] = key
    values[place] = value
  }

  private mutating func grow() {
    let old = (keys: keys, values: values)
    keys = Array(repeating: Self.empty, count: 2 * old.keys.count)
    values = Array(repeating: 0, count: keys.count)
    shift -= 1
    for (key, value) in zip(old.keys, old.values) where key != Self.empty {
      let place = place(of: key)
      keys[place] = key
      values[place] = value
    }
  }
}
