// Data files of every format: what is read, and what a bad one is answered.

import Models
import Testing

@testable import Training

@Suite struct DatasetReaderTests {
  private func rows(
    _ text: String, _ format: TableFormat = .tsv, text column: String = "text", label: String = "label",
    pair: String? = nil, header: Bool = true, split: String? = nil
  ) throws(InputError) -> LabelledRows {
    try DatasetReader.read(
      Array(text.utf8), file: "f", format: format, text: column, label: label, pair: pair, header: header, split: split)
  }

  private func complaint(
    _ text: String, _ format: TableFormat = .tsv, text column: String = "text", label: String = "label",
    pair: String? = nil, header: Bool = true, split: String? = nil
  ) -> String? {
    do {
      _ = try rows(text, format, text: column, label: label, pair: pair, header: header, split: split)
      return nil
    } catch {
      return error.description
    }
  }

  // MARK: TSV

  @Test("TSV is literal: quotes, commas and blanks stay")
  func tsv() throws {
    let read = try rows("label\ttext\n1\ta \"bare quote\n0\t\"b\", 'c' \n1\t\n")
    #expect(read.texts == ["a \"bare quote", "\"b\", 'c' ", ""])
    #expect(read.labels == ["1", "0", "1"])
    #expect(read.lines == [2, 3, 4])
    #expect(read.pairs == nil && read.splits == nil)
  }

  @Test("CRLF, a byte order mark, a missing last line end and blank lines at the end are fine")
  func lineEnds() throws {
    let plain = try rows("text\tlabel\na\t1\nb\t0\n")
    for text in [
      "text\tlabel\na\t1\nb\t0", "text\tlabel\r\na\t1\r\nb\t0\r\n", "\u{FEFF}text\tlabel\na\t1\nb\t0\n\n\r\n\n",
    ] {
      #expect(try rows(text) == plain)
    }
    #expect(try rows("text\tlabel\na\rb\t1\n").texts == ["a\rb"])
  }

  @Test("without a header columns are indices; with one, a name comes before an index")
  func indices() throws {
    let cola = "gj04\t1\t\tThe sailors rode the breeze.\ngj04\t0\t*\tThe weights made.\n"
    let read = try rows(cola, text: "3", label: "1", header: false)
    #expect(read.texts == ["The sailors rode the breeze.", "The weights made."])
    #expect(read.labels == ["1", "0"] && read.lines == [1, 2])
    #expect(try rows("1\tlabel\na\tb\n", text: "1", label: "1").texts == ["a"])
    #expect(try rows("x\tlabel\na\tb\n", text: "0", label: "label").texts == ["a"])
  }

  @Test("pairs and splits come with their rows")
  func pairsAndSplits() throws {
    let read = try rows(
      "split\ttext\tother\tlabel\ntrain\ta\tA\tx\ndev\tb\tB\ty\nvalidation\tc\tC\tx\ntest\td\tD\ty\n", pair: "other",
      split: "split")
    #expect(read.pairs == ["A", "B", "C", "D"])
    #expect(read.splits == [.train, .dev, .dev, .test])
    let dev = read.rows(of: .dev)
    #expect(dev.texts == ["b", "c"] && dev.pairs == ["B", "C"] && dev.labels == ["y", "x"] && dev.lines == [3, 4])
    let examples = try read.examples(LabelSet(names: ["x", "y"]))
    #expect(examples == TextExamples(texts: ["a", "b", "c", "d"], pairs: ["A", "B", "C", "D"], labels: [0, 1, 0, 1]))
  }

