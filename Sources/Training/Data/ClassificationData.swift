// The data of a classification experiment: what it trains on, what it is measured on, and its classes.

import Models

/// The data sets of an experiment.
public struct ClassificationData: Sendable {
  public var train: TextExamples
  /// What evaluations use; nil where a split column has no dev rows.
  public var eval: TextExamples?
  /// Measured once, at the end; nil where no row is for it.
  public var test: TextExamples?
  /// The classes that occur in training.
  public var labels: LabelSet

  /// Reads the files that an experiment names.
  /// - Throws: for a bad file, a label that training never sees, or only one class in training.
  public static func load(experiment: Experiment) throws(InputError) -> ClassificationData {
    let data = experiment.data
    guard experiment.model.task == .sequenceClassification, let format = data.format.table else {
      throw InputError(
        file: experiment.path, place: "model.task", "\(experiment.model.task.rawValue) has no classes to train on")
    }
    func read(_ path: String) throws(InputError) -> LabelledRows {
      try DatasetReader.read(
        path: path, format: format, text: data.text, label: data.label, pair: data.textPair, header: data.header,
        split: data.split)
    }
    let rows = try read(data.train)
    let train = rows.rows(of: .train)
    guard train.count > 0 else {
      throw InputError(
        file: data.train, place: "column \(LabelledRows.shown(data.split ?? ""))", "no row says train")
    }
    let labels = LabelSet(found: train.labels)
    guard labels.names.count > 1 else {
      throw InputError(
        file: data.train, place: "column \(LabelledRows.shown(data.label))",
        "every training label is \(labels.shown), expected at least two classes")
    }
    func part(_ split: LabelledRows.Split) throws(InputError) -> TextExamples? {
      let part = rows.rows(of: split)
      return part.count > 0 ? try part.examples(labels) : nil
    }
    let isSplit = data.split != nil
    return ClassificationData(
      train: try train.examples(labels),
      eval: isSplit ? try part(.dev) : try data.eval.map { path throws(InputError) in try read(path).examples(labels) },
      test: isSplit ? try part(.test) : nil, labels: labels)
  }
}
