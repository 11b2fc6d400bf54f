// Panel 4: how the training goes. Task loss, R, gradient norm and the evaluation metric against the step.

import Training

/// Where the small plots stand in the Training panel.
struct TrainingGeometry {
  struct Plot {
    let quantity: Int
    /// The line with the name and the value; nil where they stand before the plot.
    let title: Area?
    let label: Area
    let body: Area
  }

  let plots: [Plot]

  /// - Parameter quantities: of task loss 0, R 1, gradient norm 2 and the metric 3, those that the run has.
  init(inner: Area, quantities: [Int]) {
    let count = quantities.count
    var plots: [Plot] = []
    // Two plots side by side where they are wide enough, or where they would be low below each other.
    let columns = inner.width >= 110 || (inner.width >= 56 && inner.height < count * 6) ? 2 : 1
    let rows = (count + columns - 1) / columns
    let height = inner.height / max(rows, 1)
    if height >= 3 {
      let width = (inner.width - (columns - 1) * 2) / columns
      for index in 0..<count {
        let row = index / columns
        let column = index % columns
        let isLast = row == rows - 1
        let y = inner.y + row * height
        let tall = isLast ? inner.bottom - y : height
        let x = inner.x + column * (width + 2)
        plots.append(
          Plot(
            quantity: quantities[index], title: Area(x: x, y: y, width: width, height: 1),
            label: Area(x: x, y: y + 1, width: 8, height: tall - 1),
            body: Area(x: x + 8, y: y + 1, width: max(width - 8, 0), height: tall - 1)))
      }
    } else {
      // A line or more a quantity, the name and the value before it.
      let lines = max(inner.height / count, 1)
      var y = inner.y
      for index in 0..<min(count, inner.height) {
        // The task loss gets what is left over.
        let lines = index == 0 ? max(inner.height - (count - 1) * lines, 1) : lines
        plots.append(
          Plot(
            quantity: quantities[index], title: nil, label: Area(x: inner.x, y: y, width: 18, height: lines),
            body: Area(x: inner.x + 18, y: y, width: max(inner.width - 18, 0), height: lines)))
        y += lines
      }
    }
    self.plots = plots
  }
}

extension Frame {
  /// Not every method has an R, and not every run has an evaluation.
  var quantities: [Int] {
    [0] + (description.isRegularized ? [1] : []) + [2] + (description.metric.isEmpty ? [] : [3])
  }
}

extension Scene {
  func drawTraining(on canvas: inout Canvas, in area: Area) {
    var note = StyledText()
    if state.isLogarithmic { note.add(" log-y ", Theme.warning) }
    if beside?.isShadow == false { note.add(legend) }
    var foot = StyledText()
    if let first = frame.history.first?.record.step, let last = frame.history.last?.record.step {
      foot.add(" steps \(first)-\(last) ", Theme.dim)
    }
    canvas.border(area, title: title(.training), note: note, foot: foot, isFocused: isFocused(.training))
    let geometry = TrainingGeometry(inner: area.inner, quantities: frame.quantities)
    for plot in geometry.plots { draw(plot, on: &canvas) }
  }

  private func name(_ quantity: Int) -> String {
    switch quantity {
    case 0: "task loss"
    case 1: "R"
    case 2: "grad norm"
    default: frame.description.metric
    }
  }

  /// One quantity of a run's history, smoothed unless it is the metric.
  private struct Curve {
    let raw: [(step: Int, value: Double)]
    let smooth: [Double]

    init(_ history: [HistoryPoint], isMetric: Bool, _ value: (StepRecord) -> Double?) {
      raw = history.compactMap { point in value(point.record).map { (point.record.step, $0) } }
      smooth = isMetric ? raw.map(\.value) : Scene.smoothed(raw.map(\.value))
    }

    /// What the smoothed curve says at a step; nil before its first value.
    func value(at step: Int) -> Double? { raw.lastIndex { $0.step <= step }.map { smooth[$0] } }
  }

  private static func value(_ quantity: Int, _ metric: String, _ record: StepRecord) -> Double? {
    switch quantity {
    case 0: record.taskLoss
    case 1: record.orth
    case 2: record.gradNorm
    default: metric.isEmpty ? nil : record.eval.map { $0[metric] ?? $0.loss }
    }
  }

