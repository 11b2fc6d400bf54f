// A file of events that TensorBoard reads.

import Foundation
import Models

/// Writes an event file: TFRecord frames around messages, no TensorFlow needed. Used from one thread.
///
/// Nothing reaches the file before `flush`, which leaves it whole: a reader may follow it while it grows.
public final class TensorBoardLog {
  public let path: String
  let descriptor: Int32
  private let now: () -> Double
  private var buffer: [UInt8] = []
  private var hasFailed = false

  /// Starts a file of its own in `folder`, which is made where it is not there.
  /// - Parameters:
  ///   - step: the first step that will be written. What older files in the folder say of it and of later steps is
  ///     void.
  ///   - now: Unix time in seconds.
  public init(
    folder: String, from step: Int = 0, now: @escaping () -> Double = { Date().timeIntervalSince1970 }
  ) throws(InputError) {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw InputError(.unwritable, file: folder, "cannot be made: \(error.localizedDescription)")
    }
    (descriptor, path) = try Self.create(in: folder, time: Int(now()))
    self.now = now
    append(EventMessage.version(wallTime: now()))
    restart(from: step)
    try flush()
  }

  deinit {
    try? flush()
    close(descriptor)
  }

  /// Voids what has been written of `step` and of later steps: the run goes on from there.
  public func restart(from step: Int) { append(EventMessage.start(step: step, wallTime: now())) }

  /// Stored in single precision, as TensorBoard's scalars are.
  public func scalar(_ tag: String, _ value: Double, step: Int) {
    append(EventMessage.scalar(tag, Float(value), step: step, wallTime: now()))
  }

  /// Numbers that are not finite are left out; where none is left nothing is written.
  public func histogram(_ tag: String, _ values: some Sequence<Float>, step: Int) {
    let histogram = ExponentialHistogram(values)
    guard histogram.count > 0 else { return }
    append(EventMessage.histogram(tag, histogram, step: step, wallTime: now()))
  }

  /// Hands everything so far to the system.
  /// - Throws: of kind `unwritable`, once: after a failure nothing is written any more.
  public func flush() throws(InputError) {
    defer { buffer.removeAll(keepingCapacity: true) }
    guard !hasFailed else { return }
    var done = 0
    while done < buffer.count {
      let count = buffer.withUnsafeBytes { bytes in
        write(descriptor, UnsafeRawBufferPointer(rebasing: bytes[done...]).baseAddress, bytes.count - done)
      }
      if count >= 0 {
        done += count
      } else if errno != EINTR {
        hasFailed = true
        throw Self.failure(path)
      }
    }
  }

  /// A frame: the length and its checksum, the message and its checksum.
  private func append(_ message: ProtobufMessage) {
    guard !hasFailed else { return }
    withUnsafeBytes(of: UInt64(message.bytes.count).littleEndian) { appendChecked($0) }
    message.bytes.withUnsafeBytes { appendChecked($0) }
  }

  private func appendChecked(_ bytes: UnsafeRawBufferPointer) {
    buffer.append(contentsOf: bytes)
    let crc = CRC32C.value(of: bytes)
    // The format's mask: the checksum of data that holds checksums would be weak.
    let masked = (crc >> 15 | crc << 17) &+ 0xA282_EAD8
    withUnsafeBytes(of: masked.littleEndian) { buffer.append(contentsOf: $0) }
  }

  /// Readers know an event file by "tfevents" in its name, and take a folder's files in the order of their names.
  private static func create(in folder: String, time: Int) throws(InputError) -> (descriptor: Int32, path: String) {
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    let host = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    var number = 0
    while true {
      let path = folder + String(format: "/events.out.tfevents.%010d", time) + ".\(host).\(getpid()).\(number).ranktop"
      let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if descriptor >= 0 { return (descriptor, path) }
      if errno == EEXIST { number += 1 } else if errno != EINTR { throw failure(path) }
    }
  }

  private static func failure(_ path: String) -> InputError {
    InputError(.unwritable, file: path, "cannot be written: \(String(cString: strerror(errno)))")
  }
}
