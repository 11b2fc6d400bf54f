// The nonlinear functions between linear layers.

import CKernels

/// An elementwise activation; backward takes the input of forward.
public enum Activation: Sendable, Equatable, CaseIterable {
  /// Exact GELU, x·Φ(x).
  case gelu
  /// GELU's tanh form.
  case geluTanh
  case relu
  case tanh

  /// By `hidden_act`'s name in a model's `config.json`.
  public init?(named name: String) {
    switch name {
    case "gelu": self = .gelu
    case "gelu_new", "gelu_pytorch_tanh": self = .geluTanh
    case "relu": self = .relu
    case "tanh": self = .tanh
    default: return nil
    }
  }

  public func forward(_ x: FloatPointer, into y: MutableFloatPointer, count: Int) {
    switch self {
    case .gelu: rt_gelu_forward(x, y, count)
    case .geluTanh: rt_gelu_tanh_forward(x, y, count)
    case .relu: rt_relu_forward(x, y, count)
    case .tanh: rt_tanh_forward(x, y, count)
    }
  }

  /// dx = dy · f′(x). `dx` may be `dy`.
  public func backward(_ x: FloatPointer, _ dy: FloatPointer, into dx: MutableFloatPointer, count: Int) {
    switch self {
    case .gelu: rt_gelu_backward(x, dy, dx, count)
    case .geluTanh: rt_gelu_tanh_backward(x, dy, dx, count)
    case .relu: rt_relu_backward(x, dy, dx, count)
    case .tanh: rt_tanh_backward(x, dy, dx, count)
    }
  }
}
