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
  /// - Returns: also what chose the adapted modules: the experiment's, or PEFT's default for the model.
  static func forTraining(
    _ folder: ModelFolder, _ experiment: Experiment, task: ModelTask
  ) throws(InputError) -> (loaded: LoadedModel, targets: TargetModules) {
    var blueprint = try folder.blueprint()
    if !experiment.training.baseDropout { blueprint = blueprint.withoutDropout() }
    let adapter = experiment.adapter
    let defaults = TargetModules.defaults(modelType: blueprint.modelType, method: adapter.peftType)
    guard let targets = adapter.targetModules ?? defaults else {
      throw InputError(
        file: experiment.path, place: "adapter.target_modules",
        "missing; PEFT has no default for \(blueprint.modelType)")
    }
    let chosen = blueprint.modules.filter { targets.matches($0.name) }
    guard !chosen.isEmpty else {
      let known = blueprint.modules.compactMap { $0.layer == 0 ? $0.name : nil }
      throw InputError(
        file: experiment.path, place: "adapter.target_modules",
        "matches no linear module of the model; those of its first layer are \(known.joined(separator: ", "))")
    }
    let rank = adapter.ranks.room
    let plan = AdapterPlan(
      entries: chosen.map { AdapterPlan.Entry(module: $0, rank: rank, alpha: adapter.alpha) },
      parameterization: adapter.method.method.parameterization,
      dropout: Float(adapter.loraDropout), trainsHead: true, headDeviation: Float(blueprint.initializerRange))
    let loaded = try load(
      folder, blueprint, plan, task: task, seed: UInt64(bitPattern: Int64(experiment.seed)),
      precision: Machine.precision(experiment.training.precision))
    return (loaded, targets)
  }

  /// Loads the model with a saved adapter in it.
  static func withAdapter(
    _ folder: ModelFolder, _ adapter: PEFTAdapter, task: ModelTask
  ) throws(InputError) -> LoadedModel {
    let blueprint = try folder.blueprint()
    let loaded = try load(folder, blueprint, try adapter.plan(blueprint), task: task, seed: 0)
    try adapter.load(into: loaded.store)
    return loaded
  }

  private static func load(
    _ folder: ModelFolder, _ blueprint: any ModelBlueprint, _ plan: AdapterPlan, task: ModelTask, seed: UInt64,
    precision: Precision = .float32
  ) throws(InputError) -> LoadedModel {
    let (model, store) = try blueprint.build(
      folder, plan, task: task, seed: seed, precision: precision)
    let tokenizer = try TokenizerLoader.load(folder)
    guard tokenizer.vocabularySize <= blueprint.vocabularySize else {
      throw InputError(
        file: folder.path, place: "tokenizer",
        "\(tokenizer.vocabularySize) entries, but the model's table has \(blueprint.vocabularySize)")
    }
    return LoadedModel(
      model: model, store: store, tokenizer: tokenizer, adapted: plan.entries.filter { $0.rank > 0 }.map(\.module))
  }
}
