// The members of a JSON object, in order.

/// Keys and values in the order of their file. Lookup is O(1) on average. Keys are compared byte by byte.
public struct JSONObject: Sendable, Equatable, RandomAccessCollection {
  public typealias Element = (key: String, value: JSON)

  private var entries: [Element] = []
  /// Positions by key; empty while a scan is quicker.
  private var index: [ExactKey: Int] = [:]
  private static let scanned = 8

  /// - Precondition: no key occurs twice.
  public init(_ entries: [(String, JSON)]) {
    for (key, value) in entries {
      let isNew = append(key, value)
      precondition(isNew, "a JSON object with two \(key)")
    }
  }

  init() {}

  /// Returns whether the key was new; the object is of no use if not.
  mutating func append(_ key: String, _ value: JSON) -> Bool {
    if entries.count < Self.scanned {
      guard position(of: key) == nil else { return false }
    } else {
      if index.isEmpty {
        for (i, entry) in entries.enumerated() { index[ExactKey(entry.key)] = i }
      }
      guard index.updateValue(entries.count, forKey: ExactKey(key)) == nil else { return false }
    }
    entries.append((key, value))
    return true
  }

  private func position(of key: String) -> Int? {
    guard index.isEmpty else { return index[ExactKey(key)] }
    let key = ExactKey(key)
    return entries.firstIndex { ExactKey($0.key) == key }
  }

  public subscript(key: String) -> JSON? { position(of: key).map { entries[$0].value } }

  public var startIndex: Int { 0 }
  public var endIndex: Int { entries.count }
  public subscript(position: Int) -> Element { entries[position] }

  /// The same keys with the same values in the same order.
  public static func == (a: JSONObject, b: JSONObject) -> Bool {
    a.elementsEqual(b) { ExactKey($0.key) == ExactKey($1.key) && $0.value == $1.value }
  }
}

/// A string as a key by its bytes. Swift's own equality takes a letter with an accent and the letter followed by the
/// accent for the same string; vocabularies and tensor names do not.
struct ExactKey: Hashable, Sendable {
  let string: String

  init(_ string: String) { self.string = string }

  static func == (a: ExactKey, b: ExactKey) -> Bool { a.string.utf8.elementsEqual(b.string.utf8) }

  func hash(into hasher: inout Hasher) {
    var string = string
    string.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}
