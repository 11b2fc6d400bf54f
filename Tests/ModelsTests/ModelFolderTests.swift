// Models' folders: one file, shards, and what is refused.

import Foundation
import Testing

@testable import Models

@Suite("ModelFolder")
struct ModelFolderTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func refusal() -> String? {
    failure { () throws(InputError) in try ModelFolder(path: folder.path) }
  }

  /// A folder of two shards, with this index.
  private func writeShards(_ index: String) throws {
    try folder.write(#"{"model_type": "bert"}"#, "config.json")
    try folder.write(
      safetensors(
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#,
        data: [0, 0, 0x80, 0x3F, 0, 0, 0, 0x40, 0, 0, 0x40, 0x40]), "model-00001-of-00002.safetensors")
    try folder.write(
      safetensors(
        #"{"c":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]}}"#, data: [0x80, 0x40, 0xA0, 0x40]),
      "model-00002-of-00002.safetensors")
    try folder.write(index, ModelFolder.indexName)
  }

  private let index = #"""
    {"metadata": {"total_size": 20}, "weight_map": {"c": "model-00002-of-00002.safetensors",
    "a": "model-00001-of-00002.safetensors", "b": "model-00001-of-00002.safetensors"}}
    """#

  @Test("a folder that save_pretrained wrote has its configuration and tensors")
  func single() throws {
    let model = try ModelFolder(path: fixture("bert"))
    #expect(model.config["hidden_size"] == .integer(32))
    #expect(model.configPath.hasSuffix("/bert/config.json"))
    #expect(model.names.count == 41)
    #expect(try model.floats("classifier.bias").shape == [3])
    #expect(try model.floats("classifier.weight", shape: [3, 32]).values.first == 0.016522560268640518)
    #expect(
      failure { () throws(InputError) in try model.floats("x", shape: [1]) }
        == "model.safetensors: tensor x: missing; expected one of shape [1]")
    #expect(
      failure { () throws(InputError) in try model.floats("classifier.bias", shape: [2]) }
        == "model.safetensors: tensor classifier.bias: shape [3], expected [2]")
  }

  @Test("shards are one model, and errors name the shard")
  func shards() throws {
    try writeShards(index)
    let model = try ModelFolder(path: folder.path)
    #expect(model.names == ["c", "a", "b"])
    #expect(try model.floats("a").values == [1, 2])
    #expect(try model.floats("b", shape: [1]).values == [3])
    #expect(try model.floats("c", shape: [1, 2]).values == [4, 5])
    #expect(
      failure { () throws(InputError) in try model.floats("c", shape: [2]) }
        == "model-00002-of-00002.safetensors: tensor c: shape [1, 2], expected [2]")
    #expect(
      failure { () throws(InputError) in try model.floats("d", shape: nil) }
        == "model.safetensors.index.json: tensor d: missing")
  }

  @Test(
    "an index that cannot be followed is refused",
    arguments: [
      (#"[]"#, "expected an object, found an array"),
      (#"{}"#, "weight_map: missing"),
      (#"{"weight_map": 1}"#, "weight_map: expected an object, found an integer"),
      (#"{"weight_map": {"a": 1}}"#, "weight_map.a: expected a string, found an integer"),
      (#"{"weight_map": {"a": "none.safetensors"}}"#, "weight_map.a: the shard none.safetensors is not in the folder"),
      (
        #"{"weight_map": {"a": "../x.safetensors"}}"#,
        "weight_map.a: the shard \"../x.safetensors\", expected the name of a file in the same folder"
      ),
      (
        #"{"weight_map": {"a": "/etc/passwd"}}"#,
        "weight_map.a: the shard \"/etc/passwd\", expected the name of a file in the same folder"
      ),
      (
        #"{"weight_map": {"a": ".."}}"#,
        "weight_map.a: the shard \"..\", expected the name of a file in the same folder"
      ),
      (
        #"{"weight_map": {"a": ""}}"#, "weight_map.a: the shard \"\", expected the name of a file in the same folder"
      ),
      (
        #"{"weight_map": {"a": "model-00001-of-00002.safetensors\u0000"}}"#,
        "weight_map.a: the shard \"model-00001-of-00002.safetensors\\u0000\", expected the name of a file in the same "
          + "folder"
      ),
      (
        #"{"weight_map": {"a": "model-00002-of-00002.safetensors"}}"#,
        "weight_map.a: the shard model-00002-of-00002.safetensors has no such tensor"
      ),
    ])
  func hostileIndex(text: String, message: String) throws {
    try writeShards(text)
    #expect(refusal() == "model.safetensors.index.json: " + message)
  }

  @Test("a shard that is no safetensors file is named")
  func brokenShard() throws {
    try writeShards(index)
    try folder.write([1, 2], "model-00001-of-00002.safetensors")
    #expect(
      refusal()
        == "model-00001-of-00002.safetensors: truncated: 2 bytes, expected at least the 8 of the header's length")
  }

  @Test("a folder without configuration or weights says what is missing")
  func missing() throws {
    #expect(
      failure { () throws(InputError) in try ModelFolder(path: folder.path + "/none") }
        == "none: no such folder; expected a model's")
    let file = try folder.write("", "f")
    #expect(
      failure { () throws(InputError) in try ModelFolder(path: file) }
        == "f: a file, expected a model's folder or a file that ends in .gguf")
    #expect(refusal() == "config.json: no such file")
    try folder.write("{}", "config.json")
    #expect(refusal()?.hasSuffix(": no model.safetensors, no model.safetensors.index.json and no .gguf file") == true)
  }

  @Test("a pickle is refused with the command that converts it, by the model's own class")
  func pickle() throws {
    try folder.write(#"{"architectures": ["BertForSequenceClassification"]}"#, "config.json")
    try folder.write([0x80, 2], "pytorch_model.bin")
    func message(_ className: String) -> String {
      "pytorch_model.bin: a pickle, which can run code when loaded and is not read here; expected model.safetensors: "
        + "convert it with python -c \"import sys, transformers as t; t.\(className).from_pretrained(sys.argv[1])"
        + ".save_pretrained(sys.argv[1], safe_serialization=True)\" '\(folder.path)'"
    }
    #expect(refusal() == message("BertForSequenceClassification"))
    try folder.write(#"{"architectures": ["a\"; rm -rf"]}"#, "config.json")
    #expect(refusal() == message("AutoModel"))
  }
}
