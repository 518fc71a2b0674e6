"""The words that random commands are made of: keys, values, numbers well-formed and not; and how to draw them."""

import random

VECTOR_KEYS = [b"k%d" % n for n in range(8)] + [b"bin\r\n\x00key", b"", b"k\xc3\xa9y"]
STRING_KEYS = [b"s%d" % n for n in range(5)] + [b"s\r\n\x00"]
HASH_KEYS = [b"h%d" % n for n in range(5)] + [b"h\r\n\x00"]
MISSING_KEYS = [b"nosuch", b"nosuch\r\n"]
ELEMENTS = [b"e%d" % n for n in range(80)] + [
    b"", b"\r\n", b"\x00", b"a\x00b", b"CAS", b"WITHSCORES", b"COUNT", b"-", b"+", b"[x", b"(x", b"0", b"x" * 300,
    b"\xff\xfe", "é".encode(), b"EF", b"FP32",
]  # fmt: skip
BAD_INTEGERS = [b"x", b"", b"+5", b"05", b" 5", b"5 ", b"1.0", b"-1", b"0", b"99999999999999999999", b"0x10", b"-0", b"1e3",
                b"\x00"]  # fmt: skip
BAD_FLOATS = [b"x", b"", b" 1", b"1 ", b"1,5", b"1e400", b"-1e400", b"nan", b"1x", b"0x", b"--1", b"1e", b"\x00", b"1\x00"]
ODD_FLOATS = [b"0x10", b"0x1p-2", b"+1", b".5", b"1.", b"-0", b"1e3", b"1E-3", b"-.5e1", b"1e-40", b"00012", b"0.1"]
PATTERNS = [b"*", b"k*", b"k?", b"k[0-3]", b"k[^0]", b"nosuch*", b"", b"\\k0", b"s*", b"h*", b"k[", b"*\x00*", b"[a-", b"*y"]
UNKNOWN_WORDS = [b"BLAH", b"", b"COUNT1", b"\xff", b"SET"]
DATABASES = (0, 1)
"""All that is selected; others stay empty."""

PAST = {b"EX": (-5, 0), b"PX": (-5, 0), b"EXAT": (1, 9999), b"PXAT": (1, 9999)}
FUTURE = {b"EX": (1000, 100_000), b"PX": (10**6, 10**8), b"EXAT": (9_999_999_000, 9_999_999_999),
          b"PXAT": (9_999_999_000_000, 9_999_999_999_999)}  # fmt: skip
"""Times to live and times, by unit: never so near that the two servers' clocks matter."""


class Vocabulary:
    """A seeded source of words for the commands among `known` (`None` for all); the families of commands build on it."""

    def __init__(self, seed, known=None):
        self.rng, self.known = random.Random(seed), known

    def _is_known(self, name):
        return self.known is None or name.lower() in self.known or name == b"NOSUCH"


    def _rarely(self, probability):
        return self.rng.random() < probability

    def _case(self, word):
        if self._rarely(0.9):
            return word
        return bytes(self.rng.choice((bytes([c]).lower(), bytes([c]).upper()))[0] for c in word)

    def _key_of(self, keys):
        """Mostly one of `keys`, now and then one that holds something else or nothing."""
        roll = self.rng.random()
        if roll < 0.93:
            return self.rng.choice(keys)
        return self.rng.choice([*STRING_KEYS, *HASH_KEYS, *VECTOR_KEYS] if roll < 0.97 else MISSING_KEYS)

    def _any_key(self):
        return self._key_of(self.rng.choice([STRING_KEYS, HASH_KEYS, VECTOR_KEYS]))

    def _element(self):
        return b"nosuch" if self._rarely(0.04) else self.rng.choice(ELEMENTS)

    def _integer(self, low, high, bad=0.06):
        return self.rng.choice(BAD_INTEGERS) if self._rarely(bad) else b"%d" % self.rng.randint(low, high)

    def _unlikely_word(self):
        """An argument that no command expects."""
        return [self.rng.choice(UNKNOWN_WORDS)] if self._rarely(0.01) else []

    def _time(self, unit, past=0.08):
        """A time of the unit of EX, PX, EXAT or PXAT."""
        low, high = (PAST if self._rarely(past) else FUTURE)[unit]
        return self._integer(low, high, 0.03)

    def _expiration(self, *others, past=0.03):
        """An option such as `EX 1000`, or one of `others`."""
        unit = self.rng.choice([*FUTURE, *others])
        return [self._case(unit), self._time(unit, past)] if unit in FUTURE else [self._case(unit)]

    def _one_of(self, probability, *options):
        """One of the options (lists of words) with this probability, else nothing."""
        return self.rng.choice(options) if self._rarely(probability) else []

    def _some(self, *options):
        """Options in random order, each (probability, words…); words may be functions."""
        taken = [option[1:] for option in options if self._rarely(option[0])]
        self.rng.shuffle(taken)
        return [word() if callable(word) else self._case(word) for option in taken for word in option]
