// `ranktop eval`.

import ArgumentParser
import Foundation
import Models
import Training

extension TableFormat: ExpressibleByArgument {}

struct Eval: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Evaluate a saved adapter, ranktop's or PEFT's, on a file.",
    discussion: """
      Prints one JSON object {n, loss, accuracy, matthews, f1}, of a language model {n, loss, perplexity}.

      Example:
        ranktop eval runs/sst2-adalora-1 --model models/all-MiniLM-L6-v2 --data sst2/dev.tsv --text sentence --label label
      """)

  @Argument(help: "A run's folder, or an adapter's.")
  var adapter: String

  @Option(help: ArgumentHelp("The base model's folder.", valueName: "dir"))
  var model: String

  @Option(
    help: ArgumentHelp(
      "The labelled data; a language model's text, or JSONL by one of the last columns below.", valueName: "file"))
  var data: String

  @Option(help: ArgumentHelp("tsv, csv or jsonl; by the file's ending where left out.", valueName: "format"))
  var format: TableFormat?

  @Option(help: ArgumentHelp("The text's column: a name, or a 0-based index.", valueName: "column"))
  var text = "sentence"

  @Option(help: ArgumentHelp("The second text's column, for pairs.", valueName: "column"))
  var textPair = ""

  @Option(help: ArgumentHelp("The label's column.", valueName: "column"))
  var label = "label"

  @Option(help: ArgumentHelp("Of a language model: the prompt's column.", valueName: "column"))
  var prompt: String?

  @Option(help: ArgumentHelp("The completion's column, which alone counts.", valueName: "column"))
  var completion: String?

  @Option(help: ArgumentHelp("The conversation's column.", valueName: "column"))
  var messages: String?

  @Option(help: ArgumentHelp("Whether the first line names the columns.", valueName: "true|false"))
  var header = true

  @Option(help: ArgumentHelp("Longest text, in tokens.", valueName: "n"))
  var maxLength = 128

  @Option(
    help: ArgumentHelp(
      "Also write the logits, a JSON array a line, in file order; a language model's are of what follows each example.",
      valueName: "file"))
  var logits: String?

  @Option(help: ArgumentHelp("Worker threads; 0 = one per core.", valueName: "n"))
  var threads = 0

  func validate() throws {
    guard maxLength >= 3 else { throw ValidationError("--max-length \(maxLength): expected at least 3") }
    guard threads >= 0, threads <= 1024 else { throw ValidationError("--threads \(threads): expected 0 to 1024") }
    guard (prompt == nil) == (completion == nil), prompt == nil || messages == nil else {
      throw ValidationError("expected --prompt and --completion, or --messages alone")
    }
  }

  func run() throws {
    let evaluation = try AdapterEvaluation(
      runOrAdapter: adapter, model: model, threads: Machine.threads(threads))
    let outcome =
      switch evaluation.task {
      case .sequenceClassification: try classify(evaluation)
      case .causalLanguageModel:
        try evaluation.evaluate(path: data, columns, maxLength: maxLength, keepsLogits: logits != nil)
      }
    if let logits {
      let lines = outcome.logits.map { row in
        JSON.array(row.map { .number(Double($0)) }).serialized(pretty: false) + "\n"
      }
      try AtomicFile.write(lines.joined(), to: logits)
    }
    let metrics = outcome.evaluation.metrics.map { ($0.name, JSON.number($0.value)) }
    Console.result(JSON.object(JSONObject([("n", .integer(outcome.count))] + metrics)).serialized(pretty: false))
  }

  private func classify(_ evaluation: AdapterEvaluation) throws -> AdapterEvaluation.Outcome {
    let format = format ?? TableFormat(rawValue: (data as NSString).pathExtension.lowercased()) ?? .tsv
    let examples = try DatasetReader.examples(
      path: data, format: format, text: text, label: label, textPair: textPair, header: header,
      labels: evaluation.labels)
    return evaluation.evaluate(examples, maxLength: maxLength)
  }

  private var columns: CompletionColumns? {
    if let prompt, let completion { return .completion(prompt: prompt, completion: completion) }
    return messages.map { .messages($0) }
  }
}
