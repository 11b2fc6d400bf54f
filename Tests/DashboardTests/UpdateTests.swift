// What keys, clicks and frames do to the state.

import AdaLoRA
import Testing

@testable import Dashboard
@testable import Training

@Suite("Keys")
struct KeyTests {
  private func demo(_ done: Int = 213, _ state: RunState = .training, width: Int = 120, height: Int = 40)
    -> DashboardState
  {
    DashboardState(FakeRun.demo.frame(at: done, state: state), width: width, height: height)
  }

  @Test("space pauses a run that trains and resumes one that is paused")
  func space() {
    var training = demo()
    #expect(training.strike(" ") == [.send(.pause)])
    var paused = demo(213, .paused)
    #expect(paused.strike(" ") == [.send(.resume)])
    var over = demo(400, .done)
    #expect(over.strike(" ") == [])
    #expect(over.toastTexts == ["space: the run is over"])
  }

  @Test("n trains a step, but only while paused")
  func stepping() {
    var paused = demo(213, .paused)
    #expect(paused.strike("n") == [.send(.step(count: 1))])
    var training = demo()
    #expect(training.strike("n") == [])
    #expect(training.toastTexts == ["n: pause first (space)"])
  }

  @Test("brackets choose a hyper-parameter around the circle")
  func choosing() {
    var state = demo()
    #expect(state.chosen == .beta1)
    state.strike("]")
    #expect(state.chosen == .beta2)
    state.strike("[", "[")
    #expect(state.chosen == .targetR)
  }

  @Test("plus changes the chosen value and the status line says from what to what until a frame says at which step")
  func changing() {
    var state = demo()
    #expect(state.strike("+") == [.send(.set(.beta1, 0.9))])
    #expect(state.screen.contains("0.85→0.90 at next step"))
    #expect(state.strike("=") == [.send(.set(.beta1, 0.91))])
    #expect(state.screen.contains("0.85→0.91 at next step"))
    var frame = FakeRun.demo.frame(at: 215)
    frame.beta1 = 0.91
    frame.interventions = [
      Intervention(step: 214, parameter: .beta1, old: 0.85, new: 0.91, isUndo: false)
    ]
    _ = update(&state, .tick(seconds: 10))
    _ = update(&state, .frame(frame))
    #expect(state.screen.contains("0.85→0.91 at step 214"))
    _ = update(&state, .tick(seconds: 12.9))
    #expect(state.screen.contains("0.85→0.91 at step 214"))
    _ = update(&state, .tick(seconds: 13.1))
    #expect(!state.screen.contains("→0.91"))
    #expect(state.screen.contains("[β₁ 0.91]"))
  }

  @Test("while paused the step of a change is known at once")
  func changingPaused() {
    var state = demo(213, .paused)
    #expect(state.strike("-") == [.send(.set(.beta1, 0.8))])
    #expect(state.screen.contains("0.85→0.80 at step 213"))
  }

  @Test("a change that was overtaken by another does not stay on the status line")
  func overtaken() {
    var state = demo()
    state.strike("+")
    var frame = FakeRun.demo.frame(at: 216)
    frame.beta1 = 0.7
    frame.interventions = [Intervention(step: 215, parameter: .beta1, old: 0.85, new: 0.7, isUndo: false)]
    _ = update(&state, .frame(frame))
    #expect(state.changes.isEmpty)
  }

  @Test("every hyper-parameter is changed by the same two keys", arguments: Hyperparameter.allCases)
  func changesEach(parameter: Hyperparameter) throws {
    var state = demo(100)
    state.chosen = parameter
    let old = try #require(state.frame?.value(of: parameter))
    guard case .send(.set(parameter, let up))? = state.strike("+").first else {
      Issue.record("+ sent nothing for \(parameter)")
      return
    }
    #expect(up > old)
    state = demo(100)
    state.chosen = parameter
    guard case .send(.set(parameter, let down))? = state.strike("_").first else {
      Issue.record("_ sent nothing for \(parameter)")
      return
    }
    #expect(down < old)
  }

  @Test("after T − t_f the target and ΔT cannot change, and the key says so")
  func fixed() {
    var state = demo(301)
    state.chosen = .targetR
    #expect(state.strike("+") == [])
    #expect(state.toastTexts == ["+: the target is fixed after T − t_f = 300"])
    state.chosen = .deltaT
    state.strike("-")
    #expect(state.toastTexts.last == "-: ΔT is fixed after T − t_f = 300")
    state.chosen = .beta1
    #expect(state.strike("+") == [.send(.set(.beta1, 0.9))])
    #expect(state.command("target 1") == [])
    #expect(state.toastTexts.last == "the target is fixed after T − t_f = 300")
  }

