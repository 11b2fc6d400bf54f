// Puts adapters into a model as it is built.

import AdaLoRA
import Kernels
import Models

/// What a run puts into a model: which modules get adapters of which rank, and what the head is.
public struct AdapterPlan: Sendable {
  public struct Entry: Sendable {
    public var module: LinearModule
    /// 0 leaves the module as it is.
    public var rank: Int
    /// What the scale is computed from where that is not `rank`.
    public var scaleRank: Int
    public var alpha: Double

    public init(module: LinearModule, rank: Int, scaleRank: Int? = nil, alpha: Double) {
      self.module = module
      self.rank = rank
      self.scaleRank = scaleRank ?? rank
      self.alpha = alpha
    }
  }

  /// In the model's order.
  public var entries: [Entry]
  public var parameterization: any Parameterization
  public var dropout: Float
  public var trainsHead: Bool
  /// σ of a fresh head's weight.
  public var headDeviation: Float

  public init(
    entries: [Entry], parameterization: any Parameterization, dropout: Float = 0, trainsHead: Bool,
    headDeviation: Float = 0.02
  ) {
    self.entries = entries
    self.parameterization = parameterization
    self.dropout = dropout
    self.trainsHead = trainsHead
    self.headDeviation = headDeviation
  }
}

extension Experiment.PEFTType {
  /// How this kind of adapter writes ΔW.
  var parameterization: any Parameterization {
    switch self {
    case .adalora: SVDParameterization()
    case .lora: LoRAParameterization()
    }
  }
}

/// Lays an `AdapterStore` out by a plan, then makes each module's layer over it.
public final class AdapterFactory: LinearFactory {
  public let store = AdapterStore()
  private let plan: AdapterPlan
  private var indices: [String: Int] = [:]
  private var headOffsets: [String: (weight: Int, bias: Int?)] = [:]

  /// - Parameter head: the linear modules of the model's task head.
  public init(_ plan: AdapterPlan, head: [LinearModule], seed: UInt64) {
    self.plan = plan
    for entry in plan.entries where entry.rank > 0 {
      indices[entry.module.name] = store.addAdapter(
        name: entry.module.name, outputSize: entry.module.outputSize, inputSize: entry.module.inputSize,
        rank: entry.rank, scaleRank: entry.scaleRank, alpha: entry.alpha, parameterization: plan.parameterization)
    }
    if plan.trainsHead {
      for module in head {
        headOffsets[module.name] = (
          store.addDense(
            name: module.name + ".weight", shape: [module.outputSize, module.inputSize],
            initialDeviation: plan.headDeviation),
          module.hasBias ? store.addDense(name: module.name + ".bias", shape: [module.outputSize]) : nil
        )
      }
    }
    store.markTrainable(seed: seed)
  }

  public func linear(_ module: LinearModule, base: FrozenLinear) -> any LinearLayer {
    guard let index = indices[module.name] else { return base }
    return store.linear(index, over: base, dropout: plan.dropout)
  }

  public func head(_ module: LinearModule, pretrained: FrozenLinear?) -> any LinearLayer {
    guard let offsets = headOffsets[module.name] else { return FrozenFactory().head(module, pretrained: pretrained) }
    if let pretrained {
      let weight = pretrained.weight.values
      (store.block.weights + offsets.weight).update(from: weight, count: weight.count)
      if let bias = pretrained.bias, let offset = offsets.bias {
        (store.block.weights + offset).update(from: bias.base, count: module.outputSize)
      }
    }
    return TrainableLinear(
      name: module.name, outputSize: module.outputSize, inputSize: module.inputSize, block: store.block,
      weightOffset: offsets.weight, biasOffset: offsets.bias)
  }
}

extension ModelBlueprint {
  /// The model with a plan's adapters in it, and what they train.
  /// - Throws: for a missing, misshapen or unexpected tensor, or a task that the family does not have.
  func build(
    _ weights: any WeightSource, _ plan: AdapterPlan, task: ModelTask, seed: UInt64, precision: Precision = .float32
  ) throws(InputError) -> (model: any SequenceModel, store: AdapterStore) {
    let factory = AdapterFactory(plan, head: headModules(for: task), seed: seed)
    let model = try build(weights, task: task, seed: seed, factory: factory, precision: precision)
    return (model, factory.store)
  }
}
