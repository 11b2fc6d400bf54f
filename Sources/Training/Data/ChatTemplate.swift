// How a conversation is written as one text: three templates, told apart by what the model's own contains.

import Models

/// Who says something in a conversation.
enum ChatRole: String, CaseIterable, Sendable {
  case system, user, assistant
}

struct ChatMessage: Sendable, Equatable {
  var role: ChatRole
  var content: String
}

/// A text with the stretches whose tokens count in the loss, as offsets in UTF-8.
struct CountedText: Sendable, Equatable {
  var text = ""
  var counted: [Range<Int>] = []

  mutating func append(_ more: String, counts: Bool = false) {
    let start = text.utf8.count
    text += more
    if counts, !more.isEmpty { counted.append(start..<text.utf8.count) }
  }
}

enum ChatTemplate: Sendable, Equatable {
  /// `<|im_start|>role`, the content, `<|im_end|>`.
  case chatML
  /// The role between `<|start_header_id|>` and `<|end_header_id|>`, the content without white space around it,
  /// `<|eot_id|>`.
  case llama3
  /// `Role: content` on a line, for models without a template; what the assistant says ends with the text's end token.
  case plain(end: String)

  /// - Parameter source: the model's `chat_template`. Returns nil where it is neither of those known.
  init?(source: String) {
    if source.contains("<|im_start|>"), source.contains("<|im_end|>") {
      self = .chatML
    } else if source.contains("<|start_header_id|>"), source.contains("<|eot_id|>") {
      self = .llama3
    } else {
      return nil
    }
  }

  /// A conversation as the model reads it. Only what the assistant says counts, and the token that ends it. No message is
  /// added: neither a system's where there is none, nor a date.
  func render(_ messages: [ChatMessage]) -> CountedText {
    var text = CountedText()
    for message in messages {
      let counts = message.role == .assistant
      switch self {
      case .chatML:
        text.append("<|im_start|>\(message.role.rawValue)\n")
        text.append(message.content + "<|im_end|>", counts: counts)
        text.append("\n")
      case .llama3:
        text.append("<|start_header_id|>\(message.role.rawValue)<|end_header_id|>\n\n")
        text.append(Self.trimmed(message.content) + "<|eot_id|>", counts: counts)
      case .plain(let end):
        text.append("\(message.role.rawValue.capitalized):")
        text.append(" " + message.content + (counts ? end : ""), counts: counts)
        text.append("\n")
      }
    }
    return text
  }

  private static func trimmed(_ text: String) -> String {
    var scalars = text.unicodeScalars[...]
    while let first = scalars.first, first.properties.isWhitespace { scalars.removeFirst() }
    while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
    return String(scalars)
  }
}