  @Test("LoRA has a fixed rank: only η changes")
  func lora() {
    var state = DashboardState(FakeRun.lora.frame(at: 100))
    #expect(state.chosen == .learningRate)
    #expect(state.strike("+") == [.send(.set(.learningRate, 1.25e-3))])
    #expect(state.strike("]") == [])
    #expect(state.toastTexts.last == "]: fixed rank: no allocation; only η can change")
    #expect(state.command("set beta1 0.9") == [])
    #expect(state.toastTexts.last == "fixed rank: no allocation")
    state.focus = .importance
    state.strike("v")
    #expect(state.toastTexts.last == "v: fixed rank: no allocation")
  }

  @Test("u takes back the last change that was not taken back")
  func undoing() {
    var state = demo()
    #expect(state.strike("u") == [])
    #expect(state.toastTexts == ["u: no change to take back"])
    var frame = FakeRun.demo.frame(at: 213)
    frame.beta1 = 0.9
    frame.interventions = [Intervention(step: 200, parameter: .beta1, old: 0.85, new: 0.9, isUndo: false)]
    state = DashboardState(frame)
    #expect(state.strike("u") == [.send(.undo)])
    #expect(state.changes.first?.new == 0.85)
    frame.beta1 = 0.85
    frame.interventions.append(Intervention(step: 214, parameter: .beta1, old: 0.9, new: 0.85, isUndo: true))
    _ = update(&state, .frame(frame))
    #expect(state.screen.contains("0.90→0.85 at step 214"))
    #expect(state.strike("u") == [])
  }

  @Test("numbers and tab focus panels")
  func focusing() {
    var state = demo()
    for panel in Panel.allCases {
      state.type(String(panel.rawValue))
      #expect(state.focus == panel)
    }
    state.strike(.tab)
    #expect(state.focus == .ranks)
    state.strike(.backTab)
    #expect(state.focus == .events)
  }

  @Test("in Ranks the selection walks over layers and types; the same module is selected in every panel")
  func moving() {
    var state = demo()
    state.strike("l")
    #expect(state.module == 1)
    state.strike("j")
    #expect(state.module == 7)
    state.strike(.left, .up, .up)
    #expect(state.module == 0)
    state.strike(.down, .right)
    #expect(state.screen.contains("5 Triplet layer 1 key"))
    #expect(state.screen.contains("→1 key"))
    state.strike(.end)
    #expect(state.module == 17)
    state.strike(.home)
    #expect(state.module == 0)
  }

  @Test("in Importance and Triplet the selection walks over triplets, in the order that is shown")
  func movingTriplets() {
    var state = demo()
    state.strike("2", "l", "l")
    #expect(state.triplet == 2)
    state.strike("h", "h", "h")
    #expect(state.triplet == 0)
    state.strike("o")
    let order = state.tripletOrder(0, state.importanceValues(state.moment?.triplets))
    state.strike("l")
    let place = order.firstIndex(of: 0) ?? 0
    #expect(state.triplet == order[min(place + 1, 5)])
    state.strike("5", "j")
    #expect(state.module == 1)
    state.strike(.pageDown)
    #expect(state.module == 11)
  }

  @Test("z and enter zoom the focused panel and back; esc backs out one level at a time")
  func zooming() {
    var state = demo()
    state.strike("3", "z")
    #expect(state.isZoomed)
    #expect(state.screen.contains("3 Budget"))
    #expect(!state.screen.contains("1 Ranks"))
    state.strike(.enter)
    #expect(!state.isZoomed)
    state.filter = "query"
    state.strike("z", "<")
    #expect(state.scrubbedStep != nil)
    state.strike(.escape)
    #expect(!state.isZoomed && state.scrubbedStep != nil && state.filter == "query")
    state.strike(.escape)
    #expect(state.scrubbedStep == nil && state.filter == "query")
    state.strike(.escape)
    #expect(state.filter.isEmpty)
  }

  @Test("the filter works while it is typed; esc restores it, enter keeps it")
  func filtering() {
    var state = demo()
    state.strike("/")
    state.type("query")
    #expect(state.visibleModules == [0, 6, 12])
    #expect(state.lines.last?.contains("3 of 18 modules") == true)
    state.strike(.escape)
    #expect(state.visibleModules.count == 18)
    state.strike("/")
    state.type("layer.1 output")
    state.strike(.enter)
    #expect(state.visibleModules == [9, 11])
    #expect(state.module == 9)
    state.strike("/", .control("u"))
    state.type("nothing")
    #expect(state.visibleModules.isEmpty)
    #expect(state.screen.contains("no module has \"nothing\""))
  }

  @Test("a filter that ends in a digit ends a number")
  func filterNumbers() {
    var state = DashboardState(FakeRun.large.frame(at: 10), width: 120, height: 40)
    state.filter = "layers.2"
    #expect(state.visibleModules == Array(14..<21))
    state.filter = "layers.2 DOWN"
    #expect(state.visibleModules == [20])
  }

