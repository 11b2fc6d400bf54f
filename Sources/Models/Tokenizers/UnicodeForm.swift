// Unicode's four normalisation forms (the Unicode Standard, section 3.11).

/// HuggingFace's `NFC`, `NFD`, `NFKC` and `NFKD`.
struct UnicodeForm: Normalizer {
  enum Form: String, CaseIterable {
    case nfc = "NFC"
    case nfd = "NFD"
    case nfkc = "NFKC"
    case nfkd = "NFKD"

    var composes: Bool { self == .nfc || self == .nfkc }
    var isCompatible: Bool { self == .nfkc || self == .nfkd }
  }

  private let form: Form
  /// Per scalar whether it stays what it is and nothing before it changes what becomes of it.
  private let plain: ScalarPages<Bool>

  private static let plainNFC = ScalarPages { isPlain($0, .nfc) }
  private static let plainNFD = ScalarPages { isPlain($0, .nfd) }
  private static let plainNFKC = ScalarPages { isPlain($0, .nfkc) }
  private static let plainNFKD = ScalarPages { isPlain($0, .nfkd) }

  init(_ form: Form) {
    self.form = form
    plain =
      switch form {
      case .nfc: Self.plainNFC
      case .nfd: Self.plainNFD
      case .nfkc: Self.plainNFKC
      case .nfkd: Self.plainNFKD
      }
  }

  /// U+FDFA, of three bytes, has the longest decomposition.
  var growth: Int { 11 }

  func normalize(_ text: inout [UInt8]) {
    guard let firstByte = text.firstIndex(where: { $0 >= 0x80 }) else { return }
    var output: [UInt8] = []
    output.reserveCapacity(text.count + text.count / 2)
    text.withUnsafeBufferPointer { text in
      var index = max(firstByte - 1, 0)
      output += text[..<index]
      while index < text.count {
        let start = index
        // The last plain scalar before one that is not: a mark may compose with it.
        var last = index
        while index < text.count {
          let here = index
          guard isPlain(readScalar(text, at: &index)) else {
            index = here
            break
          }
          last = here
        }
        if index == text.count {
          output += text[start...]
          return
        }
        output += text[start..<last]
        index = last
        appendInvolved(text, from: &index, to: &output)
      }
    }
    text = output
  }

  @inline(__always)
  private func isPlain(_ value: UInt32) -> Bool {
    if value < 0x80 { return true }
    if let known = plain[value] { return known }
    switch value {
    case 0x3400...0x9FFF: return true
    case 0xAC00...0xD7A3: return form.composes
    default: return Unicode.Scalar(value).map { Self.isPlain($0, form) } ?? true
    }
  }

  private static func isPlain(_ scalar: Unicode.Scalar, _ form: Form) -> Bool {
    guard ReferenceUnicode.combiningClass(scalar) == 0 else { return false }
    let parts = Array(decomposition(scalar, form))
    guard form.composes else { return parts == [scalar] }
    return compose(parts) == [scalar] && !ReferenceUnicode.isSecondOfComposition(scalar)
      && !(parts.first.map(ReferenceUnicode.isSecondOfComposition) ?? false)
  }

  private static func decomposition(_ scalar: Unicode.Scalar, _ form: Form) -> String.UnicodeScalarView {
    form.isCompatible
      ? ReferenceUnicode.compatibilityDecomposition(scalar) : ReferenceUnicode.decomposition(scalar)
  }

  /// Normalises the scalar at `index` and those behind it up to the next plain one.
  private func appendInvolved(_ text: UnsafeBufferPointer<UInt8>, from index: inout Int, to output: inout [UInt8]) {
    var ordering = CanonicalOrder()
    var isFirst = true
    while index < text.count {
      var next = index
      let scalar = Unicode.Scalar(readScalar(text, at: &next)) ?? "\u{FFFD}"
      if !isFirst, isPlain(scalar.value) { break }
      isFirst = false
      index = next
      for part in Self.decomposition(scalar, form) {
        ordering.append(part, class: ReferenceUnicode.combiningClass(part), keeping: true)
      }
    }
    let ordered = ordering.finish()
    for scalar in form.composes ? Self.compose(ordered) : ordered { output.append(scalar) }
  }

  /// Composes scalars in canonical order.
  private static func compose(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var composed: [Unicode.Scalar] = []
    var starter: Int?
    /// The class of the last scalar that stays between the starter and the next; 0 where there is none.
    var lastClass: UInt8 = 0
    for scalar in scalars {
      let order = ReferenceUnicode.combiningClass(scalar)
      if let place = starter, lastClass == 0 ? place == composed.count - 1 : lastClass < order,
        let composite = composite(composed[place], scalar)
      {
        composed[place] = composite
        continue
      }
      if order == 0 { starter = composed.count }
      lastClass = order
      composed.append(scalar)
    }
    return composed
  }

  private static func composite(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
    switch (first.value, second.value) {
    case (0x1100...0x1112, 0x1161...0x1175):
      return Unicode.Scalar(0xAC00 + ((first.value - 0x1100) * 21 + second.value - 0x1161) * 28)
    case (0xAC00...0xD7A3, 0x11A8...0x11C2) where (first.value - 0xAC00) % 28 == 0:
      return Unicode.Scalar(first.value + second.value - 0x11A7)
    default: return ReferenceUnicode.composition(first, second)
    }
  }
}

/// Puts marks in canonical order: by combining class between starters, and stably.
struct CanonicalOrder {
  private var ordered: [Unicode.Scalar] = []
  private var marks: [(order: UInt8, scalar: Unicode.Scalar)] = []

  var hasMarks: Bool { !marks.isEmpty }

  mutating func append(_ scalar: Unicode.Scalar, class order: UInt8, keeping: Bool) {
    if order == 0 { flush() }
    guard keeping else { return }
    if order == 0 {
      ordered.append(scalar)
    } else {
      marks.insert((order, scalar), at: marks.lastIndex { $0.order <= order }.map { $0 + 1 } ?? 0)
    }
  }

  mutating func finish() -> [Unicode.Scalar] {
    flush()
    return ordered
  }

  private mutating func flush() {
    ordered += marks.map(\.scalar)
    marks.removeAll()
  }
}
