// BERT's tokenizer, equal to HuggingFace's: normaliser, division into words, WordPiece, special tokens, truncation.

/// A WordPiece tokenizer, built from `tokenizer.json` or `vocab.txt`. It is immutable, so that threads may share it.
public final class WordPieceTokenizer: Tokenizer {
  public let vocabularySize: Int
  private let normalizer: BertNormalizer
  private let preTokenizer = BertPreTokenizer()
  private let model: WordPiece
  /// Tokens sought in the raw text.
  private let rawTokens: AddedTokens
  /// Tokens sought in the normalised text.
  private let normalizedTokens: AddedTokens
  private let template: SequenceTemplate

  /// - Parameter addedTokens: none is empty, nor becomes so by normalisation.
  init(normalizer: BertNormalizer, model: WordPiece, addedTokens: [AddedToken], template: SequenceTemplate) {
    self.normalizer = normalizer
    self.model = model
    self.template = template
    rawTokens = AddedTokens(addedTokens.filter { !$0.normalized }.map { (Array($0.content.utf8), $0) })
    normalizedTokens = AddedTokens(
      addedTokens.filter(\.normalized).map { (normalizer.normalized(Array($0.content.utf8)), $0) })
    vocabularySize = Int(addedTokens.map(\.id).reduce(model.largestID, max)) + 1
  }

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

  /// Appends at most `limit` ids of `text`, without special tokens.
  private func append(_ text: String, limit: Int, to ids: inout [Int32]) {
    let end = limit < Int.max - ids.count ? ids.count + limit : Int.max
    var text = text
    text.withUTF8 { bytes in
      _ = rawTokens.forEachPiece(bytes) { piece in
        switch piece {
        case .token(let id): ids.append(id)
        case .text(let range): appendRaw(UnsafeBufferPointer(rebasing: bytes[range]), end: end, to: &ids)
        }
        return ids.count < end
      }
    }
    if ids.count > end { ids.removeSubrange(end...) }
  }

  private func appendRaw(_ text: UnsafeBufferPointer<UInt8>, end: Int, to ids: inout [Int32]) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: normalizer.normalizedCapacity(text.count)) { scratch in
      guard let base = scratch.baseAddress else { return }
      let normalized = UnsafeBufferPointer(start: base, count: normalizer.normalize(text, to: base))
      if normalizedTokens.isEmpty {
        appendWords(normalized, end: end, to: &ids)
        return
      }
      _ = normalizedTokens.forEachPiece(normalized) { piece in
        switch piece {
        case .token(let id): ids.append(id)
        case .text(let range): appendWords(UnsafeBufferPointer(rebasing: normalized[range]), end: end, to: &ids)
        }
        return ids.count < end
      }
    }
  }

  private func appendWords(_ text: UnsafeBufferPointer<UInt8>, end: Int, to ids: inout [Int32]) {
    var position = 0
    while ids.count < end, let word = preTokenizer.nextWord(in: text, from: &position) {
      model.append(UnsafeBufferPointer(rebasing: text[word]), to: &ids)
    }
  }
}
