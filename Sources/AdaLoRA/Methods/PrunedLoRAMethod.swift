// LoRA whose doublets are pruned as AdaLoRA prunes triplets.

/// A doublet is a column of B and a row of A; S = mean s(B) + mean s(A), under the same budget. A mask sets the column of
/// B to zero, so that the doublet may come back. What AdaLoRA's paper compares with in its table 4.
public struct PrunedLoRAMethod: AllocationMethod {
  public let name = "pruned-lora"
  public var parameterization: any Parameterization { LoRAParameterization() }

  public init() {}

  public func ranks(r: Int, initial: Int, target: Int) -> ModuleRanks {
    ModuleRanks(room: initial, first: initial, last: target)
  }
}
