// A hash table from UTF-8 bytes to vocabulary ids, looked up without building a String.

/// A map from byte strings to ids. Look-ups take expected O(1) steps beyond the hashing, which callers can do themselves
/// so that one pass over a word gives the hashes of all its prefixes.
struct TokenTable: Sendable {
  private struct Slot {
    var hash: UInt32 = 0
    /// The token's length; 0 in an empty slot.
    var count: UInt32 = 0
    var offset = 0
    var id: Int32 = -1
  }

  private var slots: [Slot]
  private var bytes: [UInt8] = []
  private(set) var count = 0
  /// The length of the longest token, in bytes.
  private(set) var longest = 0

  static let noToken: Int32 = -1

  init() { slots = Array(repeating: Slot(), count: 16) }

  /// Those of a model's tokens that a word of the same bytes becomes, so that most words need a look-up only.
  /// - Parameter divide: appends what the model makes of a word.
  init(
    whole tokens: [(bytes: [UInt8], id: Int32)], _ divide: (UnsafeBufferPointer<UInt8>, inout [Int32]) -> Void
  ) {
    self.init()
    var ids: [Int32] = []
    for (bytes, id) in tokens where bytes.count <= Self.longestWhole {
      ids.removeAll(keepingCapacity: true)
      bytes.withUnsafeBufferPointer { divide($0, &ids) }
      if ids == [id] { insert(bytes, id: id) }
    }
  }

  /// Longer words are not worth the time that looking for them takes, here and later.
  private static let longestWhole = 64

  // MARK: Hashing: FNV-1a

  static let emptyHash: UInt64 = 0xCBF2_9CE4_8422_2325

  @inline(__always)
  static func hash(_ hash: UInt64, appending byte: UInt8) -> UInt64 { (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }

  /// FNV's low bits depend on all bytes, its high bits hardly on the last: fold before use.
  @inline(__always)
  private static func fold(_ hash: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: ((hash ^ hash >> 32) &* 0x9E37_79B9_7F4A_7C15) >> 32)
  }

  // MARK: Access

  /// The id of the `count` bytes at `word`, whose hash is `hash`, or `noToken`.
  @inline(__always)
  func id(_ word: UnsafePointer<UInt8>, count: Int, hash: UInt64) -> Int32 {
    let hash = Self.fold(hash)
    let mask = slots.count - 1
    var place = Int(hash) & mask
    while true {
      let slot = slots[place]
      if slot.count == 0 { return Self.noToken }
      if slot.hash == hash, Int(slot.count) == count, matches(slot, word) { return slot.id }
      place = (place + 1) & mask
    }
  }

  private func matches(_ slot: Slot, _ word: UnsafePointer<UInt8>) -> Bool {
    for index in 0..<Int(slot.count) where bytes[slot.offset + index] != word[index] { return false }
    return true
  }

  /// The id of `token`, or `noToken`. A token longer than any is not looked at.
  @inline(__always)
  func id(of token: UnsafeBufferPointer<UInt8>) -> Int32 {
    guard let base = token.baseAddress, !token.isEmpty, token.count <= longest else { return Self.noToken }
    var hash = Self.emptyHash
    for byte in token { hash = Self.hash(hash, appending: byte) }
    return id(base, count: token.count, hash: hash)
  }

  /// The id of `token`, or `noToken`.
  func id(of token: some Collection<UInt8>) -> Int32 {
    Array(token).withUnsafeBufferPointer { id(of: $0) }
  }

  /// Enters `token`, which is not empty, or changes its id where it is already there.
  mutating func insert(_ token: some Collection<UInt8>, id: Int32) {
    precondition(!token.isEmpty && token.count < Int(UInt32.max), "a token of \(token.count) bytes")
    if 2 * (count + 1) > slots.count { grow() }
    let hash = Self.fold(token.reduce(Self.emptyHash) { Self.hash($0, appending: $1) })
    let mask = slots.count - 1
    var place = Int(hash) & mask
    while slots[place].count != 0 {
      let slot = slots[place]
      if slot.hash == hash, Int(slot.count) == token.count,
        bytes[slot.offset..<slot.offset + Int(slot.count)].elementsEqual(token)
      {
        slots[place].id = id
        return
      }
      place = (place + 1) & mask
    }
    slots[place] = Slot(hash: hash, count: UInt32(token.count), offset: bytes.count, id: id)
    bytes += token
    count += 1
    longest = max(longest, token.count)
  }

  private mutating func grow() {
    let old = slots
    slots = Array(repeating: Slot(), count: 2 * old.count)
    for slot in old where slot.count != 0 {
      var place = Int(slot.hash) & (slots.count - 1)
      while slots[place].count != 0 { place = (place + 1) & (slots.count - 1) }
      slots[place] = slot
    }
  }
}
