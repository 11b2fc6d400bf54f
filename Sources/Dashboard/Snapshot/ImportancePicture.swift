// importance.svg: the score of every triplet, a strip of cells a module.

import AdaLoRA
import Training

enum ImportancePicture {
  static func svg(_ frame: Frame) -> String {
    let run = frame.description
    let modules = run.modules
    let rank = run.initialRank
    let scores = frame.triplets.scores[run.score] ?? []
    guard run.allocates, !scores.isEmpty else {
      return ChartPicture.message(
        title: "Importance of triplets", note: ModulePicture.note(frame),
        "\(run.method) scores nothing: every module keeps its rank.")
    }
    let cell = max(5, min(18, 144 / Double(max(rank, 1))))
    let layers = Set(modules.map(\.layer)).count
    let height = layers <= 12 ? max(cell, 14) : max(min(cell, 13), 10)
    var picture = ModulePicture(
      frame, title: "Importance S of every triplet, by the rule \(run.score.rawValue)",
      note: ModulePicture.note(frame), columnWidth: max(cell * Double(rank), 40), rowHeight: height + 5,
      sumWidth: 0, legendHeight: 92)
    let scale = HeatScale(scores, glyphs: .braille, colors: .none)
    for column in picture.grid.types.indices {
      let x = picture.x(column)
      picture.document.text("0", x: x + cell / 2, y: ModulePicture.top - 6, "small", .middle)
      if rank > 1 {
        picture.document.text(
          String(rank - 1), x: x + cell * (Double(rank) - 0.5), y: ModulePicture.top - 6, "small", .middle)
      }
    }
    for (row, line) in picture.grid.rows.enumerated() {
      for (column, own) in line.cells.enumerated() {
        guard let index = own.first else { continue }
        for i in 0..<rank {
          let triplet = index * rank + i
          let score = scores[at: triplet] ?? 0
          let isKept = frame.triplets.kept[at: triplet] ?? true
          draw(
            x: picture.x(column) + Double(i) * cell, y: picture.y(row) + 2.5, width: cell, height: height,
            share: scale.share(score), isPruned: !isKept, on: &picture.document,
            tip: "\(modules[index].name), triplet \(i): S = \(NumberText.scientific(Double(score), 3)), "
              + (isKept ? "kept" : "pruned"))
        }
      }
    }
    legend(&picture, scale, threshold: frame.record?.threshold, grows: run.grows, y: picture.bottom + 36)
    return picture.document.xml
  }

  private static func draw(
    x: Double, y: Double, width: Double, height: Double, share: Double?, isPruned: Bool,
    on document: inout SVGDocument, tip: String? = nil
  ) {
    if let share {
      document.rectangle(
        x: x + 0.5, y: y, width: width - 1, height: height, "swatch", fill: Viridis.color(share), tip: tip)
    } else {
      document.rectangle(x: x + 1, y: y + 0.5, width: width - 2, height: height - 1, "empty", tip: tip)
    }
    guard isPruned else { return }
    let size = min(width - 3, height - 4, 8) / 2
    let (cx, cy) = (x + width / 2, y + height / 2)
    let n = SVGDocument.number
    document.path(
      "M\(n(cx - size)) \(n(cy - size))L\(n(cx + size)) \(n(cy + size))M\(n(cx - size)) \(n(cy + size))"
        + "L\(n(cx + size)) \(n(cy - size))",
      share.map { Viridis.isBright($0) ? "mark-dark" : "mark-light" } ?? "mark")
  }

  private static func legend(
    _ picture: inout ModulePicture, _ heat: HeatScale, threshold: Double?, grows: Bool, y: Double
  ) {
    let x = ModulePicture.left
    let bar = 260.0
    if heat.high > 0 {
      picture.colorBar(x: x, y: y, width: bar)
      let scale = PlotScale(logarithmicFrom: heat.low, to: max(heat.high, heat.low), pixels: x...(x + bar), ticks: 5)
      for tick in scale.ticks {
        guard let at = scale.pixel(tick) else { continue }
        picture.document.line(x1: at, y1: y + 10, x2: at, y2: y + 14, "axis")
        picture.document.text(PlotScale.label(tick), x: at, y: y + 25, "tick", .middle)
      }
      picture.document.text("S, logarithmic", x: x + bar / 2, y: y + 40, "note", .middle)
      if let threshold, let share = scale.share(threshold), (0...1).contains(share) {
        let at = x + share * bar
        let n = SVGDocument.number
        picture.document.path("M\(n(at - 4)) \(n(y - 7))L\(n(at + 4)) \(n(y - 7))L\(n(at)) \(n(y))Z", "planted")
        picture.document.text(
          "threshold of the last mask", x: at, y: y - 11, "small", share > 0.7 ? .end : share < 0.3 ? .start : .middle)
      }
    } else {
      picture.document.text("no score is above 0 yet", x: x, y: y + 9, "note")
    }
    let right = x + bar + 28
    draw(x: right, y: y - 2, width: 14, height: 14, share: 0.2, isPruned: true, on: &picture.document)
    picture.document.text(
      grows ? "waits, no part of ΔW" : "pruned by the last mask", x: right + 20, y: y + 9, "note")
    draw(x: right, y: y + 17, width: 14, height: 14, share: nil, isPruned: false, on: &picture.document)
    picture.document.text("S is 0 or not a number", x: right + 20, y: y + 28, "note")
  }
}
