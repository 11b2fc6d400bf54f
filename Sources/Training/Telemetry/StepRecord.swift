// What is known of one step when it is over; a line of the trace.

import Foundation

/// One training step, as the trace writes it.
public struct StepRecord: Codable, Sendable, Equatable {
  public var step: Int
  /// Task loss + γ·R.
  public var loss: Double
  public var taskLoss: Double
  /// R, without γ.
  public var orth: Double
  /// L2 norm over all trainable tensors, before clipping.
  public var gradNorm: Double
  /// The learning rate that the step used.
  public var lr: Double
  public var beta1: Double
  public var beta2: Double
  public var orthRegWeight: Double
  public var deltaT: Int
  /// Target rank a module (b_T over the number of modules).
  public var targetR: Double
  /// b(t), in triplets.
  public var budget: Int
  /// Triplets kept by the last mask.
  public var kept: Int
  /// λ that are not zero after the step.
  public var nonzero: Int
  /// The score at and below which the last mask pruned; absent before the first mask.
  public var threshold: Double?
  /// Real tokens in the batch.
  public var tokens: Int
  public var stepMs: Double
  public var eval: Evaluation?

  enum CodingKeys: String, CodingKey {
    case step, loss
    case taskLoss = "task_loss"
    case orth
    case gradNorm = "grad_norm"
    case lr, beta1, beta2
    case orthRegWeight = "orth_reg_weight"
    case deltaT
    case targetR = "target_r"
    case budget, kept, nonzero, threshold, tokens
    case stepMs = "step_ms"
    case eval
  }
}

/// The metrics of one evaluation: a classifier's, or a language model's, which has its loss alone.
public struct Evaluation: Codable, Sendable, Equatable {
  /// The task loss alone.
  public var loss: Double
  public var accuracy: Double?
  /// Matthews correlation, the multi-class form where there are more than two classes.
  public var matthews: Double?
  /// F1 of class 1 where there are two classes, else the macro mean.
  public var f1: Double?

  public init(loss: Double, accuracy: Double? = nil, matthews: Double? = nil, f1: Double? = nil) {
    self.loss = loss
    self.accuracy = accuracy
    self.matthews = matthews
    self.f1 = f1
  }

  /// e^loss, of a language model.
  public var perplexity: Double? { accuracy == nil ? exp(loss) : nil }

  /// By name, the loss first.
  public var metrics: [(name: String, value: Double)] {
    let all = [
      ("loss", loss), ("accuracy", accuracy), ("matthews", matthews), ("f1", f1), ("perplexity", perplexity),
    ]
    return all.compactMap { name, value in value.map { (name, $0) } }
  }

  /// A metric by its name; nil where this evaluation has no such.
  public subscript(name: String) -> Double? { metrics.first { $0.name == name }?.value }

  /// What is to be large: the accuracy, or minus the loss where there is none.
  var merit: Double { accuracy ?? -loss }
}
