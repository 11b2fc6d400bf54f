// Groups as curves over the steps: the mean of the runs, and between the lowest and the highest a band.

import Training

struct CurvePicture {
  var title: String
  var description: String
  /// Of the vertical axis.
  var quantity: String
  var names: [String]
  /// A curve a group.
  var curves: [[ComparedGroup.CurvePoint]]
  /// Whether nothing changes between two points.
  var isStaircase = false
  /// Whether the vertical axis begins at 0.
  var startsAtZero = false

  /// Above so many groups bands would hide each other.
  private static let mostBands = 6

  func element(id: String) -> String {
    let (top, bottom) = (14.0, 254.0)
    let height = bottom + 52 + GroupPicture.legendHeight(names)
    var document = SVGDocument(width: GroupPicture.width, height: height, title: title, description: description)
    let hasBands = names.count <= Self.mostBands
    let points = curves.flatMap { $0 }
    let x = PlotScale(
      0, Double((points.map(\.step).max() ?? 0) + 1), from: GroupPicture.left,
      to: GroupPicture.width - GroupPicture.right, ticks: 6)
    let values = points.flatMap { hasBands ? [$0.mean, $0.range.lowerBound, $0.range.upperBound] : [$0.mean] }
    let y = PlotScale(
      holding: values + (startsAtZero ? [0] : []), from: bottom, to: top, ticks: 6, mayBeLogarithmic: false)
    document.rows(y, across: x)
    document.text(quantity, x: 13, y: (top + bottom) / 2, "note", .middle, isVertical: true)
    GroupPicture.horizontalAxis(x, top: top, bottom: bottom, name: "steps done", on: &document)
    if hasBands {
      for (group, curve) in curves.enumerated() { document.path(band(curve, x, y), GroupPicture.kind(group, "band")) }
    }
    for (group, curve) in curves.enumerated() {
      // Groups of one budget lie upon each other: those below are drawn wider.
      let width = isStaircase ? " w\(min(curves.count - 1 - group, 3))" : ""
      document.curve(line(curve.map { ($0.step, $0.mean) }, x, y), GroupPicture.kind(group, "line") + width)
      // A single point has no line.
      guard !isStaircase, let last = curve.last, let px = x.pixel(Double(last.step + 1)), let py = y.pixel(last.mean)
      else { continue }
      document.circle(
        x: px, y: py, radius: 3, GroupPicture.kind(group, "mean"),
        tip: "\(names[group]): \(NumberText.plain(last.mean)) after \(last.step + 1) steps")
    }
    GroupPicture.legend(names, y: bottom + 62, on: &document)
    return document.element(id: id)
  }

  private func line(
    _ values: [(step: Int, value: Double)], _ x: PlotScale, _ y: PlotScale
  ) -> [(x: Double, y: Double)?] {
    var line: [(x: Double, y: Double)?] = []
    var previous: Double?
    for (step, value) in values {
      guard let px = x.pixel(Double(step + 1)), let py = y.pixel(value) else { continue }
      if isStaircase, let previous, previous != py { line.append((px, previous)) }
      line.append((px, py))
      previous = py
    }
    return line
  }

  private func band(_ curve: [ComparedGroup.CurvePoint], _ x: PlotScale, _ y: PlotScale) -> String {
    guard curve.contains(where: { $0.range.lowerBound < $0.range.upperBound }) else { return "" }
    let edges =
      line(curve.map { ($0.step, $0.range.upperBound) }, x, y)
      + line(curve.map { ($0.step, $0.range.lowerBound) }, x, y).reversed()
    let texts = edges.compactMap { $0 }.map { "\(SVGDocument.number($0.x)) \(SVGDocument.number($0.y))" }
    return "M" + texts.joined(separator: "L") + "Z"
  }
}
