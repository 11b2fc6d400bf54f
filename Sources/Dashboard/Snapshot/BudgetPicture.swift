// budget.svg: how many triplets may stay over the whole run, and how many did.

import AdaLoRA
import Training

enum BudgetPicture {
  static func svg(_ frame: Frame) -> String {
    let title = "Budget b(t) and triplets kept"
    guard let schedule = frame.schedule else {
      return ChartPicture.message(
        title: title, note: ModulePicture.note(frame),
        "\(frame.description.method) has no budget: every module keeps rank \(frame.description.initialRank) to the end."
      )
    }
    var picture = ChartPicture(frame, title: title, height: 440)
    let right = ChartPicture.width - ChartPicture.right
    let plot = ChartPicture.Plot(
      x: PlotScale(0, Double(schedule.totalSteps), from: ChartPicture.left, to: right, ticks: 8),
      y: PlotScale(0, Double(max(schedule.highestBudget, 1)) * 1.04, from: 360, to: 76, ticks: 6))
    picture.phases(schedule, in: plot, named: true)
    picture.axes(plot, yName: "triplets, all modules", xName: "step")
    meanRanks(frame, plot, &picture.document)
    kept(frame, plot, &picture.document)
    let old = frame.scheduleBeforeLastChange()
    if let old { picture.document.curve(curve(old, plot), "old") }
    picture.document.curve(curve(schedule, plot), "planned")
    picture.changes(frame.interventions, in: plot, named: true)
    if let now = plot.x.pixel(Double(frame.stepsDone)), frame.stepsDone < schedule.totalSteps {
      picture.document.line(x1: now, y1: plot.top, x2: now, y2: plot.bottom, "now", tip: "step \(frame.stepsDone)")
      picture.document.text("now", x: now + 4, y: plot.top + 14, "small")
    }
    var legend: [(String, Bool, String)] = [
      ("planned", false, "planned b(t)"), ("kept", true, "kept by the last mask"),
    ]
    if old != nil { legend.append(("old", false, "planned before the target changed")) }
    if !frame.interventions.isEmpty { legend.append(("change", false, "changed by hand")) }
    picture.legend(legend, y: 422)
    return picture.document.xml
  }

  /// The same axis in mean rank a module, at the right.
  private static func meanRanks(_ frame: Frame, _ plot: ChartPicture.Plot, _ document: inout SVGDocument) {
    let modules = Double(max(frame.description.modules.count, 1))
    let scale = PlotScale(0, plot.y.high / modules, from: plot.y.from, to: plot.y.to, ticks: 6)
    for tick in scale.ticks {
      guard let y = scale.pixel(tick) else { continue }
      document.line(x1: plot.x.to, y1: y, x2: plot.x.to + 4, y2: y, "axis")
      document.text(PlotScale.label(tick), x: plot.x.to + 8, y: y + 4, "tick")
    }
    document.line(x1: plot.x.to, y1: plot.top, x2: plot.x.to, y2: plot.bottom, "axis")
    document.text(
      "mean rank a module", x: ChartPicture.width - 16, y: (plot.top + plot.bottom) / 2, "note", .middle,
      isVertical: true)
  }

  /// A staircase: between two masks nothing changes.
  private static func kept(_ frame: Frame, _ plot: ChartPicture.Plot, _ document: inout SVGDocument) {
    var points: [(x: Double, y: Double)?] = []
    var last: (x: Double, y: Double)?
    for record in frame.history.lazy.map(\.record) {
      guard let point = plot.point(Double(record.step), Double(record.kept)) else { continue }
      if let last, last.y != point.y { points.append((point.x, last.y)) }
      if last?.y != point.y { points.append(point) }
      last = point
    }
    if let last { points.append(last) }
    let solid = points.compactMap { $0 }
    guard let first = solid.first, let end = solid.last else { return }
    let n = SVGDocument.number
    var area = "M\(n(first.x)) \(n(plot.bottom))"
    for point in solid { area += "L\(n(point.x)) \(n(point.y))" }
    document.path(area + "L\(n(end.x)) \(n(plot.bottom))Z", "kept-area")
    document.curve(points, "kept")
  }

  /// b(t) wherever it changes, as a staircase of at most as many stairs as there are pixels.
  private static func curve(_ schedule: BudgetSchedule, _ plot: ChartPicture.Plot) -> [(x: Double, y: Double)?] {
    let total = schedule.totalSteps
    let count = min(total, 1600)
    return (0...count).map { part in
      let step = part * total / max(count, 1)
      return plot.point(Double(step), Double(schedule.budget(at: min(step, total - 1))))
    }
  }
}
