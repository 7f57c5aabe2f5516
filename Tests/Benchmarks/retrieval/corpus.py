"""Records to search in: made-up words with the frequencies of a language, in conversations whose turns are numbered."""

import random

TOPICS = 100
WORDS = 45
#: They stand in most records, as `the` does; nobody asks for them.
COMMONEST = 50


class Corpus:
    def __init__(self, records, vocabulary=40_000, seed=1):
        self.dice = random.Random(seed)
        self.records = records
        self.words = self.made_up(vocabulary)
        self.weights, total = [], 0.0
        for place in range(vocabulary):
            total += 1 / (place + 2.7)
            self.weights.append(total)

    def made_up(self, count):
        """Short ones are the frequent ones."""
        found, syllables = {}, [first + second for first in "bdfgklmnprstv" for second in "aeiou"]
        while len(found) < count:
            length = 1 + min(3, len(found) // 400 + self.dice.randint(0, 1))
            found["".join(self.dice.choices(syllables, k=length)) + self.dice.choice(["", "n", "r", "l"])] = None
        return list(found)

    def text(self):
        return " ".join(self.dice.choices(self.words, cum_weights=self.weights, k=WORDS))

    def key(self, number):
        return f"talks/t{number * TOPICS // self.records:03}x/D1:{number % -(-self.records // TOPICS)}"

    def question(self, texts):
        """3 to 8 words of something that was said."""
        common = set(self.words[:COMMONEST])
        while True:
            said = [word for word in dict.fromkeys(self.dice.choice(texts).split()) if word not in common]
            count = self.dice.randint(3, 8)
            if len(said) >= count:
                return " ".join(self.dice.sample(said, count))
