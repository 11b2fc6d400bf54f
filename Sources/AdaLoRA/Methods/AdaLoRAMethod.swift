// AdaLoRA: from init_r triplets a module to target_r on average, by score.

/// Prunes to b(t) by score (arXiv 2303.10512).
public struct AdaLoRAMethod: AllocationMethod {
  public let name = "adalora"
  public var parameterization: any Parameterization { SVDParameterization() }

  public init() {}

  public func ranks(r: Int, initial: Int, target: Int) -> ModuleRanks {
    ModuleRanks(room: initial, first: initial, last: target)
  }
}
