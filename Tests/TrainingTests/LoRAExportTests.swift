import AdaLoRA
import Foundation
import Models
import Testing

@testable import Training

@Suite("The export to plain LoRA")
struct LoRAExportTests {
  private static let names = ["enc.layer.0.query", "enc.layer.0.key", "enc.layer.1.query"]

  /// Three modules of 4 outputs and 5 inputs with r₀ = 3, and a head of 2×4.
  private func store() -> AdapterStore {
    let store = AdapterStore()
    for name in Self.names { _ = store.addAdapter(name: name, outputSize: 4, inputSize: 5, rank: 3, alpha: 16) }
    _ = store.addDense(name: "classifier.weight", shape: [2, 4], initialDeviation: 1)
    _ = store.addDense(name: "classifier.bias", shape: [2], initialDeviation: 1)
    store.markTrainable(seed: 3)
    for k in Self.names.indices { for i in 0..<3 { store.lambda(k)[i] = 0.37 * Float(k + 1) - 0.11 * Float(i) } }
    return store
  }

  private func save(_ store: AdapterStore, _ pattern: [[Bool]], to folder: String) throws {
    let description = PEFTAdapter.Description(
      method: .adalora, taskType: "SEQ_CLS", baseModel: "some/model", targetModules: .list(["query", "key"]),
      fanInFanOut: false, alpha: 16,
      dropout: 0.1, initialRank: 3, targetRank: 1, tinit: 1, tfinal: 1, deltaT: 1, beta1: 0.85, beta2: 0.85,
      orthRegWeight: 0.1, totalSteps: 10)
    try PEFTAdapter.write(store, description, pattern: pattern, to: folder)
  }

  @Test("pruned doublets are saved as LoRA with ranks of their own and the scale they were trained at")
  func prunedDoublets() throws {
    let folder = try TemporaryFolder()
    let store = AdapterStore()
    for name in Self.names {
      _ = store.addAdapter(
        name: name, outputSize: 4, inputSize: 5, rank: 3, alpha: 16, parameterization: LoRAParameterization())
    }
    store.markTrainable(seed: 3)
    var description = PEFTAdapter.Description(
      method: .lora, taskType: "SEQ_CLS", baseModel: "some/model", targetModules: .list(["query", "key"]),
      fanInFanOut: false, alpha: 16, dropout: 0, initialRank: 3, targetRank: 1, tinit: 1, tfinal: 1, deltaT: 1,
      beta1: 0.85, beta2: 0.85, orthRegWeight: 0, totalSteps: 10)
    let pattern = [[true, false, true], [false, false, false], [true, true, true]]
    try PEFTAdapter.write(store, description, pattern: pattern, to: folder.path)
    let saved = try PEFTAdapter(folder: folder.path)
    #expect(saved.config["target_modules"] == .array([.string(Self.names[0]), .string(Self.names[2])]))
    #expect(saved.config["rank_pattern"] == .object(JSONObject([(Self.names[0], .integer(2))])))
    guard case .object(let alphas)? = saved.config["alpha_pattern"], case .number(let alpha)? = alphas[Self.names[0]]
    else { throw InputError(file: "alpha_pattern", "is no table of numbers") }
    #expect(abs(LoRAParameterization().scale(alpha: alpha, rank: 2) - 16.0 / 3) < 1e-12)
    let a = try saved.file.floats("base_model.model." + Self.names[0] + ".lora_A.weight", shape: [2, 5])
    #expect(a.values == store.loraA(0, triplets: [0, 2]))
    description.targetModules = .list(["key"])
    try PEFTAdapter.write(store, description, pattern: nil, to: folder.path)
    #expect(try PEFTAdapter(folder: folder.path).config["target_modules"] == .array([.string("key")]))
    withExtendedLifetime(folder) {}
  }

