// The runs of a sweep: every variant with every combination of the grid's values and every seed, all checked.

import Foundation
import Models

/// One run of a sweep.
public struct SweepCell: Sendable, Equatable {
  public let variant: String
  /// The grid's values, such as `target_r=2 beta1=0.9`; empty where there is no grid.
  public let cell: String
  /// What the sweep sets in the experiment, by the keys' names.
  public let settings: JSON
  public let seed: Int
  /// Its name is that of the run's folder, without the number.
  public let experiment: Experiment
}

/// A sweep that can be run: nothing in it needs to be asked any more.
public struct SweepPlan: Sendable {
  public let name: String
  /// Where it is kept: `<runs>/<name>`.
  public let folder: String
  /// Runs at once; 0 on a cluster, which decides.
  public let jobs: Int
  /// One seed of everything comes before the next seed.
  public let cells: [SweepCell]
  /// The sweep's file as it was read.
  let bytes: [UInt8]

  /// What a sweep may hold.
  static let maximumCells = 10_000

  /// Reads a sweep and checks every run in it.
  /// - Parameters:
  ///   - overrides: `section.key=value`, as `--set` has them, of every run; not of what the sweep itself sets.
  ///   - jobs: in place of the file's.
  ///   - isForCluster: whether each run gets a machine's cores from elsewhere.
  /// - Throws: for anything wrong in the sweep's file or in an experiment of it, or a model or data that are not there.
  public static func load(
    path: String, runs: String, overrides: [String] = [], jobs: Int? = nil, isForCluster: Bool = false
  ) throws(InputError) -> SweepPlan {
    let bytes = try FileBytes.read(path)
    let file = try SweepFile(bytes, path: path)
    var cells = try expand(file, overrides: overrides)
    var asked = jobs ?? file.jobs
    if asked == 0, !isForCluster { asked = max(Machine.cores / max(cells[0].experiment.training.threads, 1), 1) }
    let atOnce = min(asked, cells.count)
    if atOnce != 1 { cells = cells.map(\.onOneThread) }
    try check(cells)
    return SweepPlan(name: file.name, folder: runs + "/" + file.name, jobs: atOnce, cells: cells, bytes: bytes)
  }

  // MARK: Expansion

  private static func expand(_ file: SweepFile, overrides: [String]) throws(InputError) -> [SweepCell] {
    let base = try FileBytes.read(file.experiment)
    // Without variants there is one, called as the experiment.
    let variants = file.variants.isEmpty ? [SweepFile.Variant(name: "", settings: [], place: "")] : file.variants
    for override in overrides {
      let key = override.prefix { $0 != "=" }.trimmingCharacters(in: .whitespaces)
      if key == "seed" || (file.grid + variants.flatMap(\.settings)).contains(where: { $0.key == key }) {
        throw InputError(.usage, file: "", place: "--set \(override)", "the sweep sets this key itself")
      }
    }
    var cells: [SweepCell] = []
    var names: [String: String] = [:]
    for seed in file.seeds.map({ $0.map(Optional.some) }) ?? [nil] {
      for variant in variants {
        // What a variant sets is not the grid's to change.
        let axes = file.grid.filter { axis in !variant.settings.contains { $0.key == axis.key } }
        for values in try combinations(axes, file, after: cells.count) {
          let chosen = zip(axes, values).map { SweepFile.Axis(key: $0.key, values: [$1], place: $0.place) }
          let settings = variant.settings + chosen
          var experiment = try Experiment.parse(
            base, path: file.experiment, settings: settings.map { $0.setting(in: file) }, overrides: overrides,
            seed: seed)
          let name = variant.name.isEmpty ? experiment.name : variant.name
          let cell = chosen.map { "\(shortName($0.key, among: axes))=\($0.values[0].word)" }.joined(separator: " ")
          let group = folderName(name, chosen)
          let whole = "\(name) \(cell)"
          if let other = names.updateValue(whole, forKey: group), other != whole {
            throw InputError(
              file: file.path, place: variant.place,
              "the folders of \(whole) would be called as those of \(other): \(group)")
          }
          experiment.name = "\(group)-s\(experiment.seed)"
          cells.append(
            SweepCell(
              variant: name, cell: cell,
              settings: .object(JSONObject(settings.map { ($0.key, $0.values[0].json) }.sorted { $0.0 < $1.0 })),
              seed: experiment.seed, experiment: experiment))
        }
      }
    }
    return cells
  }

