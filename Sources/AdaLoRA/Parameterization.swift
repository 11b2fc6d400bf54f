// How an adapter writes ΔW: what its parts are, how they start, and how they are scaled.

import Kernels

/// A low-rank way to write ΔW as s·P·Λ·Q.
public protocol Parameterization: Sendable {
  /// Whether Λ is trained; where it is not, it is the identity and takes no room.
  var hasLambda: Bool { get }
  /// s for initial rank r and α.
  func scale(alpha: Double, rank: Int) -> Double
  /// Fills P [d₁ columns] and Q [d₂ columns], r rows each, with their starting values. They arrive zeroed, as does λ.
  func initialize(
    p: MutableFloatPointer, q: MutableFloatPointer, rank: Int, outputSize: Int, inputSize: Int,
    random: inout RandomSource)
}

/// AdaLoRA's ΔW = PΛQ with λ = 0 and P, Q ~ N(0, 0.02²) at the start (`SVDLinear` of PEFT and loralib).
public struct SVDParameterization: Parameterization {
  public init() {}

  public var hasLambda: Bool { true }

  /// α/(r₀ + 1e-5), the effective scale; it stays when triplets are pruned.
  public func scale(alpha: Double, rank: Int) -> Double { alpha / (Double(rank) + 1e-5) }

  public func initialize(
    p: MutableFloatPointer, q: MutableFloatPointer, rank: Int, outputSize: Int, inputSize: Int,
    random: inout RandomSource
  ) {
    random.fillNormal(q, count: rank * inputSize, deviation: 0.02)
    random.fillNormal(p, count: rank * outputSize, deviation: 0.02)
  }
}

/// LoRA's ΔW = BA with B = 0 and A uniform in ±1/√d₂ at the start (Kaiming's bound with a = √5, as PEFT has it).
public struct LoRAParameterization: Parameterization {
  public init() {}

  public var hasLambda: Bool { false }

  public func scale(alpha: Double, rank: Int) -> Double { alpha / Double(rank) }

  public func initialize(
    p: MutableFloatPointer, q: MutableFloatPointer, rank: Int, outputSize: Int, inputSize: Int,
    random: inout RandomSource
  ) {
    let bound = 1 / Double(inputSize).squareRoot()
    for i in 0..<(rank * inputSize) { q[i] = Float((2 * random.uniform() - 1) * bound) }
  }
}