  private func draw(_ plot: TrainingGeometry.Plot, on canvas: inout Canvas) {
    let points = frame.history
    let isMetric = plot.quantity == 3
    let metric = frame.description.metric
    func value(_ record: StepRecord) -> Double? { Self.value(plot.quantity, metric, record) }
    let own = Curve(points, isMetric: isMetric, value)
    let raw = own.raw
    let smooth = own.smooth
    // The same quantity of the other run, where it has that; a shadow trains nothing.
    let other = beside.flatMap { beside in
      !beside.isShadow && beside.frame.quantities.contains(plot.quantity)
        ? Curve(beside.frame.history, isMetric: isMetric, value) : nil
    }
    let current: Double? =
      moment.record.flatMap(value) ?? (isMetric ? raw.last { $0.step <= step }?.value : nil)
    let number = current.map { NumberText.short($0) } ?? "none yet"
    let label = name(plot.quantity)
    if let title = plot.title {
      var text = StyledText(label + " ", Theme.label)
      text.add(number, Theme.strong)
      if !isMetric, let mean = raw.indices.last(where: { raw[$0].step <= step }).map({ smooth[$0] }) {
        text.add("  smoothed ", Theme.dim)
        text.add(NumberText.short(mean), Theme.curve)
      } else if isMetric, let best = raw.map(\.value).max() {
        text.add("  best ", Theme.dim)
        text.add(NumberText.short(best), Theme.curve)
      }
      if let there = other?.value(at: step) { text.add("  ╌ " + NumberText.short(there), Theme.other) }
      canvas.put(text, in: title, x: 0, y: 0)
    } else {
      canvas.put(label, Theme.label, in: plot.label, x: 0, y: 0)
      canvas.put(number, Theme.strong, in: plot.label, x: 10, y: 0)
    }
    let body = plot.body
    guard let first = points.first?.record.step, let last = points.last?.record.step, body.width > 0,
      body.height > 0
    else { return }
    // Only what stands above this run's own steps is drawn, and counts for the axis.
    let there = (other?.raw.indices).map { indices in
      indices.compactMap { index -> (step: Int, value: Double)? in
        guard let other, (first...last).contains(other.raw[index].step) else { return nil }
        return (other.raw[index].step, other.smooth[index])
      }
    }
    let axis = Axis(raw.map(\.value) + (there ?? []).map(\.value), isLogarithmic: state.isLogarithmic)
    func share(_ step: Int) -> Double { last > first ? Double(step - first) / Double(last - first) : 1 }
    if plot.title != nil {
      let highest = StyledText(NumberText.short(axis.high) + " ", Theme.dim)
      canvas.putRight(highest, in: plot.label, y: 0)
      if body.height >= 2 {
        canvas.putRight(StyledText(NumberText.short(axis.low) + " ", Theme.dim), in: plot.label, y: body.height - 1)
      }
    }
    var dots = DotPlot(width: body.width, height: body.height, glyphs: glyphs)
    if let there { dots.line(there.map { (share($0.step), axis.share($0.value)) }, Theme.other, isDashed: true) }
    if isMetric {
      dots.line(raw.map { (share($0.step), axis.share($0.value)) }, Theme.curve)
    } else {
      for point in raw { dots.point(share(point.step), axis.share(point.value), Theme.faint) }
      dots.line(raw.indices.map { (share(raw[$0].step), axis.share(smooth[$0])) }, Theme.curve)
    }
    dots.draw(on: &canvas, in: body, x: 0, y: 0)
    guard body.height >= 2 else { return }
    // A person's changes as faint lines, the scrubbed step as a bright one, both behind the curve.
    for change in frame.interventions where change.step >= first && change.step <= last {
      mark(change.step, share, "│", Theme.faint, on: &canvas, in: body)
    }
    if !moment.isLive { mark(step, share, "│", Theme.marker, on: &canvas, in: body) }
  }

  private func mark(
    _ step: Int, _ share: (Int) -> Double, _ glyph: String, _ style: Style, on canvas: inout Canvas, in body: Area
  ) {
    let x = Int((share(step) * Double(body.width - 1)).rounded())
    for y in 0..<body.height where canvas[body.x + x, body.y + y].glyph == " " {
      canvas.put(glyph, style, in: body, x: x, y: y)
    }
  }

  /// An exponential mean whose window is a twenty-fifth of the values, corrected for its start.
  static func smoothed(_ values: [Double]) -> [Double] {
    let keep = 1 - 1 / Double(max(values.count / 25, 3))
    var mean = 0.0
    var weight = 0.0
    return values.map { value in
      guard value.isFinite else { return value }
      mean = keep * mean + (1 - keep) * value
      weight = keep * weight + (1 - keep)
      return mean / weight
    }
  }
}
