// AdamW, and the smoothed sensitivities of AdaLoRA, over flat memory.

import CKernels
import Glibc

/// AdamW with decoupled weight decay, in the order of `torch.optim.AdamW`.
public struct AdamW: Sendable {
  public var learningRate: Float
  public var beta1 = 0.9
  public var beta2 = 0.999
  public var epsilon: Float = 1e-8
  public var weightDecay: Float

  public init(learningRate: Float, weightDecay: Float = 0.01) {
    self.learningRate = learningRate
    self.weightDecay = weightDecay
  }

  /// One step over `count` floats.
  /// - Parameters:
  ///   - step: from 1.
  ///   - gradientScale: the gradient is multiplied by it first and left so.
  public func update(
    _ w: MutableFloatPointer, gradient: MutableFloatPointer, m: MutableFloatPointer, v: MutableFloatPointer, count: Int,
    step: Int, gradientScale: Float = 1
  ) {
    precondition(step >= 1, "AdamW counts its steps from 1, not \(step)")
    var config = rt_adamw_config(
      learningRate: learningRate, beta1: Float(beta1), beta2: Float(beta2), epsilon: epsilon, weightDecay: weightDecay,
      oneMinusBeta1: Float(1 - beta1), oneMinusBeta2: Float(1 - beta2),
      biasCorrection1: Float(1 - pow(beta1, Double(step))),
      biasCorrection2Sqrt: Float((1 - pow(beta2, Double(step))).squareRoot()), gradientScale: gradientScale)
    rt_adamw(w, gradient, m, v, count, &config)
  }
}

/// The smoothed sensitivity and uncertainty of the AdaLoRA paper (section 3.2) over one row.
public enum Sensitivity {
  /// Sums over a row of I, of Ī, of Ū and of Ī·Ū.
  public struct Sums: Sendable, Equatable {
    public var sensitivity: Float = 0
    public var smoothed: Float = 0
    public var uncertainty: Float = 0
    public var product: Float = 0

    public init() {}
  }

  /// I = |w·g|; Ī ← β₁Ī + (1 − β₁)I; Ū ← β₂Ū + (1 − β₂)|I − Ī|, with the Ī just updated.
  public static func update(
    _ w: FloatPointer, gradient: FloatPointer, smoothed: MutableFloatPointer, uncertainty: MutableFloatPointer,
    count: Int, beta1: Double, beta2: Double
  ) -> Sums {
    let row = rt_sensitivity(w, gradient, smoothed, uncertainty, count, beta1, beta2)
    var sums = Sums()
    sums.sensitivity = row.sensitivity
    sums.smoothed = row.smoothed
    sums.uncertainty = row.uncertainty
    sums.product = row.product
    return sums
  }
}
