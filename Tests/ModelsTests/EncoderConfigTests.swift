// Encoders' configurations.

import Kernels
import Testing

@testable import Models

@Suite("Encoder configurations")
struct EncoderConfigTests {
  private func config(_ members: String, _ family: EncoderFamily = .bert) throws(InputError) -> EncoderConfig {
    try EncoderConfig(try JSON.parse(Array("{\(members)}".utf8), file: "config.json"), family, file: "config.json")
  }

  @Test("a file that save_pretrained wrote is read")
  func reference() throws {
    let path = try fixture("bert/config.json")
    let config = try EncoderConfig(try JSON.read(path: path), .bert, file: path)
    #expect(
      config
        == EncoderConfig(
          vocabularySize: 96, hiddenSize: 32, hiddenLayers: 2, attentionHeads: 4, intermediateSize: 64,
          maxPositionEmbeddings: 64, typeVocabularySize: 2, activation: .gelu, layerNormEpsilon: 1e-12,
          hiddenDropout: 0.1, attentionDropout: 0.1, classifierDropout: 0.1, initializerRange: 0.02, padTokenID: 0,
          labelNames: ["LABEL_0", "LABEL_1", "LABEL_2"]))
    #expect(config.labelCount == 3)
  }

  @Test("what is left out has HuggingFace's default")
  func defaults() throws {
    #expect(try config("") == EncoderConfig())
    #expect(EncoderConfig().hiddenSize == 768 && EncoderConfig().vocabularySize == 30522)
    #expect(EncoderConfig().labelNames == ["LABEL_0", "LABEL_1"])
    #expect(try config(#""classifier_dropout": null, "hidden_dropout_prob": 0.25"#).classifierDropout == 0.25)
    #expect(try config(#""position_embedding_type": null, "is_decoder": false"#) == EncoderConfig())
  }

  @Test("every key is taken from the file")
  func keys() throws {
    let read = try config(
      #"""
      "vocab_size": 10, "hidden_size": 12, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 7,
      "max_position_embeddings": 9, "type_vocab_size": 1, "hidden_act": "gelu_new", "layer_norm_eps": 1e-5,
      "hidden_dropout_prob": 0, "attention_probs_dropout_prob": 0.5, "classifier_dropout": 0.25,
      "initializer_range": 1, "pad_token_id": null, "id2label": {"1": "good", "0": "bad"},
      "position_embedding_type": "absolute", "something_else": [1]
      """#)
    #expect(
      read
        == EncoderConfig(
          vocabularySize: 10, hiddenSize: 12, hiddenLayers: 3, attentionHeads: 2, intermediateSize: 7,
          maxPositionEmbeddings: 9, typeVocabularySize: 1, activation: .geluTanh, layerNormEpsilon: 1e-5,
          hiddenDropout: 0, attentionDropout: 0.5, classifierDropout: 0.25, initializerRange: 1, padTokenID: nil,
          labelNames: ["bad", "good"]))
    #expect(try config(#""num_labels": 4"#).labelNames == ["LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3"])
    #expect(try config(#""hidden_act": "relu""#).activation == .relu)
  }

  @Test("without dropout nothing else changes")
  func withoutDropout() throws {
    let config = EncoderConfig(hiddenDropout: 0.2, attentionDropout: 0.3, classifierDropout: 0.4)
    #expect(config.withoutDropout() == EncoderConfig(hiddenDropout: 0, attentionDropout: 0, classifierDropout: 0))
  }

  @Test(
    "a value of the wrong type, out of range, or of an unsupported variant is refused",
    arguments: [
      (#""hidden_size": 0"#, "hidden_size: 0, expected 1 to 65536"),
      (#""hidden_size": -768"#, "hidden_size: -768, expected 1 to 65536"),
      (#""hidden_size": 9223372036854775807"#, "hidden_size: 9223372036854775807, expected 1 to 65536"),
      (#""hidden_size": "768""#, "hidden_size: expected an integer, found a string"),
      (#""hidden_size": 768.0"#, "hidden_size: expected an integer, found the number 768.0"),
      (#""vocab_size": 1000000000000"#, "vocab_size: 1000000000000, expected 1 to 16777216"),
      (#""num_hidden_layers": 100000"#, "num_hidden_layers: 100000, expected 1 to 1024"),
      (#""intermediate_size": 0"#, "intermediate_size: 0, expected 1 to 1048576"),
      (#""max_position_embeddings": 0"#, "max_position_embeddings: 0, expected 1 to 1048576"),
      (#""type_vocab_size": 0"#, "type_vocab_size: 0, expected 1 to 65536"),
      (#""num_attention_heads": 7"#, "num_attention_heads: 7, expected a divisor of hidden_size, which is 768"),
      (#""num_attention_heads": 0"#, "num_attention_heads: 0, expected 1 to 768"),
      (
        #""hidden_act": "swish""#,
        "hidden_act: \"swish\" is not supported; expected gelu, gelu_new, gelu_pytorch_tanh, relu or tanh"
      ),
      (#""layer_norm_eps": 0"#, "layer_norm_eps: 0.0, expected 1e-20 to 1.0"),
      (#""hidden_dropout_prob": 1"#, "hidden_dropout_prob: 1.0, expected 0.0 to 0.99"),
      (#""attention_probs_dropout_prob": -0.1"#, "attention_probs_dropout_prob: -0.1, expected 0.0 to 0.99"),
      (#""classifier_dropout": true"#, "classifier_dropout: expected a number, found true"),
      (#""initializer_range": -1"#, "initializer_range: -1.0, expected 0.0 to 100.0"),
      (#""pad_token_id": 30522"#, "pad_token_id: 30522, expected below vocab_size, which is 30522"),
      (#""id2label": {}"#, "id2label: 0 labels, expected 1 to 65536"),
      (#""id2label": {"0": "a", "2": "b"}"#, "id2label: no label 1, expected ids 0 to 1"),
      (#""id2label": {"0": "a", "01": "b"}"#, "id2label: no label 1, expected ids 0 to 1"),
      (#""id2label": {"0": 3}"#, "id2label.0: expected a string, found an integer"),
      (#""num_labels": 3, "id2label": {"0": "a", "1": "b"}"#, "num_labels: 3, but id2label has 2 labels"),
      (#""num_labels": 1000000000"#, "num_labels: 1000000000, expected 1 to 65536"),
      (
        #""position_embedding_type": "relative_key""#,
        "position_embedding_type: \"relative_key\" is not supported; expected \"absolute\""
      ),
      (#""is_decoder": true"#, "is_decoder: true is not supported; expected false"),
      (#""add_cross_attention": true"#, "add_cross_attention: true is not supported; expected false"),
    ])
  func refused(members: String, message: String) {
    #expect(failure { () throws(InputError) in try config(members) } == "config.json: " + message)
  }

  // MARK: - Other families

  @Test("every family has HuggingFace's defaults")
  func familyDefaults() throws {
    for family in [EncoderFamily.roberta, .xlmRoberta, .camembert, .electra, .distilbert, .debertaV2] {
      #expect(try config("", family) == EncoderConfig.standard(family))
    }
    #expect(try config("", .roberta).maximumLength == 510 && config("", .roberta).padTokenID == 1)
    #expect(try config("", .electra).embeddingSize == 128 && config("", .electra).hiddenSize == 256)
    #expect(try config("", .distilbert).hiddenLayers == 6 && config("", .distilbert).classifierDropout == 0.2)
    #expect(try config("", .debertaV2).vocabularySize == 128100 && config("", .debertaV2).relative == nil)
  }

  @Test("DistilBERT's keys have other names")
  func distilbert() throws {
    let read = try config(
      #"""
      "dim": 12, "n_layers": 3, "n_heads": 2, "hidden_dim": 7, "activation": "relu", "dropout": 0.3,
      "attention_dropout": 0.4, "seq_classif_dropout": 0.5
      """#, .distilbert)
    #expect(
      read
        == EncoderConfig(
          .distilbert, hiddenSize: 12, hiddenLayers: 3, attentionHeads: 2, intermediateSize: 7, typeVocabularySize: 0,
          activation: .relu, hiddenDropout: 0.3, attentionDropout: 0.4, classifierDropout: 0.5))
  }

  @Test("DeBERTa's relative attention is read, kinds as a list or as one text")
  func deberta() throws {
    let read = try config(
      #"""
      "relative_attention": true, "position_buckets": 256, "pos_att_type": ["p2c", "c2p"], "share_att_key": true,
      "norm_rel_ebd": "layer_norm", "position_biased_input": false, "max_relative_positions": -1,
      "pooler_hidden_act": "tanh", "pooler_dropout": 0.2, "cls_dropout": 0.3
      """#, .debertaV2)
    #expect(!read.hasPositionTable && read.scoreTerms == 3 && read.convolution == nil)
    #expect(read.poolerActivation == .tanh && read.poolerDropout == 0.2 && read.classifierDropout == 0.3)
    #expect(
      read.relative == EncoderConfig.RelativeAttention(positions: RelativePositions(reach: 512, buckets: 256)))
    let other = try config(
      #"""
      "relative_attention": true, "pos_att_type": "c2p | c2p", "max_relative_positions": 40, "conv_kernel_size": 3
      """#, .debertaV2)
    #expect(
      other.relative
        == EncoderConfig.RelativeAttention(
          positions: RelativePositions(reach: 40, buckets: 0), hasPositionQueries: false, sharesProjections: false,
          isNormalized: false))
    #expect(other.scoreTerms == 2 && other.hasPositionTable)
    #expect(other.convolution == EncoderConfig.Convolution(width: 3, activation: .tanh))
    // Without relative attention its kinds still count in the scores' scale, as in the reference.
    #expect(try config(#""pos_att_type": "p2c|c2p""#, .debertaV2).scoreTerms == 3)
  }

  @Test("modules are in the reference's order, the head apart")
  func modules() throws {
    var own = EncoderConfig(
      .debertaV2, embeddingSize: 4, hiddenSize: 8, hiddenLayers: 1, attentionHeads: 2, intermediateSize: 6)
    own.relative = EncoderConfig.RelativeAttention(
      positions: RelativePositions(reach: 8, buckets: 0), hasPositionKeys: false, sharesProjections: false)
    let layer = "deberta.encoder.layer.0."
    #expect(
      own.modules.map(\.name)
        == ["deberta.embeddings.embed_proj"]
        + ["query_proj", "key_proj", "value_proj", "pos_query_proj"].map { layer + "attention.self." + $0 }
        + ["attention.output.dense", "intermediate.dense", "output.dense"].map { layer + $0 } + ["pooler.dense"])
    #expect(own.modules[0].inputSize == 4 && !own.modules[0].hasBias)
    #expect(own.places[0].positionQuery == 4 && own.places[0].positionKey == nil && own.places[0].output == 7)
    let head = EncoderConfig(.distilbert, hiddenSize: 8, attentionHeads: 2).headModules(
      for: .sequenceClassification(labels: 3))
    #expect(head.map(\.name) == ["pre_classifier", "classifier"] && head.map(\.outputSize) == [8, 3])
  }

  @Test(
    "what a family does not have is refused",
    arguments: [
      (#""pos_att_type": ["c2c"]"#, #"pos_att_type: "c2c" is not supported; expected c2p or p2c"#),
      (#""pos_att_type": [1]"#, "pos_att_type: expected a string, found an integer"),
      (#""pos_att_type": 3"#, "pos_att_type: expected an array, found an integer"),
      (#""relative_attention": 1"#, "relative_attention: expected true or false, found an integer"),
      (
        #""relative_attention": true, "position_buckets": 1"#,
        "position_buckets: 1, expected -1, or at least 2 and at most twice the 512 relative positions"
      ),
      (
        #""relative_attention": true, "position_buckets": 64, "max_relative_positions": 33"#,
        "position_buckets: 64, expected -1, or at least 2 and at most twice the 33 relative positions"
      ),
      (
        #""relative_attention": true, "max_relative_positions": 4000000000000"#,
        "max_relative_positions: 4000000000000, expected at most 1048576"
      ),
      (#""pooler_hidden_size": 8"#, "pooler_hidden_size: 8 is not supported; expected 1536"),
      (#""attention_head_size": 32"#, "attention_head_size: 32 is not supported; expected 64"),
      (#""conv_kernel_size": 4"#, "conv_kernel_size: 4, expected an odd number"),
      (#""conv_kernel_size": 3, "conv_groups": 2"#, "conv_groups: more than one is not supported; expected 1"),
      (#""type_vocab_size": -1"#, "type_vocab_size: -1, expected 0 to 65536"),
    ])
  func refusedDeberta(members: String, message: String) {
    #expect(failure { () throws(InputError) in try config(members, .debertaV2) } == "config.json: " + message)
  }

  @Test(
    "RoBERTa's positions need a padding token and room behind it",
    arguments: [
      (#""pad_token_id": null"#, "pad_token_id: null, expected an id: positions count from it"),
      (
        #""max_position_embeddings": 2"#,
        "max_position_embeddings: 2, expected more than pad_token_id + 1: positions begin there"
      ),
    ])
  func refusedRoberta(members: String, message: String) {
    #expect(failure { () throws(InputError) in try config(members, .roberta) } == "config.json: " + message)
  }

  @Test("an unknown model_type lists the known ones")
  func modelType() throws {
    func read(_ text: String) -> String? {
      failure { () throws(InputError) in
        try ModelFamily(try JSON.parse(Array(text.utf8), file: "config.json"), file: "config.json")
      }
    }
    let known = ModelFamily.allCases.map(\.rawValue).joined(separator: ", ")
    #expect(known.hasPrefix("bert, roberta, xlm-roberta, camembert, electra, distilbert, deberta-v2"))
    #expect(read("{}") == "config.json: model_type: missing; expected one of: \(known)")
    #expect(
      read(#"{"model_type": "t5"}"#) == "config.json: model_type: \"t5\" is not supported; expected one of: \(known)")
    #expect(read(#"{"model_type": 1}"#) == "config.json: model_type: expected a string, found an integer")
    #expect(read("[]") == "config.json: expected an object, found an array")
  }
}
