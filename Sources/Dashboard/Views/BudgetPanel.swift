// Panel 3: how many triplets may stay, over the whole run, and how many did.

import AdaLoRA
import Training

struct BudgetGeometry {
  let labelWidth: Int
  let plot: Area

  /// - Parameter inner: the panel inside its border; the last line is the axis.
  init(inner: Area, highestBudget: Int) {
    labelWidth = String(highestBudget).count + 1
    plot = Area(
      x: inner.x + labelWidth, y: inner.y, width: max(inner.width - labelWidth, 0), height: max(inner.height - 1, 0))
  }
}

extension DashboardState {
  /// The step under a point of the Budget or Training panel; nil beside its plots.
  func plotStep(_ panel: Panel, x: Int, y: Int, _ area: Area) -> Int? {
    guard let frame else { return nil }
    let px = area.inner.x + x
    let py = area.inner.y + y
    if panel == .budget {
      guard let schedule = frame.schedule, !hasFixedRank else { return nil }
      let plot = BudgetGeometry(inner: area.inner, highestBudget: schedule.highestBudget).plot
      guard px >= plot.x, px < plot.right, plot.width > 0 else { return nil }
      return (px - plot.x) * max(schedule.totalSteps, 1) / plot.width
    }
    let geometry = TrainingGeometry(inner: area.inner, quantities: frame.quantities)
    guard let plot = geometry.plots.first(where: { $0.body.contains(px, py) })?.body, plot.width > 0,
      let first = frame.history.first?.record.step, let last = frame.history.last?.record.step
    else { return nil }
    return first + (px - plot.x) * max(last - first, 0) / max(plot.width - 1, 1)
  }
}

extension Scene {
  func drawBudget(on canvas: inout Canvas, in area: Area) {
    let inner = area.inner
    guard let schedule = frame.schedule, !state.hasFixedRank else {
      canvas.border(area, title: title(.budget), isFocused: isFocused(.budget))
      paragraph(
        "\(frame.description.method) has no budget: every module keeps rank \(rank), \(modules.count * rank) in all, to the end.",
        on: &canvas, in: inner)
      return
    }
    var note = StyledText(" b(\(step)) ", Theme.dim)
    let prices = frame.description.prices
    note.add("\(prices.limit(of: moment.record?.budget ?? schedule.initialBudget))", Theme.curve)
    note.add(" kept ", Theme.dim)
    note.add("\(frame.description.cost(of: moment.ranks))", Theme.kept)
    note.add(" → \(prices.limit(of: schedule.targetBudget)) ", Theme.label)
    if prices.unit == .parameters { note.add("parameters ", Theme.dim) }
    let old = frame.scheduleBeforeLastChange()
    var foot = legend
    if let beside {
      note.add("there \(beside.moment.ranks.reduce(0, +)) ", Theme.other)
      if beside.frame.schedule == nil { foot.add("(no budget) ", Theme.dim) }
    } else if let change = frame.interventions.last(where: { $0.parameter == .targetR }) {
      let parameter = change.parameter
      foot.add(
        " target \(parameter.text(change.old))→\(parameter.text(change.new)) at \(change.step), old curve dotted ",
        Theme.warning)
    }
    canvas.border(area, title: title(.budget), note: note, foot: foot, isFocused: isFocused(.budget))
    let geometry = BudgetGeometry(inner: inner, highestBudget: schedule.highestBudget)
    let plot = geometry.plot
    guard plot.width >= 4, plot.height >= 1 else { return }
    let total = max(schedule.totalSteps, 1)
    // Another run's curve may begin higher.
    let highest = max(schedule.highestBudget, beside?.frame.schedule?.highestBudget ?? 0, 1)
    let top = Double(highest) * 1.02
    func column(_ step: Int) -> Int { min(plot.width - 1, max(0, step) * plot.width / total) }

    for boundary in [schedule.initialWarmup, schedule.finalStep] {
      for y in 0..<plot.height { canvas.put("│", Theme.faint, in: plot, x: column(boundary), y: y) }
    }
    drawKept(on: &canvas, in: plot, total: total, top: top)
    var curves = DotPlot(width: plot.width, height: plot.height, glyphs: glyphs)
    if let other = beside?.frame.schedule {
      trace(other, into: &curves, total: total, top: top, Theme.other, isDashed: true)
    }
    if let old { trace(old, into: &curves, total: total, top: top, Theme.dim, every: 3) }
    trace(schedule, into: &curves, total: total, top: top, Theme.curve)
    overlay(curves, on: &canvas, in: plot)

    let now = column(step)
    for y in 0..<plot.height where canvas[plot.x + now, plot.y + y].glyph == " " {
      canvas.put("│", Theme.marker, in: plot, x: now, y: y)
    }
    let labels = Area(x: inner.x, y: inner.y, width: geometry.labelWidth, height: inner.height)
    canvas.put("\(highest)", Theme.dim, in: labels, x: 0, y: 0)
    if plot.height >= 2 {
      let share = Double(schedule.targetBudget) / top
      let row = min(plot.height - 1, max(1, Int((1 - share) * Double(plot.height))))
      canvas.put("\(schedule.targetBudget)", Theme.curve, in: labels, x: 0, y: row)
      if row < plot.height - 1 { canvas.put("0", Theme.dim, in: inner, x: 0, y: plot.height - 1) }
    }
    drawAxis(schedule, now: now, column, on: &canvas, in: Area(x: plot.x, y: plot.bottom, width: plot.width, height: 1))
  }

