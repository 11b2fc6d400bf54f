// Snapshots: what the files hold, and that the same state gives the same bytes.

import AdaLoRA
import Foundation
import Models
import Testing

@testable import Dashboard
@testable import Training

/// A folder of its own for a test, gone with it.
final class SnapshotFolder {
  let path = NSTemporaryDirectory() + "ranktop-snapshot-" + UUID().uuidString

  init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(atPath: path) }

  func contents(_ folder: String) throws -> [String: Data] {
    var files: [String: Data] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: folder) {
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: folder + "/" + name, isDirectory: &isFolder)
      if !isFolder.boolValue { files[name] = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name)) }
    }
    return files
  }
}

@Suite("A snapshot")
struct SnapshotTests {
  private let pictures = ["ranks.svg", "importance.svg", "budget.svg", "loss.svg"]
  private let tables = ["ranks.csv", "triplets.csv", "steps.csv", "budget.csv"]

  private func write(
    _ frame: Frame, _ formats: [String] = [], in folder: SnapshotFolder, name: String = "step-1"
  ) throws -> String {
    try SnapshotWriter().write(frame, formats: formats, to: folder.path + "/" + name) { (place) throws(InputError) in
      _ = try AtomicFolder.write(to: place) { (inner) throws(InputError) in
        try AtomicFile.write("weights", to: inner + "/adapter_model.safetensors")
      }
    }
  }

  private func file(_ name: String, _ frame: Frame) -> String {
    SnapshotWriter.files(frame, Set(SnapshotWriter.Format.allCases)).first { $0.name == name }?.text ?? ""
  }

  /// Rows of a table without quoted line breaks.
  private func rows(_ text: String) -> [[String]] {
    text.components(separatedBy: "\r\n").dropLast().map { $0.components(separatedBy: ",") }
  }

  private func json(_ frame: Frame) throws -> JSON {
    try JSON.parse(Array(file("snapshot.json", frame).utf8), file: "snapshot.json")
  }

