// Accuracy, Matthews correlation and F1 from a confusion matrix; rank correlation.

/// Counts of (truth, prediction) pairs.
public struct ConfusionMatrix: Sendable, Equatable {
  public let classes: Int
  /// [truth·classes + prediction].
  public private(set) var counts: [Int]

  public init(classes: Int) {
    self.classes = classes
    counts = Array(repeating: 0, count: classes * classes)
  }

  public mutating func add(truth: Int, prediction: Int) { counts[truth * classes + prediction] += 1 }

  public static func += (a: inout Self, b: Self) {
    for i in a.counts.indices { a.counts[i] += b.counts[i] }
  }

  private var total: Int { counts.reduce(0, +) }
  private func truths(_ k: Int) -> Int { (0..<classes).reduce(0) { $0 + counts[k * classes + $1] } }
  private func predictions(_ k: Int) -> Int { (0..<classes).reduce(0) { $0 + counts[$1 * classes + k] } }
  private var correct: Int { (0..<classes).reduce(0) { $0 + counts[$1 * classes + $1] } }

  public var accuracy: Double { total == 0 ? 0 : Double(correct) / Double(total) }

  /// The multi-class Matthews correlation (Gorodkin's R_K), 0 where it is undefined.
  public var matthews: Double {
    let n = Double(total)
    var products = 0.0
    var truthSquares = 0.0
    var predictionSquares = 0.0
    for k in 0..<classes {
      let t = Double(truths(k))
      let p = Double(predictions(k))
      products += t * p
      truthSquares += t * t
      predictionSquares += p * p
    }
    let scale = ((n * n - predictionSquares) * (n * n - truthSquares)).squareRoot()
    return scale > 0 ? (Double(correct) * n - products) / scale : 0
  }

  /// F1 of class 1 where there are two classes, else the mean of all classes' F1; 0 where a class has neither truths
  /// nor predictions.
  public var f1: Double {
    func f1(_ k: Int) -> Double {
      let all = truths(k) + predictions(k)
      return all == 0 ? 0 : 2 * Double(counts[k * classes + k]) / Double(all)
    }
    return classes == 2 ? f1(1) : (0..<classes).reduce(0) { $0 + f1($1) } / Double(max(classes, 1))
  }
}

/// Spearman's rank correlation, ties at their mean rank; 0 where either side is constant.
public func spearman(_ a: [Double], _ b: [Double]) -> Double {
  precondition(a.count == b.count, "\(a.count) values against \(b.count)")
  func ranks(_ values: [Double]) -> [Double] {
    let order = values.indices.sorted { values[$0] < values[$1] }
    var ranks = Array(repeating: 0.0, count: values.count)
    var start = 0
    while start < order.count {
      let end = order[start...].firstIndex { values[$0] != values[order[start]] } ?? order.endIndex
      for tied in start..<end { ranks[order[tied]] = Double(start + end + 1) / 2 }
      start = end
    }
    return ranks
  }
  let x = ranks(a)
  let y = ranks(b)
  let mean = Double(a.count + 1) / 2
  var xy = 0.0
  var xx = 0.0
  var yy = 0.0
  for i in x.indices {
    xy += (x[i] - mean) * (y[i] - mean)
    xx += (x[i] - mean) * (x[i] - mean)
    yy += (y[i] - mean) * (y[i] - mean)
  }
  return xx > 0 && yy > 0 ? xy / (xx * yy).squareRoot() : 0
}
