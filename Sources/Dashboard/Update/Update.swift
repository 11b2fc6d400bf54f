// update(state, event) → effects: the only place where the dashboard's state changes. Pure.

import Training

public enum DashboardEvent: Sendable {
  case input(InputEvent)
  case frame(Frame)
  /// A newer frame of the run that is shown beside the first; nil: none is any more.
  case beside(Frame?)
  /// Something that went wrong outside, for the person to read.
  case warning(String)
  /// The clock, in seconds from any fixed moment; comes before other events and when a toast is due to go.
  case tick(seconds: Double)
  /// A signal, or the terminal is gone.
  case endRequested(EndRequest)
}

/// How the dashboard ends.
public enum QuitMode: Sendable, Equatable {
  /// The run was over already.
  case over
  /// Another process trains the run, and goes on.
  case watched
  /// To be checkpointed, and trained on by a process without a screen. Nothing was sent.
  case background
  case keep, discard
  /// By a second ctrl-c; the adapter is kept.
  case interrupted
  /// By a signal, or because the terminal is gone; the adapter is kept.
  case requested(EndRequest)
}

/// What the world must do for the dashboard.
public enum Effect: Sendable, Equatable {
  case send(Command)
  case quit(QuitMode)
  case suspend
  /// Another run is to be shown beside this one, and no more.
  case beside(String)
  case alone
}

public func update(_ state: inout DashboardState, _ event: DashboardEvent) -> [Effect] {
  switch event {
  case .tick(let seconds):
    state.now = seconds
    state.expire()
    return []
  case .frame(let frame):
    state.receive(frame)
    state.settle()
    return []
  case .beside(let frame):
    state.beside = frame
    return []
  case .warning(let text):
    state.toast(cellText(text), isWarning: true)
    return []
  case .endRequested(let request): return state.end(.requested(request))
  case .input(let input):
    let effects: [Effect]
    switch input {
    case .key(let key): effects = state.press(key)
    case .mouse(let mouse): effects = state.point(mouse)
    case .resize(let width, let height):
      state.width = max(width, 0)
      state.height = max(height, 0)
      effects = []
    case .resumed: effects = []
    }
    state.settle()
    return effects
  }
}

extension DashboardState {
  static let toastSeconds = 4.0
  static let effectSeconds = 3.0

  // MARK: Frames and time

  mutating func receive(_ frame: Frame) {
    let isFirst = self.frame == nil
    let before = self.frame?.state
    let shadows = self.frame?.shadows.count ?? 0
    self.frame = frame
    // The newest is looked at; of those that were there from the start the first.
    if frame.shadows.count != shadows {
      shownShadow = frame.shadows.isEmpty ? nil : isFirst ? 0 : frame.shadows.count - 1
    }
    if before != frame.state { enter(frame.state) }
    if isFirst, !steers(chosen) { chosen = .learningRate }
    announce(frame.events, isFirst: isFirst)
    let isWaiting = frame.pending.contains { command in
      switch command {
      case .set, .undo: true
      default: false
      }
    }
    for index in changes.indices where changes[index].step == nil {
      let change = changes[index]
      let told = frame.interventions.filter { $0.parameter == change.parameter }
      if abs(frame.value(of: change.parameter) - change.new) <= 1e-9 * max(1, abs(change.new)) {
        changes[index].step = told.last?.step ?? frame.stepsDone
        changes[index].expires = now + Self.effectSeconds
      } else if told.count > change.seen, !isWaiting {
        // Something else became of it, such as a value between two quick keys: the frame's value is the truth.
        changes[index].expires = now
      }
    }
    expire()
    if isOver { changes.removeAll { $0.step == nil } }
  }

  /// Says what stops the training; a run that stands still asks how it goes on.
  private mutating func enter(_ state: RunState) {
    let isMine = control == .own(keepsCheckpoints: true)
    switch (state, mode) {
    case (.waiting(let why), _): toast("waiting: \(cellText(why))", isWarning: true)
    case (.halted(let why), .command), (.halted(let why), .filter):
      toast("halted: \(cellText(why))" + (isMine ? "; space asks how to go on" : ""), isWarning: true)
    case (.halted, _) where isMine: mode = .halted(choice: .recover)
    case (.halted(let why), _): toast("halted: \(cellText(why))", isWarning: true)
    case (_, .halted): mode = .normal
    default: break
    }
  }

  /// Toasts for the events that have not been seen: those that answer the person or warn.
  private mutating func announce(_ events: [Event], isFirst: Bool) {
    defer { seenEvent = events.last }
    guard !isFirst else { return }
    let start = seenEvent.flatMap { seen in events.lastIndex(of: seen).map { $0 + 1 } } ?? 0
    for event in events[start...].suffix(3) {
      switch event.kind {
      case .refused:
        changes.removeAll { $0.step == nil }
        toast(event.text, isWarning: true)
      case .warning, .failed: toast(event.text, isWarning: true)
      case .export, .checkpoint, .finished: toast(event.text)
      case .started, .mask, .intervention, .evaluation, .paused, .resumed: break
      }
    }
  }

  mutating func expire() {
    toasts.removeAll { $0.expires <= now }
    changes.removeAll { $0.expires.map { $0 <= now } ?? false }
  }

  /// When something on the screen goes by itself; nil where nothing will.
  var nextExpiry: Double? { (toasts.map(\.expires) + changes.compactMap(\.expires)).min() }

  mutating func toast(_ text: String, isWarning: Bool = false) {
    toasts.removeAll { $0.text == text }
    toasts.append(Toast(text: text, isWarning: isWarning, expires: now + Self.toastSeconds))
    if toasts.count > 3 { toasts.removeFirst(toasts.count - 3) }
  }

  // MARK: Keeping everything in range

  /// Puts the selection back among what is there and scrolls the lists so that it is seen.
  mutating func settle() {
    guard let frame else { return }
    let visible = visibleModules
    if !visible.contains(module) { module = visible.first { $0 >= module } ?? visible.last ?? 0 }
    triplet = max(0, min(triplet, initialRank - 1))
    if frame.history.isEmpty { scrubbedStep = nil }
    let grid = grid
    let layout = layout(grid)
    if let area = layout.area(of: .ranks), let place = grid.places[module] {
      let geometry = ranksGeometry(area, grid)
      ranksScroll = scrolled(ranksScroll, toShow: place.row, visible: geometry.rowCount, of: grid.rows.count)
    }
    if let area = layout.area(of: .importance), let row = visible.firstIndex(of: module) {
      let geometry = importanceGeometry(area, moduleCount: visible.count)
      importanceScroll = scrolled(importanceScroll, toShow: row, visible: geometry.capacity, of: visible.count)
    }
    if let area = layout.area(of: .events) {
      eventsScroll = max(0, min(eventsScroll, frame.events.count - area.inner.height))
    }
  }

  // MARK: Values

  /// The value that a parameter will have once everything asked for took effect.
  func wantedValue(of parameter: Hyperparameter) -> Double? {
    changes.last { $0.parameter == parameter && $0.step == nil }?.new ?? frame?.value(of: parameter)
  }
}
