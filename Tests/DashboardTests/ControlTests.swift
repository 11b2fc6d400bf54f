// Who may order what: one's own run with and without checkpoints, a run of another process, a run that stands still.

import Testing

@testable import Dashboard
@testable import Training

private func run(
  _ control: RunControl, _ state: RunState = .training, at done: Int = 213, width: Int = 120, height: Int = 40,
  changed: Bool = false
) -> DashboardState {
  var run = FakeRun.demo
  if changed { run.change = (step: 120, target: 1) }
  var frame = run.frame(at: done, state: state)
  frame.control = control
  return DashboardState(frame, width: width, height: height)
}

private let kept = RunControl.own(keepsCheckpoints: true)

@Suite("Checkpoints")
struct CheckpointKeyTests {
  @Test("a run that keeps no checkpoints says so", arguments: ["s", "F", "U"])
  func without(key: String) {
    var state = run(.own(keepsCheckpoints: false), changed: true)
    #expect(state.type(key) == [])
    #expect(state.toastTexts == ["\(key): this run keeps no checkpoints"])
    #expect(!state.lines[39].contains("checkpoint"))
  }

  @Test("s writes a checkpoint, U goes back to before the last change")
  func keys() {
    var state = run(kept, changed: true)
    #expect(state.strike("s") == [.send(.checkpoint)])
    #expect(state.strike("U") == [.send(.rewind)])
    #expect(state.command("checkpoint") == [.send(.checkpoint)])
    #expect(state.command("rewind") == [.send(.rewind)])
    var unchanged = run(kept)
    #expect(unchanged.strike("U") == [])
    #expect(unchanged.toastTexts == ["U: no change to go back before"])
    state.width = 300
    #expect(state.lines[39].contains(" s checkpoint  F fork  U rewind "))
  }

  @Test("F forks the run as it is, or as it was at the moment that is shown")
  func forks() {
    var state = run(kept)
    #expect(state.strike("F") == [.send(.fork(step: nil))])
    state.command("goto 100")
    #expect(state.strike("F") == [.send(.fork(step: 101))])
    #expect(state.command("fork") == [.send(.fork(step: 101))])
    #expect(state.command("fork at 40") == [.send(.fork(step: 40))])
    #expect(state.command("fork at 214") == [])
    #expect(state.toastTexts.last == "step 214 is not done yet; 213 steps are")
  }

  @Test("b finishes in the background; without checkpoints it says why not")
  func background() {
    var state = run(kept)
    state.strike("q")
    #expect(state.screen.contains("b    finish in the background, without a screen"))
    #expect(state.screen.contains("→ s    checkpoint and stop; ranktop resume goes on"))
    #expect(state.strike("b") == [.quit(.background)])
    state.strike(.escape, "q", .up)
    #expect(state.strike(.enter) == [.quit(.background)])
    state = run(.own(keepsCheckpoints: false))
    state.strike("q")
    #expect(state.strike("b") == [])
    #expect(state.toastTexts == ["b: this run keeps no checkpoints"])
    #expect(state.screen.contains("finish in the background (this run keeps no checkpoints)"))
  }
}

@Suite("A run of another process")
struct WatchingTests {
  static let orders = [
    " ", "+", "u", "e", "s", "F", "U", ":pause", ":set beta1 0.9", ":target 1", ":evaluate", ":stop", ":step 2",
    ":checkpoint", ":fork at 3", ":rewind", ":recover", ":export svg", ":pause at 300", ":undo",
  ]

  private static func ask(_ state: inout DashboardState, _ order: String) -> [Effect] {
    order.hasPrefix(":") ? state.command(String(order.dropFirst())) : state.type(order)
  }

  @Test("read-only, every order is refused with the reason", arguments: orders)
  func readOnly(order: String) {
    for (end, reason) in [
      (RunState.training, "read-only: another process trains this run"), (.done, "the run has ended"),
      (.failed("R is nan"), "the run has ended"),
    ] {
      var state = run(.readOnly, end, at: end == .training ? 213 : 400, changed: true)
      #expect(Self.ask(&state, order) == [])
      #expect(state.toastTexts.last?.hasSuffix(reason) == true, "\(order): \(state.toastTexts)")
    }
  }

  @Test("a run that takes commands takes set, pause, resume, step and stop, and no others", arguments: orders)
  func remote(order: String) {
    var state = run(.remote, changed: true)
    let allowed: [String: Command] = [
      " ": .pause, "+": .set(.beta1, 0.9), ":pause": .pause, ":set beta1 0.9": .set(.beta1, 0.9),
      ":target 1": .set(.targetR, 1), ":stop": .stop(discard: false),
    ]
    let asked = Self.ask(&state, order)
    if let command = allowed[order] {
      #expect(asked == [.send(command)])
    } else {
      #expect(asked == [])
      let reason = order == ":step 2" ? "pause first (space)" : "it takes set, pause, resume, step and stop"
      #expect(state.toastTexts.last?.contains(reason) == true, "\(order): \(state.toastTexts)")
    }
    var paused = run(.remote, .paused)
    #expect(paused.strike(" ") == [.send(.resume)])
    #expect(paused.command("step 2") == [.send(.step(count: 2))])
    #expect(paused.command("stop discard") == [])
  }

