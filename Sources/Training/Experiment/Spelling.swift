// The word that a misspelt one was probably meant to be.

package enum Spelling {
  /// The candidate nearest to `word`, the first of equals; nil where none is near enough to be a misspelling.
  ///
  /// Nearness is the number of letters inserted, deleted, replaced or swapped with their neighbour (optimal string
  /// alignment), case aside; at most a third of the word's letters, at least one.
  package static func nearest(to word: String, among candidates: [String]) -> String? {
    // Nobody misspells by dozens of letters, and the distance costs the product of both lengths.
    guard word.count <= 64 else { return nil }
    let limit = max(1, word.count / 3)
    var best: (distance: Int, candidate: String)?
    for candidate in candidates {
      let distance = distance(word.lowercased(), candidate.lowercased())
      if distance <= limit, distance < best?.distance ?? .max { best = (distance, candidate) }
    }
    return best?.candidate
  }

  private static func distance(_ first: String, _ second: String) -> Int {
    let a = Array(first)
    let b = Array(second)
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in a.indices {
      var row = [i + 1]
      for j in b.indices {
        var cost = min(last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforeLast[j - 1] + 1) }
        row.append(cost)
      }
      beforeLast = last
      last = row
    }
    return last[b.count]
  }
}
