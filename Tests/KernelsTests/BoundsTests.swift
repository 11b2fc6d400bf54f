// Arrays that end where the process's memory ends, so that a read too far is a crash.

import Glibc
import Kernels
import Testing

/// `count` floats whose last is followed by a page that must not be touched.
private func guarded(_ count: Int, seed: UInt64) -> MutableFloatPointer {
  let page = Int(sysconf(Int32(_SC_PAGESIZE)))
  let size = (count * 4 + page - 1) / page * page
  guard let base = mmap(nil, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
    base != MAP_FAILED, mprotect(base + size, page, PROT_NONE) == 0
  else { preconditionFailure("no guarded page") }
  let floats = (base + size - count * 4).bindMemory(to: Float.self, capacity: count)
  var random = RandomSource(seed: seed)
  random.fillNormal(floats, count: count, deviation: 1)
  return floats
}

@Suite("Bounds")
struct BoundsTests {
  @Test("the guard page works: a read past it ends the process")
  func guardPage() async {
    await #expect(processExitsWith: .failure) {
      let x = guarded(17, seed: 1)
      #expect(x[17] == x[0])
    }
  }

  @Test("no kernel touches memory past its arrays")
  func allKernels() async {
    await #expect(processExitsWith: .success) {
      for columns in [1, 2, 3, 7, 8, 12, 15, 16, 17, 31, 33, 64, 65] {
        for rows in [1, 2, 3, 5] {
          let n = rows * columns
          let (x, y, z, w) = (guarded(n, seed: 1), guarded(n, seed: 2), guarded(n, seed: 3), guarded(n, seed: 4))
          let (a, b, perRow) = (guarded(columns, seed: 5), guarded(columns, seed: 6), guarded(rows, seed: 7))
          for activation in Activation.allCases {
            activation.forward(x, into: y, count: n)
            activation.backward(x, y, into: z, count: n)
          }
          LayerNorm.forward(
            x, residual: y, gain: a, bias: b, epsilon: 1, normalized: z, rstd: perRow, into: w, rows: rows,
            columns: columns)
          LayerNorm.backward(w, normalized: z, rstd: perRow, gain: a, into: y, rows: rows, columns: columns)
          RMSNorm.forward(x, gain: a, epsilon: 1, rstd: perRow, into: z, rows: rows, columns: columns)
          RMSNorm.backward(z, input: x, rstd: perRow, gain: a, into: y, rows: rows, columns: columns)
          GatedSiLU.forward(x, y, into: z, count: n)
          GatedSiLU.backward(x, y, z, dgate: z, dup: w, count: n)
          precondition(Softmax.exponentials(w, count: n).sum > 0)
          Softmax.forward(x, scale: 1, rows: rows, columns: columns)
          Softmax.backward(x, y, scale: 1, rows: rows, columns: columns)
          Dropout(probability: 0.5, key: 1).apply(x, into: y, firstRow: 0, rows: rows, columns: columns)
          Elementwise.fillRows(y, with: a, rows: rows, columns: columns)
          Elementwise.add(y, x, count: n)
          Elementwise.scale(y, by: 0.5, count: n)
          Elementwise.addColumnSums(a, x, rows: rows, columns: columns)
          Elementwise.scaleRows(x, by: perRow, scale: 2, into: y, rows: rows, columns: columns)
          Elementwise.addScaledRows(y, x, by: perRow, scale: 2, rows: rows, columns: columns)
          Elementwise.addRowDots(perRow, x, y, scale: 2, rows: rows, columns: columns)
          let square = guarded(columns * SmallProduct.padded(rows), seed: 8)
          SmallProduct.transpose(x, ldx: columns, into: square, rows: rows, columns: columns)
          let corner = guarded(rows * rows, seed: 9)
          SmallProduct.multiply(
            rows, rows, columns, x, lda: columns, square, ldb: SmallProduct.padded(rows), start: .row(perRow), corner,
            ldc: rows)
          let middle = guarded(columns * columns, seed: 10)
          SmallProduct.multiply(
            columns, columns, rows, x, .yes, lda: columns, y, ldb: columns, start: .output, middle, ldc: columns)
          precondition(Elementwise.sumOfSquares(x, count: n) > 0)
          let (u, v) = (guarded(n, seed: 8), guarded(n, seed: 9))
          for optimizer in [AdamW(learningRate: 0.1), nil] {
            for precedes in [true, false] {
              let sensitivity = Sensitivity(beta1: 0.9, beta2: 0.9, precedesStep: precedes)
              let update = ParameterUpdate(optimizer, sensitivity: sensitivity)
              _ = update(x, gradient: y, m: z, v: w, smoothed: u, uncertainty: v, count: n)
            }
          }
        }
      }
    }
  }
}
