"""Random commands on vector sets."""

import struct
from dataclasses import dataclass

from vocabulary import BAD_FLOATS, BAD_INTEGERS, ELEMENTS, ODD_FLOATS, UNKNOWN_WORDS, VECTOR_KEYS, Vocabulary

DIMENSIONS = [1, 2, 3, 3, 4, 4, 5, 8, 15, 16, 17, 31, 32, 33, 48, 64, 65, 100, 128, 200, 300]
ATTRIBUTES = [
    b'{"n":%d,"s":"x%d"}' % (n, n % 3) for n in range(6)
] + [b'{"n":25,"t":true,"z":null,"a":[1,"x"]}', b"not json", b"{", b"", b"\x00\r\n", b'{"n":1e300}', b'{"n":"5"}']  # fmt: skip
FILTERS = [
    b".n > 2", b".n >= 0 and .n < 4", b'.s == "x1"', b".n in [1, 2, 25]", b"not .t", b".z == null", b'"x" in .a',
    b".n % 2 == 0", b".n ** 2 > 9", b"1", b"0", b".missing", b"1 or .missing", b"((", b"", b".n >", b"foo", b".n == 25\r\nx",
    b'exists(.n) and not prefix(.s, "x1")', b".n not in [1, 2]", b"-.n < -2", b".n == 2 or null", b'match(.s, "x2") and .n',
    b"exists(.n", b"!(.n == 1)", b".n*2+1 > 5", b"\xff", b".n = 1", b'"unterminated',
]  # fmt: skip
NOT_FINITE = [b"inf", b"-inf", b"Infinity", b"1e39", b"-1e300", b"1e20"]


@dataclass
class Shape:
    """What a key is meant to hold; most commands on it fit."""

    dimension: int
    quantisation: bytes
    m: int
    reduce: int


class VectorCommands(Vocabulary):
    """Knows what each vector set is meant to look like."""

    def __init__(self, seed, known=None):
        super().__init__(seed, known)
        self.shapes = {key: self._shape() for key in VECTOR_KEYS}
        self.throwaway = 0

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

    def vadd(self):
        key = self._key_of(VECTOR_KEYS)
        shape = self.shapes.get(key) or self._shape()
        if self._rarely(0.04):
            shape = self._shape()
        return [self._vadd(key, shape, self._element())]

    def fill(self):
        """Several valid elements at once, so that sets grow."""
        key = self.rng.choice(VECTOR_KEYS)
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
        key = self._key_of(VECTOR_KEYS)
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
        return [[b"VREM", self._key_of(VECTOR_KEYS), self._element()]]

    def one_element(self):
        name = self.rng.choice([b"VISMEMBER", b"VGETATTR", b"VEMB", b"VLINKS"])
        words = [name, self._key_of(VECTOR_KEYS), self._element()]
        if name == b"VEMB":
            words += self._some((0.5, b"RAW"), (0.03, b"RAW"), (0.03, self.rng.choice(UNKNOWN_WORDS)))
        if name == b"VLINKS":
            words += self._some((0.5, b"WITHSCORES"), (0.03, self.rng.choice(UNKNOWN_WORDS)))
        return [words]

    def one_key(self):
        return [[self.rng.choice([b"VCARD", b"VDIM", b"VINFO"]), self._key_of(VECTOR_KEYS)]]

    def vsetattr(self):
        return [[b"VSETATTR", self._key_of(VECTOR_KEYS), self._element(), self.rng.choice(ATTRIBUTES)]]

    def vrandmember(self):
        return [[b"VRANDMEMBER", self._key_of(VECTOR_KEYS)] + ([self._integer(-100, 100, 0.1)] if self._rarely(0.8) else [])]

    def vrange(self):
        words = [b"VRANGE", self._key_of(VECTOR_KEYS), self._bound(b"-"), self._bound(b"+")]
        return [words + ([self._integer(-3, 50, 0.1)] if self._rarely(0.5) else [])]

    def _bound(self, open_end):
        if self._rarely(0.3):
            return open_end
        if self._rarely(0.05):
            return self.rng.choice([b"-", b"+", b"", b"[", b"(", b"a", b"--"])
        return self.rng.choice([b"[", b"("]) + self._element()


STEPS = [
    (VectorCommands.vadd, 22), (VectorCommands.fill, 2), (VectorCommands.odd_vadd, 0.5), (VectorCommands.vsim, 20),
    (VectorCommands.vrem, 7), (VectorCommands.one_element, 8), (VectorCommands.one_key, 4), (VectorCommands.vsetattr, 5),
    (VectorCommands.vrandmember, 3), (VectorCommands.vrange, 4),
]  # fmt: skip
