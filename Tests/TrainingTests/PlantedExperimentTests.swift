import AdaLoRA
import Models
import Testing

@testable import Training

@Suite("The planted-rank experiment")
struct PlantedExperimentTests {
  private func outcome(seed: UInt64, score: ScoringRule, steps: Int = 400) throws -> PlantedExperiment.Outcome {
    var experiment = PlantedExperiment()
    experiment.seed = seed
    experiment.score = score
    experiment.steps = steps
    let session = try experiment.makeSession(threads: 2)
    #expect(session.run() == .finished)
    return experiment.outcome(of: session)
  }

  @Test("AdaLoRA finds where rank was planted, and how much")
  func finds() throws {
    let outcomes = try (0..<3).map { try outcome(seed: $0, score: .smoothed) }
    #expect(outcomes.allSatisfy { $0.planted.reduce(0, +) == 36 && $0.allocated.reduce(0, +) == 36 })
    #expect(outcomes.map(\.correlation).reduce(0, +) / 3 >= 0.9)
    #expect(outcomes.map(\.share).reduce(0, +) / 3 >= 0.95)
  }

  @Test("of a decoder it finds the same, of every kind of module")
  func findsInDecoder() throws {
    var experiment = PlantedExperiment()
    experiment.family = .llama
    experiment.steps = 120
    let session = try experiment.makeSession(threads: 2)
    #expect(session.run() == .finished)
    let outcome = experiment.outcome(of: session)
    #expect(outcome.modules.count == 28 && outcome.modules[6] == "model.layers.0.mlp.down_proj")
    #expect(outcome.planted.reduce(0, +) == 56 && outcome.allocated.reduce(0, +) == 56)
    #expect(outcome.correlation >= 0.7)
    #expect(outcome.share >= 0.8)
    #expect(session.description.model == "planted-rank Llama")
  }

  @Test("the teacher is the base but where rank was planted", arguments: PlantedExperiment.Family.allCases)
  func plants(family: PlantedExperiment.Family) throws {
    var experiment = PlantedExperiment()
    experiment.family = family
    let planted = experiment.planted()
    let base = family.weights(seed: 0)
    let teacher = try experiment.teacher(base, planted: planted)
    #expect(planted.reduce(0, +) == experiment.targetRank * planted.count)
    for (module, rank) in zip(experiment.modules, planted) {
      let shape = [module.outputSize, module.inputSize]
      let name = module.name + ".weight"
      #expect(try (teacher.floats(name, shape: shape).values == base.floats(name, shape: shape).values) == (rank == 0))
    }
  }

  @Test("every method runs to its rank, at one scale", arguments: ListedMethod.allCases)
  func methods(method: ListedMethod) throws {
    var experiment = PlantedExperiment()
    experiment.method = method
    experiment.steps = 60
    let session = try experiment.makeSession(threads: 1)
    #expect(session.run() == .finished)
    let outcome = experiment.outcome(of: session)
    #expect(outcome.allocated.reduce(0, +) == 36)
    #expect(outcome.distance == zip(outcome.planted, outcome.allocated).reduce(0) { $0 + abs($1.0 - $1.1) })
    #expect(session.trainer.store.adapters.allSatisfy { abs($0.scale - 32 / 6.00001) < 1e-5 })
    #expect(session.description.allocates == method.method.allocates)
  }

  @Test("random scores find nothing")
  func randomFindsNothing() throws {
    let outcomes = try (0..<3).map { try outcome(seed: $0, score: .random, steps: 60) }
    #expect(abs(outcomes.map(\.correlation).reduce(0, +) / 3) <= 0.45)
    #expect(outcomes.map(\.share).reduce(0, +) / 3 < 0.75)
  }

  @Test("uniform scores leave every module the same rank")
  func uniform() throws {
    #expect(try outcome(seed: 0, score: .uniform, steps: 60).allocated == Array(repeating: 2, count: 18))
  }

  @Test("the same seed gives the same bits")
  func deterministic() throws {
    func losses() throws -> [Double] {
      var experiment = PlantedExperiment()
      experiment.steps = 40
      let session = try experiment.makeSession(threads: 2)
      var losses: [Double] = []
      session.onStep = { losses.append($0.loss) }
      #expect(session.run() == .finished)
      return losses
    }
    #expect(try losses() == losses())
  }
}
