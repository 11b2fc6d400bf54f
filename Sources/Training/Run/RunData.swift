// What a run trains on and is measured on, as token ids.

import Kernels
import Models

/// The data sets of an experiment, once the model's tokenizer has been over them.
struct RunData {
  var train: TokenizedDataset
  var eval, test: TokenizedDataset?

  /// A classifier's data.
  /// - Parameter pool: shares the work.
  init(_ data: ClassificationData, _ tokenizer: any Tokenizer, maxLength: Int, on pool: WorkerPool) {
    func tokenize(_ examples: TextExamples) -> TokenizedDataset {
      TokenizedDataset(examples, tokenizer: tokenizer, maxLength: maxLength, on: pool)
    }
    train = tokenize(data.train)
    eval = data.eval.map(tokenize)
    test = data.test.map(tokenize)
  }
}
