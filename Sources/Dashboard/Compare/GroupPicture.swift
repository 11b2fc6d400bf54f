// What the pictures of a comparison share: their width, how groups are told apart, how names are cut.

import Training

enum GroupPicture {
  /// Narrow, so that a phone shows the text at a size that can be read.
  static let width = 520.0
  static let left = 56.0
  static let right = 14.0

  /// The classes of a group's colour and stroke: eight colours, then the same with other dashes.
  static func kind(_ group: Int, _ what: String) -> String { "\(what) g\(group % 8) d\(group / 8 % 4)" }

  /// At most so many characters.
  static func cut(_ text: String, _ count: Int) -> String { text.count > count ? text.prefix(count - 1) + "…" : text }

  /// A name of at most so many characters; a browser says all of one that is cut.
  static func name(
    _ name: String, atMost count: Int, x: Double, y: Double, _ kind: String, _ anchor: SVGDocument.Anchor = .start,
    on document: inout SVGDocument
  ) {
    let shown = cut(name, count)
    document.text(shown, x: x, y: y, kind, anchor, tip: shown == name ? nil : name)
  }

  /// A cell of a map in the colour of a share, 0 to 1, with the number where it has room for one.
  static func cell(
    _ share: Double, _ number: String?, x: Double, y: Double, width: Double, height: Double, tip: String,
    on document: inout SVGDocument
  ) {
    document.rectangle(
      x: x + 1, y: y + 1, width: width - 2, height: height - 2, "swatch", fill: Viridis.color(share), radius: 2,
      tip: tip)
    guard let number else { return }
    document.text(
      number, x: x + width / 2, y: y + height / 2 + 4, Viridis.isBright(share) ? "on-bright" : "on-dark", .middle)
  }

  /// Samples of the groups' lines with their names, from `y` down; two beside each other where the names are short.
  static func legend(_ names: [String], y: Double, on document: inout SVGDocument) {
    let columns = legendColumns(names)
    let columnWidth = (width - left) / Double(columns)
    for (index, name) in names.enumerated() {
      let x = left + Double(index % columns) * columnWidth
      let line = y + Double(index / columns) * 20
      document.line(x1: x, y1: line - 4, x2: x + 26, y2: line - 4, kind(index, "line"))
      self.name(name, atMost: columns == 2 ? 26 : 60, x: x + 34, y: line, "note", on: &document)
    }
  }

  static func legendHeight(_ names: [String]) -> Double {
    let columns = legendColumns(names)
    return Double((names.count + columns - 1) / columns) * 20
  }

  private static func legendColumns(_ names: [String]) -> Int { names.allSatisfy { $0.count <= 26 } ? 2 : 1 }

  /// Ticks and their labels below a plot, with the axis' name.
  static func horizontalAxis(
    _ scale: PlotScale, top: Double, bottom: Double, name: String, on document: inout SVGDocument
  ) {
    for tick in scale.ticks {
      guard let x = scale.pixel(tick) else { continue }
      document.line(x1: x, y1: top, x2: x, y2: bottom, "grid")
      document.line(x1: x, y1: bottom, x2: x, y2: bottom + 4, "axis")
      document.text(PlotScale.label(tick), x: x, y: bottom + 18, "tick", .middle)
    }
    document.line(x1: scale.from, y1: bottom, x2: scale.to, y2: bottom, "axis")
    document.text(name, x: (scale.from + scale.to) / 2, y: bottom + 37, "note", .middle)
  }
}
