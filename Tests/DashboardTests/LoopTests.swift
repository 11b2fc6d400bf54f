// The loop over a scripted terminal: what it draws, when, and how it ends.

import Models
import Testing

@testable import Dashboard
@testable import Training

/// A terminal that plays a script: at each wait it runs the next line and returns its event.
private final class ScriptedTerminal: Terminal {
  struct Line {
    var event: InputEvent?
    /// Seconds that pass during the wait; nil: the whole timeout.
    var seconds: Double?
    var then: () -> Void = {}
  }
  var size = (width: 80, height: 24)
  let colorDepth = ColorDepth.full
  let glyphLevel = GlyphLevel.braille
  var script: [Line]
  var shown: [Canvas] = []
  var timeouts: [Int?] = []
  var clock = 0.0
  var endRequest: EndRequest?
  init(_ script: [Line]) { self.script = script.reversed() }
  func show(_ canvas: Canvas) { shown.append(canvas) }
  func restore() {}
  func nextEvent(timeout: Int?) -> InputEvent? {
    if timeout == 0 { return nil }
    timeouts.append(timeout)
    guard let line = script.popLast() else { return .key(.control("c")) }
    clock += line.seconds ?? Double(timeout ?? 0) / 1000
    line.then()
    return line.event
  }
}

@Suite("The loop")
struct LoopTests {
  @Test("it waits without a limit when nothing can happen by itself, and draws nothing that is the same")
  func idle() {
    let mailbox = Mailbox<Frame>()
    mailbox.post(FakeRun.demo.frame(at: 100, state: .paused))
    let terminal = ScriptedTerminal([
      .init(event: nil, seconds: 10), .init(event: nil, seconds: 10), .init(event: .key(.escape), seconds: 10),
    ])
    let loop = DashboardLoop(terminal: terminal, mailbox: mailbox, send: { _ in }, clock: { terminal.clock })
    #expect(loop.run() == .interrupted)
    #expect(terminal.timeouts.prefix(4) == [nil, nil, nil, nil])
    // The first screen, and the question; esc in an untouched dashboard changes no cell.
    #expect(terminal.shown.count == 2)
  }

  @Test("a key is drawn at once; frames at most every fiftieth of a second times twenty")
  func pace() {
    let mailbox = Mailbox<Frame>()
    let frames = (100..<110).map { FakeRun.demo.frame(at: $0) }
    mailbox.post(frames[0])
    var script: [ScriptedTerminal.Line] = []
    // Nine frames, 10 ms apart: woken by each, but drawing at most one in 50 ms.
    for frame in frames.dropFirst() {
      script.append(.init(event: nil, seconds: 0.01, then: { mailbox.post(frame) }))
    }
    script.append(.init(event: .key(.tab), seconds: 0.001))
    let terminal = ScriptedTerminal(script)
    let loop = DashboardLoop(terminal: terminal, mailbox: mailbox, send: { _ in }, clock: { terminal.clock })
    _ = loop.run()
    let trained = terminal.shown.filter { $0.text.contains("╔═ 1 Ranks") && !$0.text.contains("still training") }
    #expect(trained.count == 2)
    #expect(terminal.shown.contains { $0.text.contains("╔═ 2 Importance") })
  }

  @Test("a frame that came too early is drawn when its time has come, without another wake-up")
  func late() {
    let mailbox = Mailbox<Frame>()
    mailbox.post(FakeRun.demo.frame(at: 100))
    let terminal = ScriptedTerminal([
      .init(event: nil, seconds: 0.02, then: { mailbox.post(FakeRun.demo.frame(at: 101)) }),
      .init(event: nil, seconds: nil),
      .init(event: nil, seconds: 1),
    ])
    let loop = DashboardLoop(terminal: terminal, mailbox: mailbox, send: { _ in }, clock: { terminal.clock })
    _ = loop.run()
    #expect(terminal.timeouts[0] == nil && terminal.timeouts[2] == nil)
    #expect((29...31).contains(terminal.timeouts[1] ?? 0))
    #expect(terminal.shown[1].text.contains("101/400"))
  }

