// loss.svg: task loss, R, gradient norm and the evaluation metric against the step.

import Training

enum LossPicture {
  private struct Quantity {
    let name: String
    let value: (StepRecord) -> Double?
    /// Of the evaluations, drawn as points beside the curve.
    var evaluation: ((Evaluation) -> Double)?
  }

  static func svg(_ frame: Frame) -> String {
    let title = "Training"
    let records = frame.history.map(\.record)
    guard let first = records.first?.step, let last = records.last?.step else {
      return ChartPicture.message(title: title, note: ModulePicture.note(frame), "No step is done yet.")
    }
    let quantities = quantities(frame, records)
    let top = 76.0
    let (tall, low, gap) = (210.0, 130.0, 30.0)
    let heights = quantities.indices.map { $0 == 0 ? tall : low }
    let height = top + heights.reduce(0, +) + gap * Double(quantities.count) + 54
    var picture = ChartPicture(frame, title: title, height: height)
    var y = top
    for (index, quantity) in quantities.enumerated() {
      let plot = plot(
        quantity, records, steps: first...max(last, first + 1), top: y, bottom: y + heights[index])
      let isLast = index == quantities.count - 1
      if let schedule = frame.schedule { picture.phases(schedule, in: plot, named: index == 0) }
      picture.axes(plot, yName: quantity.name, xName: isLast ? "step" : nil)
      draw(quantity, records, plot, &picture)
      picture.changes(frame.interventions, in: plot, named: index == 0)
      y += heights[index] + gap
    }
    var legend: [(String, Bool, String)] = [("raw", false, "each step"), ("smooth", false, "smoothed")]
    if records.contains(where: { $0.eval != nil }) { legend.append(("evaluation", false, "evaluation")) }
    if !frame.interventions.isEmpty { legend.append(("change", false, "changed by hand")) }
    picture.legend(legend, y: height - 16)
    return picture.document.xml
  }

  private static func quantities(_ frame: Frame, _ records: [StepRecord]) -> [Quantity] {
    var quantities = [Quantity(name: "task loss", value: { $0.taskLoss }, evaluation: { $0.loss })]
    if frame.description.isRegularized { quantities.append(Quantity(name: "R", value: { $0.orth })) }
    quantities.append(Quantity(name: "gradient norm", value: { $0.gradNorm }))
    let metric = frame.description.metric
    guard !metric.isEmpty, records.contains(where: { $0.eval != nil }) else { return quantities }
    quantities.append(
      Quantity(
        name: metric, value: { _ in nil }, evaluation: { $0[metric] ?? $0.loss }))
    return quantities
  }

  private static func plot(
    _ quantity: Quantity, _ records: [StepRecord], steps: ClosedRange<Int>, top: Double, bottom: Double
  ) -> ChartPicture.Plot {
    let values = records.flatMap { record in
      [quantity.value(record), record.eval.flatMap { quantity.evaluation?($0) }].compactMap { $0 }
    }
    return ChartPicture.Plot(
      x: PlotScale(
        Double(steps.lowerBound), Double(steps.upperBound), from: ChartPicture.left,
        to: ChartPicture.width - ChartPicture.right, ticks: 8),
      y: PlotScale(holding: values, from: bottom, to: top, ticks: bottom - top > 150 ? 6 : 4))
  }

  private static func draw(
    _ quantity: Quantity, _ records: [StepRecord], _ plot: ChartPicture.Plot, _ picture: inout ChartPicture
  ) {
    let raw = records.compactMap { record in quantity.value(record).map { (Double(record.step), $0) } }
    if !raw.isEmpty {
      picture.document.curve(raw.map { plot.point($0.0, $0.1) }, "raw")
      let smooth = Scene.smoothed(raw.map(\.1))
      picture.document.curve(zip(raw, smooth).map { plot.point($0.0, $1) }, "smooth")
    }
    guard let evaluation = quantity.evaluation else { return }
    let points = records.compactMap { record in record.eval.map { (record.step, evaluation($0)) } }
    picture.document.curve(points.map { plot.point(Double($0.0), $0.1) }, "evaluation-line")
    for (step, value) in points {
      guard let point = plot.point(Double(step), value) else { continue }
      picture.diamond(point.x, point.y, tip: "step \(step): \(NumberText.plain(value))")
    }
  }
}