  @Test("history is scrubbed while training goes on, and g returns")
  func scrubbing() {
    var state = demo()
    state.strike(">")
    #expect(state.toastTexts == [">: this is the newest step"])
    state.strike("<", "<")
    #expect(state.scrubbedStep == 210)
    #expect(state.screen.contains("history: step 210"))
    _ = update(&state, .frame(FakeRun.demo.frame(at: 230)))
    #expect(state.scrubbedStep == 210)
    #expect(state.moment?.record?.step == 210)
    state.strike(">")
    #expect(state.scrubbedStep == 211)
    state.strike("g")
    #expect(state.scrubbedStep == nil)
    #expect(state.moment?.record?.step == 229)
    state.command("goto 100")
    #expect(state.moment?.record?.step == 100)
    state.command("live")
    #expect(state.moment?.isLive == true)
    state.strike("4", "h")
    #expect(state.scrubbedStep == 228)
  }

  @Test("e exports; the message of the trainer says where")
  func exporting() {
    var state = demo()
    #expect(state.strike("e") == [.send(.export(formats: []))])
    var frame = FakeRun.demo.frame(at: 214)
    frame.events.append(Event(step: 214, kind: .export, text: "snapshot in runs/demo-1/snapshots/214"))
    _ = update(&state, .frame(frame))
    #expect(state.screen.contains("snapshot in runs/demo-1/snapshots/214"))
    _ = update(&state, .tick(seconds: 100))
    #expect(state.toasts.isEmpty)
  }

  @Test("a refusal of the trainer is shown and what was asked is forgotten")
  func refusal() {
    var state = demo()
    state.strike("+")
    var frame = FakeRun.demo.frame(at: 214)
    frame.events.append(Event(step: 214, kind: .refused, text: "beta1 0.85 stays: it must lie between 0 and 1"))
    _ = update(&state, .frame(frame))
    #expect(state.changes.isEmpty)
    #expect(state.toastTexts == ["beta1 0.85 stays: it must lie between 0 and 1"])
  }

  @Test("o, v, t belong to Importance and y to Training; elsewhere they say so")
  func toggles() {
    var state = demo()
    state.strike("o")
    #expect(state.toastTexts == ["o works in Importance (2)"])
    state.strike("2", "o", "v", "t")
    #expect(state.isSorted && state.quantity == .sensitivity && state.isOverTime)
    state.strike("v", "v", "v")
    #expect(state.quantity == .score)
    state.strike("4", "y")
    #expect(state.isLogarithmic)
  }

  @Test("colon commands do what the keys do")
  func commands() {
    var state = demo()
    #expect(state.command("set beta1 0.9") == [.send(.set(.beta1, 0.9))])
    #expect(state.command("pause at 300") == [.send(.pauseAt(step: 300))])
    #expect(state.command("pause at 3") == [])
    #expect(state.toastTexts.last == "step 3 is over; 213 steps are done")
    #expect(state.command("export svg") == [.send(.export(formats: ["svg"]))])
    #expect(state.command("target 9") == [])
    #expect(state.toastTexts.last == "target 9 must be at most the initial rank 6")
    state.command("help budget")
    #expect(state.mode == .help(panel: .budget, scroll: 0))
    state.strike(.escape)
    state.command("focus events")
    #expect(state.focus == .events)
    state.command("filter key")
    #expect(state.visibleModules == [1, 7, 13])
  }

  @Test("ctrl-z suspends, and afterwards everything is drawn anew")
  func suspending() {
    var state = demo()
    #expect(state.strike(.control("z")) == [.suspend])
    #expect(update(&state, .input(.resumed)) == [])
  }
}

@Suite("The end")
struct QuitTests {
  @Test("q asks while training: stop and keep, discard, or go on")
  func asks() {
    let frame = FakeRun.demo.frame(at: 213)
    var state = DashboardState(frame)
    #expect(state.strike("q") == [])
    #expect(state.mode == .quitting(choice: .keep))
    #expect(state.screen.contains("still training: step 213 of 400"))
    #expect(state.strike(.escape) == [])
    #expect(state.mode == .normal)
    state.strike("q")
    #expect(state.strike("s") == [.send(.stop(discard: false)), .quit(.keep)])
    state = DashboardState(frame)
    state.strike("q")
    #expect(state.strike("d") == [.send(.stop(discard: true)), .quit(.discard)])
    state = DashboardState(frame)
    state.strike("q", .down)
    #expect(state.strike(.enter) == [.send(.stop(discard: true)), .quit(.discard)])
  }

