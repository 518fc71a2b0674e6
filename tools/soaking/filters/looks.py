"""Clients that search, count and scan while sets change."""

from .changes import STEADY, WILD_DATABASES, WILD_KEYS, Client, vector
from .pause import LARGE, Wrong, scan
from .words import random_expression

STAYS = [
    '.group == "stay"', '.group == "stay" and exists(.id)', 'prefix(.group, "stay")', '.group in ["stay", "z"]',
    '.group == "stay" and (.n > 3 or .n <= 3 or not (.n > 3))', 'not (.group != "stay")', 'match(.group, "STAY")',
]  # fmt: skip
"""Expressions that elements match if and only if they stay."""
EVERYTHING = ("COUNT", 100_000, "EF", 2000, "FILTER-EF", LARGE)


class Looker(Client):
    """Asks the set that stays for the elements that stay."""

    def step(self):
        """One question."""
        rng, expression = self.random, self.random.choice(STAYS)
        query = ("FP32", vector(rng))
        kind = rng.randrange(7)
        if kind <= 1:
            words = ("VSIM", STEADY, *query, "FILTER", expression, *EVERYTHING)
            self.all_that_stay(words, self.ask(*words, expects=()))
        elif kind == 2:
            words = ("VSEARCH", STEADY, *query, "FILTER", expression, *EVERYTHING)
            self.all_that_stay(words, self.ask(*words, expects=())[0])
        elif kind == 3:
            words = ("VSIM", STEADY, *query, "FILTER", expression, "COUNT", 10)
            found = self.ask(*words, expects=())
            if len(found) != 10 or not all(name.startswith(b"stay:") for name in found):
                self.wrong(words, f"found {len(found)}: {found}")
        elif kind == 4:
            self.count(("VCOUNT", STEADY, "FILTER", expression))
        elif kind == 5:
            self.last = words = ("VSCAN", STEADY, 0, "FILTER", expression, "COUNT", rng.choice([7, 100, 1000]))
            try:
                self.all_that_stay(words, scan(self.client, STEADY, *words[3:]))
            except Wrong as wrong:
                self.wrong(words, str(wrong))
        else:
            words = ("VFACET", STEADY, "group", "FILTER", expression)
            rows = self.ask(*words, expects=())
            if rows != [[b"stay", self.mix.staying]]:
                self.wrong(words, f"{rows}, {self.mix.staying} stay")

    def count(self, words):
        """How many stay."""
        count = self.ask(*words, expects=())
        if count != self.mix.staying:
            self.wrong(words, f"{count}, {self.mix.staying} stay")

    def all_that_stay(self, words, found):
        """All of them, each once, and nothing else."""
        staying = [name for name in found if name.startswith(b"stay:")]
        if len(found) != len(staying) or len(set(found)) != self.mix.staying or len(found) != self.mix.staying:
            others = [name for name in found if not name.startswith(b"stay:")]
            self.wrong(words, f"found {len(found)}, {len(set(found))} different, of {self.mix.staying}; others {others[:5]}")


class WildLooker(Client):
    """Asks sets to which anything happens: what it finds is what was looked for."""

    def begin(self):
        """Into one of their databases."""
        self.ask("SELECT", WILD_DATABASES[self.number % len(WILD_DATABASES)])

    def step(self):
        """Some questions."""
        rng, key = self.random, self.random.choice(WILD_KEYS)
        query = ("FP32", vector(rng))
        stays = rng.choice(STAYS)
        any_of = random_expression(rng)
        for words in (
            ("VSIM", key, *query, "FILTER", stays, "COUNT", rng.choice([1, 10, 1000])),
            ("VSEARCH", key, *query, "FILTER", stays, "COUNT", 50, "DISTINCT", "n", 2),
            ("VSCAN", key, 0, "FILTER", stays, "COUNT", 1000),
        ):
            found = self.ask(*words)
            found = found[{"VSCAN": 1, "VSEARCH": 0}[words[0]]] if words[0] != "VSIM" and found else found
            if not all(name.startswith(b"stay:") for name in found or []):
                self.wrong(words, f"found {found}")
        for words in (("VCOUNT", key), ("VSIM", key, *query), ("VSCAN", key, 0), ("VFACET", key, rng.choice(["group", "n", "tags"])),
                      ("VEXPLAIN", key, *query), ("VSEARCH", key, *query, "WITHPLAN", "WITHATTRIBS")):  # fmt: skip
            if words[0] == "VSIM" and " - " in any_of:
                continue
            self.ask(*words, "FILTER", any_of)
