// Everything the dashboard knows, as one value: the latest frame and what the person has chosen to look at.

import Training

/// A change that was asked for and has not been seen in a frame for long enough.
public struct RequestedChange: Sendable, Equatable {
  public var parameter: Hyperparameter
  public var old: Double
  public var new: Double
  /// What was wanted before this was asked for.
  public var previous: Double
  /// Changes of the parameter that the frame told of when this was asked for.
  public var seen: Int
  /// The step before whose forward it took effect; nil until a frame says so.
  public var step: Int?
  /// When the line goes, in seconds of the clock; nil until it took effect.
  public var expires: Double?
}

public struct Toast: Sendable, Equatable {
  public var text: String
  public var isWarning: Bool
  public var expires: Double
}

/// What the keys mean at the moment.
public enum Mode: Sendable, Equatable {
  case normal
  case help(panel: Panel, scroll: Int)
  case command(LineEditor, historyIndex: Int?, completion: Completion?)
  /// The filter under edit, with what it was before.
  case filter(LineEditor, previous: String)
  case quitting(choice: QuitChoice)
  /// The run stands still until somebody says from where it goes on.
  case halted(choice: HaltChoice)

  /// Candidates that tab walks through.
  public struct Completion: Sendable, Equatable {
    var candidates: [String]
    var index: Int
    /// The text before the word that is completed.
    var stem: String
  }
}

public enum QuitChoice: Int, Sendable, CaseIterable {
  case background, keep, discard, cancel
}

public enum HaltChoice: Int, Sendable, CaseIterable {
  case recover, otherRate, quit, look
}

/// What a cell of the Importance panel stands for.
public enum ImportanceQuantity: Int, Sendable, CaseIterable {
  case score, sensitivity, uncertainty, lambda

  var symbol: String {
    switch self {
    case .score: "S"
    case .sensitivity: "Ī"
    case .uncertainty: "Ū"
    case .lambda: "|λ|"
    }
  }
}

public struct DashboardState: Sendable {
  /// Cells of the terminal.
  public var width: Int
  public var height: Int
  public let configuration: Configuration
  /// Seconds of the clock that the events bring.
  public var now: Double = 0
  public var frame: Frame?
  /// Another run's newest frame, shown beside this one.
  public var beside: Frame?
  /// Which of the frame's shadows is shown in place of it; nil: none.
  public var shownShadow: Int?

  public var focus: Panel = .ranks
  public var isZoomed = false
  /// The selected module and triplet; both are in range of the frame's description whenever there is one.
  public var module = 0
  public var triplet = 0
  /// Shows only modules whose name has every word of it.
  public var filter = ""
  /// The recorded step that is shown in place of the newest.
  public var scrubbedStep: Int?
  public var mode: Mode = .normal
  /// The hyper-parameter that `+` and `-` change.
  public var chosen: Hyperparameter = .beta1
  public var changes: [RequestedChange] = []
  public var toasts: [Toast] = []
  public var commandHistory: [String] = []

  /// Whether the Ranks grid puts several layers into a row where not all have one of their own.
  public var isFolded = false
  public var isSorted = false
  public var quantity: ImportanceQuantity = .score
  public var isOverTime = false
  public var isLogarithmic = false
  /// First visible row of the Ranks grid, first visible module of the Importance list, lines back from the newest
  /// event.
  public var ranksScroll = 0
  public var importanceScroll = 0
  public var eventsScroll = 0

  /// The newest event that was looked at for a toast.
  var seenEvent: Event?

  public init(width: Int, height: Int, configuration: Configuration = Configuration()) {
    self.width = width
    self.height = height
    self.configuration = configuration
  }

  // MARK: What the frame says

  var initialRank: Int { max(frame?.description.initialRank ?? 0, 0) }
  /// Whether every module keeps its rank, so that nothing is scored or masked.
  var hasFixedRank: Bool { frame.map { !$0.description.allocates } ?? false }

  /// Whether a hyper-parameter means something to the run.
  func steers(_ parameter: Hyperparameter) -> Bool { frame?.description.steers(parameter) ?? true }

  /// What is shown beside the run: a shadow of it, or another run.
  var other: Frame? { shadow ?? beside }

  var shadow: Frame? { shownShadow.flatMap { frame?.shadows[at: $0] } }

  var isOver: Bool { frame?.state.isOver ?? false }

  /// Why the run stands still, where it does until somebody says from where it goes on.
  var haltReason: String? { if case .halted(let why) = frame?.state { why } else { nil } }

  var control: RunControl { frame?.control ?? .own(keepsCheckpoints: false) }

  /// Whether another process trains the run, so that leaving changes nothing for it.
  var isWatching: Bool { control == .remote || control == .readOnly }

  /// Indices of the modules that pass the filter, in model order.
  var visibleModules: [Int] {
    guard let modules = frame?.description.modules else { return [] }
    let terms = FilterTerms(filter)
    return terms.isEmpty ? Array(modules.indices) : modules.indices.filter { terms.match(modules[$0].name) }
  }

  /// The moment to show: the newest, or the recorded one that was scrubbed to.
  var moment: Moment? {
    guard let frame else { return nil }
    if let step = scrubbedStep, let index = frame.historyIndex(near: step) {
      return Moment(frame, at: index)
    }
    return Moment(frame)
  }

  /// Steps that were done at the recorded moment that is shown; nil for the newest.
  var shownStepsDone: Int? { scrubbedStep == nil ? nil : moment?.record.map { $0.step + 1 } }
}
