// What every tokenizer offers: text in, vocabulary ids and segment ids out.

/// Turns text into the ids that a model was trained on. All of it may be called from several threads.
public protocol Tokenizer: Sendable {
  /// The least number of rows that an embedding table for this tokenizer has: one more than its largest id.
  var vocabularySize: Int { get }

  /// The id of a token, special ones included, by its text in the vocabulary's own spelling.
  func id(of token: String) -> Int32?

  /// Appends the ids of `text` (and `pair`, a second text that follows it) with the special tokens around them, and as
  /// many segment ids, to the two arrays.
  ///
  /// - Parameter maxLength: the most ids that one call appends, special tokens included. Where there are more, tokens are
  ///   taken from the end, of a pair from the end of the longer text until both are equally long (HuggingFace's
  ///   `longest_first`). The special tokens stay even where they alone are more than `maxLength`.
  func append(_ text: String, pair: String?, maxLength: Int, to ids: inout [Int32], typeIDs: inout [Int32])
}

extension Tokenizer {
  /// The ids of `text`, or of a pair of texts, cut to `maxLength` as `append` describes.
  public func encode(_ text: String, pair: String? = nil, maxLength: Int = .max) -> Encoding {
    var encoding = Encoding(ids: [], typeIDs: [])
    append(text, pair: pair, maxLength: maxLength, to: &encoding.ids, typeIDs: &encoding.typeIDs)
    return encoding
  }
}

/// A tokenized text.
public struct Encoding: Sendable, Equatable {
  /// Vocabulary ids, special tokens included, no padding.
  public var ids: [Int32]
  /// The segment of each id: 0 for the first text, 1 for the second (HuggingFace's `token_type_ids`).
  public var typeIDs: [Int32]

  public init(ids: [Int32], typeIDs: [Int32]) {
    self.ids = ids
    self.typeIDs = typeIDs
  }
}
