"""Random commands on strings."""

from vocabulary import BAD_FLOATS, ODD_FLOATS, STRING_KEYS, Vocabulary

VALUES = [
    b"v", b"12", b"-5", b"0", b"", b"\x00\r\n", b"x" * 44, b"x" * 45, b"y" * 1000, b"3.25", b"9223372036854775807", b" 1",
    b"1e3", b"-9223372036854775808", b"hello world", b"10.5",
]  # fmt: skip
FLOATS = [b"0.1", b"-3.25", b"1e2", b"5", b"1000000.000001", b"-0.5", b"3"]


class StringCommands(Vocabulary):
    """Conditions on values belong to servers that know DELEX. `digests` are those of `VALUES`, if somebody has asked for them."""

    digests = (b"0123456789abcdef",)

    def _string_key(self):
        return self._key_of(STRING_KEYS)

    def _value(self):
        return self.rng.choice(VALUES)

    def set(self):
        words = [b"SET", self._string_key(), self._value()]
        comparisons = self._comparisons() if self._is_known(b"DELEX") else []
        options = [self._one_of(0.25, [b"NX"], [b"XX"], *comparisons), self._one_of(0.2, [b"GET"])]
        options.append(self._expiration(b"KEEPTTL") if self._rarely(0.25) else [])
        self.rng.shuffle(options)
        return [[*words, *sum(options, []), *self._unlikely_word()]]

    def _comparisons(self):
        return [
            [self._case(word), self.rng.choice(words)]
            for word, words in (
                (b"IFEQ", VALUES), (b"IFNE", VALUES), (b"IFDEQ", self.digests), (b"IFDNE", self.digests),
            )
        ]  # fmt: skip

    def set_older(self):
        key, value = self._string_key(), self._value()
        return [self.rng.choice([
            [b"SETEX", key, self._time(b"EX", 0.03), value], [b"PSETEX", key, self._time(b"PX", 0.03), value],
            [b"SETNX", key, value], [b"GETSET", key, value],
        ])]  # fmt: skip

    def get(self):
        name = self.rng.choice([b"GET", b"GET", b"GET", b"STRLEN", b"DIGEST", b"GETDEL"])
        return [[name, self._string_key()]]

    def getex(self):
        option = self._expiration(b"PERSIST") if self._rarely(0.7) else []
        return [[b"GETEX", self._string_key(), *option, *self._unlikely_word()]]

    def ranges(self):
        name = self.rng.choice([b"GETRANGE", b"SUBSTR"])
        return [[name, self._string_key(), self._integer(-12, 50), self._integer(-12, 1100)]]

    def change(self):
        if self._rarely(0.5):
            return [[b"APPEND", self._string_key(), self._value()]]
        return [[b"SETRANGE", self._string_key(), self._integer(0, 60), self._value()]]

    def count(self):
        name = self.rng.choice([b"INCR", b"DECR", b"INCRBY", b"DECRBY", b"INCRBYFLOAT"])
        words = [name, self._string_key()]
        if name == b"INCRBYFLOAT":
            return [[*words, self.rng.choice(BAD_FLOATS + ODD_FLOATS if self._rarely(0.1) else FLOATS)]]
        return [words if name in (b"INCR", b"DECR") else [*words, self._integer(-1000, 1000)]]

    def renew(self):
        """A number where counting and ranges find something to do."""
        return [[b"SET", self.rng.choice(STRING_KEYS), self.rng.choice([b"7", b"1.5", b"-100", b"abcdefghijkl"])]]

    def several(self):
        keys = [self._string_key() for _ in range(self.rng.randint(1, 4))]
        if self._rarely(0.4):
            return [[b"MGET", *keys]]
        pairs = [word for key in keys for word in (key, self._value())]
        if self._rarely(0.6):
            return [[self.rng.choice([b"MSET", b"MSET", b"MSETNX"]), *pairs]]
        options = self._one_of(0.3, [b"NX"], [b"XX"]), self._expiration(b"KEEPTTL") if self._rarely(0.4) else []
        return [[b"MSETEX", self._count(len(keys)), *pairs, *sum(options, []), *self._unlikely_word()]]

    def _count(self, right):
        return b"%d" % right if self._rarely(0.95) else self._integer(-1, right + 1, 0.5)

    def delex(self):
        condition = self._one_of(0.9, *self._comparisons())
        return [[b"DELEX", self._string_key(), *condition, *self._unlikely_word()]]

    def in_common(self):
        least = self._one_of(0.3, [self._case(b"MINMATCHLEN"), self._integer(-1, 5)])
        options = [self._one_of(0.2, [b"LEN"]), self._one_of(0.5, [b"IDX"]), least, self._one_of(0.3, [b"WITHMATCHLEN"])]
        self.rng.shuffle(options)
        return [[b"LCS", self._string_key(), self._string_key(), *sum(options, []), *self._unlikely_word()]]


STEPS = [
    (StringCommands.set, 12), (StringCommands.set_older, 3), (StringCommands.get, 7), (StringCommands.getex, 2),
    (StringCommands.ranges, 2), (StringCommands.change, 3), (StringCommands.count, 6), (StringCommands.renew, 2),
    (StringCommands.several, 4), (StringCommands.delex, 1.5), (StringCommands.in_common, 1.5),
]  # fmt: skip
