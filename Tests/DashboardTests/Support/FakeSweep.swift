// A sweep of the tests: two variants, two values, two seeds, in every state.

@testable import Dashboard
@testable import Training

enum FakeSweep {
  static func run(_ variant: String, _ rank: Int, _ seed: Int, _ state: SweepRun.State) -> SweepRun {
    var run = SweepRun(
      key: SweepRun.Key(variant: variant, settings: #"{"adapter.target_r":\#(rank)}"#, seed: seed),
      cell: "target_r=\(rank)", totalSteps: 400)
    run.state = state
    guard state != .waiting else { return run }
    run.folder = "\(variant)-target_r=\(rank)-s\(seed)-1"
    run.started = 1000
    run.step = state == .done ? 400 : 100 * rank
    run.loss = 0.25 * Double(rank) + 0.01 * Double(seed)
    run.tokensPerSecond = 4200
    guard state != .running else {
      run.eta = 75
      return run
    }
    run.ended = 1100
    if state == .failed { run.reason = "the loss is not finite at step 200" }
    if state == .done {
      run.accuracy = 0.8 + 0.01 * Double(rank) + 0.001 * Double(seed)
      run.matthews = 0.5
      run.f1 = 0.75
      run.wallSeconds = 100 * Double(rank)
      run.stepMs = 31.5
      run.parameters = 110_592
      run.peakRSSBytes = 612 << 20
    }
    return run
  }

  static let runs = [
    run("AdaLoRA", 1, 0, .done), run("AdaLoRA", 2, 0, .done), run("LoRA", 1, 0, .done), run("LoRA", 2, 0, .failed),
    run("AdaLoRA", 1, 1, .running), run("AdaLoRA", 2, 1, .running), run("LoRA", 1, 1, .waiting),
    run("LoRA", 2, 1, .waiting),
  ]

  static func frame(_ runs: [SweepRun] = runs) -> SweepFrame {
    SweepFrame(name: "paper", jobs: 2, runs: runs, isDriven: true, now: 1061.5)
  }

  static func state(
    _ frame: SweepFrame? = frame(), width: Int = 80, height: Int = 24, isOwn: Bool = true
  ) -> SweepState {
    var state = SweepState(width: width, height: height, folder: "runs/paper", isOwn: isOwn)
    if let frame { _ = update(&state, .frame(frame)) }
    return state
  }
}

extension SweepState {
  @discardableResult
  mutating func strike(_ keys: InputEvent.Key...) -> [SweepEffect] {
    keys.flatMap { update(&self, .input(.key($0))) }
  }

  @discardableResult
  mutating func type(_ text: String) -> [SweepEffect] {
    text.unicodeScalars.flatMap { update(&self, .input(.key(.character($0)))) }
  }

  func canvas(_ glyphs: GlyphLevel = .braille) -> Canvas {
    var canvas = Canvas(width: width, height: height)
    draw(on: &canvas, glyphs: glyphs)
    return canvas
  }

  var screen: String { canvas().text }
  /// The runs in the order of the table.
  var titles: [String] { visible.map { "\($0.variant) \($0.cell.last ?? " ") \($0.seed)" } }
}
