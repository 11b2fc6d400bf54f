// BERT's configuration.

import Testing

@testable import Models

@Suite("BertConfig")
struct BertConfigTests {
  private func config(_ members: String) throws(InputError) -> BertConfig {
    let text = #"{"model_type": "bert""# + (members.isEmpty ? "" : ", ") + members + "}"
    return try BertConfig(try JSON.parse(Array(text.utf8), file: "config.json"), file: "config.json")
  }

  @Test("a file that save_pretrained wrote is read")
  func reference() throws {
    let path = try fixture("bert/config.json")
    let config = try BertConfig(try JSON.read(path: path), file: path)
    #expect(
      config
        == BertConfig(
          vocabularySize: 96, hiddenSize: 32, hiddenLayers: 2, attentionHeads: 4, intermediateSize: 64,
          maxPositionEmbeddings: 64, typeVocabularySize: 2, activation: .gelu, layerNormEpsilon: 1e-12,
          hiddenDropout: 0.1, attentionDropout: 0.1, classifierDropout: 0.1, initializerRange: 0.02, padTokenID: 0,
          labelNames: ["LABEL_0", "LABEL_1", "LABEL_2"]))
    #expect(config.labelCount == 3)
  }

  @Test("what is left out has HuggingFace's default")
  func defaults() throws {
    #expect(try config("") == BertConfig())
    #expect(BertConfig().hiddenSize == 768 && BertConfig().vocabularySize == 30522)
    #expect(BertConfig().labelNames == ["LABEL_0", "LABEL_1"])
    #expect(try config(#""classifier_dropout": null, "hidden_dropout_prob": 0.25"#).classifierDropout == 0.25)
    #expect(try config(#""position_embedding_type": null, "is_decoder": false"#) == BertConfig())
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
        == BertConfig(
          vocabularySize: 10, hiddenSize: 12, hiddenLayers: 3, attentionHeads: 2, intermediateSize: 7,
          maxPositionEmbeddings: 9, typeVocabularySize: 1, activation: .geluTanh, layerNormEpsilon: 1e-5,
          hiddenDropout: 0, attentionDropout: 0.5, classifierDropout: 0.25, initializerRange: 1, padTokenID: nil,
          labelNames: ["bad", "good"]))
    #expect(try config(#""num_labels": 4"#).labelNames == ["LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3"])
    #expect(try config(#""hidden_act": "relu""#).activation == .relu)
  }

  @Test("without dropout nothing else changes")
  func withoutDropout() throws {
    let config = BertConfig(hiddenDropout: 0.2, attentionDropout: 0.3, classifierDropout: 0.4)
    #expect(config.withoutDropout() == BertConfig(hiddenDropout: 0, attentionDropout: 0, classifierDropout: 0))
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
        "hidden_act: \"swish\" is not supported; expected gelu, gelu_new, gelu_pytorch_tanh or relu"
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

  @Test(
    "an unknown model_type lists the known ones",
    arguments: [
      (#"{}"#, "model_type: missing; expected one of: bert"),
      (#"{"model_type": "gpt2"}"#, "model_type: \"gpt2\" is not supported; expected one of: bert"),
      (#"{"model_type": 1}"#, "model_type: expected a string, found an integer"),
      (#"[]"#, "expected an object, found an array"),
    ])
  func modelType(text: String, message: String) throws {
    let json = try JSON.parse(Array(text.utf8), file: "config.json")
    #expect(
      failure { () throws(InputError) in try BertConfig(json, file: "config.json") } == "config.json: " + message)
  }
}
