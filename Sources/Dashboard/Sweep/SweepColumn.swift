// The columns of a sweep's table: what each shows, and how it orders the runs.

import Models
import Training

enum SweepColumn: Int, Sendable, CaseIterable {
  case variant, cell, seed, state, step, loss, accuracy, matthews, f1, time, left, stepTime, parameters, memory

  var title: String {
    switch self {
    case .variant: "variant"
    case .cell: "settings"
    case .seed: "seed"
    case .state: "state"
    case .step: "step"
    case .loss: "loss"
    case .accuracy: "accuracy"
    case .matthews: "matthews"
    case .f1: "f1"
    case .time: "time"
    case .left: "left"
    case .stepTime: "ms/step"
    case .parameters: "params"
    case .memory: "memory"
    }
  }

  /// Cells, without the blank that follows. The title has room for an arrow, and what changes while runs run for what
  /// is to come.
  private func width(in frame: SweepFrame) -> Int {
    let width =
      switch self {
      case .variant, .cell, .seed: frame.runs.map { text($0, in: frame).count }.max() ?? 0
      case .step: 2 * String(frame.runs.map(\.totalSteps).max() ?? 0).count + 1
      case .state: SweepRun.State.running.shown.count
      case .stepTime, .parameters, .memory: 7
      case .loss, .accuracy, .matthews, .f1, .time, .left: 6
      }
    return max(width, title.count + 1)
  }

  /// What is left out where there is no room for all; the first is the last to go.
  private static let dispensable: [SweepColumn] = [
    .loss, .left, .time, .matthews, .f1, .stepTime, .parameters, .memory,
  ]
  /// Cells that a name has before another column is shown.
  private static let nameWidth = 24

  /// The columns that find room in so many cells, each with a blank after it, and where. One of which nothing is known
  /// has none.
  static func places(in frame: SweepFrame, width: Int) -> [(column: SweepColumn, x: Int, width: Int)] {
    let known = allCases.filter { column in frame.runs.contains { !column.text($0, in: frame).isEmpty } }
    var widths = Dictionary(uniqueKeysWithValues: known.map { ($0, $0.width(in: frame)) })
    let names = [Self.variant, .cell]
    func used(_ columns: [SweepColumn], names limit: Int) -> Int {
      columns.reduce(0) { sum, column in
        let width = widths[column] ?? 0
        return sum + 1 + (names.contains(column) ? min(width, limit) : width)
      }
    }
    var columns = known.filter { !dispensable.contains($0) }
    for column in dispensable where known.contains(column) && used(columns + [column], names: nameWidth) <= width {
      columns.append(column)
    }
    columns.sort { $0.rawValue < $1.rawValue }
    let free = max(width - used(columns, names: 0), 0)
    let (variant, cell) = (widths[.variant] ?? 0, widths[.cell] ?? 0)
    widths[.variant] = min(variant, max(free - cell, free / 2))
    widths[.cell] = min(cell, free - (widths[.variant] ?? 0))
    var x = 0
    return columns.map { column in
      let width = widths[column] ?? 0
      defer { x += width + 1 }
      return (column, x, width)
    }
  }

  /// Numbers end at their column's right edge.
  var isNumber: Bool { ![.variant, .cell, .state].contains(self) }

  func text(_ run: SweepRun, in frame: SweepFrame) -> String {
    func share(_ value: Double?) -> String { value.map { NumberText.fixed($0, 4) } ?? "" }
    switch self {
    case .variant: return cellText(run.variant)
    case .cell: return cellText(run.cell)
    case .seed: return String(run.seed)
    case .state: return run.state.shown
    case .step: return run.state == .done ? String(run.step) : "\(run.step)/\(run.totalSteps)"
    case .loss: return run.loss.map(NumberText.short) ?? ""
    case .accuracy: return share(run.accuracy)
    case .matthews: return share(run.matthews)
    case .f1: return share(run.f1)
    case .time: return seconds(run, frame).map(NumberText.duration) ?? ""
    case .left: return frame.secondsLeft(run).map(NumberText.duration) ?? ""
    case .stepTime: return run.stepMs.map(NumberText.short) ?? ""
    case .parameters: return run.parameters.map { NumberText.count(Double($0)) } ?? ""
    case .memory: return run.peakRSSBytes.map { NumberText.count(Double($0) / 1e6) + "MB" } ?? ""
    }
  }

  /// How long it took, or since when it runs.
  private func seconds(_ run: SweepRun, _ frame: SweepFrame) -> Double? {
    guard run.state == .running, let time = frame.time, let started = run.started else { return run.wallSeconds }
    return max(time - started, 0)
  }

  /// Smallest first; runs without a value come last either way, and equal ones stay as they were.
  func sorted(_ runs: [SweepRun], in frame: SweepFrame, isReversed: Bool) -> [SweepRun] {
    let keyed = runs.enumerated().map { (index: $0.offset, run: $0.element, key: key($0.element, frame)) }
    return keyed.sorted { a, b in
      switch (a.key, b.key) {
      case (nil, nil): return a.index < b.index
      case (_?, nil): return true
      case (nil, _?): return false
      case (let first?, let second?):
        if first == second { return a.index < b.index }
        return (first < second) != isReversed
      }
    }.map(\.run)
  }

  /// Text, or a number as a text of its own order.
  private enum Key: Equatable {
    case text(String)
    case number(Double)

    static func < (a: Key, b: Key) -> Bool {
      switch (a, b) {
      case (.text(let a), .text(let b)): a < b
      case (.number(let a), .number(let b)): a < b
      default: false
      }
    }
  }

  private func key(_ run: SweepRun, _ frame: SweepFrame) -> Key? {
    func number(_ value: Double?) -> Key? { value.flatMap { $0.isFinite ? .number($0) : nil } }
    switch self {
    case .variant: return .text(run.variant)
    case .cell: return .text(run.cell)
    case .seed: return .number(Double(run.seed))
    case .state: return .number(Double(SweepRun.State.allCases.firstIndex(of: run.state) ?? 0))
    case .step: return .number(Double(run.step))
    case .loss: return number(run.loss)
    case .accuracy: return number(run.accuracy)
    case .matthews: return number(run.matthews)
    case .f1: return number(run.f1)
    case .time: return number(seconds(run, frame))
    case .left: return number(frame.secondsLeft(run))
    case .stepTime: return number(run.stepMs)
    case .parameters: return number(run.parameters.map(Double.init))
    case .memory: return number(run.peakRSSBytes.map(Double.init))
    }
  }
}

extension SweepRun {
  /// What a filter looks through.
  var filterText: String { "\(variant) \(cell) seed=\(seed) \(state.rawValue)" }

  /// `adapter.method=lora, adapter.target_r=2`.
  var settingsText: String {
    guard case .object(let settings)? = try? JSON.parse(Array(key.settings.utf8), file: "") else {
      return cellText(key.settings)
    }
    return settings.map { key, value in
      if case .string(let text) = value { return cellText("\(key)=\(text)") }
      return cellText("\(key)=\(value.serialized(pretty: false))")
    }.joined(separator: ", ")
  }
}

extension SweepRun.State {
  /// As a glyph and a word.
  var shown: String {
    switch self {
    case .waiting: "○ waiting"
    case .running: "● running"
    case .done: "■ done"
    case .failed: "× failed"
    }
  }

  var style: Style {
    switch self {
    case .waiting: Theme.dim
    case .running: Theme.kept
    case .done: Theme.strong
    case .failed: Theme.down
    }
  }
}
