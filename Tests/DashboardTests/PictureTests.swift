// The pictures of a snapshot: well-formed, complete, and safe against hostile names.

import Foundation
import Testing

@testable import Dashboard
@testable import Training

@Suite("The pictures of a snapshot")
struct PictureTests {
  private func pictures(_ frame: Frame) -> [String] {
    SnapshotWriter.files(frame, [.svg]).map(\.text)
  }

  @Test("every picture of every kind of run is well-formed XML with a title, light and dark colours")
  func wellFormed() {
    var changed = FakeRun.demo
    changed.change = (step: 120, target: 1)
    let frames =
      [0, 1, 213, 400].map { FakeRun.demo.frame(at: $0) } + [
        changed.frame(at: 300), FakeRun.miniLM.frame(at: 413), FakeRun.lora.frame(at: 100),
        FakeRun.single.frame(at: 60),
        FakeRun.large.frame(at: 700),
      ]
    for frame in frames {
      for svg in pictures(frame) {
        let reader = MarkupReader(svg)
        #expect(reader.isWellFormed && reader["svg"] == 1 && reader["style"] == 1 && reader["desc"] == 1)
        #expect(svg.contains("prefers-color-scheme: dark"))
        #expect(!svg.contains("nan") && !svg.contains("inf\""))
      }
    }
  }

  @Test("ranks.svg has a bar a module, marks the planted rank and writes every number")
  func ranks() {
    let frame = FakeRun.demo.frame(at: 300)
    let reader = MarkupReader(RanksPicture.svg(frame))
    #expect(reader["rect.track"] == 18)
    // One mark a module where rank was planted, and one in the legend.
    #expect(reader["line.planted-line"] == 9 && reader["path.planted"] == 9)
    for type in ["query", "attention.output", "0", "2", "Σ", "36"] {
      let isWritten = reader.texts.contains(type)
      #expect(isWritten, "\(type)")
    }
    #expect(MarkupReader(RanksPicture.svg(FakeRun.miniLM.frame(at: 300)))["path.planted"] == 0)
    #expect(MarkupReader(RanksPicture.svg(FakeRun.large.frame(at: 700)))["rect.track"] == 210)
  }

  @Test("importance.svg has a cell a triplet and a cross on every pruned one")
  func importance() {
    let frame = FakeRun.demo.frame(at: 300)
    let svg = ImportancePicture.svg(frame)
    let reader = MarkupReader(svg)
    let pruned = frame.triplets.kept.count { !$0 }
    #expect(pruned > 60)
    #expect(reader["path.mark-light"] + reader["path.mark-dark"] + reader["path.mark"] == pruned + 1)
    #expect(svg.components(separatedBy: ", triplet ").count == 109)
    let lora = MarkupReader(ImportancePicture.svg(FakeRun.lora.frame(at: 9)))
    #expect(lora.texts.contains { $0.contains("scores nothing") })
  }

  @Test("budget.svg shades three phases and shows the changed plan, the change and now")
  func budget() {
    var run = FakeRun.demo
    run.change = (step: 120, target: 1)
    let reader = MarkupReader(BudgetPicture.svg(run.frame(at: 213)))
    for kind in ["rect.warmup", "rect.budgeting", "rect.final", "path.planned", "path.old", "path.kept", "line.now"] {
      #expect(reader[kind] == 1, "\(kind)")
    }
    // In the plot and in the legend.
    #expect(reader["line.change"] == 2)
    #expect(reader.texts.contains("120: target 2 → 1"))
    #expect(MarkupReader(BudgetPicture.svg(FakeRun.demo.frame(at: 400)))["path.old"] == 0)
  }

  @Test("loss.svg has raw and smoothed curves for each quantity, and evaluations as points")
  func loss() {
    let frame = FakeRun.miniLM.frame(at: 413)
    let reader = MarkupReader(LossPicture.svg(frame))
    #expect(reader["path.raw"] == 3 && reader["path.smooth"] == 3)
    // Four evaluations in two plots, and the legend's.
    #expect(reader["path.evaluation"] == 4 * 2 + 1)
    for name in ["task loss", "R", "gradient norm", "accuracy", "step"] { #expect(reader.texts.contains(name)) }
    #expect(MarkupReader(LossPicture.svg(FakeRun.lora.frame(at: 50)))["path.raw"] == 2)
  }

  @Test("names from outside are escaped, whatever they hold")
  func hostile() {
    let name = "<script>alert('x')</script>&\"]]>\u{0}\u{1B}[2J\u{202E}\nend"
    var run = FakeRun.demo
    run.name = name
    run.model = name
    run.types = [name, "key"]
    run.layers = 2
    let frame = run.frame(at: 300)
    for svg in pictures(frame) {
      #expect(MarkupReader(svg).isWellFormed)
      #expect(!svg.contains("<script") && !svg.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{202E}" })
    }
    #expect(MarkupReader(RanksPicture.svg(frame)).texts.contains { $0.contains("<script>alert('x')</script>&\"]]>") })
    // A module's name in a table stays whole inside quotes.
    #expect(SnapshotTables.ranks(frame).contains("\"\"]]>"))
  }

  @Test("numbers have two decimals, no locale and no sign of what is not finite")
  func numbers() {
    #expect(
      [0, 1.5, -0.25, 3.999, 0.004, 12.05, .nan].map(SVGDocument.number) == [
        "0", "1.5", "-0.25", "4", "0", "12.05", "0",
      ])
  }

  @Test("ticks are multiples of 1, 2 or 5 and lie within the axis")
  func ticks() {
    #expect(PlotScale(0, 400, from: 0, to: 1, ticks: 8).ticks == [0, 50, 100, 150, 200, 250, 300, 350, 400])
    #expect(PlotScale(0, 112, from: 0, to: 1, ticks: 6).ticks == [0, 20, 40, 60, 80, 100])
    let logarithmic = PlotScale(holding: [3e-9, 2e-5], from: 10, to: 0, ticks: 4)
    #expect(logarithmic.isLogarithmic && logarithmic.low == 1e-9 && logarithmic.high == 1e-4)
    #expect(logarithmic.pixel(0) == nil && logarithmic.pixel(.nan) == nil)
    let flat = PlotScale(holding: [2, 2], from: 0, to: 100, ticks: 4)
    #expect(flat.low < 2 && flat.high > 2)
    #expect(Viridis.color(0) == "#440154" && Viridis.color(1) == "#fde725" && Viridis.color(.nan) == "#440154")
  }
}
