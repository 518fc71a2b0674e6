"""Random commands on keys of any type, on databases, and on the connection."""

from vocabulary import DATABASES, HASH_KEYS, PATTERNS, STRING_KEYS, VECTOR_KEYS, Vocabulary

EXPIRES = {b"EXPIRE": b"EX", b"PEXPIRE": b"PX", b"EXPIREAT": b"EXAT", b"PEXPIREAT": b"PXAT"}
TYPES = [b"vectorset", b"string", b"VECTORSET", b"hash", b"list", b"nosuch"]


class KeyCommands(Vocabulary):
    """Keys keep to their kind: copies and renames stay among keys that are meant to hold the same."""

    def _two_keys(self):
        kind = self.rng.choice([STRING_KEYS, HASH_KEYS])
        return self._key_of(kind), self.rng.choice(kind)

    def delete(self):
        keys = [self._any_key() for _ in range(self.rng.choice([1, 1, 2, 3]))]
        return [[self.rng.choice([b"DEL", b"UNLINK"]), *keys]]

    def rename(self):
        return [[self.rng.choice([b"RENAME", b"RENAME", b"RENAMENX"]), *self._two_keys()]]

    def copy(self):
        """Of a value made for it: where a key has come to mean a vector set, nearhit would copy that, and the peer would not."""
        options = self._some((0.3, b"DB", self._database), (0.5, b"REPLACE"))
        source, target = self._two_keys()
        values = [[b"SET", source, b"12", b"EXAT", b"9999999999"], [b"HSET", source, b"f", b"1", b"g", b"x"]]
        fresh = [[b"DEL", source], self.rng.choice(values)]
        return [*fresh, [b"COPY", source, target, *options, *self._unlikely_word()]]

    def _database(self):
        return self._integer(0, max(DATABASES), 0.05)

    def move(self):
        return [[b"MOVE", self._any_key(), self._database()]]

    def select(self):
        return [[b"SELECT", self._database()]]

    def swapdb(self):
        return [[b"SWAPDB", self._database(), self._database()]]

    def expire(self):
        name = self.rng.choice([*EXPIRES])
        flags = self._some((0.1, b"NX"), (0.1, b"XX"), (0.1, b"GT"), (0.1, b"LT"), (0.02, b"BLAH"))
        return [[name, self._any_key(), self._time(EXPIRES[name]), *flags]]

    def about(self):
        name = self.rng.choice([b"TYPE", b"TTL", b"PTTL", b"EXPIRETIME", b"PEXPIRETIME", b"PERSIST"])
        return [[name, self._any_key()]]

    def exists(self):
        return [[self.rng.choice([b"EXISTS", b"TOUCH"]), *(self._any_key() for _ in range(self.rng.randint(1, 4)))]]

    def object(self):
        return [[b"OBJECT", self.rng.choice([b"ENCODING", b"encoding", b"REFCOUNT", b"BLAH"]), self._any_key()]]

    def digest(self):
        return [[b"DEBUG", b"DIGEST-VALUE", self._any_key()]]

    def keyspace(self):
        """All keys, some of them, or one."""
        return [self.rng.choice([
            [b"DBSIZE"], [b"KEYS", self.rng.choice(PATTERNS)], [b"RANDOMKEY"],
            [b"SCAN", b"0", b"COUNT", b"1000"],
            [b"SCAN", b"0", b"MATCH", self.rng.choice(PATTERNS), b"COUNT", b"1000"],
            [b"SCAN", b"0", b"TYPE", self.rng.choice(TYPES), b"COUNT", b"1000"],
            [b"SCAN", self.rng.choice([b"0", b"x", b"", b"1.0", b"99999999999999999999999"]), b"COUNT", b"1000"],
        ])]  # fmt: skip

    def connection(self):
        return [self.rng.choice([
            [b"PING"], [b"PING", self._element()], [b"ECHO", self._element()], [b"HELLO"],
            [b"HELLO", self.rng.choice([b"2", b"3", b"3", b"4", b"x"])], [b"NOSUCH", self._element()],
        ])]  # fmt: skip

    def flush(self):
        return [[self.rng.choice([b"FLUSHDB", b"FLUSHDB", b"FLUSHALL"]), *self._one_of(0.5, [b"ASYNC"], [b"SYNC"])]]


STEPS = [
    (KeyCommands.delete, 2), (KeyCommands.rename, 1), (KeyCommands.copy, 1.5), (KeyCommands.move, 0.7),
    (KeyCommands.select, 0.5), (KeyCommands.swapdb, 0.1), (KeyCommands.expire, 4), (KeyCommands.about, 4),
    (KeyCommands.exists, 1), (KeyCommands.object, 1), (KeyCommands.digest, 1), (KeyCommands.keyspace, 1.5),
    (KeyCommands.connection, 2), (KeyCommands.flush, 0.03),
]  # fmt: skip
