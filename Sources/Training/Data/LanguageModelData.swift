// The data of a language-model experiment: token sequences, and which of their tokens count in the loss.

import Foundation
import Kernels
import Models

/// The data sets of an experiment whose task is CAUSAL_LM.
public struct LanguageModelData: Sendable {
  public var train: TokenizedDataset
  public var eval: TokenizedDataset?
  /// What the user should know: examples that were left out.
  public var notes: [String] = []

  /// Reads and tokenizes the files that an experiment names.
  /// - Throws: for a bad file, a conversation where the model's template is not known, or a file without anything to
  ///   predict.
  public static func load(
    experiment: Experiment, tokenizer: any Tokenizer, conventions: TextConventions, on pool: WorkerPool
  ) throws(InputError) -> LanguageModelData {
    let data = experiment.data
    let reader = LanguageModelReader(
      tokenizer: tokenizer, conventions: conventions, maxLength: data.maxLength, pool: pool)
    var notes: [String] = []
    func read(_ path: String) throws(InputError) -> TokenizedDataset {
      let (dataset, left) = try reader.read(path: path, data.completionColumns)
      if left > 0 {
        notes.append(
          "\(path): \(left) of \(left + dataset.count) examples have nothing to predict within \(data.maxLength) tokens "
            + "and are left out")
      }
      return dataset
    }
    let train = try read(data.train)
    let eval: TokenizedDataset? = if let path = data.eval { try read(path) } else { nil }
    return LanguageModelData(train: train, eval: eval, notes: notes)
  }
}

/// What a JSONL file of a language model's data is read by.
public enum CompletionColumns: Sendable {
  case completion(prompt: String, completion: String)
  case messages(String)
}

extension Experiment.Data {
  /// Nil where the files are plain text.
  var completionColumns: CompletionColumns? {
    if format == .text { return nil }
    return messages.map { .messages($0) } ?? .completion(prompt: prompt ?? "", completion: completion ?? "")
  }
}

/// Turns files into sequences of at most `maxLength` tokens.
struct LanguageModelReader {
  let tokenizer: any Tokenizer
  let conventions: TextConventions
  let maxLength: Int
  let pool: WorkerPool

  /// - Parameter columns: of a JSONL file; nil where the file is plain text.
  /// - Returns: also how many examples have no token that counts within `maxLength`.
  func read(path: String, _ columns: CompletionColumns?) throws(InputError) -> (TokenizedDataset, left: Int) {
    switch columns {
    case nil: (try blocks(path: path), 0)
    case .messages(let messages): try conversations(path: path, messages: messages)
    case .completion(let prompt, let completion):
      try completions(path: path, prompt: prompt, completion: completion)
    }
  }

  // MARK: Plain text

  /// A text file is a document; of a folder, every file whose name ends in `.txt`, in the order of their names. Documents
  /// stand one behind the other, each with the end token behind it, and are cut into blocks of `maxLength` tokens, of
  /// which the last may be shorter. Every token counts.
  func blocks(path: String) throws(InputError) -> TokenizedDataset {
    var ids: [Int32] = []
    for path in try Self.documents(path) {
      let bytes = try FileBytes.read(path)
      try UTF8Text.check(bytes, file: path)
      ids += tokenizer.encode(String(decoding: bytes[DelimitedText.start(bytes)...], as: UTF8.self)).ids
      if ids.last != conventions.endID { ids.append(conventions.endID) }
    }
    var dataset = TokenizedDataset()
    for start in stride(from: 0, to: ids.count, by: maxLength) {
      let block = Array(ids[start..<min(start + maxLength, ids.count)])
      // A single token has none before it from which it could be predicted.
      if block.count > 1 { dataset.append(ids: block, counted: Array(repeating: true, count: block.count)) }
    }
    guard dataset.count > 0 else { throw InputError(file: path, "empty, expected text") }
    return dataset
  }

