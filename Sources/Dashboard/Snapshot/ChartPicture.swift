// What the pictures of curves share: axes with ticks, shaded phases, and a person's changes as vertical lines.

import AdaLoRA
import Training

struct ChartPicture {
  static let width = 880.0
  static let left = 70.0
  static let right = 66.0

  /// A place for curves.
  struct Plot {
    let x: PlotScale
    let y: PlotScale
    var top: Double { y.to }
    var bottom: Double { y.from }

    /// A point; nil where it has no place, so that the curve has a gap there.
    func point(_ step: Double, _ value: Double) -> (x: Double, y: Double)? {
      guard let px = x.pixel(step), let py = y.pixel(value) else { return nil }
      return (px, py)
    }
  }

  var document: SVGDocument

  init(_ frame: Frame, title: String, height: Double) {
    let note = ModulePicture.note(frame)
    document = SVGDocument(width: Self.width, height: height, title: title, description: note)
    document.text(title, x: 20, y: 28, "title")
    document.text(note, x: 20, y: 47, "note")
  }

  /// A picture that only says why there is none.
  static func message(title: String, note: String, _ text: String) -> String {
    var document = SVGDocument(width: 640, height: 120, title: title, description: note)
    document.text(title, x: 20, y: 28, "title")
    document.text(note, x: 20, y: 47, "note")
    document.text(text, x: 20, y: 84, "strong")
    return document.xml
  }

  /// The three phases behind a plot, with their names where they have room.
  mutating func phases(_ schedule: BudgetSchedule, in plot: Plot, named: Bool) {
    let phases: [(String, BudgetSchedule.Phase, Int, Int)] = [
      ("warmup", .warmup, 0, schedule.initialWarmup),
      ("budgeting", .budgeting, schedule.initialWarmup, schedule.finalStep),
      ("final", .final, schedule.finalStep, schedule.totalSteps),
    ]
    for (kind, phase, begin, end) in phases {
      let from = max(Double(begin), plot.x.low)
      let to = min(Double(end), plot.x.high)
      guard to > from, let x1 = plot.x.pixel(from), let x2 = plot.x.pixel(to) else { continue }
      document.rectangle(x: x1, y: plot.top, width: x2 - x1, height: plot.bottom - plot.top, kind)
      let name = phase.word
      if named, x2 - x1 > Double(name.count) * 6 + 8 {
        document.text(name, x: (x1 + x2) / 2, y: plot.top - 6, "phase-name", .middle)
      }
    }
  }

  /// Grid lines, ticks and labels on both axes.
  mutating func axes(_ plot: Plot, yName: String, xName: String?) {
    document.rows(plot.y, across: plot.x)
    for tick in plot.x.ticks {
      guard let x = plot.x.pixel(tick) else { continue }
      document.line(x1: x, y1: plot.bottom, x2: x, y2: plot.bottom + 4, "axis")
      document.text(PlotScale.label(tick), x: x, y: plot.bottom + 17, "tick", .middle)
    }
    document.path(
      "M\(SVGDocument.number(plot.x.from)) \(SVGDocument.number(plot.top))V\(SVGDocument.number(plot.bottom))"
        + "H\(SVGDocument.number(plot.x.to))", "axis")
    document.text(yName, x: 18, y: (plot.top + plot.bottom) / 2, "note", .middle, isVertical: true)
    if let xName {
      document.text(xName, x: (plot.x.from + plot.x.to) / 2, y: plot.bottom + 34, "note", .middle)
    }
  }

  /// A vertical line where a person changed something. Lines that stand close together share their names' place.
  mutating func changes(_ interventions: [Intervention], in plot: Plot, named: Bool) {
    var groups: [(x: Double, end: Double, names: [String])] = []
    for change in interventions {
      let step = Double(change.step)
      guard step >= plot.x.low, step <= plot.x.high, let x = plot.x.pixel(step) else { continue }
      let parameter = change.parameter
      let name =
        "\(change.step): \(parameter.symbol) \(parameter.text(change.old)) → \(parameter.text(change.new))"
        + (change.isUndo ? " (undo)" : "")
      document.line(x1: x, y1: plot.top, x2: x, y2: plot.bottom, "change", tip: name)
      if let last = groups.indices.last, x - groups[last].x < 15 {
        groups[last].names.append(name)
        groups[last].end = x
      } else {
        groups.append((x, x, [name]))
      }
    }
    guard named else { return }
    for group in groups {
      // Left of the line where there is room, else right of the last one.
      let x = group.x - plot.x.from > 14 ? group.x - 4 : group.end + 11
      let more = group.names.count - 2
      let text = group.names.prefix(2).joined(separator: ", ") + (more > 0 ? ", \(more) more" : "")
      document.text(text, x: x, y: plot.bottom - 8, "change-name", isVertical: true)
    }
  }

  /// A row of samples with their words, from the left.
  mutating func legend(_ entries: [(kind: String, isArea: Bool, text: String)], y: Double) {
    var x = Self.left
    for entry in entries {
      switch entry.kind {
      case "evaluation": diamond(x + 13, y - 4)
      default:
        if entry.isArea { document.rectangle(x: x, y: y - 9, width: 26, height: 10, "kept-area") }
        document.line(x1: x, y1: entry.isArea ? y - 9 : y - 4, x2: x + 26, y2: entry.isArea ? y - 9 : y - 4, entry.kind)
      }
      document.text(entry.text, x: x + 33, y: y, "note")
      x += 33 + Double(entry.text.count) * 5.6 + 20
    }
  }

  mutating func diamond(_ x: Double, _ y: Double, tip: String? = nil) {
    let n = SVGDocument.number
    document.path(
      "M\(n(x)) \(n(y - 4.5))L\(n(x + 4.5)) \(n(y))L\(n(x)) \(n(y + 4.5))L\(n(x - 4.5)) \(n(y))Z", "evaluation",
      tip: tip)
  }
}

extension SVGDocument {
  /// A grid line and a label at each tick of the vertical axis.
  mutating func rows(_ y: PlotScale, across x: PlotScale) {
    for tick in y.ticks {
      guard let at = y.pixel(tick) else { continue }
      line(x1: x.from, y1: at, x2: x.to, y2: at, "grid")
      text(PlotScale.label(tick), x: x.from - 8, y: at + 4, "tick", .end)
    }
  }
}
