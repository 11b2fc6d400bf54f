// What a sweep file says: which experiment is run in which variants, over which values, with which seeds.

import Foundation
import Models

/// A sweep's TOML file, read. `SweepPlan` makes its runs.
struct SweepFile: Sendable {
  /// A key of the experiment with the values that it takes, or the one that a variant gives it.
  struct Axis: Sendable {
    /// `section.name`.
    var key: String
    var values: [TOMLNode]
    /// Line and key, for errors.
    var place: String
  }

  struct Variant: Sendable {
    var name: String
    /// A value each, in the file's order.
    var settings: [Axis]
    var place: String
  }

  let path: String
  /// Names the sweep's folder.
  private(set) var name: String
  /// The experiment's file.
  private(set) var experiment = ""
  /// nil: the experiment's own.
  private(set) var seeds: [Int]?
  /// Runs at once; 0: as many as the cores allow.
  private(set) var jobs = 0
  private(set) var grid: [Axis] = []
  private(set) var variants: [Variant] = []

  private static let keys = ["name", "experiment", "seeds", "jobs", "grid", "variant"]
  /// More would be a mistake.
  static let maximumJobs = 1024
  private static let maximumSeeds = 10_000

  /// Where relative paths start.
  var folder: String { AbsolutePath.folder(of: path) }

  /// - Throws: for a text that is no sweep, with line, key and what was expected.
  init(_ bytes: [UInt8], path: String) throws(InputError) {
    self.path = path
    name = ExperimentKey.folderName(ofFile: path) ?? "sweep"
    let document = try TOMLDocument(bytes, file: path)
    let reader = Reader(path: path, lines: document.lines)
    for (key, value) in reader.inOrder(document.entries, at: []) {
      switch key {
      case "name":
        guard case .string(let text) = value, ExperimentKey.isFolderName(text) else {
          throw reader.wrong([key], value, "a name that a folder can have")
        }
        name = text
      case "experiment":
        guard case .string(let text) = value, !text.isEmpty else { throw reader.wrong([key], value, "a path") }
        experiment = AbsolutePath.of(text, from: folder)
      case "seeds": seeds = try reader.seeds(value, atMost: Self.maximumSeeds)
      case "jobs":
        guard case .integer(let count) = value, 0...Self.maximumJobs ~= count else {
          throw reader.wrong([key], value, "an integer, 0 to \(Self.maximumJobs) (0 = as many as the cores allow)")
        }
        jobs = count
      case "grid":
        guard case .table(let entries) = value else { throw reader.wrong([key], value, "a table, [grid]") }
        grid = try reader.axes(entries, at: [key]) { (value, path) throws(InputError) in
          guard case .array(let values) = value, 1...SweepPlan.maximumCells ~= values.count else {
            throw reader.wrong(path, value, "a list of the values that the key takes")
          }
          if let index = values.indices.first(where: { values[..<$0].contains(values[$0]) }) {
            throw reader.wrong(path, values[index], "each value once")
          }
          return values
        }
      case "variant": variants = try reader.variants(value)
      default:
        let near = Spelling.nearest(to: key, among: Self.keys).map { "; did you mean \($0)?" }
        throw InputError(
          file: path, place: reader.place([key]),
          "unknown key" + (near ?? ", expected \(Self.keys.joined(alternatives: "or"))"))
      }
    }
    guard !experiment.isEmpty else {
      throw InputError(file: path, place: "experiment", "missing, expected the path of the experiment to run")
    }
  }
}

/// The parts of a sweep's file.
private struct Reader {
  let path: String
  let lines: [[String]: Int]

  func place(_ keys: [String]) -> String {
    let name = TOMLNode.string(keys.joined(separator: ".")).shown.dropFirst().dropLast()
    return lines[keys].map { "line \($0): \(name)" } ?? String(name)
  }

  func wrong(_ keys: [String], _ value: TOMLNode, _ expected: String) -> InputError {
    InputError(file: path, place: place(keys), "\(value.shown), expected \(expected)")
  }

