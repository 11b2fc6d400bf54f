// What a run trains on and is measured on, as token ids.

import Kernels
import Models

/// The data sets of an experiment, once the model's tokenizer has been over them.
struct RunData {
  var train: TokenizedDataset
  var eval: TokenizedDataset?
  var test: TokenizedDataset?
  /// What the user should know: examples that were left out.
  var notes: [String] = []

  /// - Parameters:
  ///   - modelFolder: says how a language model's texts end.
  ///   - classification: a classifier's data; nil reads a language model's.
  ///   - pool: shares the work.
  init(
    _ experiment: Experiment, _ modelFolder: ModelFolder, _ classification: ClassificationData?,
    _ tokenizer: any Tokenizer, on pool: WorkerPool
  ) throws(InputError) {
    if let classification {
      func tokenize(_ examples: TextExamples) -> TokenizedDataset {
        TokenizedDataset(examples, tokenizer: tokenizer, maxLength: experiment.data.maxLength, on: pool)
      }
      train = tokenize(classification.train)
      eval = classification.eval.map(tokenize)
      test = classification.test.map(tokenize)
    } else {
      let conventions = try TextConventions(modelFolder, tokenizer: tokenizer)
      let data = try LanguageModelData.load(
        experiment: experiment, tokenizer: tokenizer, conventions: conventions, on: pool)
      train = data.train
      eval = data.eval
      notes = data.notes
    }
  }
}
