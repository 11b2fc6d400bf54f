// The gated feed-forward block's nonlinearity.

import CKernels

/// up · silu(gate), elementwise, with silu(x) = x·σ(x): Llama's SwiGLU.
public enum GatedSiLU {
  /// `out` may be either input.
  public static func forward(_ gate: FloatPointer, _ up: FloatPointer, into out: MutableFloatPointer, count: Int) {
    rt_gated_silu_forward(gate, up, out, count)
  }

  /// Writes the gradients of both inputs; `dgate` may be `dout`.
  public static func backward(
    _ gate: FloatPointer, _ up: FloatPointer, _ dout: FloatPointer, dgate: MutableFloatPointer,
    dup: MutableFloatPointer, count: Int
  ) {
    rt_gated_silu_backward(gate, up, dout, dgate, dup, count)
  }
}