  /// A table's entries by their lines.
  func inOrder(_ entries: [String: TOMLNode], at path: [String]) -> [(key: String, value: TOMLNode)] {
    entries.map { (lines[path + [$0.key]] ?? .max, $0.key, $0.value) }.sorted { ($0.0, $0.1) < ($1.0, $1.1) }
      .map { ($0.1, $0.2) }
  }

  func seeds(_ value: TOMLNode, atMost limit: Int) throws(InputError) -> [Int] {
    guard case .array(let items) = value, !items.isEmpty, items.count <= limit else {
      throw wrong(["seeds"], value, "a list of 1 to \(limit) integers")
    }
    var seeds: [Int] = []
    for item in items {
      guard case .integer(let seed) = item, seed >= 0 else {
        throw wrong(["seeds"], item, "integers of 0 or more")
      }
      guard !seeds.contains(seed) else { throw wrong(["seeds"], item, "each seed once") }
      seeds.append(seed)
    }
    return seeds
  }

  /// The keys of the experiment in a table, whether written `"adapter.target_r"`, `adapter.target_r` or in a section.
  func axes(
    _ entries: [String: TOMLNode], at path: [String],
    values: (TOMLNode, [String]) throws(InputError) -> [TOMLNode]
  ) throws(InputError) -> [SweepFile.Axis] {
    var axes: [SweepFile.Axis] = []
    try collect(entries, at: path, prefix: "", into: &axes, values)
    for (index, axis) in axes.enumerated() {
      let reserved = ["name": "the runs are named by what differs", "seed": "expected seeds = [0, 1, …] at the top"]
      if let reason = reserved[axis.key] { throw InputError(file: self.path, place: axis.place, reason) }
      guard !axes[..<index].contains(where: { $0.key == axis.key }) else {
        throw InputError(file: self.path, place: axis.place, "\(axis.key) is set twice")
      }
    }
    return axes
  }

  private func collect(
    _ entries: [String: TOMLNode], at path: [String], prefix: String, into axes: inout [SweepFile.Axis],
    _ values: (TOMLNode, [String]) throws(InputError) -> [TOMLNode]
  ) throws(InputError) {
    for (key, value) in inOrder(entries, at: path) {
      let own = path + [key]
      let name = prefix.isEmpty ? key : prefix + "." + key
      if case .table(let inner) = value {
        try collect(inner, at: own, prefix: name, into: &axes, values)
      } else {
        axes.append(SweepFile.Axis(key: name, values: try values(value, own), place: place(own)))
      }
    }
  }

  func variants(_ value: TOMLNode) throws(InputError) -> [SweepFile.Variant] {
    guard case .array(let items) = value, !items.isEmpty else { throw wrong(["variant"], value, "[[variant]]") }
    var variants: [SweepFile.Variant] = []
    for (index, item) in items.enumerated() {
      let own = ["variant", String(index)]
      guard case .table(let entries) = item else { throw wrong(own, item, "[[variant]]") }
      if let other = entries.keys.sorted().first(where: { $0 != "name" && $0 != "set" }) {
        throw InputError(file: path, place: place(own + [other]), "unknown key, expected name or set")
      }
      guard case .string(let name)? = entries["name"], !name.isEmpty, name.count <= 60,
        TelemetryReader.line(name) == name
      else {
        throw InputError(file: path, place: place(own), "expected name = \"…\", of 1 to 60 characters in one line")
      }
      guard !variants.contains(where: { $0.name == name }) else {
        throw InputError(file: path, place: place(own + ["name"]), "a second \(name), expected each name once")
      }
      var settings: [SweepFile.Axis] = []
      switch entries["set"] {
      case nil: break
      case .table(let table)?:
        settings = try axes(table, at: own + ["set"]) { (value, _) throws(InputError) in [value] }
      case let other?: throw wrong(own + ["set"], other, "a table of the experiment's keys")
      }
      variants.append(SweepFile.Variant(name: name, settings: settings, place: place(own)))
    }
    return variants
  }
}
