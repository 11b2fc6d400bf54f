// Another run beside the one on the screen, or what another rule would have kept of it, at the same step where its
// history has it.

import Training

/// What the panels say of a second run. Modules are matched by name.
struct Beside {
  let frame: Frame
  let moment: Moment
  /// The run's name, a cell a character.
  let name: String
  /// Whether it is a shadow: the same run by another rule, which trains nothing of its own.
  let isShadow: Bool
  /// For each module of the first run its index in the second; nil where it has none.
  let partner: [Int?]
  /// Modules of the second run that the first has not.
  let extra: Int

  /// - Parameters:
  ///   - step: the step that the first run shows; nil before its first.
  init(_ frame: Frame, modules: [RunDescription.Module], step: Int?, isShadow: Bool = false) {
    self.frame = frame
    self.isShadow = isShadow
    name = cellText(String(frame.description.run.prefix(isShadow ? 36 : 24)))
    if let newest = frame.record?.step, newest > step ?? 0, let index = frame.historyIndex(near: step ?? 0) {
      moment = Moment(frame, at: index)
    } else {
      moment = Moment(frame)
    }
    let others = frame.description.modules
    let places = Dictionary(others.indices.map { (others[$0].name, $0) }, uniquingKeysWith: { first, _ in first })
    partner = modules.map { places[$0.name] }
    extra = max(others.count - partner.reduce(0) { $0 + ($1 == nil ? 0 : 1) }, 0)
  }

  /// The second run's kept rank of a module of the first.
  func rank(of module: Int) -> Int? { (partner[at: module] ?? nil).flatMap { moment.ranks[at: $0] } }

  /// Whether a triplet of the first run is kept in the second, and its S there by that run's rule; nil where it has none.
  func triplet(_ triplet: Int, of module: Int) -> (isKept: Bool, score: Double?)? {
    let rank = frame.description.initialRank
    guard let other = partner[at: module] ?? nil, triplet < rank else { return nil }
    let index = other * rank + triplet
    let scores = moment.triplets.scores
    let score = (scores[frame.description.score] ?? scores[.smoothed])?[at: index].map(Double.init)
    return (moment.triplets.kept[at: index] ?? true, score)
  }

  /// `+2`, `−1`, `·` where nothing differs, `–` where a module has no partner.
  static func text(_ difference: Int?) -> String {
    guard let difference else { return "–" }
    return difference > 0 ? "+\(difference)" : difference < 0 ? "−\(-difference)" : "·"
  }

  static func style(_ difference: Int?) -> Style {
    guard let difference, difference != 0 else { return Theme.dim }
    return difference > 0 ? Theme.up : Theme.down
  }
}
