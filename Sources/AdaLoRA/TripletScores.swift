// What is known of every triplet: the parts of S, by every rule, always live.

import Kernels

/// Per-triplet sums of the element scores, module-major: element k·r₀ + i is triplet i of module k.
public final class TripletScores {
  /// r₀.
  public let rank: Int
  /// Triplets of all modules.
  public let count: Int
  /// One draw per triplet for the whole run.
  public let random: [Float]
  private let values: Buffer

  private enum Part: Int, CaseIterable { case lambda, p, q, sensitivity, smoothed, uncertainty, magnitude }

  init(modules: Int, rank: Int, seed: UInt64) {
    self.rank = rank
    count = modules * rank
    values = Buffer(count: Part.allCases.count * count)
    random = Self.draws(seed: seed, count: count)
  }

  /// Begins as another is now and goes its own way.
  init(copying other: TripletScores) {
    rank = other.rank
    count = other.count
    random = other.random
    values = Buffer(count: other.values.count)
    values.base.update(from: other.values.base, count: values.count)
  }

  /// The draws of the rule `random`, uniform in [0, 1): the same for the same seed, so that a record need not hold them.
  public static func draws(seed: UInt64, count: Int) -> [Float] {
    var source = RandomSource(seed: seed, purpose: 2)
    return (0..<count).map { _ in Float(source.uniform()) }
  }

  /// s(λ) with s = Ī·Ū.
  public var lambdaPart: [Float] { array(.lambda) }
  /// mean s(P).
  public var pPart: [Float] { array(.p) }
  /// mean s(Q).
  public var qPart: [Float] { array(.q) }
  /// Ī(λ) + mean Ī(P) + mean Ī(Q).
  public var smoothedSensitivity: [Float] { array(.smoothed) }
  /// The same of Ū.
  public var uncertainty: [Float] { array(.uncertainty) }

  /// S of triplet `index` by `rule`.
  @inline(__always)
  public func score(_ index: Int, by rule: ScoringRule) -> Float {
    switch rule {
    case .smoothed, .uniform: self[.lambda][index] + (self[.p][index] + self[.q][index])
    case .sensitivity: self[.sensitivity][index]
    case .magnitude: self[.magnitude][index]
    case .random: random[index]
    }
  }

  /// All parts that training changes, one after another, to be saved and set again.
  var saved: [Float] {
    get { values.values }
    set {
      precondition(newValue.count == values.count, "\(newValue.count) saved scores for \(values.count)")
      for i in newValue.indices { values.base[i] = newValue[i] }
    }
  }

  private subscript(_ part: Part) -> MutableFloatPointer { values.base + part.rawValue * count }

  private func array(_ part: Part) -> [Float] { Array(UnsafeBufferPointer(start: self[part], count: count)) }

  /// Takes the sums over a triplet's λ and over its rows of Pᵀ and Q. Different triplets may be set at the same time.
  func set(
    _ index: Int, lambda: Sensitivity.Sums, p: Sensitivity.Sums, outputSize: Int, q: Sensitivity.Sums, inputSize: Int
  ) {
    let pShare = 1 / Float(outputSize)
    let qShare = 1 / Float(inputSize)
    self[.lambda][index] = lambda.product
    self[.p][index] = p.product * pShare
    self[.q][index] = q.product * qShare
    self[.sensitivity][index] = lambda.sensitivity + (p.sensitivity * pShare + q.sensitivity * qShare)
    self[.smoothed][index] = lambda.smoothed + (p.smoothed * pShare + q.smoothed * qShare)
    self[.uncertainty][index] = lambda.uncertainty + (p.uncertainty * pShare + q.uncertainty * qShare)
  }

  /// |λ| as it is now.
  func readMagnitudes(_ store: AdapterStore) {
    let magnitude = self[.magnitude]
    for k in store.adapters.indices {
      store.sizes(k) { magnitude[k * rank + $0] = abs($1) }
    }
  }
}
