// The three Protocol Buffers messages that an event file holds: Event, Summary.Value and HistogramProto.

/// A message in the wire format of Protocol Buffers.
///
/// Written by hand, since three messages of a handful of fields, frozen for a decade, do not pay for a compiler of
/// schemas and a library at run time. Field numbers: `event.proto` and `summary.proto` of TensorFlow.
struct ProtobufMessage {
  private(set) var bytes: [UInt8] = []

  /// How a field's value is stored.
  private enum WireType: UInt64 { case varint = 0, fixed64 = 1, lengthDelimited = 2, fixed32 = 5 }

  mutating func integer(_ field: Int, _ value: Int) {
    key(field, .varint)
    varint(UInt64(bitPattern: Int64(value)))
  }

  mutating func double(_ field: Int, _ value: Double) {
    key(field, .fixed64)
    append(value.bitPattern)
  }

  mutating func float(_ field: Int, _ value: Float) {
    key(field, .fixed32)
    append(value.bitPattern)
  }

  mutating func text(_ field: Int, _ value: String) { delimited(field, Array(value.utf8)) }

  mutating func message(_ field: Int, _ value: ProtobufMessage) { delimited(field, value.bytes) }

  /// Repeated doubles, packed.
  mutating func doubles(_ field: Int, _ values: [Double]) {
    key(field, .lengthDelimited)
    varint(UInt64(8 * values.count))
    for value in values { append(value.bitPattern) }
  }

  private mutating func delimited(_ field: Int, _ value: [UInt8]) {
    key(field, .lengthDelimited)
    varint(UInt64(value.count))
    bytes += value
  }

  private mutating func key(_ field: Int, _ type: WireType) { varint(UInt64(field) << 3 | type.rawValue) }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest > 127 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 128)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private mutating func append(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }
}

/// One record of an event file.
enum EventMessage {
  /// Must be the first of a file.
  static func version(wallTime: Double) -> ProtobufMessage {
    var event = ProtobufMessage()
    event.double(1, wallTime)
    event.text(3, "brain.Event:2")
    return event
  }

  /// A session that starts at `step`: readers forget what earlier files and records say of it and of later steps.
  static func start(step: Int, wallTime: Double) -> ProtobufMessage {
    var status = ProtobufMessage()
    status.integer(1, 1)
    return event(step: step, wallTime: wallTime) { $0.message(7, status) }
  }

  static func scalar(_ tag: String, _ value: Float, step: Int, wallTime: Double) -> ProtobufMessage {
    summary(tag, step: step, wallTime: wallTime) { $0.float(2, value) }
  }

  static func histogram(
    _ tag: String, _ histogram: ExponentialHistogram, step: Int, wallTime: Double
  ) -> ProtobufMessage {
    var proto = ProtobufMessage()
    proto.double(1, histogram.minimum)
    proto.double(2, histogram.maximum)
    proto.double(3, Double(histogram.count))
    proto.double(4, histogram.sum)
    proto.double(5, histogram.sumOfSquares)
    proto.doubles(6, histogram.buckets.map(\.limit))
    proto.doubles(7, histogram.buckets.map { Double($0.count) })
    return summary(tag, step: step, wallTime: wallTime) { $0.message(5, proto) }
  }

  private static func summary(
    _ tag: String, step: Int, wallTime: Double, _ content: (inout ProtobufMessage) -> Void
  ) -> ProtobufMessage {
    var value = ProtobufMessage()
    value.text(1, tag)
    content(&value)
    var summary = ProtobufMessage()
    summary.message(1, value)
    return event(step: step, wallTime: wallTime) { $0.message(5, summary) }
  }

  private static func event(
    step: Int, wallTime: Double, _ content: (inout ProtobufMessage) -> Void
  ) -> ProtobufMessage {
    var event = ProtobufMessage()
    event.double(1, wallTime)
    event.integer(2, step)
    content(&event)
    return event
  }
}
