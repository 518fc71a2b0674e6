"""Clients that change sets."""

import random
import struct
import traceback

from benchmarks import resp

from .words import FIELDS, STEMMED, attribute

STEADY = "steady"
DIM = 8
STAYING = 150
"""Elements of each of these clients that stay in the set."""
OTHERS = 200
"""Names of elements that come and go, for each client."""
GONE = 40
"""Elements that are added to be removed by one VDELETE, at most."""
WILD_KEYS = [f"wild{number}" for number in range(5)]
WILD_NAMES = 300
WILD_DATABASES = (1, 2)
EXPECTED = (
    "ERR no such key", "ERR the field has an index already", "ERR the field has no index", "ERR the set has",
    "BUSYKEY", "ERR source and destination objects are the same", "ERR Background", "ERR element not found",
    "ERR Another", "ERR key does not exist",
)  # fmt: skip
"""How errors begin that say no more than that another client was faster."""


def vector(rng):
    """The bytes of a random one."""
    return struct.pack(f"<{DIM}f", *(rng.gauss(0, 1) for _ in range(DIM)))


def put(rng, key, name, *words):
    """VADD with an attribute."""
    return "VADD", key, "FP32", vector(rng), name, "SETATTR", attribute(rng, name), *words


def index_words(rng, key):
    """VINDEX CREATE or DROP of some field."""
    field = rng.choice([*FIELDS, STEMMED])
    if rng.random() < 0.45:
        return "VINDEX", key, "DROP", field[0]
    return "VINDEX", key, "CREATE", *field


class Client:
    """One connection that does one thing after another until it is stopped."""

    def __init__(self, mix, port, number):
        self.mix, self.number = mix, number
        self.random = random.Random(mix.seed * 1000 + number)
        self.client = resp.Client(port)

    def run(self):
        """Step after step; what goes wrong is noted."""
        try:
            self.begin()
            while self.mix.goes_on():
                self.step()
                self.mix.steps[self.number] += 1
        except TimeoutError:
            self.mix.wrong("hang", f"{type(self).__name__} {self.number}: no reply to {self.mix.shown(self.last)}")
        except (OSError, ConnectionError) as error:
            if not self.mix.is_killed:
                self.mix.wrong("connection", f"{type(self).__name__} {self.number}: {error}, by {self.mix.shown(self.last)}")
        except Exception:
            self.mix.wrong("answer", f"{type(self).__name__} {self.number}: after {self.mix.shown(self.last)}: {traceback.format_exc()}")
        finally:
            self.client.close()

    def begin(self):
        """Before the first step."""

    def ask(self, *words, expects=EXPECTED):
        """The reply; None if it is an error that is expected."""
        self.last = words
        reply = self.client.one(resp.encoded(*words))
        self.errors_of(words, reply, expects)
        return None if isinstance(reply, resp.Refused) else reply

    def errors_of(self, words, reply, expects=EXPECTED):
        """Notes errors that are not expected, also those in arrays."""
        if isinstance(reply, list):
            for item in reply:
                self.errors_of(words, item, expects)
        elif isinstance(reply, resp.Refused) and not str(reply).startswith(expects):
            self.mix.wrong("error", f"{self.mix.shown(words)} -> {reply}")

    def wrong(self, words, text):
        """Notes a wrong answer."""
        self.mix.wrong("answer", f"{self.mix.shown(words)}: {text}")


class Steady(Client):
    """Changes elements of its own in a set that stays: some stay, too."""

    def names(self, owner, count):
        """The names of elements."""
        return [f"{owner}:{self.number}:{number}" for number in range(count)]

    def step(self):
        """One change."""
        rng, kind = self.random, self.random.random()
        stay, other = rng.choice(self.names("stay", STAYING)), rng.choice(self.names("other", OTHERS))
        if kind < 0.2:
            self.ask(*put(rng, STEADY, stay), expects=())
        elif kind < 0.4:
            self.ask("VSETATTR", STEADY, stay, attribute(rng, stay), expects=())
        elif kind < 0.45:
            self.ask("VADD", STEADY, "FP32", vector(rng), stay, expects=())
        elif kind < 0.65:
            self.ask(*put(rng, STEADY, other, *rng.choice([(), (), ("PX", rng.randint(20, 300)), ("EX", 1)])), expects=())
        elif kind < 0.75:
            self.ask("VSETATTR", STEADY, other, attribute(rng, other), expects=())
        elif kind < 0.85:
            self.ask("VREM", STEADY, *rng.sample(self.names("other", OTHERS), rng.randint(1, 5)), expects=())
        elif kind < 0.9:
            self.ask("VPEXPIRE", STEADY, rng.randint(1, 300), "MEMBERS", 1, other, expects=())
        elif kind < 0.92:
            self.ask("VPERSIST", STEADY, "MEMBERS", 1, other, expects=())
        elif kind < 0.96:
            self.together(stay, other)
        else:
            self.delete()

    def together(self, stay, other):
        """A transaction."""
        rng = self.random
        commands = [put(rng, STEADY, stay), ("VSETATTR", STEADY, other, attribute(rng, other)), ("VREM", STEADY, other),
                    put(rng, STEADY, other), ("VCOUNT", STEADY, "FILTER", '.group == "stay"'),
                    ("VDELETE", STEADY, "FILTER", f'.group == "a" and prefix(.id, "other:{self.number}:")')]  # fmt: skip
        rng.shuffle(commands)
        self.last = ("EXEC",)
        requests = [resp.encoded(*words) for words in (("MULTI",), *commands, ("EXEC",))]
        *queued, replies = self.client.many(requests)
        self.errors_of(("MULTI …",), queued, ())
        for words, reply in zip(commands, replies):
            self.errors_of(words, reply, ())
            if words[0] == "VCOUNT" and reply != self.mix.staying:
                self.wrong(words, f"{reply} of {self.mix.staying} in a transaction")

    def delete(self):
        """Adds elements, and removes them by a filter."""
        names = self.names("gone", self.random.randint(1, GONE))
        self.client.accepted([resp.encoded(*put(self.random, STEADY, name)) for name in names])
        words = ("VDELETE", STEADY, "FILTER", '.group == "gone" and prefix(.id, $1)', "PARAMS", 1, f"gone:{self.number}:")
        count = self.ask(*words, expects=())
        left = sum(self.ask("VISMEMBER", STEADY, *names) if len(names) > 1 else [self.ask("VISMEMBER", STEADY, *names)])
        if count != len(names) or left:
            self.wrong(words, f"{count} of {len(names)}, {left} are left")


