// AdamW, and the smoothed sensitivities of AdaLoRA, in one pass over a row of parameters.

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
}

/// The smoothed sensitivity and uncertainty of the AdaLoRA paper (section 3.2): I = |w·g|; Ī ← β₁Ī + (1 − β₁)I;
/// Ū ← β₂Ū + (1 − β₂)|I − Ī|, with the Ī just updated.
public struct Sensitivity: Sendable {
  /// β₁, of Ī.
  public var beta1: Double
  /// β₂, of Ū.
  public var beta2: Double
  /// Whether I is of the weights before the optimizer's step instead of after it.
  public var precedesStep: Bool

  public init(beta1: Double, beta2: Double, precedesStep: Bool = false) {
    self.beta1 = beta1
    self.beta2 = beta2
    self.precedesStep = precedesStep
  }

  /// Sums over a row of I, of Ī, of Ū and of Ī·Ū.
  public struct Sums: Sendable, Equatable {
    public var sensitivity: Float = 0
    public var smoothed: Float = 0
    public var uncertainty: Float = 0
    public var product: Float = 0

    public init() {}

    fileprivate init(_ row: rt_sensitivity_sums) {
      sensitivity = row.sensitivity
      smoothed = row.smoothed
      uncertainty = row.uncertainty
      product = row.product
    }
  }
}

/// What one pass over the parameters does to each: an optimizer's step, the sensitivities, or both at once.
public struct ParameterUpdate: Sendable {
  private enum Form { case step, stepSensingAfter, stepSensingBefore, sense, nothing }

  private let form: Form
  private var config = rt_update_config()

  /// - Parameters:
  ///   - optimizer: nil leaves the weights as they are.
  ///   - count: the optimizer's steps so far, this one included.
  ///   - gradientScale: what gradients are multiplied by as they are read.
  ///   - sensitivity: nil leaves Ī and Ū as they are.
  public init(_ optimizer: AdamW?, count: Int = 1, gradientScale: Float = 1, sensitivity: Sensitivity? = nil) {
    config.gradientScale = gradientScale
    if let optimizer {
      precondition(count >= 1, "AdamW counts its steps from 1, not \(count)")
      config.learningRate = optimizer.learningRate
      config.beta1 = Float(optimizer.beta1)
      config.beta2 = Float(optimizer.beta2)
      config.epsilon = optimizer.epsilon
      config.weightDecay = optimizer.weightDecay
      config.oneMinusBeta1 = Float(1 - optimizer.beta1)
      config.oneMinusBeta2 = Float(1 - optimizer.beta2)
      config.biasCorrection1 = Float(1 - pow(optimizer.beta1, Double(count)))
      config.biasCorrection2Sqrt = Float((1 - pow(optimizer.beta2, Double(count))).squareRoot())
    }
    if let sensitivity {
      config.smoothing = Float(sensitivity.beta1)
      config.uncertaintySmoothing = Float(sensitivity.beta2)
      config.oneMinusSmoothing = Float(1 - sensitivity.beta1)
      config.oneMinusUncertaintySmoothing = Float(1 - sensitivity.beta2)
    }
    form =
      switch (optimizer != nil, sensitivity?.precedesStep) {
      case (true, nil): .step
      case (true, false?): .stepSensingAfter
      case (true, true?): .stepSensingBefore
      case (false, _?): .sense
      case (false, nil): .nothing
      }
  }

  /// Acts on a row of `count` floats; m and v are Adam's moments. No two rows overlap, and what is not updated is not
  /// touched.
  /// - Returns: the row's sums; zeros without sensitivities.
  @inline(__always)
  public func callAsFunction(
    _ w: MutableFloatPointer, gradient: FloatPointer, m: MutableFloatPointer, v: MutableFloatPointer,
    smoothed: MutableFloatPointer, uncertainty: MutableFloatPointer, count: Int
  ) -> Sensitivity.Sums {
    withUnsafePointer(to: config) { config in
      switch form {
      case .step:
        rt_update(w, gradient, m, v, count, config)
        return Sensitivity.Sums()
      case .stepSensingAfter:
        return Sensitivity.Sums(rt_update_sensing_after(w, gradient, m, v, smoothed, uncertainty, count, config))
      case .stepSensingBefore:
        return Sensitivity.Sums(rt_update_sensing_before(w, gradient, m, v, smoothed, uncertainty, count, config))
      case .sense: return Sensitivity.Sums(rt_sense(w, gradient, smoothed, uncertainty, count, config))
      case .nothing: return Sensitivity.Sums()
      }
    }
  }
}
