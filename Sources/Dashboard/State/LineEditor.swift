// One line of text under edit: the command line and the filter.

public struct LineEditor: Sendable, Equatable {
  public private(set) var scalars: [Unicode.Scalar]
  /// Where the next character goes, 0…count.
  public private(set) var cursor: Int

  /// Longer than anything meant, short enough to stay cheap.
  static let limit = 500

  public init(_ text: String = "") {
    scalars = Array(text.unicodeScalars.prefix(Self.limit))
    cursor = scalars.count
  }

  public var text: String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }

  /// - Returns: whether the key meant something to a line.
  mutating func edit(_ key: InputEvent.Key) -> Bool {
    switch key {
    case .character(let scalar):
      guard scalars.count < Self.limit, scalar.value >= 32, scalar.value != 127 else { return true }
      scalars.insert(scalar, at: cursor)
      cursor += 1
    case .backspace:
      guard cursor > 0 else { return true }
      cursor -= 1
      scalars.remove(at: cursor)
    case .delete: if cursor < scalars.count { scalars.remove(at: cursor) }
    case .left: cursor = max(cursor - 1, 0)
    case .right: cursor = min(cursor + 1, scalars.count)
    case .home, .control("a"): cursor = 0
    case .end, .control("e"): cursor = scalars.count
    case .control("u"):
      scalars.removeFirst(cursor)
      cursor = 0
    case .control("k"): scalars.removeLast(scalars.count - cursor)
    case .control("w"):
      var start = cursor
      while start > 0, scalars[start - 1] == " " { start -= 1 }
      while start > 0, scalars[start - 1] != " " { start -= 1 }
      scalars.removeSubrange(start..<cursor)
      cursor = start
    default: return false
    }
    return true
  }
}