  @Test("E and the scale are folded into B exactly; uneven ranks keep their own; the head is kept")
  func fold() throws {
    let folder = try TemporaryFolder()
    let top = folder.path
    let store = store()
    try save(store, [[true, false, true], [false, false, false], [true, true, true]], to: top + "/in")
    try AtomicFile.write("[\"no\",\"yes\"]", to: top + "/in/labels.json")
    let out = try AtomicFolder.write(to: top + "/out") { (folder) throws(InputError) in
      try LoRAExport.write(try PEFTAdapter(folder: top + "/in"), to: folder)
    }
    let file = try SafetensorsFile(path: out + "/adapter_model.safetensors")
    let prefix = "base_model.model."
    #expect(
      file.names.sorted() == [
        prefix + "classifier.bias", prefix + "classifier.weight",
        prefix + "enc.layer.0.query.lora_A.weight", prefix + "enc.layer.0.query.lora_B.weight",
        prefix + "enc.layer.1.query.lora_A.weight", prefix + "enc.layer.1.query.lora_B.weight",
      ])
    let scale = 16 / (3 + 1e-5)
    for (k, chosen) in [(0, [0, 2]), (2, [0, 1, 2])] {
      let name = prefix + Self.names[k]
      let a = try file.floats(name + ".lora_A.weight", shape: [chosen.count, 5])
      #expect(a.values == store.loraA(k, triplets: chosen))
      let b = try file.floats(name + ".lora_B.weight", shape: [4, chosen.count]).values
      let p = store.loraB(k, triplets: chosen)
      for row in 0..<4 {
        for (column, i) in chosen.enumerated() {
          let place = row * chosen.count + column
          #expect(b[place] == Float(Double(p[place]) * Double(store.lambda(k)[i]) * scale))
        }
      }
    }
    #expect(try file.floats(prefix + "classifier.weight", shape: [2, 4]).values == store.dense(store.dense[0]))
    #expect(try String(contentsOfFile: out + "/labels.json", encoding: .utf8) == "[\"no\",\"yes\"]")
  }

  @Test("the configuration lists full names and gives every module its rank and a scale of 1")
  func configuration() throws {
    let folder = try TemporaryFolder()
    let top = folder.path
    try save(store(), [[true, false, true], [false, false, false], [true, true, true]], to: top + "/in")
    _ = try AtomicFolder.write(to: top + "/out") { (folder) throws(InputError) in
      try LoRAExport.write(try PEFTAdapter(folder: top + "/in"), to: folder)
    }
    let config = try JSON.read(path: top + "/out/adapter_config.json")
    #expect(config["peft_type"] == .string("LORA") && config["task_type"] == .string("SEQ_CLS"))
    #expect(config["target_modules"] == .array([.string("enc.layer.0.query"), .string("enc.layer.1.query")]))
    let ranks = JSON.object(JSONObject([("enc.layer.0.query", .integer(2)), ("enc.layer.1.query", .integer(3))]))
    #expect(config["rank_pattern"] == ranks && config["alpha_pattern"] == ranks)
    #expect(config["r"] == config["lora_alpha"])
    #expect(config["base_model_name_or_path"] == .string("some/model") && config["lora_dropout"] == .number(0.1))
  }

  @Test("an adapter whose modules all have rank 0 is refused")
  func nothing() throws {
    let folder = try TemporaryFolder()
    let top = folder.path
    try save(store(), Array(repeating: [false, false, false], count: 3), to: top + "/in")
    let error = #expect(throws: InputError.self) {
      try LoRAExport.write(try PEFTAdapter(folder: top + "/in"), to: top)
    }
    #expect(error?.message.contains("every module has rank 0") == true)
  }
}

@Suite("Runs on disk")
struct SavedRunTests {
  /// Two runs, b-1 the newer, which has snapshots; that of step 40 is not whole.
  private func makeRuns(in path: String) throws {
    for (age, name) in ["b-1", "a-1"].enumerated() {
      try FileManager.default.createDirectory(atPath: path + "/" + name, withIntermediateDirectories: true)
      try AtomicFile.write("", to: path + "/\(name)/experiment.toml")
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSince1970: Double(1000 - age))],
        ofItemAtPath: path + "/\(name)/experiment.toml")
    }
    for name in ["step-9", "step-100", "step-100-2", "step-40"] {
      try FileManager.default.createDirectory(
        atPath: path + "/b-1/snapshots/" + name, withIntermediateDirectories: true)
      if name != "step-40" { try AtomicFile.write("{}", to: path + "/b-1/snapshots/\(name)/snapshot.json") }
    }
  }

  @Test("the newest run is taken where none is named, else one by its name or folder")
  func find() throws {
    let folder = try TemporaryFolder()
    let runs = folder.path
    try makeRuns(in: runs)
    #expect(try SavedRun.find(nil, runs: runs).name == "b-1")
    #expect(try SavedRun.find("a-1", runs: runs).folder.path == runs + "/a-1")
    #expect(try SavedRun.find(runs + "/a-1/", runs: "elsewhere").folder.path == runs + "/a-1")
    for (name, place) in [("c-1", runs), (nil, runs + "/none")] as [(String?, String)] {
      let error = #expect(throws: InputError.self) { try SavedRun.find(name, runs: place) }
      #expect(error?.kind == .missing)
    }
  }

  @Test("the newest whole snapshot of the step is taken, else the error lists the steps there are")
  func snapshots() throws {
    let folder = try TemporaryFolder()
    let runs = folder.path
    try makeRuns(in: runs)
    let run = try SavedRun.find("b-1", runs: runs)
    #expect(try run.snapshot(at: nil).path.hasSuffix("step-100-2"))
    #expect(try run.snapshot(at: 9).path.hasSuffix("step-9"))
    let error = #expect(throws: InputError.self) { try run.snapshot(at: 40) }
    #expect(error?.kind == .missing)
    #expect(error?.message.contains("those of step 9, 100") == true)
    #expect(throws: InputError.self) { try SavedRun.find("a-1", runs: runs).snapshot(at: nil) }
    #expect(throws: InputError.self) { try run.adapter(at: 9) }
  }
}
