import Glibc
import Kernels
import Testing

@Suite("Gated SiLU")
struct GatedSiLUTests {
  private static func naive(_ gate: [Double], _ up: [Double]) -> [Double] {
    zip(gate, up).map { $0 / (1 + exp(-$0)) * $1 }
  }

  @Test("is within 1e-6 of the definition, its gradients within 2e-6 of central differences", arguments: awkwardSizes)
  func matchesNaive(count: Int) {
    let gate = normals(count, seed: 51, deviation: 3)
    let up = normals(count, seed: 52)
    let weights = normals(count, seed: 53)
    let (g, u) = (gate.map(Double.init), up.map(Double.init))
    var out = [Float](repeating: .nan, count: count)
    GatedSiLU.forward(gate, up, into: &out, count: count)
    #expect(largestError(out, Self.naive(g, u), relativeAbove: 1) < 1e-6)
    var dgate = weights
    var dup = out
    dgate.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      GatedSiLU.backward(gate, up, base, dgate: base, dup: &dup, count: count)
    }
    #expect(
      largestError(dgate, centralDifferences(at: gate) { dot(weights, Self.naive($0, u)) }, relativeAbove: 1) < 2e-6)
    #expect(
      largestError(dup, centralDifferences(at: up) { dot(weights, Self.naive(g, $0)) }, relativeAbove: 1) < 2e-6)
  }

  @Test("far from 0 it is the line or 0, without NaN")
  func extremes() {
    var out: [Float] = [0, 0, 0]
    GatedSiLU.forward([-1000, 1000, 0], [2, 2, 2], into: &out, count: 3)
    #expect(out[0] == 0 && out[1] == 2000 && out[2] == 0)
    var dgate: [Float] = [1, 1, 1]
    var dup = dgate
    GatedSiLU.backward([-1000, 1000, 0], [2, 2, 2], [1, 1, 1], dgate: &dgate, dup: &dup, count: 3)
    #expect(dgate == [0, 2, 1] && dup == [0, 1000, 0])
  }
}