  /// What was kept, as an area up to the shown step.
  private func drawKept(on canvas: inout Canvas, in plot: Area, total: Int, top: Double) {
    let points = past
    guard !points.isEmpty else { return }
    var cursor = points.startIndex
    for x in 0..<plot.width {
      let here = (2 * x + 1) * total / (2 * plot.width)
      guard here <= step || x * total / plot.width <= step else { break }
      while cursor + 1 < points.endIndex, points[cursor + 1].record.step <= here { cursor += 1 }
      let share = Double(points[cursor].record.kept) / top
      let eighths = Int((share * Double(plot.height * 8)).rounded())
      for y in 0..<plot.height {
        let level = max(0, min(8, eighths - (plot.height - 1 - y) * 8))
        guard level > 0 else { continue }
        canvas.put(String(Spark.eighths[level]), Style(.palette(25)), in: plot, x: x, y: y)
      }
    }
  }

  private func trace(
    _ schedule: BudgetSchedule, into plot: inout DotPlot, total: Int, top: Double, _ style: Style, every: Int = 1,
    isDashed: Bool = false
  ) {
    var last: Int?
    for x in 0..<plot.dotWidth {
      let step = x * total / max(plot.dotWidth, 1)
      guard step <= schedule.totalSteps, let dot = plot.dot(0, Double(schedule.budget(at: step)) / top) else { break }
      defer { last = dot.y }
      if isDashed && plot.isGap(x) { continue }
      if every == 1 {
        let from = last.map { min($0 + ($0 < dot.y ? 1 : 0), dot.y) } ?? dot.y
        for y in min(from, dot.y)...dot.y { plot.set(x, y, style) }
        if let last, last > dot.y { for y in dot.y...last { plot.set(x, y, style) } }
      } else if x % every == 0 {
        plot.set(x, dot.y, style)
      }
    }
  }

  /// The curves over the area; where the area ends inside a cell its edge says the same, and stays.
  private func overlay(_ curves: DotPlot, on canvas: inout Canvas, in plot: Area) {
    var lines = Canvas(width: plot.width, height: plot.height)
    curves.draw(on: &lines, in: Area(x: 0, y: 0, width: plot.width, height: plot.height), x: 0, y: 0)
    for y in 0..<plot.height {
      for x in 0..<plot.width where lines[x, y].glyph != " " {
        let under = canvas[plot.x + x, plot.y + y]
        switch under.glyph {
        case "█":
          // Just below the area's edge the curve says nothing that the edge does not.
          guard y > 0, canvas[plot.x + x, plot.y + y - 1].glyph == "█" || lines[x, y].style != Theme.curve else {
            continue
          }
          canvas[plot.x + x, plot.y + y] = Cell(
            glyph: lines[x, y].glyph, style: Style(lines[x, y].style.foreground, on: .palette(25)))
        case "▁", "▂", "▃", "▄", "▅", "▆", "▇": continue
        default: canvas[plot.x + x, plot.y + y] = lines[x, y]
        }
      }
    }
  }

  /// Phases by name between their bounds, and where now is.
  private func drawAxis(
    _ schedule: BudgetSchedule, now: Int, _ column: (Int) -> Int, on canvas: inout Canvas, in axis: Area
  ) {
    let begin = column(schedule.initialWarmup)
    let end = column(schedule.finalStep)
    for x in 0..<axis.width { canvas.put("─", Theme.faint, in: axis, x: x, y: 0) }
    func name(_ names: [String], from: Int, to: Int) {
      // In the middle of the phase, or beside the mark of now where that stands in the way.
      for text in names {
        let middle = from + (to - from - text.count + 1) / 2
        for start in [middle, now + 2, now - text.count - 1]
        where start > from && start + text.count < to && !(start - 1...start + text.count).contains(now) {
          canvas.put(text, Theme.label, in: axis, x: start, y: 0)
          return
        }
      }
    }
    let ti = schedule.initialWarmup
    let tf = schedule.finalStep
    name(["warm-up to \(ti)", "warm-up", "warm"], from: 0, to: begin)
    name(["budgeting, \(schedule.curve.rawValue)", "budgeting", "budget"], from: begin, to: end)
    name(["final, after \(tf)", "final"], from: end, to: axis.width)
    canvas.put("│", Theme.faint, in: axis, x: begin, y: 0)
    canvas.put("│", Theme.faint, in: axis, x: end, y: 0)
    canvas.put("▲", Theme.marker, in: axis, x: now, y: 0)
  }
}
