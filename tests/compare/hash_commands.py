"""Random commands on hashes and on the times to live of their fields."""

from string_commands import FLOATS
from vocabulary import BAD_FLOATS, HASH_KEYS, ODD_FLOATS, Vocabulary

FIELDS = [b"f%d" % n for n in range(12)] + [b"", b"\r\n\x00", b"FIELDS", b"12", b"z" * 70]
VALUES = [b"v", b"12", b"-5", b"", b"\x00\r\n", b"3.25", b"9223372036854775807", b"w" * 64, b"w" * 65, b"1e3", b" 1"]
EXPIRES = {b"HEXPIRE": b"EX", b"HPEXPIRE": b"PX", b"HEXPIREAT": b"EXAT", b"HPEXPIREAT": b"PXAT"}
FULL_SCAN = b"1000000"
"""A COUNT with which one HSCAN shows all fields of any hash here, so that both cursors are 0."""


class HashCommands(Vocabulary):
    """Hashes of a few fields, and now and then of so many that they are kept in another way."""

    def _hash_key(self):
        return self._key_of(HASH_KEYS)

    def _field(self):
        return b"nosuch" if self._rarely(0.04) else self.rng.choice(FIELDS)

    def _fields(self, most=4):
        return [self._field() for _ in range(self.rng.randint(1, most))]

    def _pairs(self, most=4):
        return [word for field in self._fields(most) for word in (field, self.rng.choice(VALUES))]

    def _counted(self, words, count):
        """`FIELDS n …`, with a wrong n now and then."""
        right = b"%d" % count
        return [self._case(b"FIELDS"), right if self._rarely(0.95) else self._integer(-1, count + 1, 0.4), *words]

    def hset(self):
        odd = [self._field()] if self._rarely(0.02) else []
        return [[self.rng.choice([b"HSET", b"HSET", b"HSET", b"HMSET"]), self._hash_key(), *self._pairs(), *odd]]

    def hset_many(self):
        """More fields than Redis keeps in a listpack, once in a while."""
        key, count = self.rng.choice(HASH_KEYS), self.rng.choice([20, 100, 600])
        words = [word for n in range(count) for word in (b"m%d" % n, b"%d" % self.rng.randint(0, 99))]
        return [[b"HSET", key, *words]]

    def hsetnx(self):
        return [[b"HSETNX", self._hash_key(), self._field(), self.rng.choice(VALUES)]]

    def hget(self):
        name = self.rng.choice([b"HGET", b"HEXISTS", b"HSTRLEN", b"HMGET"])
        return [[name, self._hash_key(), *(self._fields() if name == b"HMGET" else [self._field()])]]

    def whole(self):
        return [[self.rng.choice([b"HGETALL", b"HKEYS", b"HVALS", b"HLEN", b"HLEN"]), self._hash_key()]]

    def hdel(self):
        return [[b"HDEL", self._hash_key(), *self._fields()]]

    def hincr(self):
        words = [self._hash_key(), self._field()]
        if self._rarely(0.5):
            return [[b"HINCRBY", *words, self._integer(-1000, 1000)]]
        return [[b"HINCRBYFLOAT", *words, self.rng.choice(BAD_FLOATS + ODD_FLOATS if self._rarely(0.1) else FLOATS)]]

    def hrandfield(self):
        words = [b"HRANDFIELD", self._hash_key()]
        if self._rarely(0.3):
            return [words]
        return [[*words, self._integer(-30, 30, 0.06), *self._one_of(0.4, [b"WITHVALUES"]), *self._unlikely_word()]]

    def hscan(self):
        cursor = self.rng.choice([b"0"] * 12 + [b"x", b""])
        options = [[b"COUNT", FULL_SCAN], self._one_of(0.3, [b"MATCH", b"f*"], [b"MATCH", b"*1"], [b"MATCH", b"["])]
        options.append(self._one_of(0.2, [b"NOVALUES"]))
        self.rng.shuffle(options)
        return [[b"HSCAN", self._hash_key(), cursor, *sum(options, []), *self._unlikely_word()]]

    def hexpire(self):
        name = self.rng.choice([*EXPIRES])
        condition = self._one_of(0.3, [b"NX"], [b"XX"], [b"GT"], [b"LT"])
        fields = self._fields()
        return [[name, self._hash_key(), self._time(EXPIRES[name]), *condition, *self._counted(fields, len(fields))]]

    def httl(self):
        name = self.rng.choice([b"HTTL", b"HPTTL", b"HEXPIRETIME", b"HPEXPIRETIME", b"HPERSIST"])
        fields = self._fields()
        return [[name, self._hash_key(), *self._counted(fields, len(fields))]]

    def hgetdel(self):
        fields = self._fields(2)
        return [[b"HGETDEL", self._hash_key(), *self._counted(fields, len(fields))]]

    def hgetex(self):
        fields = self._fields()
        option = self._expiration(b"PERSIST") if self._rarely(0.8) else []
        return [[b"HGETEX", self._hash_key(), *option, *self._counted(fields, len(fields))]]

    def hsetex(self):
        """No field twice: the peer would crash."""
        fields = dict.fromkeys(self._fields())
        pairs = [word for field in fields for word in (field, self.rng.choice(VALUES))]
        options = [self._one_of(0.3, [b"FNX"], [b"FXX"]), self._expiration(b"KEEPTTL") if self._rarely(0.7) else []]
        self.rng.shuffle(options)
        return [[b"HSETEX", self._hash_key(), *sum(options, []), *self._counted(pairs, len(pairs) // 2)]]


STEPS = [
    (HashCommands.hset, 10), (HashCommands.hset_many, 0.1), (HashCommands.hsetnx, 1), (HashCommands.hget, 6),
    (HashCommands.whole, 4), (HashCommands.hdel, 3), (HashCommands.hincr, 4), (HashCommands.hrandfield, 2),
    (HashCommands.hscan, 1.5), (HashCommands.hexpire, 5), (HashCommands.httl, 4), (HashCommands.hgetdel, 1),
    (HashCommands.hgetex, 2), (HashCommands.hsetex, 3),
]  # fmt: skip
