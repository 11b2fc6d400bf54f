// The command line and `--at`: what is understood, what is refused and in which words, what tab offers.

import Testing

@testable import Dashboard
@testable import Training

@Suite("The command language")
struct CommandLanguageTests {
  static let understood: [(String, Statement)] = [
    ("pause", .command(.pause)),
    (":pause", .command(.pause)),
    ("pause at 600", .command(.pauseAt(step: 600))),
    ("  resume ", .command(.resume)),
    ("step", .command(.step(count: 1))),
    ("step 10", .command(.step(count: 10))),
    ("set beta1 0.9", .command(.set(.beta1, 0.9))),
    ("set beta1=0.9", .command(.set(.beta1, 0.9))),
    ("set β₂ 0.5", .command(.set(.beta2, 0.5))),
    ("set gamma 0", .command(.set(.orthRegWeight, 0))),
    ("set orth_reg_weight 0.5", .command(.set(.orthRegWeight, 0.5))),
    ("set lr 1e-3", .command(.set(.learningRate, 1e-3))),
    ("set eta 1e-3", .command(.set(.learningRate, 1e-3))),
    ("SET DELTAT 20", .command(.set(.deltaT, 20))),
    ("target 3", .command(.set(.targetR, 3))),
    ("target 2.5", .command(.set(.targetR, 2.5))),
    ("undo", .command(.undo)),
    ("evaluate", .command(.evaluate)),
    ("export", .command(.export(formats: []))),
    ("export all", .command(.export(formats: []))),
    ("export svg csv", .command(.export(formats: ["svg", "csv"]))),
    ("stop", .command(.stop(discard: false))),
    ("stop discard", .command(.stop(discard: true))),
    ("quit", .quit(discard: nil)),
    ("q", .quit(discard: nil)),
    ("quit discard", .quit(discard: true)),
    ("quit keep", .quit(discard: false)),
    ("help", .help(nil)),
    ("help budget", .help(.budget)),
    ("focus 2", .focus(.importance)),
    ("filter layer.3 query", .filter("layer.3 query")),
    ("filter", .filter("")),
    ("goto 120", .goTo(step: 120)),
    ("live", .live),
    ("checkpoint", .command(.checkpoint)),
    ("fork", .fork),
    ("fork at 120", .command(.fork(step: 120))),
    ("rewind", .command(.rewind)),
    ("recover", .command(.recover(learningRate: nil))),
    ("recover 1e-4", .command(.recover(learningRate: 1e-4))),
    ("beside sst2-lora-1", .beside("sst2-lora-1")),
    (":beside ../runs/lr=1e-3 b", .beside("../runs/lr=1e-3 b")),
    ("alone", .alone),
  ]

  @Test("a command line means one statement", arguments: understood)
  func understands(text: String, statement: Statement) throws {
    #expect(try CommandLanguage.parse(text, initialRank: 6) == statement)
  }

  static let refused: [(String, String)] = [
    ("", "an empty command"),
    ("paus", "no command paus; did you mean pause?"),
    ("frobnicate", "no command frobnicate; tab lists them"),
    ("pause now", "pause [at STEP], not now"),
    ("pause at soon", "pause at STEP: which step? a whole number of at least 0"),
    ("step 0", "step N: how many steps? a whole number of at least 1"),
    ("set", "set NAME VALUE: one of beta1, beta2, gamma, lr, deltaT, target"),
    ("set alpha 3", "nothing is called alpha; one of beta1, beta2, gamma, lr, deltaT, target"),
    ("set beta1", "beta1 needs one value, such as 0.9"),
    ("set beta1 much", "much is not a number"),
    ("set beta1 1", "beta1 1 must lie between 0 and 1"),
    ("set beta1 nan", "beta1 must be a finite number"),
    ("set gamma -0.1", "gamma -0.1 must be at least 0"),
    ("set lr 0", "lr 0 must be above 0"),
    ("set deltaT 2.5", "deltaT 2.5 must be a whole number of at least 1"),
    ("target 7", "target 7 must be at most the initial rank 6"),
    ("target -1", "target -1 must be at least 0"),
    ("export png", "export png: one of json, csv, svg, txt, adapter"),
    ("undo all", "undo takes nothing after it, not all"),
    ("stop now", "stop [keep|discard], not now"),
    ("fork 12", "fork [at STEP], not 12"),
    ("fork at -1", "fork at STEP: which step? a whole number of at least 0"),
    ("recover fast", "recover [RATE]: a learning rate such as 1e-4, not fast"),
    ("recover 0", "lr 0 must be above 0"),
    ("beside", "beside RUN: which run, by its name or folder?"),
    ("focus 7", "focus PANEL: one of ranks, importance, budget, training, triplet, events"),
  ]

