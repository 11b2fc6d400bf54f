// What each action does to the state, and what it asks of the world.

import Training

extension DashboardState {
  mutating func perform(_ action: Action) -> [Effect] {
    switch action {
    case .focus(let panel): focus = panel
    case .focusNext: focus = focus.next
    case .focusPrevious: focus = focus.previous
    case .move(let dx, let dy): moveSelection(dx: dx, dy: dy)
    case .page(let direction): page(direction)
    case .first, .last: jump(toLast: action == .last)
    case .zoom: isZoomed.toggle()

    case .pauseOrResume:
      if haltReason != nil {
        mode = .halted(choice: .recover)
      } else {
        return send(frame?.state == .paused ? .resume : .pause)
      }
    case .stepOnce: return send(.step(count: 1))
    case .choose(let direction):
      let all = Hyperparameter.allCases.filter(steers)
      let index = all.firstIndex(of: chosen) ?? 0
      chosen = all[(index + direction + all.count) % all.count]
    case .change(let up):
      guard let value = wantedValue(of: chosen),
        let next = chosen.stepped(value, up: up, initialRank: initialRank)
      else { return [] }
      return send(.set(chosen, next))
    case .undo: return send(.undo)
    case .export: return send(.export(formats: []))

    case .editFilter: mode = .filter(LineEditor(filter), previous: filter)
    case .scrub(let direction): scrub(by: direction)
    case .live: scrubbedStep = nil
    case .nextShadow:
      let next = (shownShadow ?? -1) + 1
      shownShadow = next < frame?.shadows.count ?? 0 ? next : nil
    case .toggleFold: isFolded.toggle()
    case .toggleOrder: isSorted.toggle()
    case .nextQuantity:
      quantity = ImportanceQuantity(rawValue: (quantity.rawValue + 1) % ImportanceQuantity.allCases.count) ?? .score
    case .toggleTime: isOverTime.toggle()
    case .toggleLogarithm: isLogarithmic.toggle()

    case .back: back()
    case .commandLine: mode = .command(LineEditor(), historyIndex: nil, completion: nil)
    case .help: mode = .help(panel: focus, scroll: 0)
    case .quit: return quit()
    case .interrupt: return interrupt()
    case .suspend: return [.suspend]
    case .checkpoint: return send(.checkpoint)
    case .fork: return send(.fork(step: shownStepsDone))
    case .rewind: return send(.rewind)

    case .close: close()
    case .scrollHelp(let lines):
      if case .help(let panel, let scroll) = mode {
        mode = .help(panel: panel, scroll: max(0, min(scroll + lines, helpScrollLimit(panel))))
      }
    case .explain(let direction):
      if case .help(let panel, _) = mode {
        mode = .help(panel: direction > 0 ? panel.next : panel.previous, scroll: 0)
      }
    case .submit: return submit()
    case .complete(let direction): complete(direction)
    case .recall(let direction): recall(direction)
    case .quitWith(let choice): return answer(choice)
    case .haltWith(let choice): return answer(choice)
    case .moveChoice(let direction):
      switch mode {
      case .quitting(let choice): mode = .quitting(choice: Self.next(choice, direction))
      case .halted(let choice): mode = .halted(choice: Self.next(choice, direction))
      default: break
      }
    case .confirm:
      switch mode {
      case .quitting(let choice): return answer(choice)
      case .halted(let choice): return answer(choice)
      default: break
      }
    }
    return []
  }

