// What runs a sweep file stands for, and what is wrong with a file.

import Foundation
import Models
import Testing

@testable import Training

@Suite struct SweepPlanTests {
  private let tiny: TinyRun

  init() throws { tiny = try TinyRun() }

  private func plan(
    _ text: String, overrides: [String] = [], jobs: Int? = nil, isForCluster: Bool = false
  ) throws -> SweepPlan {
    try text.write(toFile: tiny.path + "/sweep.toml", atomically: true, encoding: .utf8)
    return try SweepPlan.load(
      path: tiny.path + "/sweep.toml", runs: tiny.path + "/runs", overrides: overrides, jobs: jobs,
      isForCluster: isForCluster)
  }

  @Test("every variant is run with every combination of the grid and every seed, one seed after the other")
  func expansion() throws {
    let plan = try plan(
      """
      name = "paper"
      experiment = "tiny.toml"
      seeds = [3, 1]
      jobs = 2
      [grid]
      "adapter.target_r" = [1, 2]
      adapter.beta1 = [0.5, 0.9]
      [[variant]]
      name = "smooth"
      [[variant]]
      name = "LoRA, fixed"
      set = { "adapter.peft_type" = "LORA", "adapter.r" = 2, "adapter.target_r" = 4 }
      """)
    #expect(plan.name == "paper" && plan.folder == tiny.path + "/runs/paper" && plan.jobs == 2)
    #expect(
      plan.cells.map { "\($0.variant)|\($0.cell)|\($0.seed)" } == [
        "smooth|target_r=1 beta1=0.5|3", "smooth|target_r=1 beta1=0.9|3", "smooth|target_r=2 beta1=0.5|3",
        "smooth|target_r=2 beta1=0.9|3", "LoRA, fixed|beta1=0.5|3", "LoRA, fixed|beta1=0.9|3",
        "smooth|target_r=1 beta1=0.5|1", "smooth|target_r=1 beta1=0.9|1", "smooth|target_r=2 beta1=0.5|1",
        "smooth|target_r=2 beta1=0.9|1", "LoRA, fixed|beta1=0.5|1", "LoRA, fixed|beta1=0.9|1",
      ])
    let cell = plan.cells[9]
    #expect(cell.experiment.adapter.targetR == 2 && cell.experiment.adapter.beta1 == 0.9 && cell.experiment.seed == 1)
    #expect(cell.experiment.name == "smooth-target_r=2-beta1=0.9-s1")
    #expect(cell.settings.serialized(pretty: false) == #"{"adapter.beta1":0.9,"adapter.target_r":2}"#)
    let lora = plan.cells[4]
    #expect(lora.experiment.adapter.peftType == .lora && lora.experiment.adapter.r == 2)
    #expect(lora.experiment.name == "LoRA--fixed-beta1=0.5-s3")
    #expect(lora.experiment.data.train == plan.cells[0].experiment.data.train)
  }

  @Test("without seeds, variants and grid a sweep is its experiment")
  func plain() throws {
    let plan = try plan("experiment = \"tiny.toml\"")
    #expect(plan.name == "sweep" && plan.cells.count == 1 && plan.jobs == 1)
    #expect(plan.cells[0].variant == "tiny" && plan.cells[0].cell.isEmpty && plan.cells[0].seed == 0)
    #expect(plan.cells[0].experiment.name == "tiny-s0")
  }

  @Test("runs that share the cores have one thread each, where they name no number")
  func threads() throws {
    let text = "experiment = \"tiny.toml\"\nseeds = [0, 1, 2]\n[grid]\ntraining.threads = [0]\n"
    #expect(try plan(text, jobs: 2).cells.allSatisfy { $0.experiment.training.threads == 1 })
    #expect(try plan(text, jobs: 1).cells.allSatisfy { $0.experiment.training.threads == 0 })
    #expect(try plan(text, jobs: 100).jobs == 3)
    let cluster = try plan(text, isForCluster: true)
    #expect(cluster.jobs == 0 && cluster.cells[0].experiment.training.threads == 1)
    let own = text.replacing("[0]\n", with: "[3]\n")
    #expect(try plan(own, jobs: 2).cells[0].experiment.training.threads == 3)
    #expect(try plan(own).jobs == min(max(Machine.cores / 3, 1), 3))
  }

  @Test("what the command line sets holds for every run, but not against the sweep")
  func overrides() throws {
    let text = "experiment = \"tiny.toml\"\nseeds = [0, 1]\n[grid]\nadapter.beta1 = [0.5, 0.9]\n"
    let plan = try plan(text, overrides: ["training.total_step=20"])
    #expect(plan.cells.count == 4 && plan.cells.allSatisfy { $0.experiment.training.totalStep == 20 })
    for override in ["adapter.beta1=0.7", "seed=3"] {
      let error = #expect(throws: InputError.self) { try self.plan(text, overrides: [override]) }
      #expect(error?.kind == .usage && error?.message == "the sweep sets this key itself")
    }
  }

  @Test("values that are long, or alike as folder names, keep their runs apart")
  func names() throws {
    let plan = try plan(
      """
      experiment = "tiny.toml"
      [grid]
      adapter.target_modules = [["query", "value", "output.dense"], ["query", "value", "attention.output.dense"]]
      """)
    #expect(Set(plan.cells.map(\.experiment.name)).count == 2)
    #expect(plan.cells[0].cell == "target_modules=query,value,output.dense")
    let error = #expect(throws: InputError.self) {
      try self.plan("experiment = \"tiny.toml\"\n[[variant]]\nname = \"a b\"\n[[variant]]\nname = \"a-b\"")
    }
    #expect(error?.place == "line 4: variant.1")
    #expect(error?.message.contains("would be called as those of a b") == true)
  }

  @Test(
    "a mistake is an error of the sweep's file, with line and key",
    arguments: [
      ("experiment = 3", "line 1: experiment: 3, expected a path"),
      ("name = \"a/b\"\nexperiment = \"tiny.toml\"", "line 1: name"),
      ("seeds = [0]", "experiment: missing"),
      ("experiment = \"tiny.toml\"\nseed = [1]", "line 2: seed: unknown key; did you mean seeds?"),
      ("experiment = \"tiny.toml\"\nseeds = []", "line 2: seeds: [], expected a list of 1 to 10000 integers"),
      ("experiment = \"tiny.toml\"\nseeds = [1, -1]", "line 2: seeds: -1, expected integers of 0 or more"),
      ("experiment = \"tiny.toml\"\nseeds = [1, 2, 1]", "line 2: seeds: 1, expected each seed once"),
      ("experiment = \"tiny.toml\"\njobs = -1", "line 2: jobs: -1, expected an integer, 0 to 1024"),
      ("experiment = \"tiny.toml\"\ngrid = 1", "line 2: grid: 1, expected a table, [grid]"),
      ("experiment = \"tiny.toml\"\n[grid]\nadapter.beta1 = 0.5", "line 3: grid.adapter.beta1: 0.5, expected a list"),
      ("experiment = \"tiny.toml\"\n[grid]\nadapter.beta1 = []", "line 3: grid.adapter.beta1: [], expected a list"),
      (
        "experiment = \"tiny.toml\"\n[grid]\nadapter.beta1 = [0.5, 0.5]",
        "line 3: grid.adapter.beta1: 0.5, expected each"
      ),
      (
        "experiment = \"tiny.toml\"\n[grid]\nadapter.beta9 = [0.5]",
        "line 3: grid.adapter.beta9: unknown key; did you mean beta1?"
      ),
      ("experiment = \"tiny.toml\"\n[grid]\nadapter.beta1 = [0.5, 1.5]", "line 3: grid.adapter.beta1: 1.5, expected a"),
      ("experiment = \"tiny.toml\"\n[grid]\nseed = [1]", "line 3: grid.seed: expected seeds = [0, 1, …] at the top"),
      ("experiment = \"tiny.toml\"\n[grid]\nname = [\"a\"]", "line 3: grid.name: the runs are named by what differs"),
      (
        "experiment = \"tiny.toml\"\n[grid]\nadapter.beta1 = [0.5]\n\"adapter.beta1\" = [0.6]",
        "line 4: grid.adapter.beta1: adapter.beta1 is set twice"
      ),
      ("experiment = \"tiny.toml\"\nvariant = [1]", "variant.0: 1, expected [[variant]]"),
      ("experiment = \"tiny.toml\"\n[[variant]]\nset = { }", "line 2: variant.0: expected name"),
      ("experiment = \"tiny.toml\"\n[[variant]]\nname = \"a\"\nsets = 1", "line 4: variant.0.sets: unknown key"),
      ("experiment = \"tiny.toml\"\n[[variant]]\nname = \"a\"\n[[variant]]\nname = \"a\"", "line 5: variant.1.name"),
      (
        "experiment = \"tiny.toml\"\n[[variant]]\nname = \"a\"\n[[variant]]\nname = \"b\"\n[variant.set]\nadapter.r = 0",
        "line 7: variant.1.set.adapter.r: 0, expected an integer"
      ),
      (
        "experiment = \"tiny.toml\"\n[[variant]]\nname = \"a\"\nset = { \"adapter.init_r\" = 2, \"adapter.target_r\" = 3 }",
        "line 4: variant.0.set.adapter.target_r: adapter.target_r: 3, expected at most adapter.init_r, 2"
      ),
      ("experiment = \"tiny.toml\"\n[grid]\nmodel.path = [\"nowhere\"]", "nowhere: no such folder"),
      ("experiment = \"tiny.toml\"\n[grid]\ndata.eval = [\"no.tsv\"]", "no.tsv: no such file"),
      ("experiment = \"none.toml\"", "none.toml: no such file"),
      ("experiment = \"sweep.toml\"", "sweep.toml: line 1: experiment"),
      ("experiment = \"tiny.toml\"\n[[variant]]\nname = \"\u{202E}x\"", "line 2: variant.0: expected name"),
      ("[[variant]\n", "line 1: not TOML: expected ]]"),
    ])
  func errors(_ text: String, _ expected: String) throws {
    let error = #expect(throws: InputError.self) { try self.plan(text) }
    let description = try #require(error).description
    #expect(description.contains(expected), "\(description)")
    #expect(description.split(whereSeparator: \.isNewline).count == 1)
  }

  @Test("a grid without bounds is refused before it is expanded")
  func tooMany() throws {
    let values = "[" + (1...100).map { String($0) }.joined(separator: ", ") + "]"
    let keys = ["adapter.r", "adapter.tinit", "adapter.deltaT", "training.batch_size", "training.eval_every"]
    let grid = keys.map { "\($0) = \(values)\n" }.joined()
    let error = #expect(throws: InputError.self) { try self.plan("experiment = \"tiny.toml\"\n[grid]\n" + grid) }
    #expect(error?.message == "more than 10000 runs")
  }

  @Test("a job array has a task a run, and words that no shell takes apart")
  func slurm() throws {
    let plan = try plan(
      "name = \"a b\"\nexperiment = \"tiny.toml\"\nseeds = [0, 1, 2]\njobs = 2\n[grid]\ntraining.threads = [4]",
      isForCluster: true)
    let script = plan.slurmScript(
      program: "/opt/rank top", arguments: ["/x/it's.toml", "--runs", "/r", "--set", "training.total_step=3"])
    #expect(
      script == """
        #!/bin/bash
        # The 3 runs of a sweep. Submit it with sbatch; submitted again, it goes on where it stopped. Then collect
        # the results on one machine: the last line with --collect in place of --only.
        #SBATCH --job-name=a-b
        #SBATCH --array=0-2%2
        #SBATCH --cpus-per-task=4
        #SBATCH --requeue
        exec '/opt/rank top' 'sweep' '/x/it'\\''s.toml' '--runs' '/r' '--set' 'training.total_step=3' --only "$SLURM_ARRAY_TASK_ID"

        """)
  }
}
