// A tokenizer equal to HuggingFace's: added tokens, normaliser, division into words, model, special tokens, truncation.

/// A tokenizer as `tokenizer.json` describes it: a model (WordPiece, byte-pair encoding or Unigram) with the pieces
/// before and after it. It is immutable, so that threads may share it.
public final class SubwordTokenizer: Tokenizer {
  public let vocabularySize: Int
  private let normalizer: (any Normalizer)?
  private let preTokenizer: (any PreTokenizer)?
  private let model: any SubwordModel
  /// Tokens sought in the raw text.
  private let rawTokens: AddedTokens
  /// Tokens sought in the normalised text.
  private let normalizedTokens: AddedTokens
  private let addedIDs: [ExactKey: Int32]
  private let template: SequenceTemplate

  /// - Parameters:
  ///   - preTokenizer: nil where the whole text is one word.
  ///   - addedTokens: none is empty, nor becomes so by normalisation.
  init(
    normalizer: (any Normalizer)?, preTokenizer: (any PreTokenizer)?, model: any SubwordModel,
    addedTokens: [AddedToken], template: SequenceTemplate
  ) {
    self.normalizer = normalizer
    self.preTokenizer = preTokenizer
    self.model = model
    self.template = template
    rawTokens = AddedTokens(addedTokens.filter { !$0.normalized }.map { (Array($0.content.utf8), $0) })
    normalizedTokens = AddedTokens(
      addedTokens.filter(\.normalized).map { token in
        let bytes = Array(token.content.utf8)
        return (normalizer?.normalized(bytes) ?? bytes, token)
      })
    addedIDs = Dictionary(addedTokens.map { (ExactKey($0.content), $0.id) }) { first, _ in first }
    vocabularySize = Int(addedTokens.map(\.id).reduce(model.largestID, max)) + 1
  }

  public func id(of token: String) -> Int32? { addedIDs[ExactKey(token)] ?? model.id(of: token) }

  public func append(
    _ text: String, pair: String?, maxLength: Int, to ids: inout [Int32], typeIDs: inout [Int32]
  ) {
    precondition(ids.count == typeIDs.count, "\(ids.count) ids but \(typeIDs.count) type ids")
    let pieces = pair == nil ? template.single : template.pair
    let room = max(0, maxLength - SequenceTemplate.specialCount(pieces))
    var first: [Int32] = []
    var second: [Int32] = []
    if let pair {
      append(text, limit: .max, to: &first)
      append(pair, limit: .max, to: &second)
      let kept = SequenceTemplate.longestFirst(first.count, second.count, room: room)
      first.removeSubrange(kept.first...)
      second.removeSubrange(kept.second...)
    }
    for piece in pieces {
      let type: Int32
      switch piece {
      case .special(let special, let typeID):
        ids += special
        type = typeID
      case .first(let typeID) where pair == nil:
        append(text, limit: room, to: &ids)
        type = typeID
      case .first(let typeID):
        ids += first
        type = typeID
      case .second(let typeID):
        ids += second
        type = typeID
      }
      let missing = ids.count - typeIDs.count
      typeIDs.append(contentsOf: repeatElement(type, count: missing))
    }
  }

  // MARK: Text to ids

  /// Appends at most `limit` ids of `text`, without special tokens around them.
  private func append(_ text: String, limit: Int, to ids: inout [Int32]) {
    let end = limit < Int.max - ids.count ? ids.count + limit : Int.max
    var text = text
    text.withUTF8 { bytes in
      _ = rawTokens.forEachPiece(bytes) { piece in
        switch piece {
        case .token(let id): ids.append(id)
        case .text(let range):
          let text = Array(bytes[range])
          appendRaw(text, isStart: range.lowerBound == 0 && keepsFirst(text), end: end, to: &ids)
        }
        return ids.count < end
      }
    }
    if ids.count > end { ids.removeSubrange(end...) }
  }

  /// Whether normalising `text` leaves something of its first character: where not, the reference takes what follows
  /// for no beginning.
  private func keepsFirst(_ text: [UInt8]) -> Bool {
    guard let normalizer, let first = text.first, first <= 0x20 || first >= 0x7F else { return true }
    let end = text.dropFirst().firstIndex { $0 & 0xC0 != 0x80 } ?? text.count
    return !normalizer.normalized(Array(text[..<end])).isEmpty
  }

  private func appendRaw(_ text: consuming [UInt8], isStart: Bool, end: Int, to ids: inout [Int32]) {
    normalizer?.normalize(&text)
    if normalizedTokens.isEmpty {
      appendWords(DividedText(text, isStart: isStart), end: end, to: &ids)
      return
    }
    text.withUnsafeBufferPointer { bytes in
      _ = normalizedTokens.forEachPiece(bytes) { piece in
        switch piece {
        case .token(let id): ids.append(id)
        case .text(let range):
          let piece = DividedText(Array(bytes[range]), isStart: isStart && range.lowerBound == 0)
          appendWords(piece, end: end, to: &ids)
        }
        return ids.count < end
      }
    }
  }

  private func appendWords(_ text: consuming DividedText, end: Int, to ids: inout [Int32]) {
    preTokenizer?.divide(&text)
    text.bytes.withUnsafeBufferPointer { bytes in
      for word in text.words {
        model.append(UnsafeBufferPointer(rebasing: bytes[word]), to: &ids)
        if ids.count >= end { return }
      }
    }
  }
}