  private static func documents(_ path: String) throws(InputError) -> [String] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
      return [path]
    }
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).filter { $0.hasSuffix(".txt") }
    guard !names.isEmpty else { throw InputError(.missing, file: path, "no file ends in .txt, expected texts") }
    return names.sorted().map { path + "/" + $0 }
  }

  // MARK: Prompts and conversations

  /// An object a line, with a prompt and what is to follow it. Only the completion counts, and the end token behind it.
  /// - Returns: also how many examples have no token that counts within `maxLength`.
  func completions(
    path: String, prompt: String, completion: String
  ) throws(InputError) -> (TokenizedDataset, left: Int) {
    var texts: [CountedText] = []
    try JSONLines.forEachRow(try FileBytes.read(path), file: path) { row throws(InputError) in
      var text = CountedText()
      text.append(try row.text(prompt))
      text.append(try row.text(completion), counts: true)
      texts.append(text)
    }
    return try tokenize(texts, addsEnd: true, file: path)
  }

  /// An object a line, with a list of messages. Only what the assistant says counts.
  /// - Throws: also where the model's template is not known.
  func conversations(path: String, messages: String) throws(InputError) -> (TokenizedDataset, left: Int) {
    let template = try chatTemplate()
    var texts: [CountedText] = []
    try JSONLines.forEachRow(try FileBytes.read(path), file: path) { row throws(InputError) in
      texts.append(template.render(try row.messages(messages)))
    }
    return try tokenize(texts, addsEnd: false, file: path)
  }

  private func chatTemplate() throws(InputError) -> ChatTemplate {
    guard let source = conventions.chatTemplate else { return .plain(end: conventions.endToken) }
    guard let template = ChatTemplate(source: source) else {
      throw InputError(
        file: conventions.file, place: "chat_template",
        "not known; expected ChatML's with <|im_start|> and <|im_end|>, Llama 3's with <|start_header_id|> and <|eot_id|>, "
          + "or none")
    }
    return template
  }

  private func tokenize(
    _ texts: [CountedText], addsEnd: Bool, file: String
  ) throws(InputError) -> (TokenizedDataset, left: Int) {
    let dataset = TokenizedDataset(count: texts.count, on: pool) { index, dataset in
      append(texts[index], addsEnd: addsEnd, to: &dataset)
    }
    guard dataset.count > 0 else {
      throw InputError(
        file: file,
        texts.isEmpty ? "empty, expected rows" : "no example has anything to predict within \(maxLength) tokens")
    }
    return (dataset, texts.count - dataset.count)
  }

  /// Tokenizes the text as a whole, since tokens may reach over its parts, and cuts it at the end. Nothing is appended
  /// where no token counts.
  private func append(_ text: CountedText, addsEnd: Bool, to dataset: inout TokenizedDataset) {
    var ids = tokenizer.encode(text.text).ids
    let length = text.text.utf8.count
    var counted = Array(repeating: false, count: ids.count)
    for span in text.counted {
      let start = tokens(before: span.lowerBound, in: text.text, of: ids)
      let end = span.upperBound == length ? ids.count : tokens(before: span.upperBound, in: text.text, of: ids)
      for index in start..<max(start, end) { counted[index] = true }
    }
    if addsEnd, ids.last != conventions.endID {
      ids.append(conventions.endID)
      counted.append(true)
    }
    ids.removeSubrange(min(maxLength, ids.count)...)
    counted.removeSubrange(ids.count...)
    if counted.dropFirst().contains(true) { dataset.append(ids: ids, counted: counted) }
  }

  /// How many of `ids` are those of the text before an offset alone; a token that reaches over it is none of them.
  private func tokens(before offset: Int, in text: String, of ids: [Int32]) -> Int {
    let prefix = tokenizer.encode(String(decoding: text.utf8.prefix(offset), as: UTF8.self)).ids
    return zip(prefix, ids).prefix { $0 == $1 }.count
  }
}
