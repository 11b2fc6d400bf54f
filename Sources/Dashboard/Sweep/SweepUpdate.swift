// update(state, event) → effects for a sweep's table: the only place where its state changes. Pure.

import Training

public enum SweepScreenEvent: Sendable {
  case input(InputEvent)
  case frame(SweepFrame)
  /// Something that went wrong outside, for the person to read.
  case warning(String)
  case tick(seconds: Double)
  case endRequested(EndRequest)
}

/// How the table of a sweep is left.
public enum SweepEnding: Sendable, Equatable {
  /// Nothing is under way, or another process drives it.
  case left
  /// The runs are to be stopped.
  case stop
  case requested(EndRequest)
}

/// What the world must do for it.
public enum SweepEffect: Sendable, Equatable {
  /// The run in this folder of the sweep's is to be shown.
  case open(folder: String)
  case suspend
  case end(SweepEnding)
}

public func update(_ state: inout SweepState, _ event: SweepScreenEvent) -> [SweepEffect] {
  var effects: [SweepEffect] = []
  switch event {
  case .tick(let seconds):
    state.now = seconds
    state.toasts.removeAll { $0.expires <= seconds }
    return []
  case .frame(let frame): state.receive(frame)
  case .warning(let text): state.toast(cellText(text), isWarning: true)
  case .endRequested(let request): return [.end(.requested(request))]
  case .input(.key(let key)): effects = state.press(key)
  case .input(.mouse(let mouse)): effects = state.point(mouse)
  case .input(.resize(let width, let height)):
    state.width = max(width, 0)
    state.height = max(height, 0)
  case .input(.resumed): break
  }
  state.settle()
  return effects
}

extension SweepState {
  /// nil where no run is shown.
  var selectedRun: SweepRun? { frame?.runs.first { $0.key == selected } }

  mutating func receive(_ new: SweepFrame) {
    if let old = frame {
      let before = Dictionary(old.runs.map { ($0.key, $0.state) }) { first, _ in first }
      for run in new.runs where run.state == .failed && before[run.key].map({ $0 != .failed }) ?? false {
        toast("\(cellText(run.title)) failed: \(cellText(run.reason ?? ""))", isWarning: true)
      }
      if new.isOver, !old.isOver { toast("the sweep is over") }
    }
    frame = new
  }

  /// Keeps a run selected, and the selected one in view.
  mutating func settle() {
    let runs = visible
    let row = runs.firstIndex { $0.key == selected } ?? 0
    selected = runs[at: row]?.key
    scroll = scrolled(scroll, toShow: row, visible: layout.capacity, of: runs.count)
    if let frame, !marked.isEmpty { marked.formIntersection(frame.runs.map(\.key)) }
  }

  mutating func press(_ key: InputEvent.Key) -> [SweepEffect] {
    // In every mode, as a person expects of a program in a terminal.
    if key == .control("z") { return [.suspend] }
    if let binding = SweepBindings.table.binding(for: key, in: [SweepBindings.context(self)]) {
      if let reason = binding.reason(self) {
        toast("\(binding.label): \(reason)", isWarning: true)
        return []
      }
      return perform(binding.action)
    }
    if case .filter(var editor, let previous) = mode {
      if case .backspace = key, editor.scalars.isEmpty {
        mode = .normal
      } else if editor.edit(key) {
        filter = editor.text
        mode = .filter(editor, previous: previous)
      }
    }
    return []
  }

  mutating func point(_ mouse: InputEvent.Mouse) -> [SweepEffect] {
    guard mode == .normal else { return [] }
    switch mouse.action {
    case .wheelUp: move(by: -1)
    case .wheelDown: move(by: 1)
    case .press, .doublePress:
      let area = layout.table.inner
      guard area.contains(mouse.x, mouse.y), mouse.y > area.y, let run = visible[at: scroll + mouse.y - area.y - 1]
      else { return [] }
      selected = run.key
      if mouse.action == .doublePress, run.folder != nil { return perform(.open) }
    }
    return []
  }

  private mutating func perform(_ action: SweepAction) -> [SweepEffect] {
    switch action {
    case .move(let distance): move(by: distance)
    case .page(let direction): move(by: direction * max(layout.capacity - 1, 1))
    case .first: selected = visible.first?.key
    case .last: selected = visible.last?.key
    case .order(let direction):
      let columns = columns.map(\.column)
      let place = order.flatMap { columns.firstIndex(of: $0) }.map { $0 + 1 } ?? 0
      let next = (place + direction + columns.count + 1) % (columns.count + 1)
      order = next == 0 ? nil : columns[next - 1]
      isReversed = false
    case .reverse: isReversed.toggle()
    case .mark:
      guard let key = selected else { return [] }
      if marked.remove(key) == nil { marked.insert(key) }
      move(by: 1)
    case .markAll:
      let keys = Set(visible.map(\.key))
      if keys.isSubset(of: marked) { marked.subtract(keys) } else { marked.formUnion(keys) }
    case .editFilter: mode = .filter(LineEditor(filter), previous: filter)
    case .open: if let folder = selectedRun?.folder { return [.open(folder: folder)] }
    case .compare: mode = .comparing(command: comparison)
    case .back:
      if !filter.isEmpty { filter = "" } else if !marked.isEmpty { marked = [] } else { toasts = [] }
    case .help: mode = .help(scroll: 0)
    case .scrollHelp(let lines):
      if case .help(let scroll) = mode { mode = .help(scroll: max(0, min(scroll + lines, helpScrollLimit))) }
    case .close:
      if case .filter(_, let previous) = mode { filter = previous }
      mode = .normal
    case .submit: mode = .normal
    case .quit, .interrupt:
      guard isBusy else { return [.end(.left)] }
      mode = .quitting
    case .stop: return [.end(.stop)]
    case .suspend: return [.suspend]
    }
    return []
  }

  private mutating func move(by distance: Int) {
    let runs = visible
    let row = runs.firstIndex { $0.key == selected } ?? 0
    selected = runs[at: max(0, min(row + distance, runs.count - 1))]?.key
  }

  /// The command that compares the marked runs, or all.
  private var comparison: String {
    let folders = frame?.runs.compactMap { run in marked.contains(run.key) ? run.folder : nil } ?? []
    let names = folders.isEmpty ? [folder] : folders.map { folder + "/" + $0 }
    return (["ranktop compare"] + names.map(Self.word)).joined(separator: " ")
  }

  /// A path as a shell takes it.
  private static func word(_ path: String) -> String {
    let isPlain = path.unicodeScalars.allSatisfy {
      $0.isASCII
        && ($0.properties.isAlphabetic || $0.properties.numericType != nil || "/._=-+".unicodeScalars.contains($0))
    }
    return isPlain ? path : path.shellQuoted
  }
}