  @Test("leaving ends nothing: no question, no order", arguments: [RunControl.readOnly, .remote])
  func leaving(control: RunControl) {
    for state in [RunState.training, .paused, .waiting("disk full"), .halted("R is nan"), .done] {
      var watching = run(control, state)
      #expect(watching.mode == .normal)
      #expect(watching.strike("q") == [.quit(.watched)])
      #expect(watching.strike(.control("c")) == [.quit(.watched)])
      #expect(watching.command("quit") == [.quit(.watched)])
      #expect(watching.command("quit keep") == [.quit(.watched)])
      #expect(watching.command("quit discard") == [])
      #expect(update(&watching, .endRequested(.terminate)) == [.quit(.requested(.terminate))])
      #expect(!watching.screen.contains("still training"))
    }
  }
}

@Suite("A run that stands still")
struct StandstillTests {
  @Test("a run that waits says so, in the header, once in a message, and to space")
  func waiting() {
    var state = run(kept)
    var frame = FakeRun.demo.frame(at: 214, state: .waiting("No space left on device"))
    frame.control = kept
    _ = update(&state, .frame(frame))
    #expect(state.lines[0].hasSuffix("○ waiting: No space left on device"))
    #expect(state.toastTexts == ["waiting: No space left on device"])
    _ = update(&state, .tick(seconds: 10))
    _ = update(&state, .frame(frame))
    #expect(state.toasts.isEmpty && state.mode == .normal)
    #expect(state.strike(" ") == [])
    #expect(state.toastTexts == ["space: it waits and goes on by itself: No space left on device"])
    #expect(state.command("resume") == [])
    #expect(!state.isOver)
  }

  @Test("a run that is halted asks how to go on: enter takes half the rate")
  func recovers() {
    var state = run(kept)
    var frame = FakeRun.demo.frame(at: 214, state: .halted("the loss is nan in layer 2"))
    frame.control = kept
    _ = update(&state, .frame(frame))
    #expect(state.mode == .halted(choice: .recover))
    #expect(state.lines[0].hasSuffix("× halted: the loss is nan in layer 2"))
    #expect(state.screen.contains("→ y    go on from the last checkpoint with half its rate"))
    #expect(!state.isOver)
    var other = state
    #expect(state.strike(.enter) == [.send(.recover(learningRate: nil))])
    #expect(state.mode == .normal)
    // With another rate.
    other.strike("r")
    other.type("1e-4")
    #expect(other.strike(.enter) == [.send(.recover(learningRate: 1e-4))])
    // It goes on: the question goes by itself.
    other.mode = .halted(choice: .look)
    frame.state = .training
    _ = update(&other, .frame(frame))
    #expect(other.mode == .normal)
    #expect(other.command("recover") == [])
    #expect(other.toastTexts.last == "nothing to recover from: the run is not halted")
  }

  @Test("esc lets every panel be looked at; space asks again; nothing else trains")
  func looks() {
    var state = run(kept, .halted("R is nan"))
    #expect(state.strike(.escape) == [])
    for panel in Panel.allCases {
      state.type(String(panel.rawValue))
      #expect(state.focus == panel && state.screen.contains("╔═ \(panel.rawValue) \(panel.title)"))
    }
    state.strike("<")
    #expect(state.scrubbedStep == 211)
    for order in ["n", "+", "s"] {
      #expect(state.type(order) == [])
      #expect(state.toastTexts.last?.hasSuffix("the run is halted; :recover goes on from the last checkpoint") == true)
    }
    #expect(state.lines[39].contains(" space go on "))
    state.strike(" ")
    #expect(state.mode == .halted(choice: .recover))
    state.strike(.down, .down)
    #expect(state.strike(.enter) == [.send(.stop(discard: false)), .quit(.keep)])
    state.strike("q")
    #expect(state.mode == .halted(choice: .quit))
    #expect(state.strike(.control("c")) == [.send(.stop(discard: false)), .quit(.interrupted)])
  }

  @Test("80×24, halted")
  func golden() {
    let state = run(
      kept, .halted("step 213: the gradient of bert.encoder.layer.1.attention.self.query is nan"), width: 80, height: 24
    )
    #expect(state.screen == Golden.halted80)
  }

  @Test("a long reason leaves the run its name", arguments: [80, 200])
  func longReason(width: Int) {
    let why = "bert.encoder.layer.1.attention.self.query.weight has a gradient that is not finite, in this very step"
    let state = run(.readOnly, .halted(why), width: width, height: 60)
    #expect(state.lines[0].contains("ranktop  demo-1") && state.lines[0].contains("× halted: bert.encoder"))
    #expect(state.lines[0].contains("…"))
  }
}