  @Test("a refusal is one sentence that says what was expected", arguments: refused)
  func refuses(text: String, problem: String) {
    #expect(throws: CommandLanguage.Problem(text: problem)) { try CommandLanguage.parse(text, initialRank: 6) }
  }

  @Test("a scheduled command is a step and a command for the training loop")
  func schedules() throws {
    let scheduled = try CommandText.scheduled("120:set beta1 0.9")
    #expect(scheduled.step == 120)
    #expect(scheduled.command == .set(.beta1, 0.9))
    #expect(throws: CommandLanguage.Problem.self) { try CommandText.scheduled("set beta1 0.9") }
    #expect(throws: CommandLanguage.Problem.self) { try CommandText.scheduled("-1:pause") }
    #expect(throws: CommandLanguage.Problem(text: "live is not a command for the training loop")) {
      try CommandText.scheduled("3:live")
    }
    #expect(try CommandText.scheduled("3:checkpoint").command == .checkpoint)
    for text in ["fork", "fork at 2", "rewind", "recover", "recover 1e-4"] {
      let problem = "\(text) cannot be scheduled: a run does it only when it is told to"
      #expect(throws: CommandLanguage.Problem(text: problem)) { try CommandText.scheduled("3:" + text) }
    }
  }

  @Test("every entry of the help is understood in its shortest form")
  func entriesAreUnderstood() throws {
    let arguments = [
      "set": "set beta1 0.5", "target": "target 1", "goto": "goto 1", "focus": "focus ranks", "beside": "beside b-1",
      "whatif": "whatif off",
    ]
    for entry in CommandLanguage.entries {
      let text = arguments[entry.name] ?? entry.name
      _ = try CommandLanguage.parse(text)
      let scheduled = try? CommandText.scheduled("7:" + text)
      #expect((scheduled != nil) == entry.canBeScheduled, "\(text)")
      #expect(entry.usage.hasPrefix(entry.name))
    }
  }

  static let completed: [(String, [String])] = [
    ("p", ["pause"]),
    ("s", ["step", "set", "stop"]),
    ("set ", ["beta1", "beta2", "gamma", "lr", "deltaT", "target"]),
    ("set b", ["beta1", "beta2"]),
    ("set beta1 ", ["0.85"]),
    ("target ", ["2"]),
    ("pause ", ["at"]),
    ("export svg ", ["json", "csv", "txt", "adapter"]),
    ("focus t", ["training", "triplet"]),
    ("quit ", ["keep", "discard"]),
    ("zzz", []),
    ("undo ", []),
    ("fork ", ["at"]),
    ("re", ["resume", "rewind", "recover"]),
    ("recover ", ["5e-4"]),
  ]

  @Test("tab offers what can stand next", arguments: completed)
  func completes(text: String, candidates: [String]) {
    #expect(
      CommandLanguage.completions(for: text, values: [.beta1: 0.85, .targetR: 2, .learningRate: 1e-3]) == candidates)
  }

  @Test("tab walks through the candidates and shift-tab back; a single one is finished with a blank")
  func walks() {
    var state = DashboardState(FakeRun.demo.frame(at: 20))
    func text(_ state: DashboardState) -> String? {
      if case .command(let editor, _, _) = state.mode { editor.text } else { nil }
    }
    state.strike(":")
    state.type("s")
    state.strike(.tab)
    #expect(text(state) == "step")
    state.strike(.tab)
    #expect(text(state) == "set")
    state.strike(.backTab)
    #expect(text(state) == "step")
    state.strike(.control("u"))
    state.type("unk")
    state.strike(.tab)
    #expect(text(state) == "unk")
    state.strike(.control("u"))
    state.type("set beta1")
    state.strike(.tab, .tab)
    #expect(text(state) == "set beta1 0.85 ")
  }

  @Test("the command line recalls what was typed before")
  func recalls() {
    var state = DashboardState(FakeRun.demo.frame(at: 20))
    func text(_ state: DashboardState) -> String? {
      if case .command(let editor, _, _) = state.mode { editor.text } else { nil }
    }
    state.command("target 1")
    state.command("live")
    state.strike(":", .up)
    #expect(text(state) == "live")
    state.strike(.up)
    #expect(text(state) == "target 1")
    state.strike(.up)
    #expect(text(state) == "target 1")
    state.strike(.down, .down)
    #expect(text(state) == "")
    state.strike(.escape)
    #expect(state.mode == .normal)
  }

  @Test("a line is edited at its cursor")
  func edits() {
    var line = LineEditor("set beta1 0.9")
    _ = line.edit(.control("w"))
    #expect(line.text == "set beta1 ")
    _ = line.edit(.home)
    _ = line.edit(.character("x"))
    _ = line.edit(.delete)
    #expect(line.text == "xet beta1 ")
    _ = line.edit(.end)
    _ = line.edit(.backspace)
    _ = line.edit(.left)
    _ = line.edit(.control("k"))
    #expect(line.text == "xet beta")
    _ = line.edit(.control("u"))
    #expect(line.text == "")
    let isTaken = line.edit(.tab)
    #expect(!isTaken)
  }
}

