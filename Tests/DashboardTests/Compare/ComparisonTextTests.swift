// A comparison as text and as CSV.

import Foundation
import Testing

@testable import Dashboard
@testable import Training

@Suite("The text of a comparison") struct ComparisonTextTests {
  private func lines(_ comparison: Comparison, width: Int?, colors: Bool = false, ascii: Bool = false) -> [String] {
    ComparisonText(comparison, width: width, hasColors: colors, isASCII: ascii).text.components(separatedBy: "\n")
  }

  @Test("a row a group with its interval, its paired difference and what may be said of it")
  func table() throws {
    let lines = lines(try FakeComparison().make(), width: nil)
    #expect(lines[0] == "accuracy on eval after the last step, mean of 3 seeds ± 95 % interval.")
    #expect(
      lines[3] == "AdaLoRA      3  0.8100 ± 0.0248                    baseline       –           –  –")
    #expect(
      lines[4]
        == "LoRA         3  0.7700 ± 0.0248  −0.0400 [−0.0648, −0.0152]  0.0404        0.25  worse")
    #expect(
      lines[5]
        == "random       3  0.8100 ± 0.0248  +0.0000 [−0.0248, +0.0248]       1           1  "
        + "not distinguishable with n = 3")
    #expect(lines.contains { $0.hasPrefix("LoRA is worse than AdaLoRA with n = 3: accuracy −0.0400 ") })
    #expect(lines.contains("Not alike: effective scale differs: AdaLoRA 1, LoRA 2, random 3."))
  }

  @Test("no line is wider than the terminal, whatever the names", arguments: [40, 60, 80, 100, 200])
  func widths(width: Int) throws {
    var fake = FakeComparison()
    fake.groups.append((String(repeating: "a long name ", count: 12), [0.5, 0.6, 0.7]))
    let comparison = try fake.make()
    for line in lines(comparison, width: width) { #expect(line.count <= max(width, 57), "\(line)") }
    // All columns are there, in however many tables.
    let text = lines(comparison, width: width).joined(separator: "\n")
    for column in comparison.results + comparison.costs { #expect(text.contains(column.title), "\(column.title)") }
  }

  @Test("the maps of ranks stand side by side where there is room, each value with its glyph")
  func maps() throws {
    let comparison = try FakeComparison().make()
    let narrow = lines(comparison, width: 60)
    let wide = lines(comparison, width: 120)
    #expect(wide.contains { $0.contains("AdaLoRA  Σ ") && $0.contains("LoRA  Σ 54") })
    #expect(!narrow.contains { $0.contains("AdaLoRA  Σ ") && $0.contains("LoRA  Σ 54") })
    #expect(wide.contains { $0.contains("█  3 █  3") })
  }

  @Test("colour and what is not ASCII stand only where the terminal has them")
  func plain() throws {
    let comparison = try FakeComparison().make()
    #expect(lines(comparison, width: 80, ascii: true).joined().utf8.allSatisfy { (32..<127).contains($0) })
    #expect(!lines(comparison, width: nil).joined().contains("\u{1B}"))
    let colored = lines(comparison, width: 100, colors: true).joined(separator: "\n")
    #expect(colored.contains("\u{1B}[38;5;"))
    let bare = colored.replacing(#/\x1B\[[0-9;]*m/#, with: "")
    #expect(bare == lines(comparison, width: 100).joined(separator: "\n"))
  }

  @Test("the CSV has a run a row with all that the statistics need, quoted as RFC 4180 has it")
  func csv() throws {
    var fake = FakeComparison()
    fake.groups[1].name = "LoRA, \"plain\""
    let comparison = try fake.make()
    let csv = ComparisonCSV.text(comparison)
    let rows = csv.components(separatedBy: "\r\n")
    #expect(rows.count == 11 && rows.last == "")
    let header = rows[0].components(separatedBy: ",")
    #expect(header.prefix(6) == ["group", "run", "folder", "method", "score", "seed"])
    #expect(header.count { $0.hasPrefix("rank:bert.encoder.layer.") } == 18)
    #expect(rows[1].hasPrefix("AdaLoRA,0-0,/runs/AdaLoRA/0-0,ADALORA,smoothed,0,100,1.0,6,"))
    #expect(rows[4].hasPrefix("\"LoRA, \"\"plain\"\"\",1-0,"))
    #expect(rows.dropLast().allSatisfy { $0.contains("\"a CPU, of some kind\"") || $0 == rows[0] })
    let fields = rows[1].replacing("\"a CPU, of some kind\"", with: "cpu").components(separatedBy: ",")
    #expect(fields.count == header.count)
    let values = Dictionary(uniqueKeysWithValues: zip(header, fields))
    #expect(values["eval_accuracy"] == "0.8" && values["test_accuracy"] == "")
    #expect(values["best_step"] == "99" && values["peak_rss_bytes"] == "512000000" && values["wall_s"] == "75.0")
  }
}
