// What is known of every triplet: the parts of S, by every rule, always live.

import Kernels

/// Per-triplet sums of the element scores, module-major: element k·r₀ + i is triplet i of module k.
public struct TripletScores: Codable, Sendable, Equatable {
  /// r₀.
  public let rank: Int
  /// s(λ), mean s(P) and mean s(Q) with s = Ī·Ū.
  public internal(set) var lambdaPart: [Float]
  public internal(set) var pPart: [Float]
  public internal(set) var qPart: [Float]
  /// I(λ) + mean I(P) + mean I(Q), and the same of Ī and of Ū.
  public internal(set) var sensitivity: [Float]
  public internal(set) var smoothedSensitivity: [Float]
  public internal(set) var uncertainty: [Float]
  /// |λ| as of the last look.
  public internal(set) var magnitude: [Float]
  /// One draw per triplet for the whole run.
  public let random: [Float]

  init(modules: Int, rank: Int, seed: UInt64) {
    self.rank = rank
    let zeros = [Float](repeating: 0, count: modules * rank)
    lambdaPart = zeros
    pPart = zeros
    qPart = zeros
    sensitivity = zeros
    smoothedSensitivity = zeros
    uncertainty = zeros
    magnitude = zeros
    random = Self.draws(seed: seed, count: zeros.count)
  }

  /// The draws of the rule `random`, uniform in [0, 1): the same for the same seed, so that a record need not hold them.
  public static func draws(seed: UInt64, count: Int) -> [Float] {
    var source = RandomSource(seed: seed, purpose: 2)
    return (0..<count).map { _ in Float(source.uniform()) }
  }

  /// S of triplet `index` by `rule`.
  @inline(__always)
  public func score(_ index: Int, by rule: ScoringRule) -> Float {
    switch rule {
    case .smoothed, .uniform: lambdaPart[index] + (pPart[index] + qPart[index])
    case .sensitivity: sensitivity[index]
    case .magnitude: magnitude[index]
    case .random: random[index]
    }
  }

  /// Updates Ī and Ū of one adapter from the store's weights and gradients, and its triplets' parts.
  mutating func update(_ store: AdapterStore, adapter index: Int, beta1: Double, beta2: Double) {
    let adapter = store.adapters[index]
    let layout = adapter.layout
    let block = store.block
    let smoothed = store.smoothedSensitivity
    let unsure = store.uncertainty

    func row(_ offset: Int, _ count: Int) -> Sensitivity.Sums {
      Sensitivity.update(
        block.weights + offset, gradient: block.gradients + offset, smoothed: smoothed + offset,
        uncertainty: unsure + offset, count: count, beta1: beta1, beta2: beta2)
    }

    for i in 0..<layout.rank {
      let p = row(layout.pOffset + i * adapter.outputSize, adapter.outputSize)
      let q = row(layout.qOffset + i * adapter.inputSize, adapter.inputSize)
      let pShare = 1 / Float(adapter.outputSize)
      let qShare = 1 / Float(adapter.inputSize)
      var l = Sensitivity.Sums()
      if let offset = layout.lambdaOffset { l = row(offset + i, 1) }
      let triplet = index * rank + i
      lambdaPart[triplet] = l.product
      pPart[triplet] = p.product * pShare
      qPart[triplet] = q.product * qShare
      sensitivity[triplet] = l.sensitivity + (p.sensitivity * pShare + q.sensitivity * qShare)
      smoothedSensitivity[triplet] = l.smoothed + (p.smoothed * pShare + q.smoothed * qShare)
      uncertainty[triplet] = l.uncertainty + (p.uncertainty * pShare + q.uncertainty * qShare)
    }
  }

  mutating func readMagnitudes(_ store: AdapterStore) {
    for k in store.adapters.indices {
      let lambda = store.lambda(k)
      for i in 0..<rank { magnitude[k * rank + i] = abs(lambda[i]) }
    }
  }
}
