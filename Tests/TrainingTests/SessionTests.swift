import AdaLoRA
import Foundation
import Testing

@testable import Training

@Suite("A session")
struct SessionTests {
  /// Runs a short planted session; `script` may send commands after each step.
  private func run(
    steps: Int = 60, commands: CommandQueue = CommandQueue(), frames: Mailbox<Frame>? = nil,
    script: @escaping (StepRecord, CommandQueue) -> Void = { _, _ in }
  ) throws -> (session: Session, records: [StepRecord], events: [Event], ending: Session.Ending) {
    var experiment = PlantedExperiment()
    experiment.steps = steps
    let session = try experiment.makeSession(threads: 1, commands: commands, frames: frames)
    var records: [StepRecord] = []
    var events: [Event] = []
    session.onStep = {
      records.append($0)
      script($0, commands)
    }
    session.onEvent = { events.append($0) }
    let ending = session.run()
    return (session, records, events, ending)
  }

  @Test("a change takes effect from exactly the next step on, and is recorded")
  func change() throws {
    let (session, records, _, _) = try run { record, commands in
      if record.step == 9 { commands.send(.set(.beta1, 0.9)) }
    }
    #expect(records.filter { $0.step <= 9 }.allSatisfy { $0.beta1 == 0.85 })
    #expect(records.filter { $0.step >= 10 }.allSatisfy { $0.beta1 == 0.9 })
    #expect(
      session.interventions == [Intervention(step: 10, parameter: .beta1, old: 0.85, new: 0.9, isUndo: false)])
  }

  @Test("undo takes changes back from the newest, each once")
  func undo() throws {
    let (session, records, events, _) = try run { record, commands in
      switch record.step {
      case 5: commands.send(.set(.beta1, 0.9))
      case 7: commands.send(.set(.orthRegWeight, 0.5))
      case 9, 11, 13: commands.send(.undo)
      default: break
      }
    }
    #expect(session.interventions.map(\.parameter) == [.beta1, .orthRegWeight, .orthRegWeight, .beta1])
    #expect(session.interventions.map(\.new) == [0.9, 0.5, 0.1, 0.85])
    #expect(records.last?.beta1 == 0.85)
    #expect(events.contains { $0.kind == .refused && $0.text == "there is no change to take back" })
  }

  @Test("η is the base rate")
  func learningRate() throws {
    let (_, records, _, _) = try run { record, commands in
      if record.step == 9 { commands.send(.set(.learningRate, 1e-3)) }
    }
    #expect(records[9].lr == 5e-3)
    #expect(records[10].lr == 1e-3)
  }

  @Test("a lowered target frees rank at the next mask, a raised one lets triplets come back")
  func target() throws {
    let (_, records, _, _) = try run(steps: 120) { record, commands in
      if record.step == 50 { commands.send(.set(.targetR, 1)) }
      if record.step == 75 { commands.send(.set(.targetR, 3)) }
    }
    #expect(records[50].budget - records[51].budget <= 8)
    #expect(records[75].kept < 36)
    #expect(records[89].kept > records[75].kept)
    #expect(records[119].kept == 54)
    #expect(records[119].targetR == 3)
  }

  @Test("after T − t_f the target is refused and says so")
  func fixedTarget() throws {
    let (session, _, events, _) = try run { record, commands in
      if record.step == 50 { commands.send(.set(.targetR, 1)) }
    }
    #expect(session.interventions.isEmpty)
    #expect(events.contains { $0.kind == .refused && $0.text.contains("fixed from T − t_f = 45 on") })
  }

  @Test(
    "values out of range are refused",
    arguments: [
      (Hyperparameter.beta1, 1.0), (.beta2, 0), (.orthRegWeight, -1), (.learningRate, 0), (.deltaT, 1.5), (.deltaT, 0),
      (.targetR, 7), (.targetR, -1), (.beta1, .nan), (.learningRate, .infinity),
    ])
  func outOfRange(parameter: Hyperparameter, value: Double) throws {
    let (session, _, events, _) = try run(steps: 24) { record, commands in
      if record.step == 2 { commands.send(.set(parameter, value)) }
    }
    #expect(session.interventions.isEmpty)
    #expect(events.contains { $0.kind == .refused })
  }

  @Test("pauses where asked, steps so many steps, and goes on", .timeLimit(.minutes(1)))
  func pause() throws {
    let commands = CommandQueue()
    let frames = Mailbox<Frame>()
    commands.send(.pauseAt(step: 10))
    let watcher = Thread {
      func waitForPause(after steps: Int) {
        while true {
          if let frame = frames.take(), frame.state == .paused, frame.stepsDone == steps { return }
          usleep(500)
        }
      }
      waitForPause(after: 10)
      commands.send(.step(count: 3))
      waitForPause(after: 13)
      commands.send(.resume)
    }
    watcher.start()
    let (_, records, events, ending) = try run(steps: 30, commands: commands, frames: frames)
    #expect(ending == .finished)
    #expect(records.count == 30)
    #expect(events.filter { $0.kind == .paused }.map(\.step) == [10, 13])
  }

  @Test("a stop ends it before the next step")
  func stop() throws {
    let (_, records, _, ending) = try run { record, commands in
      if record.step == 7 { commands.send(.stop(discard: false)) }
    }
    #expect(ending == .stopped(discard: false))
    #expect(records.count == 8)
  }

  @Test("a number that is not finite ends it and names the step")
  func nonFinite() throws {
    var experiment = PlantedExperiment()
    experiment.steps = 30
    let session = try experiment.makeSession(threads: 1)
    session.onStep = { record in
      let store = session.trainer.store
      if record.step == 4 { store.block.weights[store.adapters[2].layout.qOffset + 5] = .nan }
    }
    guard case .failed(let reason) = session.run() else {
      Issue.record("the session did not fail")
      return
    }
    #expect(reason.contains("step 5"))
    #expect(reason.contains("bert.encoder.layer.0.attention.self.value"))
    #expect(session.trainer.stepsDone == 5)
  }

  @Test("the last frame tells the whole run")
  func lastFrame() throws {
    let frames = Mailbox<Frame>()
    let (session, records, _, _) = try run(frames: frames)
    let frame = try #require(frames.take())
    #expect(frame.state == .done)
    #expect(frame.record == records.last)
    #expect(frame.history.map(\.record.step) == Array(0..<60))
    #expect(frame.ranks.reduce(0, +) == 36)
    #expect(frame.description.modules.compactMap(\.plantedRank).reduce(0, +) == 36)
    #expect(frame.triplets.scores[.smoothed]?.count == 108)
    #expect(frame.events.last?.kind == .finished)
    #expect(session.description.modules[0].type == "query")
    #expect(session.description.modules[3].type == "attention.output.dense")
  }
}

@Suite("History ring")
struct HistoryRingTests {
  private func point(_ step: Int) -> HistoryPoint {
    HistoryPoint(
      record: StepRecord(
        step: step, loss: 0, taskLoss: 0, orth: 0, gradNorm: 0, lr: 0, beta1: 0, beta2: 0, orthRegWeight: 0, deltaT: 1,
        targetR: 0, budget: 0, kept: 0, nonzero: 0, tokens: 0, stepMs: 0), triplets: TripletFrame(), ranks: [])
  }

  @Test("stays within its capacity, evenly spaced, and always ends with the newest")
  func thins() {
    var ring = HistoryRing(capacity: 16)
    for step in 0..<5000 {
      ring.append(point(step))
      #expect(ring.points.count <= 16)
      #expect(ring.points.last?.record.step == step)
      #expect(ring.points.first?.record.step == 0)
      let steps = ring.points.dropLast().map(\.record.step)
      #expect(steps.allSatisfy { $0 % ring.spacing == 0 })
      #expect(zip(steps, steps.dropFirst()).allSatisfy { $1 - $0 == ring.spacing })
    }
  }
}
