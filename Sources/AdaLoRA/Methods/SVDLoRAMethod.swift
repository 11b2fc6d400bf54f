// SVD-LoRA: AdaLoRA's P, Λ, Q and regulariser at a fixed rank.

/// `target_r` triplets in every module from first to last, so that it ends where AdaLoRA does (the paper's table 5).
public struct SVDLoRAMethod: AllocationMethod {
  public let name = "svd-lora"
  public var parameterization: any Parameterization { SVDParameterization() }
  public var allocates: Bool { false }

  public init() {}

  public func ranks(r: Int, initial: Int, target: Int) -> ModuleRanks {
    ModuleRanks(room: target, first: target, last: target)
  }
}
