// A few threads that meet once a phase: a batch is split over them, each runs the whole network on its share.

import Glibc

/// One phase of a step, run by every worker at the same time.
public protocol ParallelPhase: AnyObject, Sendable {
  /// What its time counts as, but for what it tells the clocks itself.
  var operation: OperationClock.Operation { get }
  /// - Parameter worker: 0..<pool.count.
  func run(worker: Int)
}

extension ParallelPhase {
  public var operation: OperationClock.Operation { .rest }
}

/// `count` workers with stacks of their own: the caller's thread is worker 0, the others sleep between phases.
public final class WorkerPool: @unchecked Sendable {
  // Unchecked: `shared` is guarded by its mutex.
  public let count: Int
  /// One a worker; empty unless the pool is timed.
  public let clocks: [OperationClock]
  private let shared: Shared
  private var threads: [pthread_t] = []

  private final class Shared: @unchecked Sendable {
    let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    let started = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    let finished = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    var phase: (any ParallelPhase)?
    var generation = 0
    var running = 0
    var isEnding = false
    let clocks: [OperationClock]

    init(_ clocks: [OperationClock]) {
      self.clocks = clocks
      pthread_mutex_init(mutex, nil)
      pthread_cond_init(started, nil)
      pthread_cond_init(finished, nil)
    }

    deinit {
      pthread_mutex_destroy(mutex)
      pthread_cond_destroy(started)
      pthread_cond_destroy(finished)
      mutex.deallocate()
      started.deallocate()
      finished.deallocate()
    }

    func run(_ phase: any ParallelPhase, as worker: Int) {
      guard !clocks.isEmpty else { return phase.run(worker: worker) }
      clocks[worker].begin(phase.operation)
      phase.run(worker: worker)
      clocks[worker].begin(.waiting)
    }

    func work(as worker: Int) {
      var seen = 0
      while true {
        pthread_mutex_lock(mutex)
        while generation == seen && !isEnding { pthread_cond_wait(started, mutex) }
        seen = generation
        let phase = isEnding ? nil : self.phase
        pthread_mutex_unlock(mutex)
        guard let phase else { return }
        run(phase, as: worker)
        pthread_mutex_lock(mutex)
        running -= 1
        if running == 0 { pthread_cond_signal(finished) }
        pthread_mutex_unlock(mutex)
      }
    }
  }

  private final class Start {
    let shared: Shared
    let worker: Int
    init(shared: Shared, worker: Int) {
      self.shared = shared
      self.worker = worker
    }
  }

  /// - Parameter isTimed: whether workers measure what they do.
  /// - Precondition: count ≥ 1.
  public init(count: Int, isTimed: Bool = false) {
    precondition(count >= 1, "a pool of \(count) workers")
    BLAS.useOneThread()
    self.count = count
    clocks = isTimed ? (0..<count).map { _ in OperationClock() } : []
    shared = Shared(clocks)
    for worker in 1..<max(count, 1) {
      var attributes = pthread_attr_t()
      pthread_attr_init(&attributes)
      pthread_attr_setstacksize(&attributes, 8 << 20)
      var thread = pthread_t()
      let start = Unmanaged.passRetained(Start(shared: shared, worker: worker))
      let status = pthread_create(
        &thread, &attributes,
        { raw in
          guard let raw else { return nil }
          let start = Unmanaged<Start>.fromOpaque(raw).takeRetainedValue()
          start.shared.work(as: start.worker)
          return nil
        }, start.toOpaque())
      precondition(status == 0, "the system refused thread \(worker) of \(count): error \(status)")
      pthread_attr_destroy(&attributes)
      threads.append(thread)
    }
  }

  deinit {
    pthread_mutex_lock(shared.mutex)
    shared.isEnding = true
    pthread_cond_broadcast(shared.started)
    pthread_mutex_unlock(shared.mutex)
    for thread in threads { pthread_join(thread, nil) }
  }

  /// Runs the phase on every worker and returns when all are done. Allocates nothing.
  public func run(_ phase: any ParallelPhase) {
    guard count > 1 else {
      shared.run(phase, as: 0)
      return
    }
    pthread_mutex_lock(shared.mutex)
    shared.phase = phase
    shared.running = count - 1
    shared.generation += 1
    pthread_cond_broadcast(shared.started)
    pthread_mutex_unlock(shared.mutex)
    shared.run(phase, as: 0)
    pthread_mutex_lock(shared.mutex)
    while shared.running > 0 { pthread_cond_wait(shared.finished, shared.mutex) }
    shared.phase = nil
    pthread_mutex_unlock(shared.mutex)
  }
}
