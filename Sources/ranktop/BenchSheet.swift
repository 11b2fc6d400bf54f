// What `ranktop bench` found, for people and for scripts.

import Foundation
import Kernels
import Models
import Training

/// Lines of text, and the same as the fields of a JSON object.
struct BenchSheet {
  var text: [String] = []
  var json: [(String, JSON)] = []
  /// Whether it is of whole steps.
  var isStep = false

  /// How long the allocator takes at each number of triplets.
  init(allocator times: [(triplets: Int, seconds: Double)]) {
    text = ["triplets   mask ms   ns each"]
    for time in times {
      text.append(
        String(
          format: "%8d %9.3f %9.2f", time.triplets, time.seconds * 1e3, time.seconds * 1e9 / Double(time.triplets)))
    }
    json = [
      (
        "allocator",
        .array(
          times.map {
            .object(JSONObject([("triplets", .integer($0.triplets)), ("mask_ms", .number($0.seconds * 1e3))]))
          })
      )
    ]
  }

  fileprivate init() {}
}

extension StepBenchmark.Report {
  var sheet: BenchSheet {
    var sheet = BenchSheet()
    sheet.isStep = true
    func milliseconds(_ seconds: Double) -> String { String(format: "%8.2f", seconds * 1e3) }
    sheet.text = [
      String(
        format: "step %.2f ms (median; fastest %.2f), %.0f tokens/s, %d trainable parameters", step * 1e3,
        fastestStep * 1e3, Double(tokens) / step, parameters), "",
      "operation              ms      %     GFLOP   GFLOP/s",
    ]
    let all = parts.reduce(0) { $0 + $1.seconds }
    for part in parts {
      var line = "\(part.operation)".padding(toLength: 17, withPad: " ", startingAt: 0) + milliseconds(part.seconds)
      line += String(format: "%7.1f", 100 * part.seconds / all)
      if part.flops > 0 {
        line += String(format: "%10.3f%10.1f", Double(part.flops) * 1e-9, Double(part.flops) * 1e-9 / part.seconds)
      }
      sheet.text.append(line)
    }
    sheet.text += [
      "",
      String(
        format: "this machine multiplies at %.0f GFLOP/s at these shapes, all workers together", machineRate * 1e-9),
      String(
        format: "frozen products done, %.2f GFLOP: %.1f %% of a step at that rate", Double(frozenFlops) * 1e-9,
        100 * share(of: frozenFlops)),
      String(
        format: "every frozen product of every token, %.2f GFLOP: %.1f %%", Double(wholeFlops) * 1e-9,
        100 * share(of: wholeFlops)),
      String(
        format: "scoring and masking %+.2f %% (pass %.3f ms and mask %.3f, pass alone %.3f); steps without: %.2f ms",
        100 * allocationCost, update * 1e3, mask * 1e3, updateAlone * 1e3, withoutAllocation * 1e3),
      String(
        format: "memory: peak %.1f MB resident, of which activations %.1f MB", Double(peakResident) * 1e-6,
        Double(arenaBytes) * 1e-6),
    ]
    sheet.json = [
      ("step_ms", .number(step * 1e3)), ("fastest_step_ms", .number(fastestStep * 1e3)),
      ("tokens", .integer(tokens)), ("tokens_per_s", .number(Double(tokens) / step)),
      ("parameters", .integer(parameters)), ("machine_gflops", .number(machineRate * 1e-9)),
      ("frozen_gflop", .number(Double(frozenFlops) * 1e-9)), ("frozen_share", .number(share(of: frozenFlops))),
      ("whole_gflop", .number(Double(wholeFlops) * 1e-9)), ("whole_share", .number(share(of: wholeFlops))),
      ("allocation_cost", .number(allocationCost)), ("update_ms", .number(update * 1e3)),
      ("mask_ms", .number(mask * 1e3)), ("update_alone_ms", .number(updateAlone * 1e3)),
      ("step_without_allocation_ms", .number(withoutAllocation * 1e3)), ("peak_rss_bytes", .integer(peakResident)),
      ("activation_bytes", .integer(arenaBytes)),
      (
        "operations",
        .array(
          parts.map {
            .object(
              JSONObject([
                ("operation", .string("\($0.operation)")), ("ms", .number($0.seconds * 1e3)),
                ("gflop", .number(Double($0.flops) * 1e-9)),
              ]))
          })
      ),
    ]
    return sheet
  }
}

extension UpdateBenchmark.Report {
  var sheet: BenchSheet {
    var sheet = BenchSheet()
    sheet.text = [
      "\(modules) modules, \(triplets) triplets, \(parameters) adapter parameters",
      String(format: "AdamW, sensitivities and scores %9.3f ms", update * 1e3),
      String(format: "AdamW alone                     %9.3f ms", updateAlone * 1e3),
      String(format: "allocator                       %9.3f ms", mask * 1e3),
      String(
        format: "moving the %.0f MB of it         %9.3f ms at this machine's %.1f GB/s: the pass takes %.2f times that",
        Double(bytes) * 1e-6, smallestTime * 1e3, memoryRate * 1e-9, update / smallestTime),
    ]
    sheet.json = [
      ("modules", .integer(modules)), ("triplets", .integer(triplets)), ("parameters", .integer(parameters)),
      ("update_ms", .number(update * 1e3)), ("update_alone_ms", .number(updateAlone * 1e3)),
      ("mask_ms", .number(mask * 1e3)), ("bytes", .integer(bytes)), ("bytes_ms", .number(smallestTime * 1e3)),
    ]
    return sheet
  }
}

extension TokenizerBenchmark.Report {
  var sheet: BenchSheet {
    var sheet = BenchSheet()
    sheet.text = [
      String(
        format: "%d lines, %d tokens: %.1f ms, %.0f lines/s", lines, tokens, seconds * 1e3, Double(lines) / seconds)
    ]
    sheet.json = [
      ("lines", .integer(lines)), ("tokens", .integer(tokens)), ("seconds", .number(seconds)),
      ("lines_per_s", .number(Double(lines) / seconds)),
    ]
    return sheet
  }
}
