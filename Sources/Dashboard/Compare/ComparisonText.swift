// A comparison as text: sentences, tables that fit the terminal, and the maps of ranks side by side.

import Training

/// Renders a comparison for a terminal or a pipe.
public struct ComparisonText {
  private let comparison: Comparison
  private let largestRank: Double
  private let width: Int?
  private let hasColors: Bool
  private let glyphs: GlyphLevel

  /// - Parameters:
  ///   - width: of the terminal, in cells; nil where it is none: tables are then as wide as they need.
  ///   - hasColors: whether the 256 colours may be used.
  ///   - isASCII: whether nothing beyond ASCII may be.
  public init(_ comparison: Comparison, width: Int?, hasColors: Bool, isASCII: Bool) {
    self.comparison = comparison
    largestRank = comparison.largestRank
    self.width = width.map { max($0, 40) }
    self.hasColors = hasColors
    glyphs = isASCII ? .ascii : .braille
  }

  /// All of it, each line ended.
  public var text: String {
    let paragraphs =
      [sentences([comparison.subject + "."]), table(comparison.results), table(comparison.costs)]
      + [sentences(comparison.findings), listed("Not alike: ", comparison.unfair), listed("", comparison.notes)]
      + [maps, sentences(comparison.method)]
    return paragraphs.filter { !$0.isEmpty }.map { lines in lines.map { encoded($0) + "\n" }.joined() }
      .joined(separator: "\n")
  }

  // MARK: Sentences

  private func sentences(_ texts: [String]) -> [StyledText] {
    texts.flatMap { text in wrapped(cellText(text), width ?? 120).map { StyledText($0) } }
  }

  private func listed(_ head: String, _ texts: [String]) -> [StyledText] {
    sentences(
      texts.map { text in
        let text = head + text
        return text.prefix(1).uppercased() + text.dropFirst() + "."
      })
  }

  // MARK: Tables

  /// As many columns as fit beside the names, the rest below, in further tables.
  private func table(_ columns: [ComparisonColumn]) -> [StyledText] {
    let names = comparison.names
    let longest = ([names.title] + names.cells).map { cellText($0).count }.max() ?? 0
    let nameWidth = min(longest, width.map { max($0 / 3, 12) } ?? longest)
    let widths = columns.map { column in ([column.title] + column.cells).map { cellText($0).count }.max() ?? 0 }
    var lines: [StyledText] = []
    var start = 0
    while start < columns.count {
      var end = start
      var used = nameWidth
      while end < columns.count, end == start || used + 2 + widths[end] <= width ?? .max {
        used += 2 + widths[end]
        end += 1
      }
      if start > 0 { lines.append(StyledText()) }
      for row in -1..<comparison.groups.count {
        var line = StyledText()
        let style = row < 0 ? Theme.strong : .plain
        line.add(padded(row < 0 ? names.title : names.cells[row], nameWidth), style)
        for index in start..<end {
          let column = columns[index]
          line.add(
            "  " + padded(row < 0 ? column.title : column.cells[row], widths[index], isNumber: column.isNumber), style)
        }
        lines.append(line)
      }
      start = end
    }
    return lines
  }

  private func padded(_ text: String, _ width: Int, isNumber: Bool = false) -> String {
    let text = cellText(text)
    if text.count > width { return text.prefix(width - 1) + "…" }
    let room = String(repeating: " ", count: width - text.count)
    return isNumber ? room + text : text + room
  }

  // MARK: Ranks

  /// The groups' allocations, layers down and module types across: a glyph for the eye and the mean rank.
  private var maps: [StyledText] {
    let modules = comparison.modules
    let grid = ModuleGrid(modules: modules, visible: Array(modules.indices))
    let scale = HeatScale([], glyphs: glyphs, colors: hasColors ? .full : .none)
    let blocks = comparison.groups.map { group in block(group, grid, modules, scale) }
    let blockWidth = blocks.flatMap { $0.map(\.width) }.max() ?? 0
    let perRow = max(((width ?? 100) + 3) / (blockWidth + 3), 1)
    var lines = sentences([
      "Kept triplets a module, mean over seeds; \(scale.glyph(nil)) is none, \(scale.glyph(1)) "
        + "\(NumberText.plain(largestRank)):"
    ])
    for start in stride(from: 0, to: blocks.count, by: perRow) {
      if start > 0 { lines.append(StyledText()) }
      let row = blocks[start..<min(start + perRow, blocks.count)]
      for index in 0..<(row.map(\.count).max() ?? 0) {
        var line = StyledText()
        for (position, block) in row.enumerated() {
          if position > 0 { line.pad(to: position * (blockWidth + 3)) }
          line.add(block[index])
        }
        lines.append(line)
      }
    }
    return lines
  }

  private func block(
    _ group: ComparedGroup, _ grid: ModuleGrid, _ modules: [RunDescription.Module], _ scale: HeatScale
  ) -> [StyledText] {
    let ranks = group.meanRanks()
    let texts = ComparedGroup.rankTexts(ranks)
    let cell = max(texts.values.map(\.count).max() ?? 1, 3)
    let blockWidth = 3 + grid.types.count * (cell + 2)
    let total = group.totalRankText
    let name = padded(group.name, blockWidth - total.count - 4).trimmingSuffix(" ")
    var head = StyledText("   ")
    for type in grid.types { head.add(" " + padded(ModuleLabel.type(type, width: cell + 1), cell + 1), Theme.dim) }
    var lines = [StyledText(name + "  Σ " + total, Theme.strong), head]
    for row in grid.rows {
      var line = StyledText(padded(row.label, 3, isNumber: true), Theme.dim)
      for own in row.cells {
        line.add(" ")
        guard let name = own.first.map({ modules[$0].name }), let rank = ranks[name], let text = texts[name] else {
          line.add(String(repeating: " ", count: cell + 1))
          continue
        }
        let share = rank > 0 ? rank / largestRank : nil
        line.add(String(scale.glyph(share)), scale.style(share))
        line.add(padded(text, cell, isNumber: true))
      }
      lines.append(line)
    }
    return lines.map { line in
      var line = line
      line.pad(to: blockWidth)
      return line
    }
  }

  // MARK: Encoding

  private func encoded(_ line: StyledText) -> String {
    var text = ""
    for (index, run) in line.runs.enumerated() {
      var shown = String(String.UnicodeScalarView(run.text.unicodeScalars.map { Glyphs.shown($0, at: glyphs) }))
      if index == line.runs.count - 1 { shown = shown.trimmingSuffix(" ") }
      guard hasColors, run.style != .plain else {
        text += shown
        continue
      }
      var codes = run.style.bold ? ["1"] : []
      if case .palette(let color) = run.style.foreground { codes.append("38;5;\(color)") }
      text += "\u{1B}[\(codes.joined(separator: ";"))m\(shown)\u{1B}[0m"
    }
    return text
  }
}

extension String {
  fileprivate func trimmingSuffix(_ character: Character) -> String {
    var text = self[...]
    while text.last == character { text.removeLast() }
    return String(text)
  }
}
