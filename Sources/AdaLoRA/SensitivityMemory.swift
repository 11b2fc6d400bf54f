// What the sensitivities remember from step to step.

import Kernels

/// Ī and Ū of everything in a store, laid out like its weights; unused outside adapters.
final class SensitivityMemory {
  let smoothed, uncertainty: Buffer

  init(count: Int) {
    smoothed = Buffer(count: count)
    uncertainty = Buffer(count: count)
  }

  /// Begins as another is now and goes its own way.
  convenience init(copying other: SensitivityMemory) {
    self.init(count: other.smoothed.count)
    smoothed.base.update(from: other.smoothed.base, count: smoothed.count)
    uncertainty.base.update(from: other.uncertainty.base, count: uncertainty.count)
  }
}
