// Every glyph beyond ASCII that may be drawn, once, with what stands for it on lesser terminals.

/// The table of glyphs. Views draw the richest one; the terminal shows what it can.
///
/// Each glyph is one cell wide outside a CJK locale. Choosing between plots of braille, blocks and ASCII is the views'
/// part: the fallbacks here keep single glyphs readable, not plots.
public enum Glyphs {
  /// A glyph and its stand-ins: `blocks` for a console font of 256 glyphs (code page 437), `ascii` for the rest.
  public struct Entry: Sendable {
    public let rich: Unicode.Scalar
    public let blocks: Unicode.Scalar
    public let ascii: Unicode.Scalar
  }

  /// What is drawn for a glyph outside the table: text from files may hold anything, wide or unprintable.
  public static let unknown: Unicode.Scalar = "?"

  /// Braille patterns, U+2800 plus a bit a dot; not in `table`, their fallback follows from the number of dots.
  public static let braille: ClosedRange<UInt32> = 0x2800...0x28FF

  /// Accented Latin and Cyrillic, one cell wide everywhere: what class names and file names may hold. Not in `table`.
  private static let letters: [ClosedRange<UInt32>] = [0xC0...0x24F, 0x400...0x482, 0x48A...0x4FF]

  /// Three lines a group: rich, blocks, ASCII.
  public static let table: [Entry] = [
    // Boxes
    """
    ─│┌┐└┘├┤┬┴┼━┃╭╮╰╯╌╎╴╵╶╷═║╔╗╚╝╠╣╦╩╬
    ─│┌┐└┘├┤┬┴┼─│┌┐└┘─│─│─│═║╔╗╚╝╠╣╦╩╬
    -|+++++++++-|++++-|-|-|=|+++++++++
    """,
    // Blocks: eighths from below and from the left, halves and shades, quarters
    """
    ▁▂▃▄▅▆▇█▏▎▍▌▋▊▉▀▐░▒▓■▖▗▘▝▙▛▜▟▚▞
    __▄▄▄███││▌▌▌██▀▐░▒▓■▄▄▀▀████▌▐
    _..-=+##||||###"|.:##,,''####\\/
    """,
    // Arrows, marks and punctuation
    """
    ▲▼►◄▶◀▸◂▴▾△▽→←↑↓↔•·○●◆◇◌✓✗…–—′
    ▲▼►◄►◄►◄▲▼▲▼→←↑↓↔•·○••○○√x.──'
    ^v><><><^v^v><^v-*.o**oo+x.--'
    """,
    // Greek
    """
    αβγδεζηθκλμνξπρστφχψωΓΔΘΛΞΠΣΦΨΩ
    αβgδεznθklμnxπrστφxywΓDΘLXPΣΦYΩ
    abgdeznqklmnxprstfxywGDTLXPSFYO
    """,
    // Mathematics
    """
    √∞≈≡±≤≥÷°∂−×∘⊙∑∏∈∉∇≠∥‖⌈⌉⌊⌋ᵀĪŪ⁻⁰¹²³⁴₀₁₂₃₄ᵢⱼₖₙₜ
    √∞≈≡±≤≥÷°d-x°oΣPε!V#║║[][]TIU-°123401234ijknt
    v8~=+<>/od-x.oSPe!V#||[][]TIU-0123401234ijknt
    """,
  ].flatMap(entries)

  /// The glyph that stands for `glyph` at a level of the ladder, always one cell wide.
  public static func shown(_ glyph: Unicode.Scalar, at level: GlyphLevel) -> Unicode.Scalar {
    if (0x20..<0x7F).contains(glyph.value) { return glyph }
    if braille.contains(glyph.value) {
      if level == .braille { return glyph }
      let dots = (glyph.value & 0xFF).nonzeroBitCount
      return level == .blocks ? blocksByDots[dots] : asciiByDots[dots]
    }
    guard let entry = index[glyph] else {
      return level == .braille && letters.contains { $0.contains(glyph.value) } ? glyph : unknown
    }
    switch level {
    case .braille: return entry.rich
    case .blocks: return entry.blocks
    case .ascii: return entry.ascii
    }
  }

  private static let index = Dictionary(uniqueKeysWithValues: table.map { ($0.rich, $0) })
  private static let blocksByDots: [Unicode.Scalar] = [" ", "·", "░", "░", "▒", "▒", "▓", "▓", "█"]
  private static let asciiByDots: [Unicode.Scalar] = [" ", ".", ":", ":", "+", "+", "*", "*", "#"]

  private static func entries(_ group: String) -> [Entry] {
    let lines = group.split(separator: "\n").map { Array($0.unicodeScalars) }
    precondition(
      lines.count == 3 && lines[0].count == lines[1].count && lines[0].count == lines[2].count,
      "a group of glyphs has lines of \(lines.map(\.count))")
    return lines[0].indices.map { Entry(rich: lines[0][$0], blocks: lines[1][$0], ascii: lines[2][$0]) }
  }
}
