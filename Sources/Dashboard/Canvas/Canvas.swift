// A grid of cells that views draw on; what the terminal shows is the difference between two of them.

/// A colour of the 256-colour palette; the terminal maps it down its ladder (256, 16, 8, none).
public enum Color: Sendable, Equatable, Hashable {
  case standard
  case palette(UInt8)
}

public struct Style: Sendable, Equatable, Hashable {
  public var foreground: Color
  public var background: Color
  public var bold: Bool
  public var dim: Bool
  public var underline: Bool
  public var reverse: Bool

  public init(
    _ foreground: Color = .standard, on background: Color = .standard, bold: Bool = false, dim: Bool = false,
    underline: Bool = false, reverse: Bool = false
  ) {
    self.foreground = foreground
    self.background = background
    self.bold = bold
    self.dim = dim
    self.underline = underline
    self.reverse = reverse
  }

  public static let plain = Style()
}

public struct Cell: Sendable, Equatable {
  public var glyph: Unicode.Scalar
  public var style: Style

  public static let blank = Cell(glyph: " ", style: .plain)
}

/// A rectangle of cells: `x` to the right, `y` down, from 0.
public struct Area: Sendable, Equatable {
  public var x, y, width, height: Int

  public init(x: Int, y: Int, width: Int, height: Int) {
    self.x = x
    self.y = y
    self.width = width
    self.height = height
  }
}

/// Drawing outside the grid is cut off, never an error.
public struct Canvas: Sendable, Equatable {
  public let width: Int
  public let height: Int
  public private(set) var cells: [Cell]

  public init(width: Int, height: Int) {
    self.width = max(width, 0)
    self.height = max(height, 0)
    cells = Array(repeating: .blank, count: self.width * self.height)
  }

  public subscript(x: Int, y: Int) -> Cell {
    get { x >= 0 && y >= 0 && x < width && y < height ? cells[y * width + x] : .blank }
    set { if x >= 0 && y >= 0 && x < width && y < height { cells[y * width + x] = newValue } }
  }

  /// Writes text from (x, y) to the right, at most `limit` cells. One scalar is one cell: only glyphs of the glyph
  /// table and printable ASCII may be passed.
  /// - Returns: the cells written.
  @discardableResult
  public mutating func write(_ text: String, x: Int, y: Int, style: Style = .plain, limit: Int = .max) -> Int {
    var column = 0
    for scalar in text.unicodeScalars where column < limit {
      self[x + column, y] = Cell(glyph: scalar, style: style)
      column += 1
    }
    return column
  }

  /// The text of the grid, a line a row, trailing blanks removed: what tests compare and `screen.txt` holds.
  public var text: String {
    (0..<height).map { y in
      var line = String.UnicodeScalarView()
      for x in 0..<width { line.append(cells[y * width + x].glyph) }
      while line.last == " " { line.removeLast() }
      return String(line)
    }.joined(separator: "\n")
  }
}
