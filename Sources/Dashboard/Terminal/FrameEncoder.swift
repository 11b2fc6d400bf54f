// The difference between two canvases, as the bytes that turn one into the other on a terminal.

/// What the encoder must know of a terminal: its control strings and its places on the two ladders.
struct TerminalStrings {
  /// Moves the cursor to column `x`, row `y`, from 0.
  var moveTo: (_ x: Int, _ y: Int) -> [UInt8]
  /// Turns every attribute and colour off.
  var plain: [UInt8]
  var bold: [UInt8] = []
  var dim: [UInt8] = []
  var underline: [UInt8] = []
  var reverse: [UInt8] = []
  /// One string a colour, as many as the depth has.
  var foreground: [[UInt8]] = []
  var background: [[UInt8]] = []
  /// Clears from the cursor to the end of the row; empty when the terminal cannot.
  var eraseRow: [UInt8] = []
  /// The marks of synchronised output; empty when the terminal may not know them.
  var beginFrame: [UInt8] = []
  var endFrame: [UInt8] = []
  /// Whether writing the last cell of the last row would scroll the screen.
  var lastCellScrolls = false
  var depth: ColorDepth
  var level: GlyphLevel
}

/// Remembers what the terminal shows, and encodes the next canvas as the change to that.
///
/// Where more than the changed cells is sent: a gap of up to four unchanged cells of the same style is shorter to write
/// again than to jump over, and a row's blank end is erased by one control.
struct FrameEncoder {
  var strings: TerminalStrings
  /// What the terminal shows; nil when that is unknown.
  private var shown: Canvas?

  init(strings: TerminalStrings) { self.strings = strings }

  /// The screen may show anything from now on: the next frame sends every cell.
  mutating func forget() { shown = nil }

  /// The bytes of one frame, empty when nothing changed. What exceeds `width` × `height` cells is cut off.
  mutating func encode(_ canvas: Canvas, width: Int, height: Int) -> [UInt8] {
    guard canvas != shown else { return [] }
    var pen = Pen(strings: strings)
    let width = min(width, canvas.width)
    let height = min(height, canvas.height)
    let old = shown.flatMap { $0.width == canvas.width && $0.height == canvas.height ? $0 : nil }
    for y in 0..<height {
      encodeRow(y, of: canvas, against: old, width: width, isLast: y == height - 1, with: &pen)
    }
    shown = canvas
    return pen.bytes.isEmpty ? [] : strings.beginFrame + pen.bytes + strings.endFrame
  }

  private func encodeRow(
    _ y: Int, of canvas: Canvas, against old: Canvas?, width: Int, isLast: Bool, with pen: inout Pen
  ) {
    let row = y * canvas.width
    func cell(_ x: Int) -> Cell { resolved(canvas.cells[row + x]) }
    func isChanged(_ x: Int) -> Bool {
      guard let old else { return true }
      let (before, after) = (old.cells[row + x], canvas.cells[row + x])
      return before != after && resolved(before) != resolved(after)
    }
    let end = isLast && strings.lastCellScrolls ? max(width - 1, 0) : width
    guard let first = (0..<end).first(where: isChanged) else { return }
    var blankFrom = width
    if !strings.eraseRow.isEmpty {
      while blankFrom > 0 && cell(blankFrom - 1) == .blank { blankFrom -= 1 }
    }
    for x in first..<end where isChanged(x) {
      if x >= blankFrom && (x..<end).count(where: isChanged) > strings.eraseRow.count {
        pen.move(to: x, y)
        pen.set(.plain)
        pen.bytes += strings.eraseRow
        return
      }
      if pen.y == y, pen.x < x, x - pen.x <= 4, (pen.x..<x).allSatisfy({ cell($0).style == pen.style }) {
        for skipped in pen.x..<x { pen.write(cell(skipped).glyph) }
      }
      pen.move(to: x, y)
      pen.set(cell(x).style)
      pen.write(cell(x).glyph)
      // After the last column terminals differ in where the cursor is.
      if x == width - 1 { pen.y = -1 }
    }
  }

  /// The cell as this terminal shows it.
  private func resolved(_ cell: Cell) -> Cell {
    Cell(
      glyph: Glyphs.shown(cell.glyph, at: strings.level), style: ColorLadder.shown(cell.style, at: strings.depth))
  }
}

/// The cursor and the attributes while a frame is written.
private struct Pen {
  let strings: TerminalStrings
  var bytes: [UInt8] = []
  /// The cursor's place; y is -1 while it is unknown.
  var x = 0
  var y = -1
  /// The attributes in force; nil while they are unknown.
  var style: Style?

  init(strings: TerminalStrings) {
    self.strings = strings
    bytes.reserveCapacity(4096)
  }

  mutating func move(to x: Int, _ y: Int) {
    if self.x != x || self.y != y { bytes += strings.moveTo(x, y) }
    (self.x, self.y) = (x, y)
  }

  mutating func write(_ glyph: Unicode.Scalar) {
    if let units = UTF8.encode(glyph) { bytes += units }
    x += 1
  }

  mutating func set(_ new: Style) {
    guard style != new else { return }
    // Only colours can change one by one; taking an attribute or a colour away needs a fresh start.
    var old = style ?? .plain
    let isAdded =
      style != nil && old.bold == new.bold && old.dim == new.dim && old.underline == new.underline
      && old.reverse == new.reverse && (new.foreground != .standard || old.foreground == .standard)
      && (new.background != .standard || old.background == .standard)
    if !isAdded {
      bytes += strings.plain
      if new.bold { bytes += strings.bold }
      if new.dim { bytes += strings.dim }
      if new.underline { bytes += strings.underline }
      if new.reverse { bytes += strings.reverse }
      old = .plain
    }
    if case .palette(let index) = new.foreground, new.foreground != old.foreground, index < strings.foreground.count {
      bytes += strings.foreground[Int(index)]
    }
    if case .palette(let index) = new.background, new.background != old.background, index < strings.background.count {
      bytes += strings.background[Int(index)]
    }
    style = new
  }
}
