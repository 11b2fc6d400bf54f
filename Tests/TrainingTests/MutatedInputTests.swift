// Thousands of damaged experiment and data files: each is read or refused in one line, none ends the process.

import Kernels
import Models
import Testing

@testable import Training

@Suite struct MutatedInputTests {
  /// A few random edits: bytes replaced, removed, repeated or inserted, pieces moved, the end cut off.
  private static func mutate(_ bytes: [UInt8], with pieces: [String], _ random: inout RandomSource) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      let place = Int.random(in: 0...bytes.count, using: &random)
      let end = min(bytes.count, place + Int.random(in: 0...12, using: &random))
      switch Int.random(in: 0..<7, using: &random) {
      case 0 where place < bytes.count: bytes[place] = UInt8.random(in: 0...255, using: &random)
      case 1: bytes.removeSubrange(place..<end)
      case 2: bytes.insert(contentsOf: Array(bytes[place..<end]), at: Int.random(in: 0...bytes.count, using: &random))
      case 3: bytes.insert(contentsOf: (pieces.randomElement(using: &random) ?? "").utf8, at: place)
      case 4: bytes.replaceSubrange(place..<end, with: (pieces.randomElement(using: &random) ?? "").utf8)
      case 5 where place < bytes.count: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 6 where Int.random(in: 0..<4, using: &random) == 0: bytes.removeSubrange(place...)
      default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
      }
    }
    return bytes
  }

  private static func isOneLine(_ error: InputError) -> Bool {
    error.description.split(whereSeparator: \.isNewline).count == 1 && !error.message.isEmpty && error.file == "f"
      && error.description.utf8.count < 2000
  }

  static let pieces = [
    "\"", "'", "\"\"\"", "'''", "[", "]", "[[", "]]", "{", "}", "=", ".", ",", "#", "\n", "\r\n", "\\", "\\u0000",
    "\\uD800",
    "inf", "nan", "-", "1e999", "9223372036854775808", "0x", "1979-05-27T07:32:00Z", "true", "\u{FEFF}", "\u{2028}",
    "é",
    "[adapter]", "beta1 = 0.5", "a.b = 1", "target_modules = \"(((\"", "\t",
  ]

  @Test("an experiment file with random damage", arguments: [ExperimentTests.full, leastExperiment])
  func experiments(_ text: String) {
    var random = RandomSource(seed: 1)
    var accepted = 0
    for round in 0..<4000 {
      let bytes = Self.mutate(Array(text.utf8), with: Self.pieces, &random)
      do {
        let experiment = try Experiment.parse(bytes, path: "f")
        accepted += 1
        let again = try? Experiment.parse(Array(experiment.tomlText.utf8), path: "f")
        #expect(again == experiment, "round \(round)")
      } catch {
        #expect(Self.isOneLine(error), "round \(round): \(error)")
      }
    }
    // Some damage falls on comments, names and paths; if none were accepted, nothing but the parser would be tried.
    #expect(accepted > 50)
  }

  @Test("the line told for a key is a line that has it")
  func lines() throws {
    var random = RandomSource(seed: 2)
    var checked = 0
    for _ in 0..<4000 {
      let bytes = Self.mutate(Array(ExperimentTests.full.utf8), with: Self.pieces, &random)
      guard let document = try? TOMLDocument(bytes, file: "f") else { continue }
      let text = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
        String(decoding: $0, as: UTF8.self)
      }
      for (path, line) in document.lines {
        checked += 1
        #expect(text[line - 1].contains(path[path.count - 1]), "\(path) on line \(line) of \(text)")
      }
    }
    #expect(checked > 10_000)
  }

  @Test("a random --set")
  func overrides() {
    var random = RandomSource(seed: 3)
    for round in 0..<3000 {
      let key = ExperimentKey.all.randomElement(using: &random)?.path ?? ""
      let value = Self.pieces.randomElement(using: &random) ?? ""
      let bytes = Self.mutate(Array("\(key)=\(value)".utf8).filter { $0 != 0 }, with: Self.pieces, &random)
      do {
        _ = try Experiment.parse(
          Array(leastExperiment.utf8), path: "f", overrides: [String(decoding: bytes, as: UTF8.self)])
      } catch {
        let text = error.description
        #expect(text.hasPrefix("--set ") == (error.kind == .usage), "round \(round): \(text)")
        #expect(text.split(whereSeparator: \.isNewline).count == 1, "round \(round): \(text)")
      }
    }
  }

  @Test(
    "a data file with random damage",
    arguments: [
      (TableFormat.tsv, "text\tlabel\tpair\tsplit\na \"b\tx\tq\ttrain\nc\ty\tr\tdev\nd\tx\ts\ttest\n"),
      (.csv, "text,label,pair,split\r\n\"a \"\"b\"\", c\",x,\"q\nr\",train\r\nc,y,r,dev\r\n\"\",x,s,test\r\n"),
      (
        .jsonl,
        """
        {"text": "a\\u00e9\\n", "label": 1, "pair": "q", "split": "train"}
        {"text": "b", "label": "0", "pair": "r", "split": "dev", "more": [1.5, null]}

        """
      ),
    ])
  func data(_ format: TableFormat, _ text: String) {
    var random = RandomSource(seed: 4)
    var accepted = 0
    for round in 0..<3000 {
      let bytes = Self.mutate(
        Array(text.utf8), with: ["\t", "\n", "\r\n", "\r", ",", "\"", "\"\"", "\u{FEFF}", "\0", "{", "}", "\\u"],
        &random)
      do {
        let rows = try DatasetReader.read(
          bytes, file: "f", format: format, text: "text", label: "label", pair: "pair", header: true, split: "split")
        accepted += 1
        #expect(rows.count > 0 && rows.labels.count == rows.count && rows.lines.count == rows.count)
        #expect(rows.pairs?.count == rows.count && rows.splits?.count == rows.count)
      } catch {
        #expect(Self.isOneLine(error), "round \(round): \(error)")
      }
    }
    #expect(accepted > 50)
  }
}
