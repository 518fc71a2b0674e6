"""Random commands on the bits of strings."""

from vocabulary import STRING_KEYS, Vocabulary

TYPES = [b"u1", b"u4", b"u8", b"u16", b"u32", b"u63", b"i1", b"i5", b"i8", b"i16", b"i64"]
BAD_TYPES = [b"u64", b"i65", b"u0", b"i0", b"x8", b"u", b"", b"i-1", b"u08", b"U8", b"8"]
NUMBERS = [b"0", b"1", b"-1", b"7", b"127", b"128", b"-128", b"-129", b"255", b"256", b"65535", b"9223372036854775807",
           b"-9223372036854775808"]  # fmt: skip
RULES = [b"AND", b"OR", b"XOR"]
NEWER_RULES = [b"DIFF", b"DIFF1", b"ANDOR", b"ONE"]


class BitmapCommands(Vocabulary):
    """The newer operations of BITOP belong to servers that know DELEX."""

    def _bit(self):
        return self._integer(0, 7 if self._rarely(0.3) else 900, 0.03)

    def set_bit(self):
        value = self._integer(0, 1, 0.05)
        return [[b"SETBIT", self._key_of(STRING_KEYS), self._bit(), value]]

    def get_bit(self):
        return [[b"GETBIT", self._key_of(STRING_KEYS), self._bit()]]

    def count_bits(self):
        return [[b"BITCOUNT", self._key_of(STRING_KEYS), *self._range(0.85), *self._unlikely_word()]]

    def find_bit(self):
        bit = self._integer(0, 1, 0.05)
        between = self._range(0.85)
        if between and self._rarely(0.3):
            between = between[:1]
        return [[b"BITPOS", self._key_of(STRING_KEYS), bit, *between, *self._unlikely_word()]]

    def _range(self, probability):
        if not self._rarely(probability):
            return []
        unit = self._one_of(0.5, [self._case(b"BIT")], [self._case(b"BYTE")], [b"BYTES"] if self._rarely(0.1) else [])
        return [self._integer(-60, 60, 0.03), self._integer(-60, 60, 0.03), *unit]

    def combine(self):
        rules = RULES + NEWER_RULES if self._is_known(b"DELEX") else RULES
        rule = self.rng.choice(rules) if self._rarely(0.98) else b"NAND"
        keys = [self._key_of(STRING_KEYS) for _ in range(self.rng.randint(1, 4))]
        if self._rarely(0.2):
            rule, keys = b"NOT", keys[:1] if self._rarely(0.95) else keys
        return [[b"BITOP", self._case(rule), self.rng.choice(STRING_KEYS), *keys]]

    def fields(self):
        words = [word for _ in range(self.rng.randint(0, 4)) for word in self._bit_field()]
        return [[b"BITFIELD", self._key_of(STRING_KEYS), *words]]

    def fields_read(self):
        words = [word for _ in range(self.rng.randint(0, 3)) for word in self._bit_get()]
        words += self._bit_field() if self._rarely(0.03) else []
        return [[b"BITFIELD_RO", self._key_of(STRING_KEYS), *words]]

    def _bit_get(self):
        kind = self.rng.choice(TYPES if self._rarely(0.98) else BAD_TYPES)
        offset = b"#" + self._integer(0, 20, 0.03) if self._rarely(0.4) else self._integer(0, 400, 0.02)
        return [self._case(b"GET"), kind, offset]

    def _bit_field(self):
        _, kind, offset = get = self._bit_get()
        if self._rarely(0.3):
            return get
        overflow = self._one_of(0.4, [b"WRAP"], [b"SAT"], [b"FAIL"], [b"NONE"] if self._rarely(0.1) else [b"FAIL"])
        word = self.rng.choice([b"SET", b"INCRBY"])
        number = self.rng.choice(NUMBERS) if self._rarely(0.7) else self._integer(-300, 300, 0.05)
        return [*([b"OVERFLOW", *overflow] if overflow else []), self._case(word), kind, offset, number]


STEPS = [
    (BitmapCommands.set_bit, 4), (BitmapCommands.get_bit, 2), (BitmapCommands.count_bits, 2), (BitmapCommands.find_bit, 2),
    (BitmapCommands.combine, 3), (BitmapCommands.fields, 4), (BitmapCommands.fields_read, 1),
]  # fmt: skip
