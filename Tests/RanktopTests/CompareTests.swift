// `ranktop compare`, in a pipe and in a terminal.

import Foundation
import TerminalSupport
import Testing

extension EndToEnd {
  @Suite(.serialized) struct Compare {
    /// Two variants of two seeds each, all done.
    private let sweep: TinySweep

    init() throws {
      sweep = try TinySweep(TinySweep.variants)
      let ending = try sweep.run()
      #expect(ending.status == 0, "\(ending.error)")
    }

    private func compare(_ arguments: String...) throws -> Child.Ending {
      try sweep.tiny.run(["compare"] + arguments)
    }

    private func text(_ name: String) throws -> String {
      try String(contentsOf: sweep.tiny.folder.appendingPathComponent(name), encoding: .utf8)
    }

    @Test("a sweep's cells are its groups; table, CSV and page are of the same runs")
    func wholeSweep() throws {
      let ending = try compare("s", "--csv", "runs.csv", "--html", "page.html")
      #expect(ending.status == 0 && ending.error.isEmpty, "\(ending.error)")
      let lines = ending.output.components(separatedBy: "\n")
      #expect(lines[0] == "accuracy on eval after the last step, mean of 2 seeds ± 95 % interval.")
      #expect(lines[2].hasPrefix("group ") && lines[3].hasPrefix("plain ") && lines[4].hasPrefix("magnitude "))
      #expect(lines[3].contains("baseline") && ending.output.contains("magnitude  Σ "))
      #expect(!ending.output.contains("\u{1B}"))

      let csv = try text("runs.csv")
      let rows = csv.components(separatedBy: "\r\n").dropLast()
      #expect(
        rows.dropFirst().map { $0.components(separatedBy: ",").prefix(2).joined(separator: " ") }
          == ["plain plain-s0-1", "plain plain-s1-1", "magnitude magnitude-s0-1", "magnitude magnitude-s1-1"])
      #expect(try compare("s", "--csv", "-").output == csv)
      let page = try text("page.html")
      #expect(page.hasPrefix("<!DOCTYPE html>") && page.contains("<h1>Comparison of 2 groups by accuracy</h1>"))
    }

    @Test("runs that are named one by one are grouped by what they differ in; any group can be the baseline")
    func namedRuns() throws {
      let folders = ["plain-s0-1", "magnitude-s0-1", "plain-s1-1", "magnitude-s1-1"].map { "runs/s/" + $0 }
      let ending = try compare(folders[0], folders[1], folders[2], folders[3], "--metric", "loss")
      #expect(ending.status == 0, "\(ending.error)")
      #expect(ending.output.hasPrefix("loss on eval after the last step, mean of 2 seeds"))
      let names = ending.output.components(separatedBy: "\n")[3...4].map { $0.components(separatedBy: "  ")[0] }
      #expect(Set(names).count == 2 && names[1].contains("magnitude"))
      let other = try compare("s", "--baseline", "magnitude")
      #expect(other.status == 0 && other.output.contains("plain and magnitude "))
    }

    @Test("what cannot be compared is told with the status of its kind")
    func errors() throws {
      let missing = try compare("s", "t")
      #expect(missing.status == 66 && missing.error.contains("t: no recorded run") && missing.output.isEmpty)
      let group = try compare("s", "--baseline", "t")
      #expect(group.status == 64 && group.error.contains("--baseline t: no such group, expected plain or magnitude"))
    }

    @Test("in a terminal: as wide as that is")
    func terminal() throws {
      let shell = try RanktopShell(width: 80, height: 60)
      try shell.launch("compare \(sweep.folder)")
      try shell.session.waitFor("Agreement is Spearman's")
      let lines = try shell.expectShell(status: 0, isAlternate: false).components(separatedBy: "\n")
      let heads = lines.filter { $0.hasPrefix("group ") }
      #expect(heads.count >= 3 && lines.contains { $0.hasPrefix("  0 ") })
    }
  }
}
