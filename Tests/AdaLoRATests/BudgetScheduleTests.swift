import AdaLoRA
import Foundation
import Testing

@Suite("Budget schedule")
struct BudgetScheduleTests {
  static let golden = BudgetSchedule(
    initialBudget: 864, targetBudget: 576, initialWarmup: 500, finalWarmup: 1500, maskInterval: 10, totalSteps: 3000)

  @Test(
    "has the reference's golden values",
    arguments: [
      (0, 864), (500, 864), (501, 863), (510, 855), (600, 785), (750, 697), (1000, 612), (1250, 580), (1400, 576),
      (1500, 576), (1501, 576), (2999, 576),
    ])
  func golden(step: Int, budget: Int) { #expect(Self.golden.budget(at: step) == budget) }

  @Test("masks never in warm-up, every ΔT while budgeting, always at the end")
  func masks() {
    let schedule = Self.golden
    #expect((0...500).allSatisfy { !schedule.masks(at: $0) })
    #expect((501...1500).allSatisfy { schedule.masks(at: $0) == ($0 % 10 == 0) })
    #expect((1501..<3000).allSatisfy { schedule.masks(at: $0) })
  }

  @Test("never rises and never leaves b_T...b₀")
  func monotone() {
    let schedule = Self.golden
    for step in 1..<3000 {
      #expect(schedule.budget(at: step) <= schedule.budget(at: step - 1))
      #expect((576...864).contains(schedule.budget(at: step)))
    }
  }

  @Test("a target changed while budgeting leaves b(t) continuous and reaches the new target", arguments: [300, 800])
  func changedTarget(target: Int) {
    var schedule = Self.golden
    let before = (0...700).map { schedule.budget(at: $0) }
    let changed = schedule.setTarget(target, at: 700)
    #expect(changed)
    #expect((0...700).map { schedule.budget(at: $0) } == before)
    #expect(abs(schedule.budget(at: 701) - schedule.budget(at: 700)) <= 3)
    #expect(schedule.budget(at: 1500) == target)
    #expect(schedule.budget(at: 2000) == target)
  }

  @Test("a target changed in warm-up draws the whole curve anew")
  func changedInWarmup() {
    var schedule = Self.golden
    let changed = schedule.setTarget(288, at: 100)
    #expect(changed)
    let fresh = BudgetSchedule(
      initialBudget: 864, targetBudget: 288, initialWarmup: 500, finalWarmup: 1500, maskInterval: 10, totalSteps: 3000)
    #expect((0..<3000).allSatisfy { schedule.budget(at: $0) == fresh.budget(at: $0) })
  }

  @Test("where rank grows it rises evenly from b₀ to b_T, and may be given as much as there is room for")
  func rising() {
    var schedule = BudgetSchedule(
      initialBudget: 72, targetBudget: 576, room: 864, curve: .linear, initialWarmup: 500, finalWarmup: 1500,
      maskInterval: 10, totalSteps: 3000)
    #expect(
      [0, 500, 501, 750, 1000, 1499, 1500, 2999].map { schedule.budget(at: $0) } == [
        72, 72, 72, 198, 324, 575, 576, 576,
      ])
    #expect([0, 500, 750, 1500, 2000].map { schedule.progress(at: $0) } == [0, 0, 0.25, 1, 1])
    let isTooMuch = schedule.setTarget(865, at: 700)
    let isChanged = schedule.setTarget(864, at: 700)
    #expect(!isTooMuch && isChanged && schedule.isSound && schedule.highestBudget == 864)
    #expect(schedule.budget(at: 1500) == 864)
  }

  @Test("one from before rank could grow is read as it was; a new one as it is")
  func codable() throws {
    let data = try JSONEncoder().encode(Self.golden)
    var fields = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
    fields["room"] = nil
    fields["curve"] = nil
    let old = try JSONSerialization.data(withJSONObject: fields)
    #expect(try JSONDecoder().decode(BudgetSchedule.self, from: old) == Self.golden)
    #expect(try JSONDecoder().decode(BudgetSchedule.self, from: data) == Self.golden)
  }

  @Test("two changes at one step count as the second alone")
  func changedTwice() {
    var once = Self.golden
    var twice = Self.golden
    _ = once.setTarget(400, at: 800)
    _ = twice.setTarget(300, at: 800)
    _ = twice.setTarget(400, at: 800)
    #expect(once == twice)
  }

  @Test("target and ΔT are fixed from T − t_f on")
  func fixedAtTheEnd() {
    var schedule = Self.golden
    let changes = [schedule.setTarget(300, at: 1500), schedule.setMaskInterval(5, at: 1500)]
    #expect(changes == [false, false])
    #expect(schedule == Self.golden)
    let inTime = schedule.setMaskInterval(5, at: 1499)
    #expect(inTime)
    #expect(schedule.maskInterval == 5)
  }
}