  @Test("everything is written unless formats are named")
  func formats() throws {
    let folder = try SnapshotFolder()
    let frame = FakeRun.demo.frame(at: 213)
    let all = try folder.contents(try write(frame, in: folder)).keys.sorted()
    let rest = ["snapshot.json", "timing.json", "screen.txt", "adapter/adapter_model.safetensors"]
    #expect(all == (pictures + tables + rest).sorted())
    #expect(try folder.contents(try write(frame, [""], in: folder)).keys.sorted() == all)
    #expect(try folder.contents(try write(frame, ["svg"], in: folder)).keys.sorted() == pictures.sorted())
    #expect(try folder.contents(try write(frame, ["csv", "txt"], in: folder)).count == 5)
    #expect(
      try folder.contents(try write(frame, ["adapter"], in: folder)).keys.sorted() == [
        "adapter/adapter_model.safetensors"
      ])
    #expect(throws: InputError.self) { try write(frame, ["pdf"], in: folder) }
  }

  @Test("the same state gives the same bytes, whatever the clock says; only timing.json differs")
  func stable() throws {
    let folder = try SnapshotFolder()
    let frame = FakeRun.miniLM.frame(at: 413)
    var later = frame
    later.eta = 1
    later.tokensPerSecond = 9
    later.record?.stepMs = 77
    later.pending = [.pause]
    later.events.append(Event(step: 413, kind: .export, text: "snapshot in somewhere"))
    later.history = frame.history.map { point in
      var record = point.record
      record.stepMs = 99
      return HistoryPoint(record: record, triplets: point.triplets, ranks: point.ranks)
    }
    let first = try folder.contents(try write(frame, in: folder))
    let second = try folder.contents(try write(later, in: folder))
    #expect(first.keys.sorted() == second.keys.sorted())
    for (name, bytes) in first { #expect((second[name] == bytes) == (name != "timing.json"), "\(name)") }
    let other = try folder.contents(try write(FakeRun.miniLM.frame(at: 414), in: folder))
    for name in ["snapshot.json", "triplets.csv", "steps.csv", "importance.svg", "screen.txt"] {
      #expect(other[name] != first[name], "\(name)")
    }
  }

  @Test("a taken name gets a number")
  func collisions() throws {
    let folder = try SnapshotFolder()
    let frame = FakeRun.single.frame(at: 20)
    let names = try (0..<3).map { _ in try write(frame, ["txt"], in: folder) }
    #expect(names.map { String($0.dropFirst(folder.path.count + 1)) } == ["step-1", "step-1-2", "step-1-3"])
    // Nothing temporary stays.
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 3)
  }

  @Test("a place that cannot be written is an error of its own kind and leaves nothing behind")
  func unwritable() throws {
    let folder = try SnapshotFolder()
    try AtomicFile.write("", to: folder.path + "/file")
    let error = #expect(throws: InputError.self) {
      try write(FakeRun.demo.frame(at: 20), in: folder, name: "file/step-1")
    }
    #expect(error?.kind == .unwritable)
    #expect(error?.file == folder.path + "/file/step-1")
    // An adapter that fails takes the whole snapshot with it.
    #expect(throws: InputError.self) {
      try SnapshotWriter().write(FakeRun.demo.frame(at: 20), formats: [], to: folder.path + "/step-1") {
        (_) throws(InputError) in throw InputError(.unwritable, file: "x", "full")
      }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["file"])
  }

  @Test("ranks.csv has a module a line")
  func ranks() {
    let frame = FakeRun.demo.frame(at: 213)
    let rows = rows(file("ranks.csv", frame))
    #expect(rows[0] == ["module", "layer", "type", "rows", "columns", "initial", "kept", "nonzero", "planted"])
    #expect(rows.count == 19)
    for (index, row) in rows.dropFirst().enumerated() {
      let module = frame.description.modules[index]
      #expect(row[0] == module.name && row[1] == "\(index / 6)" && row[2] == module.type)
      #expect(row[3...5] == ["384", "384", "6"])
      #expect(row[6] == "\(frame.ranks[index])" && row[7] == "\(frame.nonzero[index])")
      #expect(row[8] == module.plantedRank.map(String.init))
    }
  }

  @Test("triplets.csv has the parts of S, every rule's score and the exact values")
  func triplets() {
    let frame = FakeRun.demo.frame(at: 213)
    let rows = rows(file("triplets.csv", frame))
    #expect(rows.count == 1 + 108)
    #expect(rows[0].prefix(7) == ["module", "triplet", "lambda", "kept", "s_lambda", "s_p", "s_q"])
    #expect(
      rows[0].suffix(6) == [
        "score_smoothed", "score_sensitivity", "score_magnitude", "score_random", "score_uniform", "mask_score",
      ])
    for (index, row) in rows.dropFirst().enumerated() {
      #expect(row[1] == "\(index % 6)" && row[3] == "\(frame.triplets.kept[index])")
      #expect(Double(row[2]) == Double(frame.triplets.lambda[index]))
      #expect(Double(row[9]) == frame.triplets.scores[.smoothed].map { Double($0[index]) })
    }
    #expect(self.rows(file("triplets.csv", FakeRun.lora.frame(at: 20))).count == 1)
  }

  @Test("steps.csv has the recorded steps with their evaluations, and no wall-clock value")
  func steps() {
    let frame = FakeRun.miniLM.frame(at: 413)
    let rows = rows(file("steps.csv", frame))
    #expect(rows.count == 1 + frame.history.count)
    #expect(!rows[0].contains("step_ms"))
    for (point, row) in zip(frame.history, rows.dropFirst()) {
      #expect(row[0] == "\(point.record.step)" && Double(row[2]) == point.record.taskLoss)
      #expect(row[17] == (point.record.eval?.accuracy?.description ?? ""))
    }
    #expect(rows.contains { $0[0] == "99" && $0[17] != "" })
  }

  @Test("budget.csv has the whole plan and what was kept so far")
  func budget() {
    let frame = FakeRun.demo.frame(at: 213)
    let rows = rows(file("budget.csv", frame))
    #expect(rows.count == 401)
    for (step, row) in rows.dropFirst().enumerated() {
      #expect(row[0] == "\(step)" && row[1] == "\(frame.schedule?.budget(at: step) ?? -1)")
      #expect((row[2] == "") == (step > 212))
    }
    var long = FakeRun.demo
    long.totalSteps = 400_000
    #expect(self.rows(file("budget.csv", long.frame(at: 50))).count < 11_000)
  }

  @Test("fields with commas, quotes and line breaks are quoted")
  func quoting() {
    var table = CSVTable(["a", "b"])
    table.add(["x,y", "say \"hi\"\nthere"])
    #expect(table.text == "a,b\r\n\"x,y\",\"say \"\"hi\"\"\nthere\"\r\n")
    #expect(CSVTable.field(Double.nan) == "nan" && CSVTable.field(-Double.infinity) == "-inf")
    #expect(CSVTable.field(Float(0.1)) == "0.10000000149011612")
  }

  @Test("snapshot.json holds what the screen shows, exactly")
  func everything() throws {
    var run = FakeRun.demo
    run.change = (step: 120, target: 1)
    let frame = run.frame(at: 213, state: .failed("R is not finite"))
    let json = try json(frame)
    #expect(json["state"] == .string("failed") && json["reason"] == .string("R is not finite"))
    #expect(json["steps_done"] == .integer(213))
    #expect(json["description"]?["score"] == .string("smoothed"))
    #expect(json["hyperparameters"]?["beta1"] == .number(0.85))
    #expect(json["schedule"]?["anchors"] != nil)
    #expect(json["record"]?["threshold"] == frame.record?.threshold.map { .number($0) })
    #expect(json["record"]?["step_ms"] == nil)
    guard case .array(let modules)? = json["modules"], case .array(let history)? = json["history"],
      case .array(let changes)? = json["interventions"], case .array(let lambda)? = modules[7]["lambda"]
    else {
      Issue.record("a list is missing")
      return
    }
    #expect(modules.count == 18 && history.count == frame.history.count && changes.count == 1)
    #expect(lambda == frame.triplets.lambda[42..<48].map { .number(Double($0)) })
    #expect(modules[7]["kept"] == .integer(frame.ranks[7]))
    for rule in ScoringRule.allCases {
      #expect(
        modules[3]["scores"]?[rule.rawValue]
          == frame.triplets.scores[rule].map { .array($0[18..<24].map { .number(Double($0)) }) })
    }
    #expect(json["agreement"]?["smoothed"] == .number(1))
  }

  @Test("screen.txt is the dashboard at 120×40, without time left and speed")
  func screen() {
    let frame = FakeRun.miniLM.frame(at: 413)
    let lines = file("screen.txt", frame).components(separatedBy: "\n")
    #expect(lines.count == 41 && lines[40] == "")
    #expect(lines[0].contains("sst2-adalora-3"))
    #expect(lines.contains { $0.contains("1 Ranks") } && lines.contains { $0.contains("6 Events") })
    #expect(!lines.contains { $0.contains("ETA") || $0.contains("tok/s") })
    #expect(file("timing.json", frame).contains("\"tokens_per_s\": 12345.0"))
  }

  @Test("moments without steps, without triplets and with numbers that are none are written too")
  func odd() throws {
    var broken = FakeRun.demo.frame(at: 213)
    broken.triplets.scores[.smoothed]?[3] = .nan
    broken.record?.taskLoss = .nan
    broken.history = broken.history.map { point in
      var record = point.record
      if record.step > 100 { record.taskLoss = .infinity }
      return HistoryPoint(record: record, triplets: point.triplets, ranks: point.ranks)
    }
    var bare = FakeRun.demo.frame(at: 0)
    bare.triplets = TripletFrame()
    for frame in [FakeRun.demo.frame(at: 0), bare, FakeRun.demo.frame(at: 1), FakeRun.lora.frame(at: 100), broken] {
      for (name, text) in SnapshotWriter.files(frame, Set(SnapshotWriter.Format.allCases)) {
        #expect(!text.isEmpty, "\(name)")
        if name.hasSuffix(".json") { _ = try JSON.parse(Array(text.utf8), file: name) }
        if name.hasSuffix(".svg") { #expect(!text.contains("nan") || text.contains("not a number")) }
      }
    }
  }

  @Test("a session writes the snapshots that are asked for and says where")
  func session() throws {
    let folder = try SnapshotFolder()
    let commands = CommandQueue()
    var experiment = PlantedExperiment()
    experiment.steps = 30
    let session = try experiment.makeSession(
      threads: 1, commands: commands, snapshots: Elsewhere(folder: folder.path))
    var events: [Event] = []
    session.onEvent = { events.append($0) }
    session.onStep = { record in
      if record.step == 19 {
        commands.send(.export(formats: []))
        commands.send(.export(formats: []))
      }
    }
    #expect(session.run() == .finished)
    let told = events.filter { $0.kind == .export }.map(\.text)
    let place = "snapshot in \(folder.path)/snapshots/demo-step-20"
    #expect(told == [place, place + "-2"])
    let first = try folder.contents(folder.path + "/snapshots/demo-step-20")
    let second = try folder.contents(folder.path + "/snapshots/demo-step-20-2")
    #expect(first.filter { $0.key != "timing.json" } == second.filter { $0.key != "timing.json" })
    #expect(first["adapter/adapter_config.json"] != nil && first["adapter/adapter_model.safetensors"] != nil)
    let adapter = try PEFTAdapter(folder: folder.path + "/snapshots/demo-step-20/adapter")
    #expect(adapter.file.names.count == 54)
    let steps = String(decoding: first["steps.csv"] ?? Data(), as: UTF8.self)
    #expect(rows(steps).count == 21)
  }

  /// The demo's snapshots go to the working directory; a test's do not.
  private struct Elsewhere: SnapshotWriting {
    let folder: String

    func write(
      _ frame: Frame, formats: [String], to path: String, adapter: (String) throws(InputError) -> Void
    ) throws(InputError) -> String {
      try SnapshotWriter().write(frame, formats: formats, to: folder + "/" + path, adapter: adapter)
    }
  }
}
