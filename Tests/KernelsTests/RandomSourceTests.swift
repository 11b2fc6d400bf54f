import Kernels
import Testing

@Suite("Random source")
struct RandomSourceTests {
  @Test("the numbers are SplitMix64's published ones")
  func published() {
    var random = RandomSource(seed: 1_234_567)
    #expect(
      (0..<5).map { _ in random.next() } == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423, 4_593_380_528_125_082_431,
        16_408_922_859_458_223_821,
      ])
  }

  @Test("uniform and normal numbers have their moments")
  func moments() {
    var random = RandomSource(seed: 1)
    let n = 200_000
    let uniform = (0..<n).map { _ in random.uniform() }
    #expect(uniform.allSatisfy { 0 <= $0 && $0 < 1 })
    #expect(abs(uniform.reduce(0, +) / Double(n) - 0.5) < 0.004)
    let normal = (0..<n).map { _ in random.normal() }
    #expect(normal.allSatisfy { $0.isFinite })
    #expect(abs(normal.reduce(0, +) / Double(n)) < 0.012)
    #expect(abs(normal.reduce(0) { $0 + $1 * $1 } / Double(n) - 1) < 0.016)
  }

  @Test("a shuffle keeps every element, and purposes have streams of their own")
  func shuffle() {
    var values = Array(0..<100)
    var random = RandomSource(seed: 5, purpose: 1)
    random.shuffle(&values)
    #expect(values != Array(0..<100))
    #expect(values.sorted() == Array(0..<100))
    var other = RandomSource(seed: 5, purpose: 2)
    var same = RandomSource(seed: 5, purpose: 1)
    #expect(other.next() != same.next())
  }

  @Test("indices stay below the bound and reach all of it")
  func indices() {
    var random = RandomSource(seed: 2)
    #expect(Set((0..<1000).map { _ in random.index(below: 7) }) == Set(0..<7))
  }
}
