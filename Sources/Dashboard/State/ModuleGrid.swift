// Where a module stands in the Ranks panel: layers down, module types across.

import Training

/// A grid over the modules that pass the filter. A layer that has a type twice gets a second row; modules without a
/// layer stand below.
struct ModuleGrid {
  struct Row {
    /// The first and the last layer; nil for modules without a layer number.
    var layers: ClosedRange<Int>?
    /// Module indices by column: at most one until rows are folded, none where no layer of the row has the type.
    var cells: [[Int]]

    /// `3`, of a folded row `0-7`.
    var label: String {
      guard let layers else { return "·" }
      let (first, last) = (layers.lowerBound, layers.upperBound)
      return first == last ? "\(first)" : "\(first)-\(last)"
    }
  }

  private(set) var types: [String] = []
  private(set) var rows: [Row] = []
  /// Row and column of each module that is shown.
  private(set) var places: [Int: (row: Int, column: Int)] = [:]
  /// How many layers a row stands for.
  private(set) var layersPerRow = 1
  /// Rows when none is folded.
  private(set) var fullRowCount = 0
  /// The most modules of a cell.
  var largestCell: Int { rows.reduce(1) { max($0, $1.cells.reduce(0) { max($0, $1.count) }) } }

  init(modules: [RunDescription.Module], visible: [Int]) {
    var columns: [String: Int] = [:]
    for index in visible where columns[modules[index].type] == nil {
      columns[modules[index].type] = types.count
      types.append(modules[index].type)
    }
    let ordered = visible.sorted { a, b in
      let first = modules[a].layer ?? .max
      let second = modules[b].layer ?? .max
      return first != second ? first < second : a < b
    }
    for index in ordered {
      let module = modules[index]
      guard let column = columns[module.type] else { continue }
      let layers = module.layer.map { $0...$0 }
      var row = rows.count
      while row > 0, rows[row - 1].layers == layers, rows[row - 1].cells[column].isEmpty { row -= 1 }
      if row == rows.count { rows.append(Row(layers: layers, cells: Array(repeating: [], count: types.count))) }
      rows[row].cells[column].append(index)
      places[index] = (row, column)
    }
    fullRowCount = rows.count
  }

  /// The same with as few neighbouring layers to a row as let everything stand in `capacity` rows, if that is possible.
  func folded(into capacity: Int) -> ModuleGrid {
    guard rows.count > capacity else { return self }
    // Rows of one layer are neighbours.
    let layers = rows.indices.filter { $0 == 0 || rows[$0].layers != rows[$0 - 1].layers }.compactMap {
      rows[$0].layers
    }
    let below = rows.last?.layers == nil ? 1 : 0
    let room = max(capacity - below, 1)
    var folded = self
    folded.layersPerRow = max((layers.count + room - 1) / room, 1)
    folded.rows = []
    folded.places = [:]
    var layer = -1
    for (index, row) in rows.enumerated() {
      let isNew = index == 0 || row.layers != rows[index - 1].layers
      if isNew { layer += 1 }
      if isNew, row.layers == nil || layer % folded.layersPerRow == 0 {
        folded.rows.append(Row(layers: row.layers, cells: Array(repeating: [], count: types.count)))
      }
      let last = folded.rows.count - 1
      if let first = folded.rows[last].layers, let own = row.layers {
        folded.rows[last].layers = first.lowerBound...own.upperBound
      }
      for (column, cell) in row.cells.enumerated() {
        folded.rows[last].cells[column] += cell
        for module in cell { folded.places[module] = (last, column) }
      }
    }
    return folded
  }

  /// The module of a cell that stands in it as `module` stands in its own, as far as it has as many: the same layer
  /// counted from its row's first. Nil of an empty cell.
  func counterpart(of module: Int, in cell: [Int]) -> Int? {
    guard !cell.contains(module) else { return module }
    let own = places[module].map { rows[$0.row].cells[$0.column] } ?? []
    return cell[at: min(own.firstIndex(of: module) ?? 0, cell.count - 1)]
  }

  /// The module reached from one by going `dx` columns and `dy` rows, skipping holes; the same where there is none.
  func moved(from module: Int, dx: Int, dy: Int) -> Int {
    guard let place = places[module] else { return rows.first?.cells.first { !$0.isEmpty }?.first ?? module }
    var row = place.row + dy
    var column = place.column + dx
    while row >= 0, row < rows.count, column >= 0, column < types.count {
      let cells = rows[row].cells
      if let found = counterpart(of: module, in: cells[column]) { return found }
      // Going down into a row that lacks the type, take its nearest module.
      if dy != 0 {
        let near = cells.indices.filter { !cells[$0].isEmpty }.min { abs($0 - column) < abs($1 - column) }
        if let near, let found = counterpart(of: module, in: cells[near]) { return found }
      }
      row += dy
      column += dx
    }
    return module
  }
}

enum ModuleLabel {
  /// The type in at most `width` cells: whole, or the beginnings of its telling parts (`at.ou`).
  static func type(_ type: String, width: Int) -> String {
    let type = cellText(type)
    guard type.count > width, width > 0 else { return type }
    var parts = type.split(separator: ".").map(String.init)
    if parts.count > 1, let last = parts.last, ["dense", "proj", "linear"].contains(last) { parts.removeLast() }
    let joined = parts.joined(separator: ".")
    if joined.count <= width { return joined }
    let each = (width - (parts.count - 1)) / parts.count
    if each < 1 { return String(joined.prefix(width)) }
    // The last part says most: it takes what the others leave.
    let head = parts.dropLast().map { String($0.prefix(each)) }
    let used = head.reduce(0) { $0 + $1.count + 1 }
    return (head + [String((parts.last ?? "").prefix(width - used))]).joined(separator: ".")
  }

  /// Layer and type, `2 query`.
  static func short(_ module: RunDescription.Module, width: Int) -> String {
    guard let layer = module.layer else { return type(module.type, width: width) }
    let number = String(layer)
    return number + " " + type(module.type, width: max(width - number.count - 1, 1))
  }

  /// In words, for a sentence: `layer 2 query`.
  static func long(_ module: RunDescription.Module) -> String {
    (module.layer.map { "layer \($0) " } ?? "") + cellText(module.type)
  }
}
