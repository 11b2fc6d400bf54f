// What every listed method must hold to.

import AdaLoRA
import Kernels
import Testing

@Suite("Methods")
struct MethodTests {
  @Test("names are unique, and a name or a title finds its method")
  func names() {
    #expect(Set(ListedMethod.allCases).count == ListedMethod.allCases.count)
    for listed in ListedMethod.allCases {
      #expect(ListedMethod(rawValue: listed.rawValue) == listed)
      #expect(ListedMethod(title: listed.title) == listed)
    }
    #expect(ListedMethod(rawValue: "pissa") == nil)
    #expect(ListedMethod.adalora.title == "ADALORA" && ListedMethod.lora.title == "LORA")
  }

  @Test("AdaLoRA goes from init_r to target_r, SVD-LoRA stays at target_r, LoRA at r; IncreLoRA starts with 1")
  func ranks() {
    func ranks(_ name: String) -> ModuleRanks? {
      ListedMethod(rawValue: name)?.method.ranks(r: 5, initial: 12, target: 8)
    }
    #expect(ranks("adalora") == ModuleRanks(room: 12, first: 12, last: 8))
    #expect(ranks("svd-lora") == ModuleRanks(room: 8, first: 8, last: 8))
    #expect(ranks("lora") == ModuleRanks(room: 5, first: 5, last: 5))
    #expect(ranks("pruned-lora") == ranks("adalora"))
    #expect(ranks("increlora") == ModuleRanks(room: 12, first: 1, last: 8))
    #expect(ranks("elalora") == ModuleRanks(room: 12, first: 8, last: 8))
  }
}
