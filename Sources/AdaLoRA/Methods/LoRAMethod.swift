// LoRA: B·A at a fixed rank.

/// `r` in every module from first to last (arXiv 2106.09685).
public struct LoRAMethod: AllocationMethod {
  public let name = "lora"
  public var parameterization: any Parameterization { LoRAParameterization() }
  public var allocates: Bool { false }

  public init() {}

  public func ranks(r: Int, initial: Int, target: Int) -> ModuleRanks { ModuleRanks(room: r, first: r, last: r) }
}