@Suite("Values")
struct ValueTests {
  static let steps: [(Hyperparameter, Double, Bool, Double?)] = [
    (.beta1, 0.85, true, 0.9), (.beta1, 0.9, true, 0.91), (.beta1, 0.98, true, 0.99), (.beta1, 0.99, true, 0.991),
    (.beta1, 0.999, true, nil), (.beta1, 0.991, false, 0.99), (.beta1, 0.95, false, 0.94), (.beta1, 0.9, false, 0.85),
    (.beta2, 0.05, false, 0.04), (.beta2, 0.01, false, nil),
    (.orthRegWeight, 0, true, 0.01), (.orthRegWeight, 0.1, true, 0.125), (.orthRegWeight, 0.01, false, 0),
    (.orthRegWeight, 0, false, nil),
    (.learningRate, 1e-3, true, 1.25e-3), (.learningRate, 1e-3, false, 8e-4),
    (.deltaT, 5, true, 6), (.deltaT, 10, true, 20), (.deltaT, 15, false, 10), (.deltaT, 10, false, 9),
    (.deltaT, 1, false, nil),
    (.targetR, 2, true, 3), (.targetR, 2.5, true, 3), (.targetR, 2.5, false, 2), (.targetR, 6, true, nil),
    (.targetR, 0, false, nil), (.targetR, 5.5, true, 6),
  ]

  @Test("a key changes a value by a sensible step and stops at the bound", arguments: steps)
  func step(parameter: Hyperparameter, value: Double, up: Bool, expected: Double?) throws {
    let next = parameter.stepped(value, up: up, initialRank: 6)
    if let expected { #expect(abs(try #require(next) - expected) < 1e-9) } else { #expect(next == nil) }
  }

  @Test("numbers are short and never lose their meaning")
  func numbers() {
    #expect(NumberText.fixed(0.854, 2) == "0.85")
    #expect(NumberText.fixed(-0.001, 2) == "0.00")
    #expect(NumberText.fixed(-1.5, 1) == "−1.5")
    #expect(NumberText.fixed(.nan, 2) == "nan")
    #expect(NumberText.scientific(1.234e-9) == "1.23e-9")
    #expect(NumberText.scientific(9.996e-9) == "1.00e-8")
    #expect(NumberText.scientific(0) == "0")
    #expect(NumberText.scientific(-.infinity) == "−inf")
    #expect(NumberText.short(0.02204) == "0.0220")
    #expect(NumberText.short(1234567) == "1.23e6")
    #expect(NumberText.plain(1e-3) == "1e-3")
    #expect(NumberText.plain(1.25e-3) == "1.25e-3")
    #expect(NumberText.plain(0.125) == "0.125")
    #expect(NumberText.plain(20) == "20")
    #expect(NumberText.count(12_345) == "12.3k")
    #expect(NumberText.count(999_960) == "1.00M")
    #expect(NumberText.duration(192) == "3m12s")
    #expect(NumberText.duration(7505) == "2h05m")
    #expect(NumberText.duration(.infinity) == "?")
    #expect(NumberText.factor(0.41) == "×0.41")
    #expect(NumberText.factor(221.4) == "×221")
    #expect(Hyperparameter.beta1.text(0.9) == "0.90")
    #expect(Hyperparameter.beta1.text(0.991) == "0.991")
  }
}
