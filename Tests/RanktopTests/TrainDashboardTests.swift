// `ranktop train` under the dashboard.

import Foundation
import Testing

extension EndToEnd {
  @Suite(.serialized) struct TrainDashboard {
    @Test("a run with evaluations goes to its end, stays on the screen, and leaves adapter and summary")
    func whole() throws {
      let shell = try RanktopShell()
      let tiny = try TinyExperiment(steps: 30, evalEvery: 10)
      try shell.launch("train \(tiny.path) --runs \(tiny.runs) > summary.json", environment: "A=1")
      // Standard output is a file: no dashboard.
      try shell.session.waitFor("adapter ")
      try shell.start("train \(tiny.path) --runs \(tiny.runs)")
      let screen = try shell.session.wait("the end") { $0.contains("■ done") }
      #expect(screen.contains("accuracy") && screen.contains("tiny-2"))
      try shell.press("6", until: "╔═ 6 Events")
      let events = try shell.press("z", untilGone: " Ranks ")
      #expect(events.components(separatedBy: "○ evaluation").count == 4)
      #expect(events.contains("30 ■ finished     30 steps done"))
      try shell.press("z", until: " Ranks ")
      try shell.session.press("q")
      let after = try shell.expectShell(status: 0)
      #expect(tiny.exists("runs/tiny-2/adapter/adapter_model.safetensors"))
      #expect(after.contains("\"steps\":30"))
      #expect(after.replacing("\n", with: "").contains("adapter \(tiny.runs)/tiny-2/adapter"))
      let log = try String(contentsOfFile: tiny.runs + "/tiny-2/log.txt", encoding: .utf8)
      #expect(log.contains("evaluation: loss"))
    }

    @Test("SIGTERM in the middle leaves the adapter, with the status of the signal")
    func terminate() throws {
      let shell = try RanktopShell()
      let tiny = try TinyExperiment(steps: 1_000_000, evalEvery: 0)
      try shell.start("train \(tiny.path) --runs \(tiny.runs)")
      try shell.session.wait("some steps") { RanktopShell.step(in: $0) ?? 0 >= 3 }
      kill(try shell.pid(), SIGTERM)
      try shell.session.waitFor("stopped after")
      try shell.expectShell(status: 143)
      #expect(tiny.exists("runs/tiny-1/adapter/adapter_model.safetensors"))
    }

    @Test("discarded, it leaves no adapter; the end need not wait for an evaluation")
    func discard() throws {
      let shell = try RanktopShell()
      // Minutes of evaluation after every step.
      let tiny = try TinyExperiment(steps: 100, evalEvery: 1, evalSize: 400_000)
      try shell.start("train \(tiny.path) --runs \(tiny.runs) --trace trace.jsonl")
      try shell.session.waitFor("● evaluating")
      try shell.press("q", until: "still training")
      try shell.session.press("d")
      try shell.session.waitFor("stopped after")
      try shell.expectShell(status: 0)
      #expect(!tiny.exists("runs/tiny-1/adapter"))
      let rows = try Trace.read(shell.folder + "/trace.jsonl")
      #expect(rows.allSatisfy { $0["eval"] == nil })
    }

    @Test("after a crash the place of the run is told")
    func crash() throws {
      let shell = try RanktopShell()
      let tiny = try TinyExperiment(steps: 1_000_000, evalEvery: 0)
      try shell.start("train \(tiny.path) --runs \(tiny.runs)")
      kill(try shell.pid(), SIGSEGV)
      let screen = try shell.session.waitFor("ranktop ended by SIGSEGV: a wrong memory access.")
      #expect(screen.replacing("\n", with: "").contains("the run is in \(tiny.runs)/tiny-1"))
      try shell.expectShell(status: 139)
    }

    @Test("an error in the middle is told on the screen, then after it, with the terminal given back")
    func failing() throws {
      let shell = try RanktopShell()
      let tiny = try TinyExperiment(steps: 1_000_000, evalEvery: 0)
      try shell.start("train \(tiny.path) --runs \(tiny.runs) --trace /dev/full")
      try shell.session.wait("the warning") {
        $0.contains("■ stopped") && $0.contains("warning") && $0.contains("/dev/full")
      }
      try shell.session.press("q")
      let screen = try shell.expectShell(status: 73)
      #expect(screen.contains("ranktop: /dev/full: cannot be written: No space left on device"))
    }
  }
}
