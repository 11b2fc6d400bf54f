// In what encoders differ before any size is known: names, keys and the way to the logits.

import Kernels

/// A family of encoders with layer norms after their residual sums: BERT and those made after it.
public struct EncoderFamily: Sendable, Equatable {
  /// `model_type` in `config.json`.
  public private(set) var modelType = "bert"
  /// What the encoder's names begin with where a whole model was saved.
  private(set) var prefix = "bert."
  /// What follows before a layer's number.
  private(set) var stack = "encoder.layer."
  private(set) var layer = LayerNames()
  /// What turns narrow embeddings into the layers' width, if they are narrow.
  private(set) var projection: Projection?
  /// The layer that a first token passes on its way to the head; nil where the head has that layer.
  private(set) var pooler: String? = "bert.pooler.dense"
  /// The modules that are trained whole; the last gives the logits. PEFT's `modules_to_save` finds every module whose
  /// name ends in `classifier`, so DistilBERT's `pre_classifier` too.
  private(set) var head = ["classifier"]
  private(set) var poolerActivation = Activation.tanh
  /// Whether the classifier's dropout acts before the first dense layer as well.
  private(set) var dropsPoolerInput = false
  /// Whether the first token's position is the padding token's id plus 1.
  private(set) var countsFromPadding = false
  /// Whether the tokenizers of the family tell the texts of a pair apart.
  private(set) var readsTokenTypes = true
  /// What the names of other tasks' heads and of saved buffers begin with.
  private(set) var ignored = ["cls.", "bert.embeddings.position_ids", "bert.embeddings.token_type_ids"]
  private(set) var keys = Keys()

  /// Names within a layer.
  struct LayerNames: Equatable {
    var query = "attention.self.query"
    var key = "attention.self.key"
    var value = "attention.self.value"
    var positionKey = "attention.self.pos_key_proj"
    var positionQuery = "attention.self.pos_query_proj"
    var attentionOutput = "attention.output.dense"
    var attentionNorm = "attention.output.LayerNorm"
    var intermediate = "intermediate.dense"
    var output = "output.dense"
    var outputNorm = "output.LayerNorm"
  }

  struct Projection: Equatable {
    var name: String
    /// Whether the norm comes after it.
    var precedesNorm: Bool
    var hasBias: Bool
  }

  /// Names in `config.json`.
  struct Keys: Equatable {
    var hidden = "hidden_size"
    var layers = "num_hidden_layers"
    var heads = "num_attention_heads"
    var intermediate = "intermediate_size"
    var activation = "hidden_act"
    var hiddenDropout = "hidden_dropout_prob"
    var attentionDropout = "attention_probs_dropout_prob"
    var classifierDropout = "classifier_dropout"
  }

  public static let bert = EncoderFamily()
  public static let roberta = robertaLike("roberta")
  public static let xlmRoberta = robertaLike("xlm-roberta")
  public static let camembert = robertaLike("camembert")

  private static func robertaLike(_ modelType: String) -> EncoderFamily {
    var family = EncoderFamily()
    family.modelType = modelType
    family.prefix = "roberta."
    family.pooler = nil
    family.head = ["classifier.dense", "classifier.out_proj"]
    family.dropsPoolerInput = true
    family.countsFromPadding = true
    family.readsTokenTypes = false
    family.ignored = ["lm_head.", "roberta.pooler.", "roberta.embeddings.position_ids"]
    return family
  }

  public static let electra: EncoderFamily = {
    var family = EncoderFamily()
    family.modelType = "electra"
    family.prefix = "electra."
    family.projection = Projection(name: "electra.embeddings_project", precedesNorm: false, hasBias: true)
    family.pooler = nil
    family.head = ["classifier.dense", "classifier.out_proj"]
    family.poolerActivation = .gelu
    family.dropsPoolerInput = true
    family.ignored = ["discriminator_predictions.", "generator_", "electra.embeddings.position_ids"]
    return family
  }()

  public static let distilbert: EncoderFamily = {
    var family = EncoderFamily()
    family.modelType = "distilbert"
    family.prefix = "distilbert."
    family.stack = "transformer.layer."
    family.layer = LayerNames(
      query: "attention.q_lin", key: "attention.k_lin", value: "attention.v_lin", attentionOutput: "attention.out_lin",
      attentionNorm: "sa_layer_norm", intermediate: "ffn.lin1", output: "ffn.lin2", outputNorm: "output_layer_norm")
    family.pooler = nil
    family.head = ["pre_classifier", "classifier"]
    family.poolerActivation = .relu
    family.ignored = ["vocab_", "distilbert.embeddings.position_ids"]
    family.keys = Keys(
      hidden: "dim", layers: "n_layers", heads: "n_heads", intermediate: "hidden_dim", activation: "activation",
      hiddenDropout: "dropout", attentionDropout: "attention_dropout", classifierDropout: "seq_classif_dropout")
    return family
  }()

  public static let debertaV2: EncoderFamily = {
    var family = EncoderFamily()
    family.modelType = "deberta-v2"
    family.prefix = "deberta."
    family.layer = LayerNames(
      query: "attention.self.query_proj", key: "attention.self.key_proj", value: "attention.self.value_proj")
    family.projection = Projection(name: "deberta.embeddings.embed_proj", precedesNorm: true, hasBias: false)
    family.pooler = "pooler.dense"
    family.poolerActivation = .gelu
    family.ignored = ["cls.", "lm_predictions.", "mask_predictions.", "deberta.embeddings.position_ids"]
    family.keys.classifierDropout = "cls_dropout"
    return family
  }()
}
