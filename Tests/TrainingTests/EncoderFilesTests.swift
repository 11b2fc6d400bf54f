// What an encoder's file must hold, under which names.

import AdaLoRA
import Kernels
import Models
import Testing

@testable import Training

/// Some tensors of a random encoder under the names that a file has.
private final class EditedWeights: WeightSource {
  let path = "edited"
  let names: [String]
  private let originals: [String: String]
  private let weights: RandomEncoder

  /// - Parameter rename: nil leaves a tensor out.
  init(_ weights: RandomEncoder, adding: [String] = [], rename: (String) -> String?) {
    self.weights = weights
    var originals: [String: String] = [:]
    for name in weights.names { if let new = rename(name) { originals[new] = name } }
    self.originals = originals
    names = originals.keys.sorted() + adding
  }

  func stored(_ name: String, shape: [Int]?) throws(InputError) -> StoredTensor {
    guard let original = originals[name] else { throw InputError(file: path, place: "tensor \(name)", "missing") }
    return try weights.stored(original, shape: shape)
  }
}

@Suite("An encoder's file")
struct EncoderFilesTests {
  private func build(
    _ config: EncoderConfig, _ weights: any WeightSource
  ) throws(InputError) -> any SequenceModel {
    try config.build(
      weights, task: .sequenceClassification(labels: 2), seed: 3, factory: FrozenFactory(), precision: .float32)
  }

  private func logits(_ model: any SequenceModel) throws -> [Float] {
    let plan = AdapterPlan(entries: [], parameterization: SVDParameterization(), trainsHead: false)
    let team = WorkerTeam(
      model: model, store: AdapterFactory(plan, head: [], seed: 0).store, pool: WorkerPool(count: 1), seed: 0)
    let batch = PackedBatch(sequenceCapacity: 2, tokenCapacity: 20, workers: 1)
    for (i, ids) in [[7, 3, 9, 11] as [Int32], [2, 5]].enumerated() {
      ids.withUnsafeBufferPointer { ids in
        guard let base = ids.baseAddress else { return }
        batch.append(base, types: nil, count: ids.count, label: 0, example: Int32(i), worker: 0)
      }
    }
    team.forward(batch)
    let values = try #require(team.outputs(0))
    return (0..<4).map { values[$0] }
  }

  @Test("without any one of its tensors it is refused, but for a pooler or a head", arguments: Kind.allCases)
  func missing(kind: Kind) throws {
    let config = kind.config()
    let weights = RandomEncoder(config, seed: 1)
    let optional = ["pooler.dense", "classifier", "classifier.dense", "classifier.out_proj"].map { $0 + ".weight" }
    for name in weights.names {
      do throws(InputError) {
        _ = try build(config, EditedWeights(weights) { $0 == name ? nil : $0 })
        #expect(optional.contains { name.hasSuffix($0) }, "\(name)")
      } catch {
        #expect(error.description == "edited: tensor \(name): missing")
      }
    }
  }

  @Test("a tensor that no such model has is refused; what other tasks save is not read", arguments: Kind.allCases)
  func unexpected(kind: Kind) throws {
    let config = kind.config()
    let weights = RandomEncoder(config, seed: 1)
    let layer = try #require(weights.names.first { $0.contains("layer.1.") })
    let third = layer.replacing("layer.1.", with: "layer.2.")
    #expect(throws: InputError.self) { try build(config, EditedWeights(weights, adding: [third]) { $0 }) }
    let others = [
      "bert": ["cls.predictions.bias"], "roberta": ["lm_head.bias", "roberta.pooler.dense.bias"],
      "electra": ["discriminator_predictions.dense.bias"], "distilbert": ["vocab_projector.bias"],
      "deberta-v2": ["lm_predictions.lm_head.bias", "deberta.embeddings.position_embeddings.weight"],
    ]
    _ = try build(config, EditedWeights(weights, adding: others[config.modelType] ?? []) { $0 })
  }

  @Test("a bare model's names, without the prefix, give the same model", arguments: Kind.allCases)
  func bare(kind: Kind) throws {
    let config = kind.config()
    let weights = RandomEncoder(config, seed: 1)
    let prefixes = ["bert.", "roberta.", "electra.", "distilbert.", "deberta."]
    let bare = EditedWeights(weights) { name in
      prefixes.first { name.hasPrefix($0) }.map { String(name.dropFirst($0.count)) } ?? name
    }
    #expect(try logits(build(config, bare)) == logits(build(config, weights)))
  }

  @Test("a padding token within a text has its own position and is not counted where positions count from it")
  func paddingWithin() throws {
    var config = Kind.roberta.config()
    config.padTokenID = 3
    let weights = RandomEncoder(config, seed: 1)
    // Ids 7, 3, 9, 11 have the positions 4, 3, 5, 6; 2 and 5 have 4 and 5. No other row is read.
    let table = "roberta.embeddings.position_embeddings.weight"
    let values = try weights.floats(table, shape: nil).values
    func changed(_ row: Int) throws -> Bool {
      var copy = values
      for c in 0..<8 { copy[row * 8 + c] += 1 + Float(c) }
      let replaced = ReplacedWeights(weights, [table: TensorData(copy, shape: [16, 8])])
      return try logits(build(config, replaced)) != logits(build(config, weights))
    }
    #expect(try (0..<16).map(changed).enumerated().filter(\.element).map(\.offset) == [3, 4, 5, 6])
  }
}