  @Test("commands reach the trainer, toasts go by themselves, a resize is drawn at once")
  func effects() {
    let mailbox = Mailbox<Frame>()
    mailbox.post(FakeRun.demo.frame(at: 100))
    var sent: [Command] = []
    var suspended = 0
    let terminal = ScriptedTerminal([
      .init(event: .key(" "), seconds: 1), .init(event: .key("s"), seconds: 0), .init(event: nil, seconds: nil),
      .init(event: .key(.control("z")), seconds: 0), .init(event: .resize(width: 120, height: 40), seconds: 0),
    ])
    let loop = DashboardLoop(
      terminal: terminal, mailbox: mailbox, send: { sent.append($0) }, suspend: { suspended += 1 },
      clock: { terminal.clock })
    #expect(loop.run() == .interrupted)
    #expect(sent == [.pause, .stop(discard: false)])
    #expect(suspended == 1)
    #expect(terminal.timeouts[2] == 4000)
    #expect(terminal.shown.contains { $0.text.contains("s: this run keeps no checkpoints") })
    #expect(terminal.shown.contains { $0.width == 120 && $0.height == 40 })
  }

  @Test("a signal ends it with its own mode, and the adapter is kept")
  func signal() {
    let terminal = ScriptedTerminal([.init(event: nil, seconds: 1)])
    terminal.endRequest = .hangUp
    var sent: [Command] = []
    let mailbox = Mailbox<Frame>()
    mailbox.post(FakeRun.demo.frame(at: 100))
    let loop = DashboardLoop(
      terminal: terminal, mailbox: mailbox, send: { sent.append($0) }, clock: { terminal.clock })
    #expect(loop.run() == .requested(.hangUp))
    #expect(sent == [.stop(discard: false)])
  }

  @Test("a run is opened beside the first, follows, and is let go; what cannot be opened is told")
  func beside() {
    let mailbox = Mailbox<Frame>()
    mailbox.post(FakeRun.demo.frame(at: 100))
    var other = FakeRun.demo
    other.name = "demo-2"
    let frames = [other.frame(at: 50), other.frame(at: 60)]
    weak var opened: Mailbox<Frame>?
    func typed(_ text: String) -> [ScriptedTerminal.Line] {
      text.unicodeScalars.map { .init(event: .key(.character($0)), seconds: 0.001) }
        + [.init(event: .key(.enter), seconds: 0.001)]
    }
    var script = typed(":beside nowhere") + typed(":beside demo-2")
    script.append(.init(event: nil, seconds: 1, then: { opened?.post(frames[1]) }))
    script += typed(":alone")
    let terminal = ScriptedTerminal(script)
    let loop = DashboardLoop(
      terminal: terminal, mailbox: mailbox,
      openBeside: { (run) throws(InputError) in
        guard run == "demo-2" else { throw InputError(.missing, file: run, "no run") }
        let mailbox = Mailbox<Frame>()
        mailbox.post(frames[0])
        opened = mailbox
        return mailbox
      }, send: { _ in }, clock: { terminal.clock })
    _ = loop.run()
    #expect(terminal.shown.contains { $0.text.contains("nowhere: no run") })
    #expect(terminal.shown.contains { $0.text.contains("its step 49") })
    #expect(terminal.shown.contains { $0.text.contains("its step 59") })
    #expect(loop.state.beside == nil && opened == nil)
  }

  @Test("after a suspension the size is asked again and everything is drawn")
  func resumed() {
    let mailbox = Mailbox<Frame>()
    mailbox.post(FakeRun.demo.frame(at: 100))
    let terminal = ScriptedTerminal([.init(event: nil, seconds: 1), .init(event: .resumed, seconds: 1)])
    terminal.script[1].then = { terminal.size = (width: 100, height: 30) }
    let loop = DashboardLoop(terminal: terminal, mailbox: mailbox, send: { _ in }, clock: { terminal.clock })
    _ = loop.run()
    #expect(terminal.shown.map(\.width) == [80, 100, 100])
  }
}
