// A language model's data: which tokens count, and what a bad file is answered.

import Foundation
import Kernels
import Models
import Testing

@testable import Training

@Suite struct LanguageModelDataTests {
  /// A token a byte, a begin token in front; `<|…|>` and `#` are tokens of their own, and `ab` is one too.
  private struct Bytes: Tokenizer {
    static let names = [
      "<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "ab", "#",
    ]
    let vocabularySize = 1024

    func id(of token: String) -> Int32? { Self.names.firstIndex(of: token).map { Int32($0) + 256 } }

    func append(_ text: String, pair: String?, maxLength: Int, to ids: inout [Int32], typeIDs: inout [Int32]) {
      ids.append(1)
      var rest = text[...]
      while let first = rest.utf8.first {
        if let name = Self.names.first(where: { rest.hasPrefix($0) }), let id = id(of: name) {
          ids.append(id)
          rest = rest.dropFirst(name.count)
        } else {
          ids.append(Int32(first))
          rest = Substring(rest.utf8.dropFirst())
        }
      }
      typeIDs += Array(repeating: 0, count: ids.count - typeIDs.count)
    }

    /// `ids` as text, counted stretches between braces.
    func shown(_ ids: some Sequence<Int32>, _ counted: some Sequence<Bool>) -> String {
      var text = ""
      var counts = false
      for (id, now) in zip(ids, counted) {
        if now != counts { text += now ? "{" : "}" }
        counts = now
        text += id == 1 ? "^" : id < 256 ? String(UnicodeScalar(UInt8(id))) : Self.names[Int(id) - 256]
      }
      return text + (counts ? "}" : "")
    }
  }

  private let temporary: TemporaryFolder
  private var folder: String { temporary.path }

  init() throws { temporary = try TemporaryFolder() }

  private func write(_ text: String, _ name: String = "f") throws -> String { try temporary.file(name, text) }

  private func reader(_ maxLength: Int = 1000, template: String? = nil, workers: Int = 1) -> LanguageModelReader {
    LanguageModelReader(
      tokenizer: Bytes(),
      conventions: TextConventions(endToken: "#", endID: 262, chatTemplate: template, file: "t.json"),
      maxLength: maxLength, pool: WorkerPool(count: workers))
  }

  private func shown(_ dataset: TokenizedDataset) -> [String] {
    #expect(dataset.counted.count == dataset.ids.count && dataset.types.count == dataset.ids.count)
    return (0..<dataset.count).map { index in
      let range = dataset.offsets[index]..<dataset.offsets[index + 1]
      return Bytes().shown(dataset.ids[range], dataset.counted[range])
    }
  }

  private func complaint(_ body: () throws(InputError) -> Void) -> String? {
    do throws(InputError) {
      try body()
      return nil
    } catch {
      let name = error.file.split(separator: "/").last.map(String.init) ?? ""
      return InputError(error.kind, file: name, place: error.place, error.message).description
    }
  }

