// Groups as rows of dots: each run, their mean, and the 95 % interval of the mean.

import Training

struct DotPicture {
  struct Row {
    var name: String
    /// Which group's colour.
    var group: Int
    /// A value a run, in the order of the seeds.
    var values: [Double]
    /// What a browser says of each.
    var tips: [String]
    var estimate: MeanEstimate
    /// Said at the right of the name.
    var remark = ""
  }

  var title: String
  var description: String
  /// Of the axis.
  var quantity: String
  var rows: [Row]
  /// Where a vertical line stands, with its name.
  var reference: (value: Double, name: String)?

  func element(id: String) -> String {
    let rowHeight = 50.0
    let top = 22.0
    let bottom = top + Double(rows.count) * rowHeight
    var document = SVGDocument(width: GroupPicture.width, height: bottom + 46, title: title, description: description)
    let scale = scale()
    GroupPicture.horizontalAxis(scale, top: top - 6, bottom: bottom, name: quantity, on: &document)
    if let reference, let x = scale.pixel(reference.value), x >= scale.from, x <= scale.to {
      document.line(x1: x, y1: top - 6, x2: x, y2: bottom, "reference")
      let isLeft = x < GroupPicture.width / 2
      document.text(reference.name, x: x + (isLeft ? 5 : -5), y: top - 8, "small", isLeft ? .start : .end)
    }
    for (index, row) in rows.enumerated() { draw(row, y: top + Double(index) * rowHeight, scale, &document) }
    return document.element(id: id)
  }

  /// Holds every dot, and the intervals as far as they do not dwarf the dots: of two seeds they can be twelve times as
  /// wide.
  private func scale() -> PlotScale {
    var values = rows.flatMap { $0.values + [$0.estimate.mean] }
    if let reference { values.append(reference.value) }
    let low = values.min() ?? 0
    let high = values.max() ?? 1
    let room = 1.5 * (high - low)
    let ends = rows.flatMap { row in row.estimate.interval.map { [$0.lowerBound, $0.upperBound] } ?? [] }
    values += room > 0 ? ends.map { min(max($0, low - room), high + room) } : ends
    return PlotScale(
      holding: values, from: 20, to: GroupPicture.width - 20, ticks: 6, mayBeLogarithmic: false)
  }

  private func draw(_ row: Row, y: Double, _ scale: PlotScale, _ document: inout SVGDocument) {
    // About 8 pixels a bold character, 7 a plain one.
    let room = (GroupPicture.width - 32 - 7 * Double(row.remark.count)) / 8
    GroupPicture.name(row.name, atMost: max(Int(room), 12), x: 8, y: y + 12, "label", on: &document)
    document.text(row.remark, x: GroupPicture.width - 8, y: y + 12, "small", .end)
    let middle = y + 26
    if let interval = row.estimate.interval {
      interval95(interval, middle, row.group, scale, &document)
    }
    for (value, tip) in zip(row.values, row.tips) {
      guard let x = scale.pixel(value) else { continue }
      document.circle(x: x, y: middle + 11, radius: 3.2, GroupPicture.kind(row.group, "seed"), tip: tip)
    }
    if let x = scale.pixel(row.estimate.mean) {
      document.circle(
        x: x, y: middle, radius: 5, GroupPicture.kind(row.group, "mean"),
        tip: "\(row.name): mean \(Comparison.text(row.estimate))")
    }
  }

  private func interval95(
    _ interval: ClosedRange<Double>, _ y: Double, _ group: Int, _ scale: PlotScale, _ document: inout SVGDocument
  ) {
    guard let low = scale.pixel(interval.lowerBound), let high = scale.pixel(interval.upperBound) else { return }
    let kind = GroupPicture.kind(group, "interval")
    document.line(x1: max(low, scale.from), y1: y, x2: min(high, scale.to), y2: y, kind)
    // A bar at an end, an arrow where the interval goes on beyond the picture.
    for (end, edge, side) in [(low, scale.from, -1.0), (high, scale.to, 1.0)] {
      let isOutside = (end - edge) * side > 0.5
      let n = SVGDocument.number
      let x = isOutside ? edge : end
      document.path(
        isOutside
          ? "M\(n(x - 5 * side)) \(n(y - 5))L\(n(x + side)) \(n(y))L\(n(x - 5 * side)) \(n(y + 5))"
          : "M\(n(x)) \(n(y - 5))L\(n(x)) \(n(y + 5))", kind)
    }
  }
}
