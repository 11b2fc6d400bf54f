// `ranktop whatif`, in a pipe and in a terminal.

import Foundation
import TerminalSupport
import Testing

extension EndToEnd {
  @Suite(.serialized) struct WhatIf {
    /// With `runs/tiny-1` in its folder.
    private func trained(_ changes: String...) throws -> TinyExperiment {
      let tiny = try TinyExperiment(steps: 30, evalEvery: 0)
      let ending = try tiny.run(["train", "tiny.toml"] + changes)
      #expect(ending.status == 0, "\(ending.error)")
      return tiny
    }

    @Test("in a pipe: one JSON object a mask, then a summary; the run's folder is left as it was")
    func pipe() throws {
      let tiny = try trained("--at", "9:target 1")
      // SQLite makes files of its own beside a database that is read.
      func files() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: tiny.runs).filter { !$0.contains(".sqlite-") }.sorted()
      }
      let before = try files()
      let flags = ["--score", "magnitude", "--target", "3", "--beta1", "0.5", "--shadow", "score=smoothed"]
      let ending = try tiny.run(["whatif", "tiny-1"] + flags)
      #expect(ending.status == 0, "\(ending.error)")
      let rows = try ending.output.split(separator: "\n").map { line in
        try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
      }
      #expect(rows.dropLast().compactMap { $0["step"] as? Int } == [6, 8, 10, 12, 14, 16, 18, 20])
      let summary = try #require(rows.last?["summary"] as? [String: Any])
      #expect(summary["exact"] as? Bool == true && summary["steps"] as? Int == 30)
      let shadows = try #require(summary["shadows"] as? [[String: Any]])
      let settings = shadows.map { $0["settings"] as? String }
      #expect(settings == ["score=magnitude target=3 beta1=0.5", "score=smoothed"])
      #expect(shadows[1]["mean_jaccard"] as? Double == 1)
      let kept = try #require(shadows[0]["kept"] as? Int)
      let ranks = try #require(shadows[0]["ranks"] as? [String: Int])
      #expect(kept == 3 * ranks.count && ranks.values.reduce(0, +) == kept)
      #expect(summary["kept"] as? Int == ranks.count)
      #expect(ending.error.contains("30 steps are the recorded ones, bit for bit"))
      #expect(try files() == before)
    }

    @Test("what cannot be is told with the status of its kind")
    func errors() throws {
      let tiny = try trained()
      func refused(_ arguments: [String], _ status: Int32, _ text: String) throws {
        let ending = try tiny.run(["whatif"] + arguments)
        #expect(ending.status == status && ending.error.contains(text), "\(ending.status) \(ending.error)")
        #expect(ending.output.isEmpty)
      }
      try refused(["tiny-1", "--score", "best"], 64, "score best: one of smoothed, sensitivity")
      try refused(["tiny-1", "--target", "9"], 64, "target 9 must be at most the initial rank 4")
      try refused(["tiny-1", "--shadow", "gamma=1"], 64, "--shadow 'gamma=1': no setting gamma")
      try refused(["tiny-1", "--tinit", "25"], 64, "tinit 25 and tfinal 10 must leave some of the 30 steps")
      try refused(["tiny-1"], 64, "what is to be different? expected --score, --target")
      try refused(["tiny-2", "--score", "random"], 66, "tiny-2: no run")
      let lora = ["--set", "adapter.peft_type=LORA", "--set", "name=lora"]
      let ending = try tiny.run(["train", "tiny.toml"] + lora)
      #expect(ending.status == 0, "\(ending.error)")
      try refused(["lora-1", "--score", "random"], 65, "LORA has a fixed rank, expected a run that scores and prunes")
      try FileManager.default.removeItem(atPath: tiny.runs + "/tiny-1/telemetry.sqlite")
      try refused(["tiny-1", "--score", "random"], 66, "telemetry.sqlite")
    }

    @Test("in a terminal the dashboard shows the shadow beside the ranks, then a table")
    func dashboard() throws {
      let tiny = try trained()
      let shell = try RanktopShell()
      try shell.start("whatif tiny-1 --runs \(tiny.runs) --score magnitude --target 3 --shadow score=random")
      let screen = try shell.session.wait("the end") { $0.contains("■ done") }
      #expect(screen.contains("tiny-1") && screen.contains("what if score=magnitude target=3 (1 of 2)"))
      #expect(screen.contains("1 Ranks − score=magnitude target=3"))
      #expect(screen.contains(/Jaccard 0\.\d\d, Spearman/))
      try shell.press("w", until: "what if score=random (2 of 2)")
      try shell.session.press("+")
      try shell.session.waitFor("a replay: what was recorded stays as it was")
      try shell.session.press("q")
      let after = try shell.expectShell(status: 0)
      #expect(after.contains("30 steps are the recorded ones, bit for bit"))
      #expect(after.contains(/module +rank +score=magnitude target=3 +score=random/))
    }

    @Test(":whatif lets a rule watch a run that trains, and off ends it")
    func live() throws {
      let shell = try RanktopShell()
      try shell.startPaused()
      try shell.command("whatif score=magnitude target=4")
      try shell.session.waitFor("│ what if score=magnitude target=4")
      try shell.press("w", untilGone: "│ what if score=magnitude")
      try shell.press("w", until: "│ what if score=magnitude target=4")
      try shell.press("n", until: "Jaccard 1.00")
      try shell.command("whatif off")
      try shell.session.wait("none") { !$0.contains("│ what if ") && $0.contains("no more what if") }
      try shell.quit()
    }
  }
}
