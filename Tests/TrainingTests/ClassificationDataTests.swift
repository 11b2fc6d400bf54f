// From an experiment to its data sets and classes.

import Foundation
import Models
import Testing

@testable import Training

@Suite struct ClassificationDataTests {
  private func load(
    _ folder: TemporaryFolder, train: String, eval: String? = nil, _ overrides: [String] = []
  ) throws -> ClassificationData {
    _ = try folder.file("train.tsv", train)
    if let eval { _ = try folder.file("dev.tsv", eval) }
    let path = try folder.file("exp.toml", leastExperiment)
    let experiment = try Experiment.load(
      path: path, overrides: (eval == nil ? ["data.eval=", "data.split=split"] : []) + overrides)
    return try ClassificationData.load(experiment: experiment)
  }

  @Test("two files give training and evaluation, with ids in the order of the labels")
  func twoFiles() throws {
    let data = try load(
      try TemporaryFolder(), train: "sentence\tlabel\na\t10\nb\t9\nc\t10\n", eval: "sentence\tlabel\nd\t10\n")
    #expect(data.labels.names == ["9", "10"])
    #expect(data.train == TextExamples(texts: ["a", "b", "c"], labels: [1, 0, 1]))
    #expect(data.eval == TextExamples(texts: ["d"], labels: [1]))
    #expect(data.test == nil)
  }

  @Test("one file is split by a column; where there is no dev there is none")
  func splits() throws {
    let folder = try TemporaryFolder()
    let header = "sentence\tlabel\tsplit\n"
    let data = try load(folder, train: header + "a\tx\ttest\nb\ty\ttrain\nc\tx\ttrain\nd\ty\tvalidation\n")
    #expect(data.train == TextExamples(texts: ["b", "c"], labels: [1, 0]))
    #expect(data.eval == TextExamples(texts: ["d"], labels: [1]))
    #expect(data.test == TextExamples(texts: ["a"], labels: [0]))
    let whole = try load(folder, train: header + "b\ty\ttrain\nc\tx\ttrain\n")
    #expect(whole.eval == nil && whole.test == nil && whole.train.count == 2)
  }

  @Test("pairs are read where the experiment asks for them")
  func pairs() throws {
    let text = "sentence\tlabel\tother\na\tx\tA\nb\ty\tB\n"
    let data = try load(try TemporaryFolder(), train: text, eval: text, ["data.text_pair=other"])
    #expect(data.train.pairs == ["A", "B"] && data.eval?.pairs == ["A", "B"])
  }

  @Test("labels that cannot be trained on or were never trained are errors")
  func labelErrors() throws {
    let folder = try TemporaryFolder()
    let train = folder.path + "/train.tsv"
    #expect(
      throws: InputError(
        file: folder.path + "/dev.tsv", place: "line 3",
        "label \"2\" does not occur in training, expected \"0\" or \"1\"")
    ) {
      try load(folder, train: "sentence\tlabel\na\t1\nb\t0\n", eval: "sentence\tlabel\nd\t1\ne\t2\n")
    }
    #expect(
      throws: InputError(
        file: train, place: "column \"label\"", "every training label is \"1\", expected at least two classes")
    ) {
      try load(folder, train: "sentence\tlabel\na\t1\nb\t1\n", eval: "sentence\tlabel\nd\t1\n")
    }
    #expect(throws: InputError(file: train, place: "column \"split\"", "no row says train")) {
      try load(folder, train: "sentence\tlabel\tsplit\na\t1\tdev\n")
    }
    #expect(
      throws: InputError(
        file: train, place: "line 4", "label \"z\" does not occur in training, expected \"x\" or \"y\"")
    ) {
      try load(folder, train: "sentence\tlabel\tsplit\na\tx\ttrain\nb\ty\ttrain\nc\tz\tdev\n")
    }
  }

  @Test("labels are sorted by value if all are integers, else by code points")
  func labelOrder() {
    #expect(LabelSet(found: ["10", "9", "-1", "9"]).names == ["-1", "9", "10"])
    #expect(LabelSet(found: ["10", "9", "a"]).names == ["10", "9", "a"])
    #expect(LabelSet(found: ["b", "B", "é", "z", "😀"]).names == ["B", "b", "z", "é", "😀"])
    #expect(LabelSet(found: ["1", "01", "0"]).names == ["0", "01", "1"])
    #expect(LabelSet(found: ["true", "false"]).names == ["false", "true"])
    #expect(LabelSet(found: (0..<12).map { "c\($0 + 10)" }).shown.hasSuffix("\"c19\" or 2 more"))
  }

  @Test("labels.json keeps the names in order")
  func labelFile() throws {
    let folder = try TemporaryFolder()
    let labels = LabelSet(names: ["negative", "\"quoted\"", "ü\n"])
    try labels.save(to: folder.path + "/labels.json")
    #expect(try LabelSet.load(from: folder.path + "/labels.json") == labels)
    for (text, message) in [
      ("[]", "no names, expected one a class"), ("[\"a\", \"a\"]", "a name occurs twice"),
      ("[\"a\", 1]", "[1]: expected a string, found an integer"), ("{}", "expected an array, found an object"),
    ] {
      let path = try folder.file("bad.json", text)
      #expect { try LabelSet.load(from: path) } throws: { "\($0)" == "\(path): \(message)" }
    }
  }
}
