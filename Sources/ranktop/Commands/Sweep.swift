// `ranktop sweep`.

import ArgumentParser
import Dashboard
import Foundation
import Models
import Training

struct Sweep: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run an experiment in several variants, over values and seeds, as many at once as the cores allow.",
    discussion: """
      Each run is a process and a folder of its own in <runs>/<name>, beside sweep.sqlite with all results. The same
      command again goes on after whatever ended it: what is done is not run again, what was cut off is resumed.

      Example:
        ranktop sweep experiments/sweep-sst2.toml --jobs 2
        ranktop sweep experiments/sweep-sst2.toml --emit slurm --to job.sh

      Ends with one JSON object a run on standard output; the exit status is 1 where a run has failed.
      """)

  enum Cluster: String, ExpressibleByArgument, CaseIterable { case slurm }

  @Argument(help: "The sweep, a TOML file.")
  var sweep: String

  @Option(help: ArgumentHelp("Folder of runs.", valueName: "dir"))
  var runs = "runs"

  @Option(help: ArgumentHelp("Runs at once, in place of the file's; 0 = as many as the cores allow.", valueName: "n"))
  var jobs: Int?

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Change a key of the experiment in every run; repeatable.", valueName: "key=value"))
  var overrides: [String] = []

  @Flag(help: "Run those again that have failed.")
  var retry = false

  @Option(help: ArgumentHelp("Write a job array for a cluster instead: slurm.", valueName: "cluster"))
  var emit: Cluster?

  @Option(help: ArgumentHelp("Where to write it; standard output where left out.", valueName: "file"))
  var to: String?

  @Option(help: ArgumentHelp("Train one run alone, by its number from 0, as a task of a cluster does.", valueName: "n"))
  var only: Int?

  @Flag(help: "Look at what the runs have left, bring the database up to date, and run nothing.")
  var collect = false

  @OptionGroup var screen: ScreenArguments

  func validate() throws {
    if let jobs, !(0...1024 ~= jobs) { throw ValidationError("--jobs \(jobs): expected 0 to 1024") }
    if [emit != nil, only != nil, collect].count(where: { $0 }) > 1 {
      throw ValidationError("--emit, --only and --collect: expected one of them")
    }
    if to != nil, emit == nil { throw ValidationError("--to \(to ?? ""): only with --emit") }
  }

  func run() throws {
    let plan = try SweepPlan.load(
      path: sweep, runs: runs, overrides: overrides, jobs: jobs, isForCluster: emit != nil || only != nil)
    if emit != nil { return try writeScript(plan) }
    if let only { return try train(plan, only) }
    let configuration = screen.wantsDashboard ? try Configuration.load() : Configuration()
    if !collect { EndRequest.watch() }
    let runner = try SweepRunner(plan, retries: retry)
    if !collect { SweepConductor(runner, screen).run(configuration) }
    for run in runner.runs { Console.result(run.json.serialized(pretty: false)) }
    if let failure = runner.failure ?? runner.trouble { throw failure }
    if let request = EndRequest.current { throw ExitCode(request.exitStatus) }
    if runner.frame.count(.failed) > 0 { throw ExitStatus.failed }
  }

  private func writeScript(_ plan: SweepPlan) throws {
    let here = FileManager.default.currentDirectoryPath
    func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : here + "/" + path }
    let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let script = plan.slurmScript(
      program: program,
      arguments: [absolute(sweep), "--runs", absolute(runs)] + overrides.flatMap { ["--set", $0] })
    if let to { try AtomicFile.write(script, to: to) } else { Console.result(String(script.dropLast())) }
  }

  private func train(_ plan: SweepPlan, _ index: Int) throws {
    guard plan.cells.indices.contains(index) else {
      throw InputError(
        .usage, file: "", place: "--only \(index)", "expected a run's number, 0 to \(plan.cells.count - 1)")
    }
    guard let folder = try plan.place(of: index) else { return Console.note("run \(index) is done") }
    let experiment = try Experiment.load(path: folder.experiment)
    try RunConductor(try ScreenArguments.parse(["--headless"])).train(
      experiment, in: .existing(folder), output: try OutputArguments.parse([]))
  }
}
