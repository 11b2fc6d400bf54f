// Finds and reads a model folder's tokenizer.

public enum TokenizerLoader {
  /// The tokenizer of a model folder: `tokenizer.json`, or else `vocab.json` with `merges.txt`, or else `vocab.txt`, or else
  /// what the model's GGUF file holds; beside the second and third, `tokenizer_config.json` holds flags (`do_lower_case`,
  /// `strip_accents`, `tokenize_chinese_chars`, `add_prefix_space`) and the special tokens' names.
  ///
  /// - Throws: where the folder has none of them, or the file cannot be used.
  public static func load(_ folder: ModelFolder) throws(InputError) -> any Tokenizer {
    try load(folder.path, folder.gguf)
  }

  /// The same of a folder that need not hold a model beside.
  /// - Parameter folder: may also be the GGUF file itself.
  public static func load(folder: String) throws(InputError) -> any Tokenizer { try load(folder, nil) }

  /// - Parameter open: the folder's GGUF file, where it has been read already.
  private static func load(_ folder: String, _ open: GGUFFile?) throws(InputError) -> any Tokenizer {
    func has(_ name: String) -> Bool { MappedFile.exists(folder + "/" + name) }
    if has("tokenizer.json") { return try SubwordTokenizer(tokenizerJSON: folder + "/tokenizer.json") }
    if has("vocab.json"), has("merges.txt") { return try SubwordTokenizer(mergesFolder: folder) }
    if has("vocab.txt") { return try SubwordTokenizer(vocabularyFolder: folder) }
    let gguf = if let open { open } else { try ModelFolder.gguf(folder) }
    if let gguf {
      return try SubwordTokenizer(TokenizerFile(path: gguf.path, root: try GGUFTokenizer(gguf).json()))
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
