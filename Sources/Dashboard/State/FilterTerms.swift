// The words of a filter, and what passes it.

struct FilterTerms {
  private let terms: [[Unicode.Scalar]]

  init(_ text: String) { terms = text.lowercased().split(separator: " ").map { Array($0.unicodeScalars) } }

  var isEmpty: Bool { terms.isEmpty }

  /// Every term occurs, and a term that ends in a digit ends a number: `layer.3` is not `layer.30`.
  func match(_ name: String) -> Bool {
    let name = Array(name.lowercased().unicodeScalars)
    return terms.allSatisfy { term in
      guard let last = term.last, term.count <= name.count else { return false }
      let endsInDigit = last.value >= 48 && last.value <= 57
      return (0...(name.count - term.count)).contains { start in
        guard (0..<term.count).allSatisfy({ name[start + $0] == term[$0] }) else { return false }
        let end = start + term.count
        return !(endsInDigit && end < name.count && name[end].value >= 48 && name[end].value <= 57)
      }
    }
  }
}
