"""Writes a small experiment: the tests' random BERT, a made vocabulary and made sentences whose label can be learnt.
Usage: python3 small.py REPOSITORY FOLDER"""
import pathlib
import random
import shutil
import sys

top, folder = map(pathlib.Path, sys.argv[1:])
shutil.rmtree(folder, ignore_errors=True)
shutil.copytree(top / "Tests/TrainingTests/Fixtures/bert-adalora/model", folder / "model")
words = ["good", "bad", "so", "very", "dull", "bright", "film", "scene", "end", "the"]
(folder / "model/vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + words))
source = random.Random(1)
for name, count in (("train", 400), ("dev", 200)):
    lines = ["sentence\tlabel"]
    for _ in range(count):
        text = [source.choice(words) for _ in range(6)]
        mood = text.count("good") + text.count("bright") - text.count("bad") - text.count("dull")
        mood += source.choice([0, 0, 0, 1, -1])
        lines.append(" ".join(text) + "\t" + ("yes" if mood > 0 else "no" if mood < 0 else "so"))
    (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n")
(folder / "small.toml").write_text("""
[model]
path = "model"
[data]
train = "train.tsv"
eval = "dev.tsv"
text = "sentence"
label = "label"
max_length = 16
[adapter]
target_modules = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]
init_r = 6
target_r = 3
tinit = 30
tfinal = 60
deltaT = 5
lora_alpha = 16
orth_reg_weight = 0.1
[training]
total_step = 240
batch_size = 16
learning_rate = 1e-2
eval_every = 30
threads = 1
""")
