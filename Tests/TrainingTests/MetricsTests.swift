import Testing

@testable import Training

@Suite("Metrics")
struct MetricsTests {
  private func matrix(_ pairs: [(Int, Int)], classes: Int) -> ConfusionMatrix {
    var matrix = ConfusionMatrix(classes: classes)
    for (truth, prediction) in pairs { matrix.add(truth: truth, prediction: prediction) }
    return matrix
  }

  @Test("two classes, against values worked out by hand")
  func binary() {
    // 4 true positives, 3 true negatives, 2 false positives, 1 false negative.
    let m = matrix(
      Array(repeating: (1, 1), count: 4) + Array(repeating: (0, 0), count: 3) + Array(repeating: (0, 1), count: 2)
        + [(1, 0)], classes: 2)
    #expect(abs(m.accuracy - 0.7) < 1e-12)
    #expect(abs(m.f1 - 8.0 / 11) < 1e-12)
    #expect(abs(m.matthews - 10 / (6.0 * 5 * 5 * 4).squareRoot()) < 1e-12)
  }

  @Test("three classes, against scikit-learn's values")
  func multiclass() {
    let truth = [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]
    let prediction = [0, 2, 1, 0, 0, 2, 0, 1, 2, 1]
    let m = matrix(Array(zip(truth, prediction)), classes: 3)
    #expect(abs(m.accuracy - 0.6) < 1e-12)
    #expect(abs(m.f1 - (0.75 + 1.0 / 3 + 2.0 / 3) / 3) < 1e-12)
    #expect(abs(m.matthews - 0.393939393939394) < 1e-12)
  }

  @Test("Matthews is 0 where only one class is predicted")
  func degenerate() {
    #expect(matrix([(0, 0), (1, 0), (0, 0)], classes: 2).matthews == 0)
    #expect(matrix([(0, 0), (1, 0), (0, 0)], classes: 2).f1 == 0)
  }

  @Test("Spearman's correlation with ties")
  func rankCorrelation() {
    #expect(abs(spearman([1, 2, 3, 4], [10, 20, 30, 40]) - 1) < 1e-12)
    #expect(abs(spearman([1, 2, 3, 4], [4, 3, 2, 1]) + 1) < 1e-12)
    #expect(abs(spearman([1, 2, 2, 3, 5], [2, 1, 4, 4, 6]) - 0.763157894736842) < 1e-9)
    #expect(spearman([1, 1, 1], [1, 2, 3]) == 0)
  }
}

@Suite("Learning-rate schedule")
struct LearningRateScheduleTests {
  @Test("linear is HuggingFace's: zero first, full after ⌈0.06·T⌉ steps, straight to zero")
  func linear() {
    func factor(_ t: Int) -> Double {
      LearningRateSchedule.linear.factor(step: t, totalSteps: 810, warmupRatio: 0.06)
    }
    #expect(factor(0) == 0)
    #expect(abs(factor(7) - 7.0 / 49) < 1e-12)
    #expect(factor(49) == 1)
    #expect(abs(factor(430) - 380.0 / 761) < 1e-12)
    #expect(abs(factor(809) - 1.0 / 761) < 1e-12)
  }

  @Test("cosine halves in the middle, constant stays")
  func others() {
    #expect(abs(LearningRateSchedule.cosine.factor(step: 60, totalSteps: 110, warmupRatio: 0.0909) - 0.5) < 1e-12)
    #expect(LearningRateSchedule.constant.factor(step: 0, totalSteps: 10, warmupRatio: 0.5) == 1)
  }
}
