// Decoders' configurations.

import Foundation
import Kernels
import Testing

@testable import Models

@Suite("Decoder configurations")
struct DecoderConfigTests {
  private func config(_ members: String, _ family: ModelFamily = .llama) throws(InputError) -> DecoderConfig {
    try DecoderConfig(try JSON.parse(Array("{\(members)}".utf8), file: "config.json"), family, file: "config.json")
  }

  private func refusal(_ members: String, _ family: ModelFamily = .llama) -> String? {
    failure { () throws(InputError) in try config(members, family) }
  }

  @Test("what is left out has each family's default in HuggingFace")
  func defaults() throws {
    #expect(
      try config("")
        == DecoderConfig(
          vocabularySize: 32_000, hiddenSize: 4096, hiddenLayers: 32, attentionHeads: 32, intermediateSize: 11_008,
          maximumLength: 2048))
    let mistral = try config("", .mistral)
    #expect(mistral.keyValueHeads == 8 && mistral.intermediateSize == 14_336 && mistral.maximumLength == 4096)
    #expect(try config(#""sliding_window": null"#, .mistral).maximumLength == 131_072)
    let qwen2 = try config("", .qwen2)
    #expect(qwen2.vocabularySize == 151_936 && qwen2.maximumLength == 32_768 && qwen2.headSize == 128)
    #expect(qwen2.hasProjectionBias && !qwen2.hasOutputBias && !qwen2.hasQueryKeyNorm)
    let qwen3 = try config(#""hidden_size": 64, "num_attention_heads": 4"#, .qwen3)
    #expect(qwen3.headSize == 128 && qwen3.hasQueryKeyNorm && !qwen3.hasProjectionBias)
    #expect(
      try config("", .gpt2)
        == DecoderConfig(
          family: .gpt2, vocabularySize: 50_257, hiddenSize: 768, hiddenLayers: 12, attentionHeads: 12,
          intermediateSize: 3072, maximumLength: 1024, normEpsilon: 1e-5, rotary: nil, hasProjectionBias: true,
          hasOutputBias: true, hasFeedForwardBias: true, tiesEmbeddings: true, embeddingDropout: 0.1,
          attentionDropout: 0.1, residualDropout: 0.1))
    #expect(try config("", .gpt2).withoutDropout().attentionDropout == 0)
  }

  @Test("every key is taken from the file")
  func keys() throws {
    let read = try config(
      #"""
      "vocab_size": 10, "hidden_size": 12, "num_hidden_layers": 3, "num_attention_heads": 6, "num_key_value_heads": 2,
      "head_dim": 4, "intermediate_size": 7, "max_position_embeddings": 9, "rms_norm_eps": 1e-5, "rope_theta": 500,
      "attention_bias": true, "mlp_bias": true, "tie_word_embeddings": true, "attention_dropout": 0.25,
      "initializer_range": 1, "pad_token_id": 3, "id2label": {"1": "good", "0": "bad"}
      """#)
    #expect(
      read
        == DecoderConfig(
          vocabularySize: 10, hiddenSize: 12, hiddenLayers: 3, attentionHeads: 6, keyValueHeads: 2, headSize: 4,
          intermediateSize: 7, maximumLength: 9, normEpsilon: 1e-5, rotary: RotaryEmbedding(theta: 500),
          hasProjectionBias: true, hasOutputBias: true, hasFeedForwardBias: true, tiesEmbeddings: true,
          attentionDropout: 0.25, initializerRange: 1, padTokenID: 3, labelNames: ["bad", "good"]))
    #expect(
      read.modules.prefix(7).map { [$0.outputSize, $0.inputSize] } == [
        [24, 12], [8, 12], [8, 12], [12, 24], [7, 12], [7, 12], [12, 7],
      ])
    #expect(read.modules.first?.name == "model.layers.0.self_attn.q_proj" && read.modules.count == 21)
    let gpt2 = try config(#""n_embd": 8, "n_head": 2, "n_layer": 1, "n_inner": 5, "n_positions": 6"#, .gpt2)
    #expect(
      gpt2.modules.map(\.name) == [
        "transformer.h.0.attn.c_attn", "transformer.h.0.attn.c_proj", "transformer.h.0.mlp.c_fc",
        "transformer.h.0.mlp.c_proj",
      ])
    #expect(gpt2.modules.allSatisfy { $0.isTransposed } && gpt2.maximumLength == 6)
    #expect(gpt2.headModules(for: .sequenceClassification(labels: 3)).map(\.name) == ["score"])
    #expect(gpt2.headModules(for: .causalLanguageModel).isEmpty)
  }

  @Test(
    "a variant that is not supported is refused by name",
    arguments: [
      (#""hidden_act": "gelu""#, ModelFamily.llama, "hidden_act: \"gelu\" is not supported; expected \"silu\""),
      (
        #""num_attention_heads": 3"#, .llama, "num_attention_heads: 3, expected a divisor of hidden_size, which is 4096"
      ),
      (
        #""num_key_value_heads": 5"#, .llama,
        "num_key_value_heads: 5, expected a divisor of num_attention_heads, which is 32"
      ),
      (#""head_dim": 3"#, .llama, "head_dim: 3, expected an even number"),
      (
        #""rope_scaling": {"type": "longrope"}"#, .llama,
        "rope_scaling.type: \"longrope\" is not supported; expected one of: default, linear, dynamic, llama3, yarn"
      ),
      (#""rope_scaling": {"type": "linear"}"#, .llama, "rope_scaling.factor: missing, which linear needs"),
      (
        #""rope_parameters": {"rope_type": "linear", "factor": 0.5}"#, .llama,
        "rope_parameters.factor: 0.5, expected 1.0 to 1000000.0"
      ),
      (
        #""rope_parameters": {"partial_rotary_factor": 0.5}"#, .llama,
        "rope_parameters.partial_rotary_factor: below 1 is not supported; expected 1"
      ),
      (
        #""rope_parameters": {"full_attention": {"rope_theta": 1}}"#, .qwen3,
        "rope_parameters.full_attention: parameters of its own for a kind of layer are not supported"
      ),
      (
        #""rope_parameters": {"rope_type": "llama3", "factor": 2, "low_freq_factor": 4, "high_freq_factor": 4}"#,
        .llama,
        "rope_parameters.high_freq_factor: 4.0, expected more than low_freq_factor, which is 4.0"
      ),
      (#""scale_attn_weights": false"#, .gpt2, "scale_attn_weights: false is not supported; expected true"),
      (#""add_cross_attention": true"#, .gpt2, "add_cross_attention: true is not supported; expected false"),
    ])
  func refused(members: String, family: ModelFamily, message: String) {
    #expect(refusal(members, family) == "config.json: " + message)
  }

  @Test("a sliding window bounds the length, within which it makes no difference")
  func window() throws {
    #expect(try config(#""use_sliding_window": true, "sliding_window": 100"#, .qwen2).maximumLength == 100)
    #expect(try config(#""use_sliding_window": false, "sliding_window": 100"#, .qwen3).maximumLength == 32_768)
  }

  /// Recorded from `modeling_rope_utils.py` of transformers 5.24 at a head size of 16.
  @Test(
    "frequencies and the attention's factor are the reference's",
    arguments: [
      (
        #""rope_type": "linear", "factor": 4"#,
        [
          0.25, 0.079056941, 0.0250000004, 0.00790569466, 0.00249999994, 0.000790569466, 0.000250000012, 7.90569466e-05,
        ],
        1
      ),
      (
        #""rope_type": "dynamic", "factor": 4"#,
        [1, 0.316227764, 0.100000001, 0.0316227786, 0.00999999978, 0.00316227786, 0.00100000005, 0.000316227786], 1
      ),
      (
        #"""
        "rope_type": "llama3", "rope_theta": 500000, "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
        "original_max_position_embeddings": 1024
        """#,
        [1, 0.193922758, 0.0376060307, 0.00131256948, 0.000176776681, 3.42810235e-05, 6.64786967e-06, 1.28917316e-06], 1
      ),
      (
        #""rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 1024"#,
        [1, 0.316227764, 0.0812500045, 0.0197642371, 0.00437500002, 0.000790569466, 0.000250000012, 7.90569466e-05],
        1.138629436111989
      ),
      (
        #"""
        "rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 1024, "truncate": false, "beta_fast": 16,
        "beta_slow": 2
        """#,
        [1, 0.316227764, 0.100000001, 0.0187018048, 0.00249999994, 0.000790569466, 0.000250000012, 7.90569466e-05],
        1.138629436111989
      ),
      (
        #"""
        "type": "yarn", "factor": 4, "original_max_position_embeddings": 1024, "mscale": 0.7, "mscale_all_dim": 1
        """#,
        [1, 0.316227764, 0.0812500045, 0.0197642371, 0.00437500002, 0.000790569466, 0.000250000012, 7.90569466e-05],
        0.9634746568860826
      ),
    ] as [(String, [Double], Double)])
  func frequencies(members: String, expected: [Double], factor: Double) throws {
    let rotary = try #require(
      try config(#""max_position_embeddings": 4096, "rope_parameters": {\#(members)}"#).rotary)
    let got = rotary.frequencies(headSize: 16)
    #expect(zip(got, expected).allSatisfy { abs(Double($0) - $1) <= 4e-7 * $1 }, "\(got)")
    if case .yarn(_, let attentionFactor, _, _, _, _) = rotary.scaling {
      #expect(abs(attentionFactor - factor) < 1e-12)
    } else {
      #expect(factor == 1)
    }
  }

  @Test("rope_theta is found beside rope_scaling too, as older files have it")
  func olderFiles() throws {
    let read = try config(#""rope_theta": 5, "rope_scaling": {"type": "linear", "factor": 2}"#)
    #expect(read.rotary == RotaryEmbedding(theta: 5, scaling: .linear(factor: 2)))
    #expect(try config(#""rope_theta": 5, "rope_scaling": null"#).rotary == RotaryEmbedding(theta: 5))
    #expect(try config(#""rope_theta": 5, "rope_parameters": {"rope_theta": 7}"#).rotary?.theta == 7)
  }
}
