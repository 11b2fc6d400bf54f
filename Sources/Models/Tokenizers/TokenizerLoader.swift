// Finds and reads a model folder's tokenizer.

public enum TokenizerLoader {
  /// The tokenizer of a model folder: `tokenizer.json`, or else `vocab.json` with `merges.txt`, or else `vocab.txt`, or else
  /// what the model's GGUF file holds; beside the second and third, `tokenizer_config.json` holds flags (`do_lower_case`,
  /// `strip_accents`, `tokenize_chinese_chars`, `add_prefix_space`) and the special tokens' names.
  ///
  /// - Parameter folder: may also be the GGUF file itself.
  /// - Throws: where the folder has none of them, or the file cannot be used.
  public static func load(folder: String) throws(InputError) -> any Tokenizer {
    func has(_ name: String) -> Bool { MappedFile.exists(folder + "/" + name) }
    if has("tokenizer.json") { return try SubwordTokenizer(tokenizerJSON: folder + "/tokenizer.json") }
    if has("vocab.json"), has("merges.txt") { return try SubwordTokenizer(mergesFolder: folder) }
    if has("vocab.txt") { return try SubwordTokenizer(vocabularyFolder: folder) }
    if let gguf = try ModelFolder.gguf(folder) {
      return try SubwordTokenizer(TokenizerFile(path: gguf, root: try GGUFTokenizer(GGUFFile(path: gguf)).json()))
    }
    let sentencePiece = ["spm.model", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model"].first(where: has)
    guard let sentencePiece else {
      throw InputError(
        .missing, file: folder,
        "no vocabulary; expected tokenizer.json, vocab.json with merges.txt, or vocab.txt in this folder")
    }
    throw InputError(
      file: folder + "/" + sentencePiece,
      "a SentencePiece model, which is not read here; expected tokenizer.json: convert it with "
        + ModelFolder.conversion(by: "AutoTokenizer", folder))
  }
}