  /// Sends a command unless there is a reason against it; a change of a value is remembered until it took effect.
  mutating func send(_ command: Command) -> [Effect] {
    if let reason = reasonAgainst(command) {
      toast(reason, isWarning: true)
      return []
    }
    switch command {
    case .set(let parameter, let value): remember(parameter, value)
    case .undo:
      // What the trainer will do: the last change that has not been taken back, the other way round.
      var depth: [Intervention] = []
      for change in frame?.interventions ?? [] {
        if change.isUndo { _ = depth.popLast() } else { depth.append(change) }
      }
      if let asked = changes.last(where: { $0.step == nil }) {
        remember(asked.parameter, asked.previous)
      } else if let last = depth.last {
        remember(last.parameter, last.old)
      }
    case .export: toast("exporting a snapshot…")
    case .evaluate: toast("evaluating after this step")
    case .pauseAt(let step): toast("will pause when \(step) steps are done")
    case .stop: toast("stopping after this step")
    case .checkpoint: toast("a checkpoint after this step")
    case .fork(let step): toast(step.map { "forking at step \($0)…" } ?? "forking here…")
    case .rewind, .recover:
      changes = []
      scrubbedStep = nil
      toast(command == .rewind ? "going back to before the last change…" : "going back to the last checkpoint…")
    case .whatIf(let settings):
      toast(settings.map { "what if \($0.text): from the next step on" } ?? "no more what if")
    case .pause, .resume, .step: if control == .remote { toast("sent; it takes effect between two steps") }
    }
    return [.send(command)]
  }

  private mutating func remember(_ parameter: Hyperparameter, _ value: Double) {
    guard let frame else { return }
    let current = frame.value(of: parameter)
    let previous = wantedValue(of: parameter) ?? current
    changes.removeAll { $0.parameter == parameter }
    guard current != value else { return }
    let seen = frame.interventions.reduce(0) { $0 + ($1.parameter == parameter ? 1 : 0) }
    changes.append(RequestedChange(parameter: parameter, old: current, new: value, previous: previous, seen: seen))
  }

  // MARK: Moving far

  private mutating func page(_ direction: Int) {
    switch focus {
    case .events: eventsScroll = max(0, eventsScroll - direction * 10)
    case .budget, .training: scrub(by: direction * 10)
    case .ranks: for _ in 0..<8 { moveSelection(dx: 0, dy: direction) }
    case .importance, .triplet: moveModule(by: direction * 10)
    }
  }

  private mutating func jump(toLast: Bool) {
    switch focus {
    case .events: eventsScroll = toLast ? 0 : .max / 2
    case .budget, .training: scrubbedStep = toLast ? nil : frame?.history.first?.record.step
    case .ranks, .importance, .triplet:
      let visible = visibleModules
      module = (toLast ? visible.last : visible.first) ?? module
    }
  }

  // MARK: Out again

  /// One level: zoom, then history, then filter.
  private mutating func back() {
    if isZoomed {
      isZoomed = false
    } else if scrubbedStep != nil {
      scrubbedStep = nil
    } else if !filter.isEmpty {
      filter = ""
    } else {
      toasts.removeAll()
    }
  }

  private mutating func close() {
    if case .filter(_, let previous) = mode { filter = previous }
    mode = .normal
  }

  private mutating func quit() -> [Effect] {
    if isWatching { return [.quit(.watched)] }
    if isOver { return [.quit(.over)] }
    guard frame != nil, control != .replay else { return [.send(.stop(discard: true)), .quit(.discard)] }
    mode =
      haltReason != nil && control == .own(keepsCheckpoints: true) ? .halted(choice: .quit) : .quitting(choice: .keep)
    return []
  }

  private mutating func interrupt() -> [Effect] {
    switch mode {
    case .quitting, .halted: return end(isWatching ? .watched : .interrupted)
    default: return quit()
    }
  }

  /// Ends at once; the adapter is kept, and what another process trains is left alone.
  func end(_ how: QuitMode) -> [Effect] {
    isOver || isWatching ? [.quit(how)] : [.send(.stop(discard: false)), .quit(how)]
  }

  private mutating func answer(_ choice: QuitChoice) -> [Effect] {
    if isWatching { return [.quit(.watched)] }
    switch choice {
    case .background:
      if isOver { return [.quit(.over)] }
      if let reason = reasonAgainstBackground {
        toast("b: \(reason)", isWarning: true)
        return []
      }
      return [.quit(.background)]
    case .keep: return end(isOver ? .over : .keep)
    case .discard: return isOver ? [.quit(.over)] : [.send(.stop(discard: true)), .quit(.discard)]
    case .cancel:
      mode = .normal
      return []
    }
  }

