// The README's example of a method. The code between the marks stands in the README to the letter.

import AdaLoRA
import Foundation
import Testing

// README method begins
/// Modules stay or go whole, by the mean score of their triplets.
struct WholeModulesMethod: AllocationMethod {
  let name = "whole-modules"
  var parameterization: any Parameterization { SVDParameterization() }

  func ranks(r: Int, initial: Int, target: Int) -> ModuleRanks {
    ModuleRanks(room: initial, first: initial, last: target)
  }

  func select(_ question: MaskQuestion, kept: inout [Bool]) -> Float? {
    let rank = question.rank
    var byModule = question
    byModule.scores = kept.indices.map { i in
      let first = i / rank * rank
      return question.scores[first..<first + rank].reduce(0, +) / Float(rank)
    }
    return byModule.keepBest(&kept)
  }
}
// README method ends

@Suite("The README's own method")
struct ReadmeMethodTests {
  @Test("keeps whole modules, and the last one in part where the budget says so")
  func keepsModules() throws {
    let store = AdapterStore()
    for k in 0..<3 { _ = store.addAdapter(name: "m\(k)", outputSize: 5, inputSize: 7, rank: 4, alpha: 16) }
    store.markTrainable(seed: 3)
    for (k, size) in [Float(1), 3, 2].enumerated() {
      for i in 0..<4 { store.lambda(k)[i] = size + Float(i) / 10 }
    }
    let allocator = RankAllocator(
      store, initialRank: 4, targetRank: 2, initialWarmup: 0, finalWarmup: 1, maskInterval: 1, totalSteps: 2,
      method: WholeModulesMethod(), scoring: .magnitude)
    try allocator.updateAndMask(step: 1)
    #expect(allocator.ranks == [0, 4, 2])
  }

  @Test("stands in the README as it is here")
  func standsInTheReadme() throws {
    let here = URL(fileURLWithPath: #filePath)
    var root = here
    for _ in 0..<4 { root.deleteLastPathComponent() }
    let source = try String(contentsOf: here, encoding: .utf8)
    let begin = try #require(source.range(of: "// README method begins\n"))
    let end = try #require(source.range(of: "// README method ends\n"))
    let readme = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
    #expect(readme.contains(String(source[begin.upperBound..<end.lowerBound])))
  }
}
