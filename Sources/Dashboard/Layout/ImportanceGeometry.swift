// How the Importance heatmap fills its panel: a row a module, in as many blocks side by side as there is room for.

import Training

struct ImportanceGeometry {
  let labelWidth: Int
  /// Columns of a row (triplets, or moments) and screen cells a column.
  let columnCount: Int
  let cellWidth: Int
  /// Cells for a module's share of the whole, in percent and as a bar; 0 where there is no room.
  let shareWidth: Int
  /// Cells of a block with its rank and the gap after it.
  let blockWidth: Int
  let blockCount: Int
  let rowCount: Int
  /// Modules seen at once.
  var capacity: Int { rowCount * blockCount }

  /// - Parameter inner: the panel inside its border; its last two lines are the scale and the rules' agreement.
  init(inner: Area, moduleCount: Int, columns: Int, isOverTime: Bool, rankDigits: Int) {
    let columns = max(columns, 1)
    rowCount = max(inner.height - (inner.height >= 5 ? 2 : inner.height >= 3 ? 1 : 0), 1)
    // The rank with a blank before it, and the gap to the next block.
    let rank = rankDigits + 1
    let gap = 2
    if isOverTime {
      labelWidth = inner.width >= 50 ? 13 : 10
      cellWidth = 1
      blockCount = 1
      columnCount = max(min(inner.width - labelWidth - rank, 400), 1)
    } else {
      let wanted = (max(moduleCount, 1) + rowCount - 1) / rowCount
      let blocks = max(1, min(wanted, (inner.width + gap) / (8 + columns + rank + gap)))
      let each = (inner.width + gap) / blocks - gap
      // Cells get at most three, labels at most 19, then the share of the whole.
      cellWidth = max(1, min((each - 10 - rank) / columns, 3))
      labelWidth = max(8, min(19, each - rank - columns * cellWidth))
      blockCount = blocks
      columnCount = max(1, min(columns, (each - labelWidth - rank) / cellWidth))
    }
    let used = labelWidth + columnCount * cellWidth + rank
    let left = isOverTime ? 0 : (inner.width + gap) / blockCount - gap - used
    shareWidth = left >= 8 ? min(left, 36) : 0
    blockWidth = used + shareWidth + gap
  }

  /// First column seen, by pages, so that `position` is among them.
  func firstColumn(for position: Int) -> Int { position / columnCount * columnCount }

  /// Row in the list and column on the screen under a point of the panel's inside.
  func place(atX x: Int, y: Int, scroll: Int) -> (row: Int, column: Int)? {
    guard x >= 0, y >= 0, y < rowCount else { return nil }
    let block = x / blockWidth
    guard block < blockCount else { return nil }
    let within = x - block * blockWidth - labelWidth
    let column = within < 0 ? -1 : within / cellWidth
    return (scroll + block * rowCount + y, column < columnCount ? column : -1)
  }
}

extension DashboardState {
  func importanceGeometry(_ area: Area, moduleCount: Int) -> ImportanceGeometry {
    ImportanceGeometry(
      inner: area.inner, moduleCount: moduleCount, columns: initialRank, isOverTime: isOverTime,
      rankDigits: String(initialRank).count)
  }

  /// The values of the chosen quantity, module-major.
  func importanceValues(_ triplets: TripletFrame?) -> [Float] {
    guard let triplets else { return [] }
    return switch quantity {
    case .score: triplets.scores[frame?.description.score ?? .smoothed] ?? triplets.scores[.smoothed] ?? []
    case .sensitivity: triplets.smoothedSensitivity
    case .uncertainty: triplets.uncertainty
    case .lambda: triplets.lambda.map { abs($0) }
    }
  }

  /// A module's triplets in the order they are shown.
  func tripletOrder(_ module: Int, _ values: [Float]) -> [Int] {
    let rank = initialRank
    guard isSorted, values.count >= (module + 1) * rank else { return Array(0..<rank) }
    return RuleDecisions.order(values, module * rank..<(module + 1) * rank).map { $0 - module * rank }
  }
}
