// Where the special tokens go, and how texts are cut to make room for them.

/// The order of texts and special tokens, for one text and for a pair (HuggingFace's `TemplateProcessing`).
struct SequenceTemplate: Sendable {
  enum Piece: Sendable, Equatable {
    case special(ids: [Int32], typeID: Int32)
    case first(typeID: Int32)
    case second(typeID: Int32)
  }

  let single: [Piece]
  let pair: [Piece]

  /// Without special tokens.
  static let bare = SequenceTemplate(single: [.first(typeID: 0)], pair: [.first(typeID: 0), .second(typeID: 1)])

  /// BERT's `[CLS] A [SEP] B [SEP]`.
  static func bert(cls: Int32, sep: Int32) -> SequenceTemplate {
    let opening: [Piece] = [
      .special(ids: [cls], typeID: 0), .first(typeID: 0), .special(ids: [sep], typeID: 0),
    ]
    return SequenceTemplate(
      single: opening, pair: opening + [.second(typeID: 1), .special(ids: [sep], typeID: 1)])
  }

  /// RoBERTa's `<s> A </s></s> B </s>`, all of one segment.
  static func roberta(cls: Int32, sep: Int32) -> SequenceTemplate {
    let opening: [Piece] = [
      .special(ids: [cls], typeID: 0), .first(typeID: 0), .special(ids: [sep], typeID: 0),
    ]
    return SequenceTemplate(
      single: opening,
      pair: opening + [
        .special(ids: [sep], typeID: 0), .second(typeID: 0), .special(ids: [sep], typeID: 0),
      ])
  }

  /// The number of special tokens among `pieces`.
  static func specialCount(_ pieces: [Piece]) -> Int {
    pieces.reduce(0) { count, piece in
      if case .special(let ids, _) = piece { count + ids.count } else { count }
    }
  }

  /// What remains of two texts of `first` and `second` tokens in `room`: the longer is cut to the length of the shorter
  /// or, if that is not enough, both to half the room; of an odd room the longer text gets the larger half.
  static func longestFirst(_ first: Int, _ second: Int, room: Int) -> (first: Int, second: Int) {
    if first + second <= room { return (first, second) }
    let shorter = min(first, second)
    let kept = 2 * shorter <= room ? (shorter, room - shorter) : (room / 2, room - room / 2)
    return first > second ? (kept.1, kept.0) : kept
  }
}
