// Finds and reads a model folder's tokenizer.

public enum TokenizerLoader {
  /// The tokenizer of a model folder: `tokenizer.json`, or else `vocab.txt` with `tokenizer_config.json` (`do_lower_case`,
  /// `strip_accents`, `tokenize_chinese_chars` and the special tokens' names), or else what the model's GGUF file holds.
  ///
  /// - Throws: where the folder has neither, or the file cannot be used.
  public static func load(folder: String) throws(InputError) -> any Tokenizer {
    let tokenizer = folder + "/tokenizer.json"
    if MappedFile.exists(tokenizer) { return try SubwordTokenizer(tokenizerJSON: tokenizer) }
    guard MappedFile.exists(folder + "/vocab.txt") else {
      if let gguf = try ModelFolder.gguf(folder) {
        return try SubwordTokenizer(
          TokenizerFile(path: gguf, root: try GGUFTokenizer(GGUFFile(path: gguf)).json()))
      }
      throw InputError(.missing, file: folder, "no vocabulary; expected tokenizer.json or vocab.txt in this folder")
    }
    return try SubwordTokenizer(vocabularyFolder: folder)
  }
}
