// The six panels, by the number that focuses them.

public enum Panel: Int, Sendable, CaseIterable, Hashable {
  case ranks = 1
  case importance, budget, training, triplet, events

  var title: String {
    switch self {
    case .ranks: "Ranks"
    case .importance: "Importance"
    case .budget: "Budget"
    case .training: "Training"
    case .triplet: "Triplet"
    case .events: "Events"
    }
  }

  var word: String { title.lowercased() }

  init?(word: String) {
    guard let panel = Self.allCases.first(where: { $0.word == word.lowercased() || String($0.rawValue) == word })
    else { return nil }
    self = panel
  }

  var next: Panel { Panel(rawValue: rawValue % 6 + 1) ?? .ranks }
  var previous: Panel { Panel(rawValue: (rawValue + 4) % 6 + 1) ?? .ranks }
}
