// Drawing inside an area: nothing a panel draws leaves its own rectangle.

/// The few styles of the dashboard. Every state that a style marks is also told by a word or a glyph.
enum Theme {
  static let plain = Style.plain
  static let dim = Style(.palette(245))
  static let border = Style(.palette(240))
  static let focusedBorder = Style(.palette(39), bold: true)
  static let title = Style(bold: true)
  static let label = Style(.palette(250))
  static let strong = Style(bold: true)
  /// Kept, up, good: blue. Pruned, down: orange. Never red against green.
  static let kept = Style(.palette(39))
  static let pruned = Style(.palette(208))
  static let up = Style(.palette(39), bold: true)
  static let down = Style(.palette(208), bold: true)
  static let warning = Style(.palette(220), bold: true)
  static let selected = Style(bold: true, reverse: true)
  static let key = Style(.palette(39), bold: true)
  static let curve = Style(.palette(220))
  /// Another run's curve; always dashed as well.
  static let other = Style(.palette(141))
  static let faint = Style(.palette(240))
  static let marker = Style(.palette(213), bold: true)
}

/// Text in several styles on one line.
struct StyledText {
  private(set) var runs: [(text: String, style: Style)] = []
  private(set) var width = 0

  init() {}
  init(_ text: String, _ style: Style = .plain) { add(text, style) }

  mutating func add(_ text: String, _ style: Style = .plain) {
    runs.append((text, style))
    width += text.unicodeScalars.count
  }

  mutating func add(_ other: StyledText) {
    runs += other.runs
    width += other.width
  }

  /// Fills with blanks up to a width.
  mutating func pad(to target: Int) { if width < target { add(String(repeating: " ", count: target - width)) } }
}

extension Canvas {
  /// Writes inside an area, from its corner (x, y); what does not fit is cut, with `…` where `isElided`.
  /// - Returns: the x after the text.
  @discardableResult
  mutating func put(
    _ text: String, _ style: Style = .plain, in area: Area, x: Int, y: Int, isElided: Bool = false
  ) -> Int {
    guard y >= 0, y < area.height, x < area.width, x >= 0 else { return x }
    let room = area.width - x
    let written = write(text, x: area.x + x, y: area.y + y, style: style, limit: room)
    if isElided, written == room, text.unicodeScalars.count > room {
      write("…", x: area.x + area.width - 1, y: area.y + y, style: style, limit: 1)
    }
    return x + written
  }

  @discardableResult
  mutating func put(_ text: StyledText, in area: Area, x: Int, y: Int, isElided: Bool = true) -> Int {
    var column = x
    for run in text.runs { column = put(run.text, run.style, in: area, x: column, y: y) }
    if isElided, y >= 0, y < area.height, x >= 0, text.width > area.width - x, area.width > 0 {
      let last = area.x + area.width - 1
      self[last, area.y + y] = Cell(glyph: "…", style: self[last, area.y + y].style)
    }
    return column
  }

  /// Writes so that the text ends at the area's right edge.
  mutating func putRight(_ text: StyledText, in area: Area, y: Int) {
    put(text, in: area, x: max(area.width - text.width, 0), y: y)
  }

  mutating func fill(_ area: Area, _ cell: Cell = .blank) {
    for y in max(area.y, 0)..<max(min(area.bottom, height), max(area.y, 0)) {
      for x in max(area.x, 0)..<max(min(area.right, width), max(area.x, 0)) { self[x, y] = cell }
    }
  }

  /// Changes the style of cells that are drawn already.
  mutating func restyle(_ area: Area, _ change: (inout Style) -> Void) {
    for y in max(area.y, 0)..<max(min(area.bottom, height), max(area.y, 0)) {
      for x in max(area.x, 0)..<max(min(area.right, width), max(area.x, 0)) {
        var cell = self[x, y]
        change(&cell.style)
        self[x, y] = cell
      }
    }
  }

  /// A border with its title at the left and notes at the right of the upper and the lower edge. The focused one is
  /// double, so that it shows without colour.
  mutating func border(
    _ area: Area, title: StyledText, note: StyledText = StyledText(), foot: StyledText = StyledText(),
    isFocused: Bool = false
  ) {
    guard area.width >= 2, area.height >= 2 else { return }
    let style = isFocused ? Theme.focusedBorder : Theme.border
    let glyphs: [Unicode.Scalar] =
      isFocused ? ["╔", "╗", "╚", "╝", "═", "║"] : ["┌", "┐", "└", "┘", "─", "│"]
    for x in area.x + 1..<area.right - 1 {
      self[x, area.y] = Cell(glyph: glyphs[4], style: style)
      self[x, area.bottom - 1] = Cell(glyph: glyphs[4], style: style)
    }
    for y in area.y + 1..<area.bottom - 1 {
      self[area.x, y] = Cell(glyph: glyphs[5], style: style)
      self[area.right - 1, y] = Cell(glyph: glyphs[5], style: style)
    }
    self[area.x, area.y] = Cell(glyph: glyphs[0], style: style)
    self[area.right - 1, area.y] = Cell(glyph: glyphs[1], style: style)
    self[area.x, area.bottom - 1] = Cell(glyph: glyphs[2], style: style)
    self[area.right - 1, area.bottom - 1] = Cell(glyph: glyphs[3], style: style)
    let edge = Area(x: area.x + 2, y: area.y, width: max(area.width - 4, 0), height: area.height)
    let end = put(title, in: edge, x: 0, y: 0)
    if note.width > 0, end + note.width + 2 <= edge.width { putRight(note, in: edge, y: 0) }
    if foot.width > 0, foot.width <= edge.width { putRight(foot, in: edge, y: area.height - 1) }
  }
}

/// Text from outside, a cell a character: what is not in the table of glyphs becomes `?`.
func cellText(_ text: String) -> String {
  if text.utf8.allSatisfy({ $0 >= 32 && $0 < 127 }) { return text }
  var view = String.UnicodeScalarView()
  for scalar in text.unicodeScalars { view.append(Glyphs.shown(scalar, at: .braille)) }
  return String(view)
}

/// Breaks a text at blanks into lines of at most `width` cells.
func wrapped(_ text: String, _ width: Int) -> [String] {
  guard width > 0 else { return [] }
  var lines: [String] = []
  var line = ""
  var length = 0
  for word in text.split(separator: " ") {
    var word = String(word)
    var size = word.unicodeScalars.count
    if length > 0, length + 1 + size > width {
      lines.append(line)
      line = ""
      length = 0
    }
    while size > width {
      var head = String.UnicodeScalarView()
      head.append(contentsOf: word.unicodeScalars.prefix(width))
      lines.append(String(head))
      var tail = String.UnicodeScalarView()
      tail.append(contentsOf: word.unicodeScalars.dropFirst(width))
      word = String(tail)
      size -= width
    }
    line += (length > 0 ? " " : "") + word
    length += (length > 0 ? 1 : 0) + size
  }
  if length > 0 { lines.append(line) }
  return lines
}