  private mutating func answer(_ choice: HaltChoice) -> [Effect] {
    mode = .normal
    switch choice {
    case .recover: return send(.recover(learningRate: nil))
    case .otherRate:
      mode = .command(LineEditor("recover "), historyIndex: nil, completion: nil)
      return []
    case .quit: return end(.keep)
    case .look: return []
    }
  }

  /// The answer after or before one, around the circle.
  private static func next<Choice: RawRepresentable & CaseIterable>(_ choice: Choice, _ direction: Int) -> Choice
  where Choice.RawValue == Int {
    let count = Choice.allCases.count
    return Choice(rawValue: (choice.rawValue + direction + count) % count) ?? choice
  }

  // MARK: The command line

  private mutating func submit() -> [Effect] {
    guard case .command(let editor, _, _) = mode else {
      mode = .normal
      return []
    }
    mode = .normal
    let text = editor.text
    guard text.contains(where: { $0 != " " }) else { return [] }
    commandHistory.removeAll { $0 == text }
    commandHistory.append(text)
    if commandHistory.count > 100 { commandHistory.removeFirst() }
    do {
      return execute(try CommandLanguage.parse(text, initialRank: frame == nil ? nil : initialRank))
    } catch {
      toast(cellText(error.text), isWarning: true)
      return []
    }
  }

  private mutating func execute(_ statement: Statement) -> [Effect] {
    switch statement {
    case .command(let command): return send(command)
    case .quit(nil): return quit()
    case .quit(.some(true)) where isWatching: toast(Reason.left, isWarning: true)
    case .quit(.some(let discard)): return answer(discard ? QuitChoice.discard : .keep)
    case .fork: return send(.fork(step: shownStepsDone))
    case .beside(let run):
      shownShadow = nil
      return [.beside(run)]
    case .alone:
      guard other != nil else {
        toast("no other run is shown", isWarning: true)
        return []
      }
      shownShadow = nil
      guard beside != nil else { return [] }
      beside = nil
      return [.alone]
    case .help(let panel): mode = .help(panel: panel ?? focus, scroll: 0)
    case .filter(let text): filter = LineEditor(text).text
    case .goTo(let step):
      guard let frame, let index = frame.historyIndex(near: step) else {
        toast("no history yet", isWarning: true)
        return []
      }
      scrubbedStep = index == frame.history.count - 1 ? nil : frame.history[index].record.step
    case .live: scrubbedStep = nil
    case .focus(let panel): focus = panel
    }
    return []
  }

  private mutating func complete(_ direction: Int) {
    guard case .command(let editor, let index, var completion) = mode else { return }
    if completion == nil {
      let text = editor.text
      var values: [Hyperparameter: Double] = [:]
      for parameter in Hyperparameter.allCases { values[parameter] = wantedValue(of: parameter) }
      let candidates = CommandLanguage.completions(for: text, values: values)
      guard !candidates.isEmpty else { return }
      let last = text.lastIndex { $0 == " " || $0 == "=" }
      let stem = last.map { String(text[...$0]) } ?? ""
      completion = Mode.Completion(candidates: candidates, index: direction > 0 ? -1 : 0, stem: stem)
    }
    guard var walk = completion, !walk.candidates.isEmpty else { return }
    let count = walk.candidates.count
    walk.index = (walk.index + direction + count) % count
    // A single candidate is done: the next tab completes the next word.
    let text = walk.stem + walk.candidates[walk.index] + (count == 1 ? " " : "")
    mode = .command(LineEditor(text), historyIndex: index, completion: count == 1 ? nil : walk)
  }

  private mutating func recall(_ direction: Int) {
    guard case .command(_, let index, _) = mode, !commandHistory.isEmpty else { return }
    let next = (index ?? commandHistory.count) + direction
    if next >= commandHistory.count {
      mode = .command(LineEditor(), historyIndex: nil, completion: nil)
    } else {
      let shown = max(next, 0)
      mode = .command(LineEditor(commandHistory[shown]), historyIndex: shown, completion: nil)
    }
  }
}