  @Test("what is wrong with a TSV file names line and expectation")
  func tsvErrors() {
    #expect(complaint("text\tlabel\na\t1\nb\n") == "f: line 3: 1 column, expected 2 as in line 1")
    #expect(complaint("text\tlabel\na\t1\n\nb\t1\n") == "f: line 3: 1 column, expected 2 as in line 1")
    #expect(complaint("text\tlabel\na\t1\t2\n") == "f: line 2: 3 columns, expected 2 as in line 1")
    #expect(complaint("") == "f: empty, expected rows")
    #expect(complaint("\u{FEFF}\n\n") == "f: empty, expected rows")
    #expect(complaint("text\tlabel\n") == "f: no rows after the header line")
    #expect(complaint("text\tlabel\na\t\n") == "f: line 2: the label is empty")
    #expect(
      complaint("text\tlabel\ta\n", text: "sentence")
        == "f: line 1: no column \"sentence\", the columns are \"text\", \"label\", \"a\"")
    #expect(
      complaint("a\tb\n", header: false)
        == "f: line 1: no column \"text\", without a header expected an index, 0 to 1")
    #expect(
      complaint("a\tb\n", text: "2", label: "0", header: false)
        == "f: line 1: no column \"2\", without a header expected an index, 0 to 1")
    #expect(
      complaint("a\tb\n", text: "+1", label: "0", header: false)
        == "f: line 1: no column \"+1\", without a header expected an index, 0 to 1")
    #expect(
      complaint("text\ttext\tlabel\na\tb\tc\n") == "f: line 1: 2 columns are called \"text\", expected a 0-based index")
    #expect(
      complaint("text\tlabel\tpart\na\t1\tvalid\n", split: "part")
        == "f: line 2: split \"valid\", expected train, dev, validation or test")
  }

  @Test("a byte that is not UTF-8 is named by line and offset")
  func encoding() {
    for (bytes, place) in [
      (Array("text\tlabel\na\t1\n\u{E9}".utf8.dropLast()), "line 3, byte 15"),
      (Array("text\tlabel\n".utf8) + [0xE9, 0x20], "line 2, byte 11"), ([0xFF, 0xFE, 0x74, 0x00], "line 1, byte 0"),
    ] {
      #expect(throws: InputError(file: "f", place: place, "not UTF-8, expected UTF-8 text")) {
        try DatasetReader.read(bytes, file: "f", format: .tsv, text: "text", label: "label")
      }
    }
  }

  // MARK: CSV

  @Test("CSV follows RFC 4180: quoted commas, doubled quotes, line ends in fields")
  func csv() throws {
    let read = try rows(
      "text,label\r\nplain,1\r\n\"with, comma\",0\r\n\"a \"\"word\"\"\",1\r\n\"two\r\nlines\n\",0\r\n\"\",1\r\n ä ,\"0\"\r\n",
      .csv)
    #expect(read.texts == ["plain", "with, comma", "a \"word\"", "two\r\nlines\n", "", " ä "])
    #expect(read.labels == ["1", "0", "1", "0", "1", "0"])
    #expect(read.lines == [2, 3, 4, 5, 8, 9])
    #expect(try rows("\"text\",label\n\"\"\"\",1", .csv).texts == ["\""])
    #expect(try rows("text,label\na\tb,1\n", .csv).texts == ["a\tb"])
    #expect(try rows("label,text\n1,\n0,\"\"", .csv).texts == ["", ""])
  }

  @Test("what is wrong with a CSV file names the line")
  func csvErrors() {
    #expect(
      complaint("text,label\na\"b,1\n", .csv)
        == "f: line 2: a quote inside an unquoted field, expected the field in quotes")
    #expect(
      complaint("text,label\n\"a\nb\"c,1\n", .csv)
        == "f: line 3: text after a closing quote, expected a comma or the line's end")
    #expect(complaint("text,label\n\na,\"b\n\n\n", .csv) == "f: line 2: 1 column, expected 2 as in line 1")
    #expect(complaint("text,label\na,\"b\n\n\n", .csv) == "f: line 2: a quoted field begins here and never ends")
    #expect(complaint("text,label\n\"\n\",1\na,b,c\n", .csv) == "f: line 4: 3 columns, expected 2 as in line 1")
    #expect(complaint("text,label\na,\"\"\n", .csv) == "f: line 2: the label is empty")
  }

  // MARK: JSONL

  @Test("JSONL takes strings for texts; strings, integers and booleans for labels")
  func jsonl() throws {
    let read = try rows(
      """
      {"text": "a\\nb\\u00e9", "label": 1, "more": [1, {}]}
      {"label": "x", "text": ""}\r
      {"text": "\\ud83d\\ude00", "label": true}

      """, .jsonl)
    #expect(read.texts == ["a\nbé", "", "😀"])
    #expect(read.labels == ["1", "x", "true"] && read.lines == [1, 2, 3])
    let pair = try rows(#"{"0": "a", "b": "c", "label": -2, "s": "dev"}"#, .jsonl, text: "0", pair: "b", split: "s")
    #expect(pair.texts == ["a"] && pair.pairs == ["c"] && pair.labels == ["-2"] && pair.splits == [.dev])
  }

  @Test("what is wrong with a JSONL file names line and field")
  func jsonlErrors() {
    let good = #"{"text": "a", "label": 1}"# + "\n"
    #expect(
      complaint(good + #"{"txt": "a", "label": 1}"#, .jsonl)
        == #"f: line 2: no field "text", the fields are "txt", "label""#)
    #expect(complaint(good + "{}", .jsonl) == #"f: line 2: no field "text", it has none"#)
    #expect(complaint(good + "[1]", .jsonl) == "f: line 2: expected an object with the row's fields")
    #expect(
      complaint(#"{"text": 5, "label": 1}"#, .jsonl) == #"f: line 1: field "text" is 5, expected a string"#)
    #expect(
      complaint(#"{"text": "a", "label": 0.5}"#, .jsonl)
        == #"f: line 1: field "label" is 0.5, expected a string, an integer or a boolean"#)
    #expect(
      complaint(#"{"text": "a", "label": null}"#, .jsonl)
        == #"f: line 1: field "label" is null, expected a string, an integer or a boolean"#)
    #expect(complaint(#"{"text": "a", "label": ""}"#, .jsonl) == "f: line 1: the label is empty")
    #expect(complaint("\n\n", .jsonl) == "f: empty, expected rows")
    for text in [good + "{", good + "\n" + good, good + #"{"text": "a" "label": 1}"#] {
      #expect(complaint(text, .jsonl)?.hasPrefix("f: line 2, column ") == true)
    }
  }

  // MARK: Files

  @Test("files are read whole, and one that is not there is missing")
  func files() throws {
    let folder = try TemporaryFolder()
    let long = String(repeating: "x", count: 200_000)
    let path = try folder.file("a.tsv", "text\tlabel\n\(long)\t1\nb\t0\n")
    let read = try DatasetReader.read(path: path, format: .tsv, text: "text", label: "label")
    #expect(read.texts == [long, "b"])
    let examples = try DatasetReader.examples(
      path: path, format: .tsv, text: "text", label: "label", labels: LabelSet(names: ["0", "1"]))
    #expect(examples.labels == [1, 0] && examples.pairs == nil)
    #expect(
      throws: InputError(file: path, place: "line 3", "label \"0\" does not occur in training, expected \"1\" or \"2\"")
    ) {
      try DatasetReader.examples(
        path: path, format: .tsv, text: "text", label: "label", labels: LabelSet(names: ["1", "2"]))
    }
    #expect(throws: InputError(.missing, file: path + "x", "no such file")) {
      try DatasetReader.read(path: path + "x", format: .tsv, text: "text", label: "label")
    }
  }
}
