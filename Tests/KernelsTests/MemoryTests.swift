import Kernels
import Testing

@Suite("Arena")
struct ArenaTests {
  @Test("pieces start at cache lines and do not overlap")
  func pieces() {
    let arena = Arena(capacity: 200)
    let sizes = [1, 16, 17, 3, 0, 40]
    let taken = sizes.map { arena.take($0) }
    for (i, size) in sizes.enumerated() { taken[i].update(repeating: Float(i), count: size) }
    for (i, size) in sizes.enumerated() {
      #expect(UInt(bitPattern: taken[i]) % 64 == 0)
      #expect((0..<size).allSatisfy { taken[i][$0] == Float(i) })
    }
    #expect(arena.mark == 16 + 16 + 32 + 16 + 48)
  }

  @Test("what is released or reset is handed out again; the high-water mark stays")
  func releases() {
    let arena = Arena(capacity: 160)
    let first = arena.take(20)
    let mark = arena.mark
    let second = arena.take(100)
    #expect(arena.highWater == 32 + 112)
    arena.release(to: mark)
    #expect(arena.take(5) == second)
    arena.reset()
    #expect(arena.mark == 0)
    #expect(arena.take(1) == first)
    #expect(arena.highWater == 144)
  }

  @Test("reserving grows the block and gives everything back, and does not shrink it")
  func reserve() {
    let arena = Arena(capacity: 32)
    _ = arena.take(32)
    arena.reserve(320)
    #expect(arena.capacity == 320)
    #expect(arena.mark == 0)
    let all = arena.take(320)
    all.update(repeating: 1, count: 320)
    #expect(UInt(bitPattern: all) % 64 == 0)
    arena.reserve(16)
    #expect(arena.capacity == 320)
    #expect(arena.take(1) == all)
  }

  @Test("asking for more than there is stops the process")
  func exhausted() async {
    await #expect(processExitsWith: .failure) {
      let arena = Arena(capacity: 32)
      _ = arena.take(17)
      _ = arena.take(1)
    }
  }
}

@Suite("Buffer")
struct BufferTests {
  @Test("a buffer is zeroed, aligned to a cache line and writable", arguments: awkwardSizes)
  func zeroed(count: Int) {
    let buffer = Buffer(count: count)
    #expect(buffer.count == count)
    #expect(UInt(bitPattern: buffer.base) % 64 == 0)
    #expect(buffer.values == [Float](repeating: 0, count: count))
    buffer.base[count - 1] = 4
    #expect(buffer.values.last == 4)
  }

  @Test("an empty buffer is allowed")
  func empty() {
    let buffer = Buffer(count: 0)
    #expect(buffer.values.isEmpty)
  }
}

@Suite("Parameter block")
struct ParameterBlockTests {
  @Test("segments start at multiples of 16 and are zero once sealed")
  func segments() {
    let block = ParameterBlock()
    #expect([block.reserve(5), block.reserve(16), block.reserve(17), block.reserve(1)] == [0, 16, 32, 64])
    #expect(!block.isSealed)
    block.seal()
    #expect(block.isSealed)
    #expect(block.count == 80)
    #expect((0..<80).allSatisfy { block.weights[$0] == 0 && block.gradients[$0] == 0 })
    block.weights[3] = 1
    #expect(block.gradients[3] == 0)
  }

  @Test("a sealed block takes no more segments")
  func sealed() async {
    await #expect(processExitsWith: .failure) {
      let block = ParameterBlock()
      block.seal()
      _ = block.reserve(1)
    }
  }
}
