import Kernels
import Testing

@Suite("A frozen matrix")
struct FrozenMatrixTests {
  @Test("stored transposed it gives the same as the other way round, in both products", arguments: Precision.allCases)
  func transposed(precision: Precision) {
    guard precision.isSupported else { return }
    let (outputs, inputs, rows) = (7, 5, 3)
    let weight = normals(outputs * inputs, seed: 11)
    let turned = (0..<inputs).flatMap { column in (0..<outputs).map { weight[$0 * inputs + column] } }
    let (plainOwner, turnedOwner) = (SharedBuffer(weight), SharedBuffer(turned))
    let plain = FrozenMatrix(
      plainOwner.base, outputSize: outputs, inputSize: inputs, owner: plainOwner, precision: precision)
    let other = FrozenMatrix(
      turnedOwner.base, outputSize: outputs, inputSize: inputs, isTransposed: true, owner: turnedOwner,
      precision: precision)
    #expect(other.outputSize == outputs && other.inputSize == inputs && other.values == weight)
    let gradients = Buffer(count: 0)
    let workspace = Workspace(arena: Arena(capacity: 0), gradients: gradients.base, slots: 0)
    let (x, dy) = (normals(rows * inputs, seed: 12), normals(rows * outputs, seed: 13))
    for accumulate in [false, true] {
      var (y, z) = (dy, dy)
      plain.apply(x, into: &y, rows: rows, accumulate: accumulate, workspace)
      other.apply(x, into: &z, rows: rows, accumulate: accumulate, workspace)
      #expect(largestError(z, y.map(Double.init)) < 1e-6)
      var (dx, dz) = (x, x)
      plain.applyTransposed(dy, into: &dx, rows: rows, accumulate: accumulate, workspace)
      other.applyTransposed(dy, into: &dz, rows: rows, accumulate: accumulate, workspace)
      #expect(largestError(dz, dx.map(Double.init)) < 1e-6)
    }
  }
}
