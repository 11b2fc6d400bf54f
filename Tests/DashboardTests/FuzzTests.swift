// A hundred thousand random events against update and view.

import Kernels
import Testing

@testable import Dashboard
@testable import Training

@Suite("Anything may happen")
struct FuzzTests {
  @Test("random keys, clicks, resizes and frames never trap, and the state stays in range")
  func fuzz() {
    var generator = RandomSource(seed: 42)
    func pick(_ count: Int) -> Int { Int(generator.next() % UInt64(max(count, 1))) }
    let frames = Self.frames
    let keys = Array(Set(Bindings.table.flatMap(\.keys))) + [.delete, .backspace, .control("u"), .control("w")]
    let sorted = keys.sorted { "\($0)" < "\($1)" }
    var state = DashboardState(width: 80, height: 24)
    var clock = 0.0
    var quits = 0
    var drawn = 0
    for round in 0..<100_000 {
      let event: DashboardEvent
      switch pick(100) {
      case 0..<62: event = .input(.key(sorted[pick(sorted.count)]))
      case 62..<70:
        let scalar = Unicode.Scalar(UInt32(32 + pick(95))) ?? " "
        event = .input(.key(.character(pick(20) == 0 ? "漢" : scalar)))
      case 70..<84:
        let actions: [InputEvent.Mouse.Action] = [.press, .doublePress, .wheelUp, .wheelDown]
        event = .input(
          .mouse(.init(x: pick(state.width + 4) - 2, y: pick(state.height + 4) - 2, action: actions[pick(4)])))
      case 84..<90:
        let isSmall = pick(3) > 0
        event = .input(
          .resize(width: isSmall ? 1 + pick(130) : 1 + pick(300), height: isSmall ? 1 + pick(45) : 1 + pick(100)))
      case 90..<95: event = .frame(frames[pick(frames.count)])
      case 95: event = .beside(pick(4) == 0 ? nil : frames[pick(frames.count)])
      case 96..<99:
        clock += Double(pick(40)) / 10
        event = .tick(seconds: clock)
      default: event = .endRequested([.interrupt, .terminate, .hangUp][pick(3)])
      }
      for case .quit in update(&state, event) { quits += 1 }
      switch state.mode {
      case .quitting, .halted: if pick(4) == 0 { state.mode = .normal }
      default: break
      }
      if case .command = state.mode, pick(12) == 0 { state.strike(.enter) }
      let count = state.frame?.description.modules.count ?? 0
      guard count == 0 || (state.module >= 0 && state.module < count), state.triplet >= 0,
        state.ranksScroll >= 0, state.importanceScroll >= 0, state.eventsScroll >= 0
      else {
        Issue.record("round \(round): module \(state.module), triplet \(state.triplet) of \(count) modules")
        return
      }
      let canvas = state.canvas([.ascii, .blocks, .braille][round % 3], [.none, .eight, .sixteen, .full][round % 4])
      if canvas.cells.contains(where: { $0.glyph != " " }) { drawn += 1 }
      if let wrong = canvas.cells.first(where: { $0.glyph.value < 32 || $0.glyph == "漢" }) {
        Issue.record("round \(round): a cell holds \(wrong.glyph.value)")
        return
      }
    }
    #expect(quits > 100)
    #expect(drawn == 100_000)
  }

  /// Runs of every kind, at every phase, and some that are broken.
  private static var frames: [Frame] {
    var demo = FakeRun.demo
    demo.historyLimit = 48
    demo.change = (step: 90, target: 1)
    var uniform = FakeRun.miniLM
    uniform.rule = .uniform
    uniform.historyLimit = 48
    var frames = [0, 1, 60, 120, 213, 301, 400].map { demo.frame(at: $0, state: $0 == 400 ? .done : .training) }
    frames += [
      uniform.frame(at: 300, state: .evaluating), uniform.frame(at: 800, state: .failed("R is nan at step 3")),
    ]
    frames += [
      demo.frame(at: 170, state: .waiting("No space left on device")), demo.frame(at: 180, state: .halted("R is nan")),
    ]
    for (index, control) in [RunControl.own(keepsCheckpoints: true), .replay, .remote, .readOnly].enumerated() {
      for extra in [0, 1] {
        var frame = demo.frame(at: 190 + index, state: extra == 0 ? .training : .halted("R is nan"))
        frame.control = control
        if extra == 0 { frame.shadows = [uniform, demo, FakeRun.single][..<index].map { $0.frame(at: 150) } }
        frames.append(frame)
      }
    }
    frames += [
      FakeRun.lora.frame(at: 100, state: .paused), FakeRun.single.frame(at: 200), FakeRun.large.frame(at: 700),
    ]
    var broken = demo.frame(at: 150)
    broken.triplets.lambdaPart = broken.triplets.lambdaPart.map { _ in .nan }
    broken.triplets.scores[.smoothed] = broken.triplets.scores[.smoothed]?.map { _ in .infinity }
    broken.record?.taskLoss = .nan
    broken.record?.threshold = .nan
    broken.eta = .nan
    frames.append(broken)
    var short = demo.frame(at: 150)
    short.triplets = TripletFrame()
    short.ranks = []
    short.nonzero = []
    short.pending = [.set(.beta1, 0.9), .pauseAt(step: 200), .undo, .stop(discard: true)]
    frames.append(short)
    var empty = demo.frame(at: 0)
    empty.description.modules = []
    empty.description.initialRank = 0
    empty.description.totalSteps = 0
    empty.ranks = []
    empty.nonzero = []
    empty.triplets = TripletFrame()
    empty.schedule = nil
    frames.append(empty)
    return frames
  }
}