  /// Every choice of one value an axis; the last axis varies fastest.
  private static func combinations(
    _ axes: [SweepFile.Axis], _ file: SweepFile, after count: Int
  ) throws(InputError) -> [[TOMLNode]] {
    // No more than one too many, so that no product is too large.
    let number = axes.reduce(1) { min($0 * $1.values.count, maximumCells + 1) }
    guard number + count <= maximumCells else { throw InputError(file: file.path, "more than \(maximumCells) runs") }
    return axes.reduce([[]]) { heads, axis in heads.flatMap { head in axis.values.map { head + [$0] } } }
  }

  // MARK: Names

  /// The last part of a key's name where no other axis ends in it.
  private static func shortName(_ key: String, among axes: [SweepFile.Axis]) -> String {
    let short = ExperimentKey.shortName(key)
    return axes.count { ExperimentKey.shortName($0.key) == short } == 1 ? short : key
  }

  /// `AdaLoRA-target_r=2`: what the folders of a variant's runs are called, with every value in it.
  private static func folderName(_ variant: String, _ axes: [SweepFile.Axis]) -> String {
    let parts = axes.map { axis in
      let value = axis.values[0].word
      let name = shortName(axis.key, among: axes)
      if value.utf8.count <= 16, axes.count <= 6 { return "\(name)=\(value)" }
      let sum = Array(value.utf8).withUnsafeBytes { CRC32C.value(of: $0) }
      return "\(name)=\(String(sum, radix: 16))"
    }
    let text = ([variant] + parts).joined(separator: "-").unicodeScalars.map { scalar in
      let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
      return isPlain || "._=-+".unicodeScalars.contains(scalar) ? String(scalar) : "-"
    }.joined()
    if text.utf8.count <= 150 { return text }
    let sum = Array(text.utf8).withUnsafeBytes { CRC32C.value(of: $0) }
    return text.prefix(140) + "-" + String(sum, radix: 16)
  }

  // MARK: Checks

  /// What a run would only find out once it starts.
  private static func check(_ cells: [SweepCell]) throws(InputError) {
    var seen: Set<String> = []
    for cell in cells {
      let experiment = cell.experiment
      if seen.insert("model " + experiment.model.path).inserted { _ = try ModelFolder(path: experiment.model.path) }
      for path in [experiment.data.train, experiment.data.eval].compactMap({ $0 })
      where seen.insert("data " + path).inserted {
        guard FileManager.default.isReadableFile(atPath: path) else {
          throw InputError(.missing, file: path, "no such file, or it cannot be read")
        }
      }
    }
  }
}

extension SweepCell {
  /// Where several run at once, a run that names no number of threads has one.
  fileprivate var onOneThread: SweepCell {
    guard experiment.training.threads == 0 else { return self }
    var experiment = experiment
    experiment.training.threads = 1
    return SweepCell(variant: variant, cell: cell, settings: settings, seed: seed, experiment: experiment)
  }
}

extension SweepFile.Axis {
  /// With its first value.
  fileprivate func setting(in file: SweepFile) -> ExperimentSetting {
    ExperimentSetting(key: key, value: values[0], file: file.path, place: place, folder: file.folder)
  }
}

extension TOMLNode {
  /// As it stands in a run's name: a string without its quotes.
  fileprivate var word: String {
    switch self {
    case .string(let text): TelemetryReader.line(text)
    case .array(let items): items.map(\.word).joined(separator: ",")
    case .integer, .number, .bool, .table: shown
    }
  }

  fileprivate var json: JSON {
    switch self {
    case .string(let text): .string(text)
    case .integer(let number): .integer(number)
    case .number(let number): .number(number)
    case .bool(let bool): .bool(bool)
    case .array(let items): .array(items.map(\.json))
    case .table(let entries):
      .object(JSONObject(entries.sorted { $0.key < $1.key }.map { ($0.key, $0.value.json) }))
    }
  }
}
