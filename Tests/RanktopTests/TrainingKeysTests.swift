// The keys that steer the run, in the real program.

import Foundation
import Testing

extension EndToEnd {
  @Suite(.serialized) struct TrainingKeys {
    @Test("space pauses and resumes; n, :step and :pause at stop where they say")
    func pausing() throws {
      let shell = try RanktopShell()
      try shell.startPaused()
      let first = try shell.stepsDone()
      try shell.session.press("n")
      try shell.session.waitFor("step \(first + 1)/")
      try shell.command("step 10")
      let screen = try shell.session.wait("ten steps") {
        $0.contains("step \(first + 11)/") && $0.contains("○ paused\n")
      }
      #expect(screen.contains("after \(first + 11) steps"))
      try shell.command("pause at \(first + 31)")
      try shell.session.waitFor("will pause when \(first + 31) steps are done")
      try shell.session.press("Space")
      try shell.session.wait("the pause") { $0.contains("step \(first + 31)/") && $0.contains("○ paused\n") }
      try shell.press("Space", until: "training")
      try shell.session.wait("more steps") { RanktopShell.step(in: $0) ?? 0 > first + 31 }
      try shell.quit()
    }

    @Test("a change is told with its step, has effect from exactly that step, and is taken back by u")
    func changes() throws {
      let shell = try RanktopShell()
      let trace = shell.folder + "/trace.jsonl"
      try shell.start(RanktopShell.demo + " --trace \(trace)")
      try shell.session.wait("some steps") { RanktopShell.step(in: $0) ?? 0 >= 3 }
      try shell.session.press("+")
      let screen = try shell.session.wait("the change") { $0.contains(/β₁ 0\.85→0\.90 at step \d/) }
      let told = try #require(screen.firstMatch(of: /→0\.90 at step (\d+)/))
      let step = try #require(Int(told.1))
      try shell.press("Space", until: "○ paused\n")
      let row = try shell.session.text().line(with: "intervention")
      #expect(row.contains("\(step) → intervention") && row.contains("beta1 0.85 → 0.9"))
      let stop = try shell.stepsDone()
      try shell.press("u", until: "0.90→0.85 at step \(stop)")
      try shell.session.waitFor("beta1 0.9 → 0.85 (taken back)")
      try shell.press("n", until: "step \(stop + 1)/")
      let rows = try Trace.read(trace)
      #expect(step > 0 && stop >= step && rows.count == stop + 1)
      for (index, row) in rows.enumerated() {
        #expect(row["beta1"] as? Double == (index >= step && index < stop ? 0.9 : 0.85), "step \(index)")
      }
      try shell.quit()
    }

    @Test("[ and ] choose each parameter, + and - and their neighbours change it")
    func parameters() throws {
      let shell = try RanktopShell()
      let trace = shell.folder + "/trace.jsonl"
      try shell.startPaused(RanktopShell.demo + " --trace \(trace)")
      let step = try shell.stepsDone()
      try shell.press("-", until: "[β₁ 0.85→0.80 at step \(step)]")
      try shell.press("]", until: "[β₂ 0.85]")
      try shell.press("=", until: "[β₂ 0.85→0.90 at step \(step)]")
      try shell.press("]", until: "[γ 0.1]")
      try shell.press("+", until: "[γ 0.1→0.125 at step \(step)]")
      try shell.press("]", until: "[η 5e-3]")
      try shell.press("_", until: "[η 5e-3→4e-3 at step \(step)]")
      try shell.press("]", until: "[ΔT 5]")
      try shell.press("+", until: "[ΔT 5→6 at step \(step)]")
      try shell.press("]", until: "[target 2]")
      try shell.press("+", until: "[target 2→3 at step \(step)]")
      try shell.press("[", until: "[ΔT ")
      try shell.press("n", until: "step \(step + 1)/")
      let rows = try Trace.read(trace)
      let row = try #require(rows.last)
      let expected = [
        "step": Double(step), "beta1": 0.8, "beta2": 0.9, "orth_reg_weight": 0.125, "lr": 0.004, "deltaT": 6,
        "target_r": 3,
      ]
      for (name, value) in expected { #expect((row[name] as? NSNumber)?.doubleValue == value, "\(name)") }
      try shell.quit()
    }

    @Test("what cannot be is refused with its reason")
    func refusals() throws {
      let shell = try RanktopShell()
      try shell.startPaused("demo --steps 600 --threads 1")
      for (line, reason) in [
        ("set beta1 2", "must lie between 0 and 1"), ("target 99", "must be at most the initial rank 6"),
        ("sett beta1 0.9", "did you mean set?"), ("set nonsense 1", "nothing is called nonsense"),
        ("pause at 0", "step 0 is over"), ("evaluate", "this run has no evaluation"),
        ("undo", "no change to take back"),
      ] {
        try shell.command(line)
        try shell.session.wait("a refusal of \(line)") { $0.contains(reason) }
      }
      try shell.session.press("s")
      try shell.session.waitFor("s: this run keeps no checkpoints")
      // The target is fixed in the last phase.
      try shell.command("pause at 460")
      try shell.session.press("Space")
      try shell.session.wait("the last phase") { $0.contains("○ paused\n") && $0.contains(" final") }
      try shell.command("target 3")
      try shell.session.waitFor("the target is fixed after T − t_f = 450")
      // It comes to its end while the dashboard is open, which then closes without a question.
      try shell.press("Space", until: "■ done")
      try shell.session.waitFor("600 steps done")
      try shell.session.press("Space")
      try shell.session.waitFor("the run is over")
      // Snapshots of the end can still be taken.
      try shell.press("e", until: "snapshot in snapshots/demo-step-600")
      try shell.session.press("q")
      let screen = try shell.expectShell(status: 0)
      #expect(screen.contains("rank correlation"))
    }

    @Test(
      "each answer to q ends as it says",
      arguments: [
        (["s"], 0, "stopped after"), (["d"], 0, "stopped after"), (["Enter"], 0, "stopped after"),
        (["C-c"], 130, "stopped after"),
      ])
    func answers(keys: [String], status: Int32, message: String) throws {
      let shell = try RanktopShell(width: 80, height: 24)
      try shell.start()
      try shell.press("q", until: "still training")
      try shell.press("Escape", untilGone: "still training")
      try shell.press("C-c", until: "still training")
      try shell.press("b", until: "b: this run keeps no checkpoints")
      for key in keys { try shell.session.press(key) }
      #expect(try shell.expectShell(status: status).contains(message))
    }

    @Test("pressed at once after the start, q and its answer are not lost")
    func quickEnd() throws {
      let shell = try RanktopShell(width: 80, height: 24)
      try shell.launch()
      // Typed ahead, the keys wait in the terminal or are the shell's.
      try shell.session.wait("the screen") { _ in try shell.session.modes().isAlternate }
      try shell.session.press("q", "s")
      try shell.session.wait("the end") { $0.contains("stopped after") }
      try shell.expectShell(status: 0)
    }
  }
}
