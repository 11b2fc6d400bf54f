// Shadows of a session: what other rules would keep of the run that trains.

import AdaLoRA

extension Session {
  /// The shadows that watch, in the order of their coming.
  public var shadowAllocators: [ShadowAllocator] { trainer.shadows }

  /// Watches by other settings from the next step on.
  /// - Returns: why that cannot be, or nil.
  public func add(shadow settings: ShadowSettings) -> String? {
    guard let allocator = trainer.allocator else { return "\(description.method) has a fixed rank: nothing is scored" }
    if let objection = ShadowAllocator.objection(to: settings, beside: allocator, from: trainer.stepsDone) {
      return objection
    }
    shadows.append(ShadowView(ShadowAllocator(settings, beside: allocator, from: trainer.stepsDone)))
    return nil
  }

  /// - Parameter settings: nil ends all watching.
  func watch(_ settings: ShadowSettings?) {
    guard let settings else { return shadows = [] }
    if let objection = add(shadow: settings) { refuse("what if \(settings.text): \(objection)") }
  }
}