  @Test("a text is cut into blocks that all count, documents with the end token between them")
  func blocks() throws {
    #expect(shown(try reader(4).blocks(path: write("vwxyz"))) == ["{^vwx}", "{yz#}"])
    // A block of one token has nothing to predict.
    #expect(shown(try reader(4).blocks(path: write("vwxyzz"))) == ["{^vwx}", "{yzz#}"])
    #expect(shown(try reader(3).blocks(path: write("vwxyz"))) == ["{^vw}", "{xyz}"])
    try FileManager.default.createDirectory(atPath: folder + "/many", withIntermediateDirectories: true)
    _ = try write("second", "many/b.txt")
    _ = try write("first", "many/a.txt")
    _ = try write("no text", "many/c.md")
    #expect(shown(try reader().blocks(path: folder + "/many")) == ["{^first#^second#}"])
    #expect(
      complaint { () throws(InputError) in _ = try reader().blocks(path: folder + "/none") } == "none: no such file")
    let bad = folder + "/bad"
    try Data([0x61, 0x0A, 0xFF]).write(to: URL(fileURLWithPath: bad))
    #expect(
      complaint { () throws(InputError) in _ = try reader().blocks(path: bad) }
        == "bad: line 2, byte 2: not UTF-8, expected UTF-8 text")
  }

  @Test("of a prompt and its completion the completion counts, with the end token", arguments: [1, 3])
  func completions(workers: Int) throws {
    let path = try write(#"{"q": "why", "a": " so"}"# + "\n" + #"{"q": "xa", "a": "b", "z": 1}"# + "\n\n")
    let (dataset, left) = try reader(workers: workers).completions(path: path, prompt: "q", completion: "a")
    // The token `ab` reaches into the completion and counts.
    #expect(shown(dataset) == ["^why{ so#}", "^x{ab#}"])
    #expect(left == 0)
    // Cut at the end: the first has only its prompt left and goes, the second loses the end.
    let (short, gone) = try reader(3).completions(path: path, prompt: "q", completion: "a")
    #expect(shown(short) == ["^x{ab}"] && gone == 1)
    #expect(
      complaint { () throws(InputError) in _ = try reader(2).completions(path: path, prompt: "q", completion: "a") }
        == "f: no example has anything to predict within 2 tokens")
    #expect(
      complaint { () throws(InputError) in _ = try reader().completions(path: path, prompt: "q", completion: "z") }
        == #"f: line 1: no field "z", the fields are "q", "a""#)
  }

  private let turns = #"""
    {"m": [{"role": "system", "content": "S"}, {"role": "user", "content": "hi "}, {"role": "assistant", "content": " yo "}]}
    {"m": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "v"}, {"role": "user", "content": "w"}]}
    """#

  @Test("of a conversation what the assistant says counts, with the token that ends it")
  func conversations() throws {
    let path = try write(turns)
    let chatML = "{% for m in messages %}{{'<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n'}}{% endfor %}"
    #expect(
      shown(try reader(template: chatML).conversations(path: path, messages: "m").0) == [
        "^<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nhi <|im_end|>\n<|im_start|>assistant\n{ yo <|im_end|>}\n",
        "^<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n{v<|im_end|>}\n<|im_start|>user\nw<|im_end|>\n",
      ])
    let llama = "{{'<|start_header_id|>' + role + '<|end_header_id|>\\n\\n' + content | trim + '<|eot_id|>'}}"
    func header(_ role: String) -> String { "<|start_header_id|>\(role)<|end_header_id|>\n\n" }
    #expect(
      shown(try reader(template: llama).conversations(path: path, messages: "m").0) == [
        "^\(header("system"))S<|eot_id|>\(header("user"))hi<|eot_id|>\(header("assistant")){yo<|eot_id|>}",
        "^\(header("user"))u<|eot_id|>\(header("assistant")){v<|eot_id|>}\(header("user"))w<|eot_id|>",
      ])
    #expect(
      shown(try reader().conversations(path: path, messages: "m").0) == [
        "^System: S\nUser: hi \nAssistant:{  yo #}\n", "^User: u\nAssistant:{ v#}\nUser: w\n",
      ])
  }

  @Test("a template that is not known, and messages that are none, are one clear error")
  func refusals() throws {
    let path = try write(turns)
    #expect(
      complaint { () throws(InputError) in
        _ = try reader(template: "[INST] {{ content }} [/INST]").conversations(path: path, messages: "m")
      }
        == "t.json: chat_template: not known; expected ChatML's with <|im_start|> and <|im_end|>, Llama 3's with "
        + "<|start_header_id|> and <|eot_id|>, or none")
    func answer(_ line: String) throws -> String? {
      let path = try write(#"{"m": [{"role": "user", "content": "u"}]}"# + "\n" + line)
      return complaint { () throws(InputError) in _ = try reader().conversations(path: path, messages: "m") }
    }
    #expect(
      try answer(#"{"m": [{"role": "user", "content": "u"}, {"role": "tool", "content": "1"}]}"#)
        == #"f: line 2: field "m[1]": role "tool", expected system, user or assistant"#)
    #expect(
      try answer(#"{"m": [{"role": "user"}]}"#)
        == #"f: line 2: field "m[0]" is an object, expected an object with role and content, both strings"#)
    #expect(try answer(#"{"m": "hi"}"#) == #"f: line 2: field "m" is a string, expected a list of messages"#)
    #expect(try answer(#"{"m": [}"#)?.hasPrefix("f: line 2, column 8: ") == true)
    #expect(try answer("") == "f: no example has anything to predict within 1000 tokens")
  }

  @Test("the end token and the template come from the model's folder")
  func conventions() throws {
    _ = try write(
      ##"{"eos_token": {"content": "#"}, "chat_template": "x <|im_start|> <|im_end|>"}"##, "tokenizer_config.json")
    let found = try TextConventions(folder: folder, tokenizer: Bytes())
    #expect(found.endID == 262 && found.chatTemplate?.hasPrefix("x ") == true)
    _ = try write("jinja", "chat_template.jinja")
    #expect(try TextConventions(folder: folder, tokenizer: Bytes()).chatTemplate == "jinja")
    _ = try write(#"{"eos_token": "</s>"}"#, "tokenizer_config.json")
    #expect(
      complaint { () throws(InputError) in _ = try TextConventions(folder: folder, tokenizer: Bytes()) }
        == #"tokenizer_config.json: eos_token: the tokenizer has no "</s>""#)
  }
}
