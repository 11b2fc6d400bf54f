// Which runs form a group, what is said of the groups, and what is never said.

import Foundation
import GRDB
import Models
import Testing

@testable import Training

@Suite("Comparison") struct ComparisonTests {
  private typealias Outcome = Training.RunOutcome

  private func compare(
    by metric: ComparisonMetric = .accuracy, baseline: String? = nil, _ fill: (inout RunGrouping) throws -> Void
  ) throws -> Comparison {
    var grouping = RunGrouping()
    try fill(&grouping)
    return try Comparison(grouping, metric: metric, baseline: baseline)
  }

  // MARK: Groups

  @Test("runs that differ in seed, threads or what they record are one group; in anything else, two")
  func groups() throws {
    let same = ["training.threads=2", "training.checkpoint_every=7", "telemetry.scores_every=3", "name=x"]
    let comparison = try compare { grouping in
      grouping.add(try Outcome.fake("a", seed: 3, accuracy: 0.8))
      for (seed, setting) in same.enumerated() {
        grouping.add(try Outcome.fake("a", seed: 10 + seed, accuracy: 0.8, settings: [setting]))
      }
      grouping.add(try Outcome.fake("a", seed: 0, accuracy: 0.8))
      grouping.add(try Outcome.fake("a", seed: 0, accuracy: 0.8, settings: ["adapter.beta1=0.9"]))
    }
    #expect(comparison.groups.map { $0.runs.map(\.seed) } == [[0, 3, 10, 11, 12, 13], [0]])
    #expect(comparison.groups.map(\.name) == ["beta1=0.85", "beta1=0.9"])
    #expect(comparison.differing.map(\.key) == ["adapter.beta1"])
    #expect(comparison.differing.first?.values == ["0.85", "0.9"])
  }

