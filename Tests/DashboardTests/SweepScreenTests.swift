// The table of a sweep: what it shows, how it is ordered, filtered, marked, and left.

import Kernels
import Models
import Testing

@testable import Dashboard
@testable import Training

@Suite("The table of a sweep")
struct SweepScreenTests {
  @Test("80×24, in the middle of a sweep: what it is, how far it is, and a row a run")
  func middle() {
    let screen = FakeSweep.state().screen
    for part in [
      "paper │ sweep of 8 runs, 2 at once", "3 done  2 running  2 waiting  1 failed", "■ done", "● running",
      "○ waiting", "× failed", "200/400", "0.8100", "1m15s", "runs/paper/AdaLoRA-target_r=1-s0-1", "q quit",
    ] { #expect(screen.contains(part), "\(part)\n\(screen)") }
  }

  @Test("wider screens show more columns")
  func wide() {
    let titles = { (width: Int) in FakeSweep.state(width: width, height: 40).columns.map(\.column.title) }
    #expect(titles(80) == ["variant", "settings", "seed", "state", "step", "loss", "accuracy", "time", "left"])
    #expect(titles(132).count == SweepColumn.allCases.count)
    let screen = FakeSweep.state(width: 160, height: 40).screen
    for part in ["memory", "642MB", "110.6k", "31.50", "0.5000", "0.7500"] { #expect(screen.contains(part), "\(part)") }
  }

  @Test("names are cut only where no other column can give way, and what nothing is known of has no column")
  func room() {
    let runs = [
      FakeSweep.run("AdaLoRA sensitivity", 1, 0, .done), FakeSweep.run("AdaLoRA sensitivity", 2, 20000, .waiting),
    ]
    let state = FakeSweep.state(FakeSweep.frame(runs))
    #expect(
      state.columns.map(\.column) == [.variant, .cell, .seed, .state, .step, .loss, .accuracy])
    #expect(state.screen.contains("AdaLoRA sensitivity target_r=1     0 ■ done"))
    var run = FakeSweep.run(String(repeating: "v", count: 90), 1, 0, .waiting)
    run.cell = ""
    run.totalSteps = 1_000_000
    let wide = FakeSweep.state(FakeSweep.frame([run]), width: 100).columns
    #expect(wide.map(\.column) == [.variant, .seed, .state, .step])
    #expect(wide.map(\.width) == [62, 5, 9, 15] && wide.map(\.x) == [0, 63, 69, 79])
  }

  @Test("s walks through the columns and back to the order of running; r turns round; what has no value comes last")
  func order() {
    var state = FakeSweep.state()
    #expect(state.titles.first == "AdaLoRA 1 0" && state.titles.last == "LoRA 2 1")
    state.strike("r")
    #expect(state.titles.first == "LoRA 2 1")
    for _ in 0..<7 { state.strike("s") }
    #expect(state.order == .accuracy && !state.isReversed && state.screen.contains("accuracy▲"))
    #expect(state.titles.prefix(3) == ["AdaLoRA 1 0", "LoRA 1 0", "AdaLoRA 2 0"])
    state.strike("r")
    #expect(state.titles.prefix(4) == ["AdaLoRA 2 0", "AdaLoRA 1 0", "LoRA 1 0", "LoRA 2 0"])
    #expect(state.screen.contains("accuracy▼"))
    state.strike("s", "s", "s")
    #expect(state.order == nil)
    state.strike("S")
    #expect(state.order == .left)
    state.strike("S", "S", "S", "S", "S", "S")
    #expect(state.order == .seed && state.titles[3] == "LoRA 2 0")
  }

  @Test("a filter narrows the table by name, settings, seed and state; esc takes it back")
  func filter() {
    var state = FakeSweep.state()
    state.strike("/")
    state.type("lora seed=1")
    #expect(state.titles == ["AdaLoRA 1 1", "AdaLoRA 2 1", "LoRA 1 1", "LoRA 2 1"])
    #expect(state.screen.contains("4 of 8 runs"))
    state.type(" running")
    #expect(state.titles.count == 2)
    state.strike(.enter)
    #expect(state.screen.contains("/lora seed=1 running 2 of 8"))
    state.strike(.escape)
    #expect(state.titles.count == 8)
    state.strike("/")
    state.type("nothing")
    #expect(state.visible.isEmpty && state.screen.contains("no run"))
    state.strike(.escape)
    #expect(state.filter.isEmpty)
  }

  @Test("marked runs stay marked, and the command that compares them names their folders")
  func marks() {
    var state = FakeSweep.state()
    state.strike("c")
    #expect(state.mode == .comparing(command: "ranktop compare runs/paper"))
    state.strike(.escape, " ", " ")
    #expect(state.marked.count == 2 && state.selectedRun?.variant == "LoRA" && state.screen.contains("2 marked"))
    state.strike("c")
    #expect(
      state.mode
        == .comparing(
          command: "ranktop compare runs/paper/AdaLoRA-target_r=1-s0-1 runs/paper/AdaLoRA-target_r=2-s0-1"))
    #expect(state.screen.contains("compare the marked runs with"))
    state.strike("q", "a")
    #expect(state.marked.count == 8)
    state.strike("a")
    #expect(state.marked.isEmpty)
    state.strike(" ")
    _ = update(&state, .frame(FakeSweep.frame(Array(FakeSweep.runs.dropFirst(3)))))
    #expect(state.marked.isEmpty)
  }

