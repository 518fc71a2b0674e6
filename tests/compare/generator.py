"""Random commands, reproducible from a seed: valid, nearly valid, and wrong in many ways.

Knows what commands look like and what each key is meant to hold, but not what any server answers.
"""

import random
import struct
from dataclasses import dataclass

KEYS = [b"k%d" % n for n in range(8)] + [b"bin\r\n\x00key", b"", b"k\xc3\xa9y"]
STRING_KEYS = [b"s0", b"s1"]
MISSING_KEYS = [b"nosuch", b"nosuch\r\n"]
ELEMENTS = [b"e%d" % n for n in range(80)] + [
    b"", b"\r\n", b"\x00", b"a\x00b", b"CAS", b"WITHSCORES", b"COUNT", b"-", b"+", b"[x", b"(x", b"0", b"x" * 300,
    b"\xff\xfe", "é".encode(), b"EF", b"FP32",
]  # fmt: skip
DIMENSIONS = [1, 2, 3, 3, 4, 4, 5, 8, 15, 16, 17, 31, 32, 33, 48, 64, 65, 100, 128, 200, 300]
ATTRIBUTES = [
    b'{"n":%d,"s":"x%d"}' % (n, n % 3) for n in range(6)
] + [b'{"n":25,"t":true,"z":null,"a":[1,"x"]}', b"not json", b"{", b"", b"\x00\r\n", b'{"n":1e300}', b'{"n":"5"}']  # fmt: skip
FILTERS = [
    b".n > 2", b".n >= 0 and .n < 4", b'.s == "x1"', b".n in [1, 2, 25]", b"not .t", b".z == null", b'"x" in .a',
    b".n % 2 == 0", b".n ** 2 > 9", b"1", b"0", b".missing", b"1 or .missing", b"((", b"", b".n >", b"foo", b".n == 25\r\nx",
    b"!(.n == 1)", b".n*2+1 > 5", b"\xff", b".n = 1", b'"unterminated',
]  # fmt: skip
BAD_INTEGERS = [b"x", b"", b"+5", b"05", b" 5", b"5 ", b"1.0", b"-1", b"0", b"99999999999999999999", b"0x10", b"-0", b"1e3",
                b"\x00"]  # fmt: skip
BAD_FLOATS = [b"x", b"", b" 1", b"1 ", b"1,5", b"1e400", b"-1e400", b"nan", b"1x", b"0x", b"--1", b"1e", b"\x00", b"1\x00"]
ODD_FLOATS = [b"0x10", b"0x1p-2", b"+1", b".5", b"1.", b"-0", b"1e3", b"1E-3", b"-.5e1", b"1e-40", b"00012", b"0.1"]
NOT_FINITE = [b"inf", b"-inf", b"Infinity", b"1e39", b"-1e300", b"1e20"]
PATTERNS = [b"*", b"k*", b"k?", b"k[0-3]", b"k[^0]", b"nosuch*", b"", b"\\k0", b"s*", b"k[", b"*\x00*", b"[a-", b"*y"]
UNKNOWN_WORDS = [b"BLAH", b"", b"COUNT1", b"\xff", b"SET"]


@dataclass
class Shape:
    """What a key is meant to hold; most commands on it fit."""

    dimension: int
    quantisation: bytes
    m: int
    reduce: int