  @Test("groups are called by their experiments' names where these differ, else by the fewest keys that do")
  func names() throws {
    let own = try compare { grouping in
      try grouping.add("first", [0.8])
      try grouping.add("second", [0.7], settings: ["adapter.beta1=0.9", "adapter.lora_alpha=16"])
    }
    #expect(own.groups.map(\.name) == ["first", "second"])
    let keys = try compare { grouping in
      try grouping.add("a", [0.8], settings: ["adapter.target_r=2", "adapter.lora_alpha=16"])
      try grouping.add("a", [0.8], settings: ["adapter.target_r=4", "adapter.lora_alpha=32"])
      try grouping.add("a", [0.8], settings: ["adapter.target_r=4", "adapter.lora_alpha=32", "adapter.score=random"])
    }
    #expect(
      keys.groups.map(\.name) == [
        "target_r=2, score=smoothed", "target_r=4, score=smoothed", "target_r=4, score=random",
      ])
    #expect(try compare { try $0.add("alone", [0.8, 0.9]) }.groups.map(\.name) == ["alone"])
  }

  @Test("cells of a sweep are groups by the sweep's names, which is named too where they would be mistaken")
  func sweeps() throws {
    let one = try compare { grouping in
      grouping.add(try Outcome.fake("a", seed: 0, accuracy: 0.8), sweep: "s", cell: "AdaLoRA target_r=2")
      grouping.add(try Outcome.fake("b", seed: 1, accuracy: 0.8), sweep: "s", cell: "AdaLoRA target_r=2")
      grouping.add(try Outcome.fake("c", seed: 0, accuracy: 0.8), sweep: "s", cell: "LoRA")
    }
    #expect(one.groups.map(\.name) == ["AdaLoRA target_r=2", "LoRA"] && one.groups.map(\.runs.count) == [2, 1])
    let two = try compare { grouping in
      grouping.add(try Outcome.fake("a", seed: 0, accuracy: 0.8), sweep: "s", cell: "LoRA")
      grouping.add(try Outcome.fake("b", seed: 0, accuracy: 0.8), sweep: "t", cell: "LoRA")
    }
    #expect(two.groups.map(\.name) == ["s: LoRA", "t: LoRA"])
  }

  @Test("a run that is named twice counts once, and of two runs with one seed the later")
  func twice() throws {
    let comparison = try compare { grouping in
      for _ in 0..<2 { grouping.add(try Outcome.fake("a", seed: 1, accuracy: 0.8)) }
      var other = try Outcome.fake("a", seed: 1, accuracy: 0.9)
      other.folder = RunFolder(path: "/runs/a-9")
      grouping.add(other)
    }
    #expect(comparison.groups.map(\.values) == [[0.9]])
    #expect(comparison.notes == ["a-1- is left out: a-9 has its seed, 1, too"])
  }

  // MARK: What is left out

  @Test("runs that are not finished, not evaluated or not finite are left out and named; of nothing there is an error")
  func leftOut() throws {
    func fill(_ grouping: inout RunGrouping) throws {
      grouping.add(try Outcome.fake("a", seed: 1, accuracy: 0.8, steps: 60))
      grouping.add(try Outcome.fake("a", seed: 2, accuracy: .nan))
      var unevaluated = try Outcome.fake("a", seed: 3, accuracy: 0.8)
      unevaluated.evaluations = []
      grouping.add(unevaluated)
    }
    let comparison = try compare { grouping in
      grouping.add(try Outcome.fake("a", seed: 0, accuracy: 0.8))
      try fill(&grouping)
    }
    #expect(comparison.groups.map { $0.runs.map(\.seed) } == [[0]])
    #expect(
      comparison.notes == [
        "a-1- is left out: 60 of 100 steps are done", "a-2- is left out: its accuracy is no finite number",
        "a-3- is left out: it was not evaluated",
      ])
    let error = #expect(throws: InputError.self) { try compare(fill) }
    #expect(error?.kind == .malformed && error?.message.contains("60 of 100") == true)
    #expect(throws: InputError.self) { try compare { _ in } }
  }

  @Test("a baseline that is no group's name is wrong usage, with the names")
  func baseline() throws {
    let error = #expect(throws: InputError.self) {
      try compare(baseline: "c") { grouping in
        try grouping.add("a", [0.8])
        try grouping.add("b", [0.8], settings: ["adapter.beta1=0.9"])
      }
    }
    #expect(error?.kind == .usage && error?.message == "no such group, expected a or b")
  }

  // MARK: Differences

  private let first = [0.80, 0.81, 0.82, 0.79, 0.80]

  @Test("differences are paired by seed, whatever the order, and only over common seeds")
  func paired() throws {
    let comparison = try compare { grouping in
      try grouping.add("a", first)
      for seed in [7, 4, 1] {
        let accuracy = seed < 5 ? first[seed] + 0.01 * Double(seed) : 0.5
        grouping.add(try Outcome.fake("b", seed: seed, accuracy: accuracy, settings: ["adapter.beta1=0.9"]))
      }
    }
    let difference = try #require(comparison.groups[1].difference)
    #expect(zip(difference.differences, [0.01, 0.04]).allSatisfy { abs($0 - $1) < 1e-12 })
    #expect(comparison.groups[0].difference == nil && comparison.groups[0].verdict == .baseline)
    #expect(comparison.unfair.contains { $0.hasPrefix("seeds differ: a 0 1 2 3 4, b 1 4 7") })
  }

  @Test("better and worse follow the metric's direction, and stand only where the corrected p is below 0.05")
  func verdicts() throws {
    func fill(_ grouping: inout RunGrouping) throws {
      try grouping.add("a", first)
      try grouping.add("up", zip(first, [3, 4, 3, 5, 4]).map { $0 + $1 / 100 }, settings: ["adapter.beta1=0.9"])
      try grouping.add("down", zip(first, [3, 4, 3, 5, 4]).map { $0 - $1 / 100 }, settings: ["adapter.beta1=0.8"])
      try grouping.add("near", zip(first, [3, -4, 3, -5, 4]).map { $0 + $1 / 100 }, settings: ["adapter.beta1=0.7"])
    }
    let accuracy = try compare(fill)
    #expect(accuracy.groups.map(\.verdict) == [.baseline, .better, .worse, .notDistinguishable])
    // A fake's loss is 1 − its accuracy.
    #expect(try compare(by: .loss, fill).groups.map(\.verdict) == [.baseline, .better, .worse, .notDistinguishable])
    #expect(accuracy.findings[0].hasPrefix("up is better than a with n = 5: accuracy +0.0380 [+0.0276, +0.0484], p = "))
    #expect(
      accuracy.findings[1].hasPrefix("down is worse than a with n = 5: accuracy −0.0380 [−0.0484, −0.0276], p = "))
    #expect(accuracy.findings[2].hasPrefix("near and a are not distinguishable with n = 5: "))
    for group in accuracy.groups where group.verdict == .better || group.verdict == .worse {
      #expect(group.difference?.estimate.interval?.contains(0) == false)
    }
    let other = try compare(baseline: "up", fill)
    #expect(other.groups.map(\.verdict) == [.worse, .baseline, .worse, .notDistinguishable])
  }

  @Test("many groups are corrected for: what is below 0.05 alone may not be among them")
  func family() throws {
    let differences = [0.005, 0.02, 0.001, 0.012, 0.01]
    func comparison(groups: Int) throws -> Comparison {
      try compare { grouping in
        try grouping.add("a", first)
        for group in 1...groups {
          try grouping.add(
            "b\(group)", zip(first, differences).map { $0 + $1 }, settings: ["adapter.beta1=0.\(group)"])
        }
      }
    }
    #expect(try comparison(groups: 1).groups[1].verdict == .better)
    let many = try comparison(groups: 3)
    #expect(many.groups[1].verdict == .notDistinguishable)
    #expect(abs((many.groups[1].corrected ?? 0) - 3 * (many.groups[1].difference?.tTest ?? 0)) < 1e-12)
  }

  @Test("one seed has no interval and no test, and no common seed has no difference")
  func few() throws {
    let one = try compare { grouping in
      try grouping.add("a", [0.8])
      try grouping.add("b", [0.9], settings: ["adapter.beta1=0.9"])
    }
    #expect(one.groups.map(\.estimate.margin) == [nil, nil] && one.groups[1].verdict == .untested)
    #expect(one.findings == ["b against a: accuracy +0.1000 with one common seed, of which no interval can be given."])
    #expect(one.method.contains("Of a single seed no interval can be given."))
    let apart = try compare { grouping in
      try grouping.add("a", [0.8, 0.8])
      grouping.add(try Outcome.fake("b", seed: 5, accuracy: 0.9, settings: ["adapter.beta1=0.9"]))
    }
    #expect(apart.groups[1].difference == nil && apart.groups[1].verdict == .untested)
    #expect(apart.findings == ["b and a have no seed in common: no paired difference."])
    let equal = try compare { grouping in
      try grouping.add("a", [0.8, 0.9])
      try grouping.add("b", [0.8, 0.9], settings: ["adapter.beta1=0.9"])
    }
    #expect(equal.findings == ["b and a have the same accuracy with every one of 2 seeds."])
  }

  @Test("the test split counts where every run has it, else the last evaluation")
  func splits() throws {
    let tested = try compare { grouping in
      for seed in 0..<2 { grouping.add(try Outcome.fake("a", seed: seed, accuracy: 0.8, test: 0.7)) }
    }
    #expect(tested.split == "test" && tested.groups[0].values == [0.7, 0.7])
    let mixed = try compare { grouping in
      grouping.add(try Outcome.fake("a", seed: 0, accuracy: 0.8, test: 0.7))
      grouping.add(try Outcome.fake("a", seed: 1, accuracy: 0.8))
    }
    #expect(mixed.split == "eval" && mixed.groups[0].values == [0.8, 0.8])
  }

  // MARK: What is not alike

  @Test("what differs beside the adapter is said: scale, total rank, parameters, steps, data, batch")
  func unfair() throws {
    let comparison = try compare { grouping in
      try grouping.add("a", [0.8])
      var other = try Outcome.fake(
        "b", seed: 0, accuracy: 0.8, settings: ["training.batch_size=16", "data.train=/other/more.tsv"],
        ranks: [4, 4, 1])
      other.description.effectiveScale = 1.3333
      other.interventions = [Intervention(step: 3, parameter: .beta1, old: 0.85, new: 0.9, isUndo: false)]
      other.cpu = "another"
      grouping.add(other)
    }
    #expect(
      comparison.unfair == [
        "effective scale differs: a 2, b 1.333", "total rank differs: a 6, b 9",
        "number of adapter parameters differs: a 190, b 285", "data.train differs: a train.tsv, b more.tsv",
        "training.batch_size differs: a 32, b 16", "machine differs: a a CPU, b another",
        "b-0-training.batch_size=16+data.train=_other_more.tsv was changed by hand while it was trained",
      ])
    let fair = try compare { grouping in
      try grouping.add("a", [0.8])
      try grouping.add("b", [0.8], settings: ["adapter.score=random"])
    }
    #expect(fair.unfair.isEmpty && fair.notes.isEmpty)
  }

  // MARK: Ranks and curves

  @Test("agreement is the mean rank correlation of pairs: of all within a group, of common seeds between two")
  func agreement() throws {
    let comparison = try compare { grouping in
      for (seed, ranks) in [[3, 2, 1], [3, 2, 1], [1, 2, 3]].enumerated() {
        grouping.add(try Outcome.fake("a", seed: seed, accuracy: 0.8, ranks: ranks))
      }
      for (seed, ranks) in [[3, 2, 1], [1, 2, 3]].enumerated() {
        let settings = ["adapter.beta1=0.9"]
        grouping.add(try Outcome.fake("b", seed: seed, accuracy: 0.8, settings: settings, ranks: ranks))
      }
      grouping.add(
        try Outcome.fake("c", seed: 0, accuracy: 0.8, settings: ["adapter.beta1=0.8"], ranks: [2, 2, 2]))
    }
    let matrix = comparison.agreement
    #expect(abs((matrix[0][0] ?? 0) + 1.0 / 3) < 1e-12)
    #expect(matrix[0][1] == 0 && matrix[1][0] == 0 && matrix[1][1] == -1)
    #expect(matrix[2] == [nil, nil, nil])
  }

  @Test("curves are means with the lowest and the highest seed, ranks a staircase up to the last step")
  func curves() throws {
    let comparison = try compare { grouping in
      try grouping.add("a", [0.8, 0.9])
    }
    let curve = comparison.groups[0].learningCurve(.accuracy)
    #expect(curve.map(\.step) == [49, 99])
    #expect(abs(curve[1].mean - 0.85) < 1e-12 && curve[1].range == 0.8...0.9)
    let ranks = comparison.groups[0].rankCurve
    #expect(ranks.map(\.step) == [0, 60, 99] && ranks.map(\.mean) == [12, 6, 6])
    #expect(comparison.groups[0].meanRanks() == ["layer.0.query": 3, "layer.0.key": 2, "layer.0.value": 1])
  }

  // MARK: From disk

  @Test("runs are read from their folders and from a sweep's; what cannot be read of a sweep is left out")
  func folders() throws {
    let tiny = try TinyRun(adapter: "init_r = 4\ntarget_r = 2\ntfinal = 5")
    let run = try tiny.new()
    try run.go()
    var grouping = RunGrouping()
    try grouping.add(run.folder)
    #expect(throws: InputError.self) { try grouping.add(RunFolder(path: tiny.path + "/nowhere")) }
    let sweep = tiny.path + "/sweep"
    try FileManager.default.createDirectory(atPath: sweep + "/damaged-1", withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: run.folder.path, toPath: sweep + "/whole-1")
    try SweepDatabase(path: sweep + "/sweep.sqlite").write(
      ["whole-1", "damaged-1", nil].enumerated().map { seed, folder in
        let key = SweepRun.Key(variant: "AdaLoRA", settings: "{}", seed: seed)
        var row = SweepRun(key: key, cell: "target_r=2", totalSteps: 30)
        row.folder = folder
        row.state = folder == nil ? .waiting : .done
        return row
      })
    try grouping.add(sweep: sweep)
    let comparison = try Comparison(grouping, metric: .loss)
    #expect(comparison.groups.map(\.name) == ["tiny", "AdaLoRA target_r=2"])
    #expect(comparison.groups[0].values == comparison.groups[1].values)
    #expect(comparison.notes.count == 2)
    #expect(comparison.notes[0].hasPrefix("AdaLoRA target_r=2 seed 1 is left out: it cannot be read: "))
    #expect(comparison.notes[1] == "what is not done of the sweep sweep is left out: 1 waiting")
  }
}
