// Where a module stands in the Ranks panel: layers down, module types across.

import Training

/// A grid over the modules that pass the filter. A layer that has a type twice gets a second row; modules without a
/// layer stand below.
struct ModuleGrid {
  struct Row {
    /// Nil for modules without a layer number.
    var layer: Int?
    /// Module index by column; nil where the layer has no module of the type.
    var cells: [Int?]
  }

  private(set) var types: [String] = []
  private(set) var rows: [Row] = []
  /// Row and column of each module that is shown.
  private(set) var places: [Int: (row: Int, column: Int)] = [:]

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
      var row = rows.count
      while row > 0, rows[row - 1].layer == module.layer, rows[row - 1].cells[column] == nil { row -= 1 }
      if row == rows.count {
        rows.append(Row(layer: module.layer, cells: Array(repeating: nil, count: types.count)))
      }
      rows[row].cells[column] = index
      places[index] = (row, column)
    }
  }

  /// The module reached from one by going `dx` columns and `dy` rows, skipping holes; the same where there is none.
  func moved(from module: Int, dx: Int, dy: Int) -> Int {
    guard let place = places[module] else { return rows.first?.cells.compactMap { $0 }.first ?? module }
    var row = place.row + dy
    var column = place.column + dx
    while row >= 0, row < rows.count, column >= 0, column < types.count {
      if let found = rows[row].cells[column] { return found }
      // Going down into a row that lacks the type, take its nearest module.
      if dy != 0 {
        let near = rows[row].cells.indices.filter { rows[row].cells[$0] != nil }
          .min { abs($0 - column) < abs($1 - column) }
        if let near, let found = rows[row].cells[near] { return found }
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
