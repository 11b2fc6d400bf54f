// A matrix in memory that others own, in the form in which a file stores it.

/// Where a row-major matrix lies and how its values are stored. Rows follow each other without a gap.
public struct StoredMatrix: @unchecked Sendable {
  // Unchecked: the memory is never written.
  public let base: UnsafeRawPointer
  public let format: WeightFormat
  public let rows: Int
  public let columns: Int
  /// Of so many rows each (an even number), and in each the second half lies between the rows of the first: 0, h/2, 1,
  /// h/2 + 1 and so on. Nil where rows lie in their order.
  public let interleavedHead: Int?

  /// - Parameters:
  ///   - base: floats must be aligned.
  ///   - columns: a whole number of the format's blocks.
  ///   - interleavedHead: divides `rows`.
  public init(
    _ base: UnsafeRawPointer, _ format: WeightFormat = .float32, rows: Int, columns: Int, interleavedHead: Int? = nil
  ) {
    precondition(columns % format.blockValues == 0, "rows of \(columns) in blocks of \(format.blockValues)")
    if let head = interleavedHead {
      precondition(head > 0 && head % 2 == 0 && rows % head == 0, "\(rows) rows in heads of \(head)")
    }
    self.base = base
    self.format = format
    self.rows = rows
    self.columns = columns
    self.interleavedHead = interleavedHead
  }

  /// The values, row-major, where they lie so in memory.
  var floats: FloatPointer? {
    format == .float32 && interleavedHead == nil ? base.assumingMemoryBound(to: Float.self) : nil
  }

  /// y[rows.count, columns.count] ← the values of some rows and columns. O(values).
  /// - Precondition: `columns` are whole blocks.
  public func read(_ rows: Range<Int>, _ columns: Range<Int>, into y: MutableFloatPointer) {
    precondition(
      rows.upperBound <= self.rows && columns.upperBound <= self.columns,
      "rows \(rows) and columns \(columns) of \(self.rows)×\(self.columns)")
    guard !columns.isEmpty else { return }
    let rowBytes = format.bytes(self.columns)
    let start = format.bytes(columns.lowerBound)
    var target = y
    for row in rows {
      format.read(base + place(of: row) * rowBytes + start, into: target, count: columns.count)
      target += columns.count
    }
  }

  @inline(__always)
  private func place(of row: Int) -> Int {
    guard let head = interleavedHead else { return row }
    let (i, half) = (row % head, head / 2)
    return row - i + (i < half ? 2 * i : 2 * (i - half) + 1)
  }
}