  @Test("q ends at once when the run is over, and while nothing has been loaded")
  func atOnce() {
    var over = DashboardState(FakeRun.demo.frame(at: 400, state: .done))
    #expect(over.strike("q") == [.quit(.over)])
    var loading = DashboardState(nil)
    #expect(loading.strike("q") == [.send(.stop(discard: true)), .quit(.discard)])
  }

  @Test("ctrl-c asks as q does; a second one ends at once and keeps the adapter")
  func controlC() {
    var state = DashboardState(FakeRun.demo.frame(at: 213))
    #expect(state.strike(.control("c")) == [])
    #expect(state.mode == .quitting(choice: .keep))
    #expect(state.strike(.control("c")) == [.send(.stop(discard: false)), .quit(.interrupted)])
  }

  @Test("signals end the run and keep the adapter")
  func signals() {
    var state = DashboardState(FakeRun.demo.frame(at: 213))
    for request in [EndRequest.terminate, .hangUp, .interrupt] {
      #expect(update(&state, .endRequested(request)) == [.send(.stop(discard: false)), .quit(.requested(request))])
    }
  }

  @Test("q works below the least size")
  func tooSmall() {
    var state = DashboardState(FakeRun.demo.frame(at: 213), width: 30, height: 6)
    #expect(state.screen.contains("ranktop needs 80×24"))
    #expect(state.screen.contains("this is 30×6"))
    state.strike("q")
    #expect(state.screen.contains("d discard"))
    #expect(state.strike("s") == [.send(.stop(discard: false)), .quit(.keep)])
  }
}

@Suite("Mouse")
struct MouseTests {
  private func place(_ text: String, _ state: DashboardState) throws -> (x: Int, y: Int) {
    for (y, line) in state.lines.enumerated() {
      let scalars = Array(line.unicodeScalars)
      let wanted = Array(text.unicodeScalars)
      guard scalars.count >= wanted.count else { continue }
      for x in 0...(scalars.count - wanted.count) where Array(scalars[x..<x + wanted.count]) == wanted { return (x, y) }
    }
    throw CommandLanguage.Problem(text: "\(text) is not on the screen")
  }

  @Test("a click focuses a panel, a double click zooms it")
  func focusing() throws {
    var state = DashboardState(FakeRun.demo.frame(at: 213), width: 120, height: 40)
    let budget = try place("3 Budget", state)
    state.click(budget.x, budget.y)
    #expect(state.focus == .budget)
    state.click(budget.x, budget.y, .doublePress)
    #expect(state.isZoomed)
  }

  @Test("a click in Ranks selects the module under it")
  func ranks() throws {
    var state = DashboardState(FakeRun.demo.frame(at: 213), width: 120, height: 40)
    let value = try place("value ", state)
    let row = try place(" 1 6/6", state)
    state.click(value.x, row.y)
    #expect(state.module == 8)
  }

  @Test("a click in Importance selects module and triplet")
  func importance() throws {
    var state = DashboardState(FakeRun.demo.frame(at: 213), width: 120, height: 40)
    let row = try place(" 0 value ", state)
    let area = try #require(state.layout(state.grid).area(of: .importance))
    let geometry = state.importanceGeometry(area, moduleCount: 18)
    state.click(area.inner.x + geometry.labelWidth + 3 * geometry.cellWidth, row.y)
    #expect(state.module == 2)
    #expect(state.triplet == 3)
  }

  @Test("a click in a plot shows that step, at its right end the newest")
  func plots() throws {
    var state = DashboardState(FakeRun.demo.frame(at: 213), width: 120, height: 40)
    let area = try #require(state.layout(state.grid).area(of: .budget))
    let plot = BudgetGeometry(inner: area.inner, highestBudget: 108).plot
    state.click(plot.x + plot.width / 4, plot.y)
    #expect(abs((state.scrubbedStep ?? 0) - 100) <= 10)
    state.click(plot.right - 1, plot.y)
    #expect(state.scrubbedStep == nil)
    let training = try #require(state.layout(state.grid).area(of: .training))
    let geometry = TrainingGeometry(inner: training.inner, quantities: [0, 1, 2])
    let body = try #require(geometry.plots.first?.body)
    state.click(body.x, body.y)
    #expect(state.scrubbedStep == 0)
  }

  @Test("the wheel walks through what is under it without taking the focus")
  func wheel() throws {
    var state = DashboardState(FakeRun.demo.frame(at: 213), width: 80, height: 24)
    let events = try place("6 Events", state)
    state.click(events.x, events.y + 1, .wheelUp)
    #expect(state.eventsScroll == 3)
    #expect(state.focus == .ranks)
    #expect(state.screen.contains("3 newer below"))
    for _ in 0..<40 { state.click(events.x, events.y + 1, .wheelUp) }
    #expect(state.screen.contains("started"))
    let importance = try place("2 Importance", state)
    state.click(importance.x, importance.y + 1, .wheelDown)
    #expect(state.module == 1)
  }
}