  @Test("enter opens a run that was begun, and says why it cannot open another")
  func opens() {
    var state = FakeSweep.state()
    #expect(state.strike(.down, .enter) == [.open(folder: "AdaLoRA-target_r=2-s0-1")])
    #expect(state.strike(.end, .enter) == [])
    #expect(state.toasts.map(\.text) == ["enter: the run has not begun"])
    #expect(!state.screen.contains(" enter open"))
    #expect(
      update(&state, .input(.mouse(.init(x: 10, y: 6, action: .doublePress))))
        == [.open(folder: "LoRA-target_r=1-s0-1")])
  }

  @Test("a selected run stays selected while the order changes, and is kept in view")
  func selection() {
    let runs = (0..<60).map { FakeSweep.run("v", $0 % 4, $0, .done) }
    var state = FakeSweep.state(FakeSweep.frame(runs))
    state.strike(.end)
    #expect(state.selectedRun?.seed == 59 && state.screen.contains("v target_r=3 seed 59"))
    state.strike("r")
    #expect(state.selectedRun?.seed == 59 && state.scroll == 0)
    state.strike(.pageDown)
    #expect(state.selectedRun?.seed == 59 - (state.layout.capacity - 1))
    _ = update(&state, .input(.mouse(.init(x: 10, y: 10, action: .wheelDown))))
    #expect(state.selectedRun?.seed == 58 - (state.layout.capacity - 1))
  }

  @Test("leaving asks while runs of this process are under way, and never where another process drives them")
  func leaving() {
    var state = FakeSweep.state()
    #expect(state.strike("q") == [] && state.mode == .quitting)
    #expect(state.screen.contains("2 running, 2 waiting") && state.screen.contains("esc   go on"))
    #expect(state.strike(.escape) == [] && state.mode == .normal)
    #expect(state.strike(.control("c"), .control("c")) == [.end(.stop)])
    #expect(update(&state, .endRequested(.hangUp)) == [.end(.requested(.hangUp))])
    state = FakeSweep.state(isOwn: false)
    #expect(state.strike("q") == [.end(.left)])
    state = FakeSweep.state(FakeSweep.frame(Array(FakeSweep.runs.prefix(4))))
    #expect(state.strike("q") == [.end(.left)] && state.screen.contains("■ over"))
    state = FakeSweep.state(nil)
    #expect(state.screen.contains("looking at the runs") && state.strike("q") == [])
  }

  @Test("what fails is said when it fails, and why it failed stands below")
  func failing() {
    var state = FakeSweep.state(FakeSweep.frame(FakeSweep.runs.map { $0.seed == 0 ? $0 : $0 }))
    #expect(state.toasts.isEmpty)
    var runs = FakeSweep.runs
    runs[4] = FakeSweep.run("AdaLoRA", 1, 1, .failed)
    _ = update(&state, .frame(FakeSweep.frame(runs)))
    #expect(
      state.toasts.map(\.text) == ["AdaLoRA target_r=1 seed 1 failed: the loss is not finite at step 200"])
    state.strike(.down, .down, .down)
    #expect(state.screen.contains("why   the loss is not finite at step 200"))
    _ = update(&state, .tick(seconds: 100))
    #expect(state.toasts.isEmpty)
    var frame = FakeSweep.frame()
    frame.trouble = "sweep.sqlite: cannot be read: the database is damaged"
    _ = update(&state, .frame(frame))
    #expect(FakeSweep.state(frame, width: 160).screen.contains("the database is damaged"))
  }

  @Test("no key has two meanings in one place; the help lists them all, the footer what works now")
  func keys() throws {
    var seen: Set<String> = []
    for binding in SweepBindings.table {
      for key in binding.keys { #expect(seen.insert("\(binding.context) \(key)").inserted, "\(binding.label)") }
    }
    let state = FakeSweep.state(width: 200, height: 60)
    let help = state.helpLines.map { $0.runs.map(\.text).joined() }
    for binding in SweepBindings.table {
      #expect(help.contains { $0.contains(binding.label) && $0.contains(binding.description) }, "\(binding.label)")
    }
    let footer = try #require(state.screen.split(separator: "\n").last) + " "
    for binding in SweepBindings.table where binding.context == .table && !binding.short.isEmpty {
      #expect(footer.contains(" \(binding.label) \(binding.short) "))
    }
  }

  @Test("text from outside is drawn in cells of its own, on any screen")
  func hostile() {
    var run = FakeSweep.run("漢字\u{1B}[31m", 1, 0, .failed)
    run.reason = String(repeating: "漢 ", count: 2000)
    run.cell = String(repeating: "x", count: 3000)
    var generator = RandomSource(seed: 7)
    func pick(_ count: Int) -> Int { Int(generator.next() % UInt64(count)) }
    let keys = Array(Set(SweepBindings.table.flatMap(\.keys))).sorted { "\($0)" < "\($1)" }
    let frames = [[], [run], FakeSweep.runs, FakeSweep.runs + [run]].map { FakeSweep.frame($0) }
    var state = FakeSweep.state(frames[3])
    for round in 0..<5000 {
      switch pick(10) {
      case 0: _ = update(&state, .frame(frames[pick(4)]))
      case 1: _ = update(&state, .input(.resize(width: pick(200), height: pick(60))))
      case 2:
        _ = update(&state, .input(.mouse(.init(x: pick(200), y: pick(60), action: [.press, .wheelDown][pick(2)]))))
      default: state.strike(keys[pick(keys.count)])
      }
      let wrong = state.canvas([.ascii, .blocks, .braille][round % 3]).cells.first {
        Glyphs.shown($0.glyph, at: .braille) != $0.glyph
      }
      if let wrong {
        Issue.record("round \(round): a cell holds \(wrong.glyph.value)")
        return
      }
    }
  }

  @Test("the loop opens a run over the table and comes back to it, at the size that the terminal has then")
  func loop() {
    let frames = Mailbox<SweepFrame>()
    frames.post(FakeSweep.frame())
    let terminal = InMemoryTerminal(width: 80, height: 24, events: [.key(.enter), .key("j"), .key(.enter)])
    var opened: [String] = []
    let loop = SweepLoop(
      terminal: terminal, mailbox: frames, folder: "runs/paper", isOwn: true,
      open: { folder throws(InputError) in
        opened.append(folder)
        if opened.count == 2 { throw InputError(.missing, file: folder, "is gone") }
        #expect(terminal.frames.count == 1)
        terminal.show(Canvas(width: 80, height: 24))
        return .watched
      },
      clock: {
        // What was drawn after the second is seen; then the sweep is stopped.
        if terminal.text.contains("is gone"), terminal.events.isEmpty { terminal.events = [.key("q"), .key("s")] }
        return 0
      })
    #expect(loop.run() == .stop)
    #expect(opened == ["AdaLoRA-target_r=1-s0-1", "AdaLoRA-target_r=2-s0-1"])
    #expect(loop.state.toasts.map(\.text) == ["AdaLoRA-target_r=2-s0-1: is gone"])
  }
}
