// A pretrained model with adapters in it, from a folder.

import AdaLoRA
import Kernels
import Models

/// The pieces of a pretrained classifier that a run or an evaluation needs.
public struct LoadedModel {
  public let model: any SequenceModel
  public let store: AdapterStore
  public let tokenizer: any Tokenizer
  /// The modules that carry an adapter, in the model's order.
  public let adapted: [LinearModule]

  /// Loads the model for training by an experiment's adapter section.
  static func forTraining(
    _ folder: ModelFolder, _ experiment: Experiment, labels: Int
  ) throws(InputError) -> LoadedModel {
    var config = try BertConfig(folder.config, file: folder.configPath)
    if !experiment.training.baseDropout { config = config.withoutDropout() }
    let adapter = experiment.adapter
    let targets = adapter.targetModules ?? TargetModules.defaults(modelType: "bert", method: adapter.peftType)
    let chosen = BertModel.modules(config).filter { targets.matches($0.name) }
    guard !chosen.isEmpty else {
      let known = BertModel.modules(config).compactMap { $0.layer == 0 ? $0.name : nil }
      throw InputError(
        file: experiment.path, place: "adapter.target_modules",
        "matches no linear module of the model; those of its first layer are \(known.joined(separator: ", "))")
    }
    let rank = adapter.ranks.room
    let plan = AdapterPlan(
      entries: chosen.map { AdapterPlan.Entry(module: $0, rank: rank, alpha: adapter.loraAlpha) },
      parameterization: adapter.method.method.parameterization,
      dropout: Float(adapter.loraDropout), trainsHead: true, headDeviation: Float(config.initializerRange))
    return try load(
      folder, config, plan, labels: labels, seed: UInt64(bitPattern: Int64(experiment.seed)),
      precision: Machine.precision(experiment.training.precision))
  }

  /// Loads the model with a saved adapter in it.
  static func withAdapter(
    _ folder: ModelFolder, _ adapter: PEFTAdapter, labels: Int
  ) throws(InputError) -> LoadedModel {
    let config = try BertConfig(folder.config, file: folder.configPath)
    let loaded = try load(
      folder, config, try adapter.plan(modules: BertModel.modules(config)), labels: labels, seed: 0)
    try adapter.load(into: loaded.store)
    return loaded
  }

  private static func load(
    _ folder: ModelFolder, _ config: BertConfig, _ plan: AdapterPlan, labels: Int, seed: UInt64,
    precision: Precision = .float32
  ) throws(InputError) -> LoadedModel {
    let factory = AdapterFactory(plan, head: BertModel.head(config, labels: labels), seed: seed)
    let model = try BertModel(
      config, weights: folder, labels: labels, seed: seed, factory: factory, precision: precision)
    let tokenizer = try TokenizerLoader.load(folder: folder.path)
    guard tokenizer.vocabularySize <= config.vocabularySize else {
      throw InputError(
        file: folder.path, place: "tokenizer",
        "\(tokenizer.vocabularySize) entries, but the model's table has \(config.vocabularySize)")
    }
    return LoadedModel(
      model: model, store: factory.store, tokenizer: tokenizer,
      adapted: plan.entries.filter { $0.rank > 0 }.map(\.module))
  }
}
