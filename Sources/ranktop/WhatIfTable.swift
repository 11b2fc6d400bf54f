// What shadows kept, as a table for a person.

import Foundation
import Training

struct WhatIfTable {
  /// What the shadows do differently; the heads of their columns.
  private let shadows: [String]
  private let widths: [Int]

  private static let columns = "budget  kept  jaccard  spearman"

  init(_ shadows: [String]) {
    self.shadows = shadows
    widths = shadows.map { max($0.count, Self.columns.count) }
  }

  private func line(_ own: String, _ cells: [String]) -> String {
    let padded = zip(cells, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }
    let text = ([own] + padded).joined(separator: "    ")
    return String(text.prefix(text.count - text.reversed().prefix { $0 == " " }.count))
  }

  var heading: [String] {
    let own = "  step  budget  kept"
    return [
      line(String(repeating: " ", count: own.count), shadows), line(own, shadows.map { _ in Self.columns }),
    ]
  }

  func row(_ mask: ShadowReport.Mask) -> String {
    line(
      String(format: "%6d  %6d  %4d", mask.step, mask.run.budget, mask.run.kept),
      mask.shadows.map { decision, agreement in
        String(
          format: "%6d  %4d  %7.3f  %8.3f", decision.budget, decision.kept, agreement.jaccard, agreement.spearman)
      })
  }

  /// Each module's rank, and each shadow's with its difference.
  func modules(_ names: [String], _ end: ShadowReport.Mask) -> [String] {
    let width = names.map(\.count).max() ?? 0
    func own(_ name: String, _ rank: String) -> String {
      name.padding(toLength: width, withPad: " ", startingAt: 0) + String(repeating: " ", count: max(6 - rank.count, 1))
        + rank
    }
    let rows = names.indices.map { module in
      line(
        own(names[module], "\(end.run.ranks[module])"),
        end.shadows.map { decision, _ in
          let difference = decision.ranks[module] - end.run.ranks[module]
          return "\(decision.ranks[module])" + (difference == 0 ? "" : String(format: " %+d", difference))
        })
    }
    return [line(own("module", "rank"), shadows)] + rows
  }
}
