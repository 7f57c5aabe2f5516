#!/usr/bin/env python3
"""Makes references.json anew: what the reference implementations make of texts. Tokens come from Hugging Face's `tokenizers`,
vectors from the model's definition in 64-bit floats.

    pip install tokenizers numpy
    reference.py .build/model locomo.json > Tests/Unit/Meaning/references.json
    reference.py .build/model locomo.json --turns FILE    every turn's text, tokens and vector, a line each, to compare by hand

locomo.json: the conversations of snap-research/locomo, of which some turns are taken."""
import base64, json, math, random, struct, sys

import numpy
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

LIMIT = 256  # tokens of a text, as the model's card says
HIDDEN, HEADS, LAYERS = 384, 12, 6


def tokenizer(vocabulary):
    words = {line.rstrip("\n"): number for number, line in enumerate(open(vocabulary, encoding="utf-8", newline="\n"))}
    made = Tokenizer(models.WordPiece(words, unk_token="[UNK]", max_input_chars_per_word=100))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [(name, words[name]) for name in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made.add_special_tokens([AddedToken(name, normalized=False) for name in special])
    return made


class Model:
    def __init__(self, path):
        with open(path, "rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            header, data = json.loads(file.read(size)), file.read()
        self.weights = {
            name: numpy.frombuffer(data[slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"]).astype("f8")
            for name, entry in header.items() if name != "__metadata__" and entry["dtype"] == "F32"}

    def linear(self, x, name):
        return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def norm(self, x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / numpy.sqrt((x * x).mean(-1, keepdims=True) + 1e-12)
        return x * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def embed(self, tokens):
        x = self.weights["embeddings.word_embeddings.weight"][tokens]
        x = x + self.weights["embeddings.position_embeddings.weight"][: len(tokens)]
        x = self.norm(x + self.weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for number in range(LAYERS):
            layer = f"encoder.layer.{number}."
            heads = [
                self.linear(x, layer + "attention.self." + part).reshape(len(tokens), HEADS, -1).swapaxes(0, 1)
                for part in ("query", "key", "value")]
            scores = heads[0] @ heads[1].swapaxes(1, 2) / math.sqrt(HIDDEN // HEADS)
            scores = numpy.exp(scores - scores.max(-1, keepdims=True))
            mixed = scores / scores.sum(-1, keepdims=True) @ heads[2]
            mixed = self.linear(mixed.swapaxes(0, 1).reshape(len(tokens), HIDDEN), layer + "attention.output.dense")
            x = self.norm(x + mixed, layer + "attention.output.LayerNorm")
            wide = self.linear(x, layer + "intermediate.dense")
            wide = wide * (1 + erf(wide / math.sqrt(2))) / 2
            x = self.norm(x + self.linear(wide, layer + "output.dense"), layer + "output.LayerNorm")
        x = x.mean(0)
        return (x / numpy.linalg.norm(x)).astype("<f4")


erf = numpy.vectorize(math.erf)


def turns(path):
    for talk in json.load(open(path)):
        for name, session in talk["conversation"].items():
            if isinstance(session, list):
                for turn in session:
                    if turn.get("text"):
                        yield f'{turn["speaker"]}: {turn["text"]}'


def odd():
    """Texts in which something is treated specially."""
    yield from [
        "", " ", "\n\t ", "a", "Hello, world!", "HELLO WORLD", "don't won't it's", "U.S.A. 3.14 1,000 $5 50% a@b.c #tag",
        "camelCase snake_case path/to/file.swift https://example.org/a?b=c&d=e", "café naïve résumé Ångström Zürich",
        "cafe\u0301 nai\u0308ve e\u0301\u0323\u0302", "İstanbul ISPARTA ığdır ß ẞ ﬁ ﬀ ŉ ǆ ǅ", "ΑΒΓ Σίσυφος ΟΔΥΣΣΕΥΣ ς",
        "Привет, мир! ёлка Йод", "你好世界 混合text中文", "日本語のテキスト、カタカナ。ｶﾀｶﾅ", "한국어 문장입니다 가각", "שָׁלוֹם עולם", "مَرْحَبًا بالعالم",
        "हिन्दी में पाठ", "ไทยภาษา", "ภาษาไทย กำ", "😀 😀😀 emoji 👩‍👩‍👧‍👦 🇩🇪 👍🏽 ☃️", "😀", "🤷 " * 5, "\u3164 \u200b\u200d\ufeff zero\u200bwidth soft\u00adhyphen",
        "nul\0and\x07bell\x1b[0m\x7f", "\u00a0no\u00a0break\u2003em\u3000ideographic\u2028line\u0085next", "\ufffd replacement \ufffd",
        "a" * 100, "a" * 101, "é" * 100, "e\u0301" * 101, "x" * 99 + " " + "y" * 150, "word " * 300, "antidisestablishmentarianism " * 60,
        "[CLS] [SEP] [MASK] [PAD] [UNK]", "a[SEP]b [sep] [ SEP ] [[MASK]] [MASK", "##ing ##", "[UNK]" * 3, "⿰⿱⿲", "𝒜𝓁𝓅𝒽𝒶 𝐁𝐨𝐥𝐝 ①②③ ½ ⅓ x² H₂O",
        "𠀀𠮷 豈更車 丽", "—–-‐‑ “quotes” ‘single’ «guillemets» … ¿qué? ¡sí! §¶†", "^caret `tick` ~tilde |pipe| <angle> =+ \\ back",
        "l'été œuvre æther Øre łódź Đorđe ħ", "x\u0345y \u0344z \u1e9b\u0323 \u0958 \u2126 \u212b \u212a", "\U000e0001\ue000\uf8ff private",
        "tabs\tand\nlines\r\nand\fforms\vfeeds", "¹²³ª º ™ ℠ ℃ № ㎏ ㍿", "〔々〆〇〤〹〻", "a\u0300\u0301\u0302b", "ॐ ꙮ \u0488 a\u20dd", "0x1F 1e-9 -42 +7 1_000",
        "SELECT * FROM records WHERE key = 'a/b' AND n >= 3;", "func f(_ x: Int) -> String { \"\\(x)\" }", '{"a": [1, 2.5, null], "b": "c"}',
        "a\u061db \u08d4x\u0afa \u1734y\u1885 \u166d \ua9bd \U000111c9 \U0001e922 \U0001f9ff newer than the reference",
        "The quick brown fox jumps over the lazy dog. " * 4, "tokenization embeddings transformers unaffable hyperparameterization",
    ]


def varied(count, seed=7):
    """Texts of characters from everywhere."""
    dice = random.Random(seed)
    blocks = [(0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x52F), (0x590, 0x6FF), (0x900, 0x97F), (0x1E00, 0x1FFF),
              (0x2000, 0x22FF), (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0x1F300, 0x1F6FF)]
    for _ in range(count):
        first, last = dice.choice(blocks)
        yield "".join(
            chr(dice.randint(first, last)) if dice.random() < 0.7 else dice.choice(" aeinst,.'") for _ in range(dice.randint(5, 60)))


def main():
    folder, conversations = sys.argv[1:3]
    words, model = tokenizer(folder + "/vocab.txt"), Model(folder + "/model.safetensors")

    def reference(text, vector):
        ids = words.encode(text).ids
        entry = {"text": text, "tokens": ids[: LIMIT - 1] + ids[-1:] if len(ids) > LIMIT else ids, "count": len(ids) - 2}
        if vector:
            entry["vector"] = base64.b64encode(model.embed(entry["tokens"]).tobytes()).decode()
        return entry

    spoken = list(turns(conversations))
    if "--turns" in sys.argv:
        with open(sys.argv[sys.argv.index("--turns") + 1], "w") as file:
            for text in spoken:
                file.write(json.dumps(reference(text, True)) + "\n")
        return
    chosen = random.Random(1).sample(spoken, 60)
    made = [reference(text, number % 2 == 0) for number, text in enumerate([*odd(), *chosen])]
    made += [reference(text, False) for text in varied(60)]
    print("[\n" + ",\n".join(json.dumps(entry, ensure_ascii=True, separators=(",", ":")) for entry in made) + "\n]")


if __name__ == "__main__":
    main()