class Generator:
    """An endless source of commands; `step()` gives those that belong together."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.shapes = {key: self._shape() for key in KEYS}
        self.throwaway = 0
        self.steps, self.weights = zip(*STEPS)

    def step(self):
        """One or a few commands that belong together."""
        commands = self.rng.choices(self.steps, self.weights)[0](self)
        if len(commands) == 1 and commands[0][0] != b"SCAN" and self._rarely(0.01):
            commands[0] = self._wrong_count(commands[0])
        for command in commands:
            command[0] = self._case(command[0])
        return commands

    # ---- words ---------------------------------------------------------------------------------------------------

    def _rarely(self, probability):
        return self.rng.random() < probability

    def _case(self, word):
        if self._rarely(0.9):
            return word
        return bytes(self.rng.choice((bytes([c]).lower(), bytes([c]).upper()))[0] for c in word)

    def _wrong_count(self, command):
        """A word too few, or too many (only where the peer takes exactly so many)."""
        if self._rarely(0.5):
            return command[: self.rng.randrange(1, len(command) + 1)]
        return command if command[0] in VARIADIC else [*command, self.rng.choice(ELEMENTS)]

    def _key(self):
        roll = self.rng.random()
        if roll < 0.93:
            return self.rng.choice(KEYS)
        return self.rng.choice(STRING_KEYS if roll < 0.97 else MISSING_KEYS)

    def _element(self):
        return b"nosuch" if self._rarely(0.04) else self.rng.choice(ELEMENTS)

    def _integer(self, low, high, bad=0.06):
        return self.rng.choice(BAD_INTEGERS) if self._rarely(bad) else b"%d" % self.rng.randint(low, high)

    def _shape(self):
        """What a key could hold. Where many vectors are alike, few links leave the peer's graph in pieces: there M is large."""
        dimension = self.rng.choice(DIMENSIONS)
        reduce = 0
        if self._rarely(0.15):
            reduce = self.rng.choice([d for d in (1, 2, 3, 8, 20, 33) if d != dimension])
        quantisation = self.rng.choice([b"", b"", b"Q8", b"NOQUANT", b"NOQUANT", b"BIN"])
        few_directions = min(dimension, reduce or dimension) < (33 if quantisation == b"BIN" else 4)
        m = self.rng.choice([0, 0, 16, 20, 40] if few_directions else [0, 0, 0, 4, 5, 8, 16])
        return Shape(dimension, quantisation, m, reduce)

    def _vector(self, dimension):
        """The words of a finite vector, sometimes as a blob, sometimes not well-formed."""
        values = self._components(dimension)
        if self._rarely(0.4):
            blob = struct.pack(f"<{dimension}f", *values)
            return [self._case(b"FP32"), blob[: -self.rng.randint(1, 3)] if self._rarely(0.02) else blob]
        words = [repr(value).encode() for value in values]
        if self._rarely(0.1):
            words[self.rng.randrange(dimension)] = self.rng.choice(ODD_FLOATS)
        if self._rarely(0.02):
            words[self.rng.randrange(dimension)] = self.rng.choice(BAD_FLOATS)
        return [self._case(b"VALUES"), self._count_of(dimension), *words]

    def _count_of(self, dimension):
        if self._rarely(0.97):
            return b"%d" % dimension
        return self.rng.choice([*BAD_INTEGERS, b"%d" % (dimension + 1), b"%d" % (dimension - 1), b"1000000000000"])

    def _components(self, dimension):
        kind = self.rng.random()
        if kind < 0.02:
            return [0.0] * dimension
        if kind < 0.12:
            return [float(self.rng.randint(-2, 2)) for _ in range(dimension)]
        spread = self.rng.choice((1e-6, 1.0, 1.0, 1e6))
        return [self.rng.gauss(0, spread) for _ in range(dimension)]

    def _some(self, *options):
        """Options in random order, each (probability, words…); words may be functions."""
        taken = [option[1:] for option in options if self._rarely(option[0])]
        self.rng.shuffle(taken)
        return [word() if callable(word) else self._case(word) for option in taken for word in option]

    # ---- vector commands ------------------------------------------------------------------------------------------

    def vadd(self):
        key = self._key()
        shape = self.shapes.get(key) or self._shape()
        if self._rarely(0.04):
            shape = self._shape()
        return [self._vadd(key, shape, self._element())]

    def fill(self):
        """Several valid elements at once, so that sets grow."""
        key = self.rng.choice(KEYS)
        names = self.rng.sample(ELEMENTS, self.rng.randint(2, 30))
        return [self._vadd(key, self.shapes[key], name, plain=True) for name in names]

    def _vadd(self, key, shape, element, plain=False):
        words = [b"VADD", key]
        if shape.reduce:
            words += [self._case(b"REDUCE"), self._integer(shape.reduce, shape.reduce, 0.02)]
        words += self._vector(shape.dimension) + [element]
        if shape.quantisation:
            words.append(self._case(shape.quantisation))
        if shape.m:
            words += [self._case(b"M"), self._integer(shape.m, shape.m, 0.02)]
        if plain:
            return words
        attribute = self.rng.choice([a for a in ATTRIBUTES if a])
        extra = [(0.3, b"SETATTR", lambda: attribute)] if self._rarely(0.8) else [(0.5, b"CAS")]
        return words + self._some(
            *extra,
            (0.1, b"EF", lambda: self._integer(1, 400)),
            (0.02, b"NOQUANT"),
            (0.02, b"BIN"),
            (0.01, self.rng.choice(UNKNOWN_WORDS)),
            (0.01, b"EF"),
        )

    def odd_vadd(self):
        """What is deliberately different, on a key of its own that is removed at once."""
        self.throwaway += 1
        key = b"odd%d" % self.throwaway
        start, end = [b"VADD", key, b"VALUES", b"2", b"1", b"2", b"a"], [b"DEL", key]
        if self._rarely(0.5):
            return [start, self._not_finite(key), end]
        odd = self.rng.choice([[b"SETATTR", b""], [b"CAS", b"SETATTR", b"x"]])
        seen = [[b"VINFO", key], [b"VGETATTR", key, b"b"], [b"VSIM", key, b"ELE", b"a", b"WITHATTRIBS"]]
        return [start, [b"VADD", key, b"VALUES", b"2", b"1", b"1", b"b", *odd], *seen, end]

    def _not_finite(self, key):
        words = [b"VALUES", b"2", self.rng.choice(NOT_FINITE), self.rng.choice(NOT_FINITE)]
        blob = struct.pack("<2f", 1, self.rng.choice([float("nan"), float("inf")]))
        name, rest = self.rng.choice([(b"VADD", [b"b"]), (b"VSIM", [b"COUNT", b"1"])])
        return [name, key, *self.rng.choice([words, [b"FP32", blob]]), *rest]

    def vsim(self):
        key = self._key()
        shape = self.shapes.get(key)
        words = [b"VSIM", key, *self._query(shape)]
        words += self._some(
            (0.5, b"WITHSCORES"),
            (0.25, b"WITHATTRIBS"),
            (0.6, b"COUNT", lambda: self._integer(1, 70)),
            (0.15, b"EPSILON", self._epsilon),
            (0.15, b"EF", lambda: self._integer(1, 1000)),
            (0.25, b"FILTER", lambda: self.rng.choice(FILTERS)),
            (0.05, b"FILTER-EF", lambda: self._integer(1000, 100000)),
            (0.15, b"TRUTH"),
            (0.1, b"NOTHREAD"),
            (0.02, self.rng.choice(UNKNOWN_WORDS)),
            (0.02, self.rng.choice([b"COUNT", b"FILTER", b"EPSILON", b"EF", b"FILTER-EF", b"ELE"])),
        )
        return [words]

    def _query(self, shape):
        if shape is None or self._rarely(0.5):
            return [self._case(b"ELE"), self._element()]
        dimension = shape.dimension
        if shape.reduce and self._rarely(0.4):
            dimension = shape.reduce
        if self._rarely(0.03):
            return [self.rng.choice(UNKNOWN_WORDS), b"a"]
        return self._vector(self.rng.choice(DIMENSIONS) if self._rarely(0.03) else dimension)

    def _epsilon(self):
        bad = self.rng.choice([*BAD_FLOATS, b"0", b"-1", b"inf", b"0x1p-1"])
        return bad if self._rarely(0.1) else b"%.6f" % self.rng.uniform(0.01, 1.2)

    def vrem(self):
        return [[b"VREM", self._key(), self._element()]]

    def one_element(self):
        name = self.rng.choice([b"VISMEMBER", b"VGETATTR", b"VEMB", b"VLINKS"])
        words = [name, self._key(), self._element()]
        if name == b"VEMB":
            words += self._some((0.5, b"RAW"), (0.03, b"RAW"), (0.03, self.rng.choice(UNKNOWN_WORDS)))
        if name == b"VLINKS":
            words += self._some((0.5, b"WITHSCORES"), (0.03, self.rng.choice(UNKNOWN_WORDS)))
        return [words]

    def one_key(self):
        return [[self.rng.choice([b"VCARD", b"VDIM", b"VINFO"]), self._key()]]

    def vsetattr(self):
        return [[b"VSETATTR", self._key(), self._element(), self.rng.choice(ATTRIBUTES)]]

    def vrandmember(self):
        return [[b"VRANDMEMBER", self._key()] + ([self._integer(-100, 100, 0.1)] if self._rarely(0.8) else [])]

    def vrange(self):
        words = [b"VRANGE", self._key(), self._bound(b"-"), self._bound(b"+")]
        return [words + ([self._integer(-3, 50, 0.1)] if self._rarely(0.5) else [])]

    def _bound(self, open_end):
        if self._rarely(0.3):
            return open_end
        if self._rarely(0.05):
            return self.rng.choice([b"-", b"+", b"", b"[", b"(", b"a", b"--"])
        return self.rng.choice([b"[", b"("]) + self._element()

    # ---- the commands around ----------------------------------------------------------------------------------------

    def delete(self):
        keys = [self._key() for _ in range(self.rng.choice([1, 1, 2, 3]))]
        for key in keys:
            if key in self.shapes:
                self.shapes[key] = self._shape()
        return [[self.rng.choice([b"DEL", b"UNLINK"]), *keys]]

    def rename(self):
        source, target = self._key(), self.rng.choice(KEYS)
        if source in self.shapes:
            self.shapes[source], self.shapes[target] = self.shapes[target], self.shapes[source]
        return [[self.rng.choice([b"RENAME", b"RENAME", b"RENAMENX"]), source, target]]

    def expire(self):
        """Far in the future, or in the past: never so that the two clocks matter."""
        name = self.rng.choice([b"EXPIRE", b"PEXPIRE", b"EXPIREAT", b"PEXPIREAT"])
        past = self._rarely(0.1)
        low, high = {
            b"EXPIRE": (1000, 100000), b"PEXPIRE": (1000000, 100000000), b"EXPIREAT": (9999999000, 9999999999),
            b"PEXPIREAT": (9999999000000, 9999999999999),
        }[name]  # fmt: skip
        at = self._integer(-5, 0, 0.2) if past else b"%d" % self.rng.randint(low, high)
        flags = self._some((0.1, b"NX"), (0.1, b"XX"), (0.1, b"GT"), (0.1, b"LT"), (0.02, b"BLAH"))
        return [[name, self._key(), at, *flags]]

    def key_information(self):
        name = self.rng.choice([b"TYPE", b"TTL", b"PTTL", b"EXPIRETIME", b"PEXPIRETIME", b"PERSIST", b"EXISTS", b"TOUCH"])
        return [[name, self._key()]]

    def object(self):
        return [[b"OBJECT", self.rng.choice([b"ENCODING", b"encoding", b"REFCOUNT", b"BLAH"]), self._key()]]

    def digest(self):
        return [[b"DEBUG", b"DIGEST-VALUE", self._key()]]

    def string(self):
        key = self.rng.choice(STRING_KEYS)
        value = self.rng.choice([b"v", b"12", b"", b"\x00\r\n", b"x" * 100])
        expiry = (0.1, b"EX", lambda: self._integer(1000, 9999))
        extra = self._some((0.1, b"NX"), (0.1, b"XX"), (0.1, b"GET"), (0.05, b"KEEPTTL"), expiry)
        return [[b"SET", key, value, *extra], [b"GET", self._key()]]

    def keyspace(self):
        return [self.rng.choice([
            [b"DBSIZE"], [b"KEYS", self.rng.choice(PATTERNS)], [b"RANDOMKEY"],
            [b"SCAN", b"0", b"COUNT", b"1000"],
            [b"SCAN", b"0", b"MATCH", self.rng.choice(PATTERNS), b"COUNT", b"1000"],
            [b"SCAN", b"0", b"TYPE", self.rng.choice([b"vectorset", b"string", b"VECTORSET", b"hash"]), b"COUNT", b"1000"],
            [b"SCAN", self.rng.choice([b"0", b"x", b"", b"1.0", b"99999999999999999999999"]), b"COUNT", b"1000"],
        ])]  # fmt: skip

    def connection(self):
        return [self.rng.choice([
            [b"PING"], [b"PING", self._element()], [b"ECHO", self._element()], [b"SELECT", self._integer(0, 1, 0.2)],
            [b"HELLO", self.rng.choice([b"2", b"3", b"3", b"4", b"x"])], [b"HELLO"], [b"NOSUCH", self._element()],
        ])]  # fmt: skip

    def flush(self):
        return [[b"FLUSHDB"]]


VARIADIC = {b"VREM", b"VISMEMBER", b"VGETATTR", b"VEMB", b"VSETATTR", b"DEBUG", b"FLUSHDB"}

STEPS = [
    (Generator.vadd, 22), (Generator.fill, 2), (Generator.odd_vadd, 0.5), (Generator.vsim, 20), (Generator.vrem, 7),
    (Generator.one_element, 8), (Generator.one_key, 4), (Generator.vsetattr, 5), (Generator.vrandmember, 3),
    (Generator.vrange, 4), (Generator.delete, 1.2), (Generator.rename, 0.8), (Generator.expire, 2),
    (Generator.key_information, 3), (Generator.object, 1), (Generator.digest, 1), (Generator.string, 2),
    (Generator.keyspace, 1.5), (Generator.connection, 2), (Generator.flush, 0.03),
]  # fmt: skip