class Indexer(Client):
    """Makes and drops indexes of the set that stays."""

    def step(self):
        """One of them."""
        self.ask(*index_words(self.random, STEADY))
        rows = self.ask("VINDEX", STEADY, "LIST")
        for _ in range(self.random.randint(0, 30)):
            self.ask("PING")
        if rows is not None and len({row[1] for row in rows}) < len(rows):
            self.wrong(("VINDEX", STEADY, "LIST"), f"a field twice: {rows}")


class Wild(Client):
    """Does anything to the sets of other databases."""

    def begin(self):
        """Into one of them."""
        self.ask("SELECT", WILD_DATABASES[self.number % len(WILD_DATABASES)])

    def step(self):
        """Some changes."""
        rng, key, other = self.random, *self.random.sample(WILD_KEYS, 2)
        if rng.random() < 0.2:
            self.rare(key, other)
            return
        if rng.random() < 0.1:
            self.ask("MULTI")
            for _ in range(rng.randint(1, 6)):
                self.ask(*self.change(key))
            self.ask("EXEC")
            return
        for _ in range(8):
            self.ask(*self.change(key))

    def name(self):
        """Of some element."""
        return f"{self.random.choice(['stay', 'wild', 'wild', 'gone'])}:{self.random.randrange(WILD_NAMES)}"

    def change(self, key):
        """The words of a change of a set."""
        rng, name = self.random, self.name()
        kind = rng.random()
        if kind < 0.5:
            return put(rng, key, name, *rng.choice([(), (), (), ("PX", rng.randint(1, 200))]))
        if kind < 0.65:
            return "VSETATTR", key, name, attribute(rng, name)
        if kind < 0.75:
            return "VREM", key, name
        if kind < 0.8:
            return "VPEXPIRE", key, rng.randint(1, 200), "MEMBERS", 2, name, self.name()
        if kind < 0.85:
            return "VDELETE", key, "FILTER", rng.choice(['.group == "gone"', ".n > 50", "not exists(.id)", '.group == "c"']), "LIMIT", 20
        if kind < 0.87:
            return "VCONFIG", key, "MAXELEMENTS", rng.choice([0, 20, 100, 200])
        return index_words(rng, key)

    def rare(self, key, other):
        """Something that concerns whole sets, databases or files."""
        rng, kind = self.random, self.random.random()
        if kind < 0.2:
            self.ask("VCREATE", key, "DIM", DIM, *rng.choice([(), ("BIN",), ("NOQUANT",)]), "MAXELEMENTS", rng.choice([50, 150]))
        elif kind < 0.35:
            self.ask("RENAME", key, other)
        elif kind < 0.5:
            self.ask("COPY", key, other, *rng.choice([(), ("REPLACE",), ("DB", rng.choice(WILD_DATABASES), "REPLACE")]))
        elif kind < 0.65:
            dump = self.ask("DUMP", key)
            if dump:
                self.ask("RESTORE", other, rng.choice([0, 0, 500]), dump, "REPLACE")
        elif kind < 0.75:
            self.ask(rng.choice(["DEL", "UNLINK"]), key)
        elif kind < 0.8:
            self.ask("PEXPIRE", key, rng.randint(1, 300))
        elif kind < 0.85:
            self.ask("SWAPDB", *WILD_DATABASES)
        elif kind < 0.89:
            self.ask("FLUSHDB", *rng.choice([(), ("ASYNC",)]))
        elif kind < 0.92:
            self.ask(*rng.choice([("BGSAVE",), ("BGREWRITEAOF",)]))
        elif kind < 0.97:
            self.ask("MOVE", key, rng.choice(WILD_DATABASES))
        else:
            self.ask("OBJECT", "FREQ", key, expects=("ERR",))
