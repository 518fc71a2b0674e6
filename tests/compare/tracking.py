"""Client-side caching: `tracking.txt`, and random commands of clients that track.

After each step, the replies of each connection must be equal, and so must the keys that messages
name, in order. When messages are written between replies is not compared: the peer writes some
before its event loop ends, and here all come behind the command that made the change.
"""

import os
import random

import notation
import pubsub
import wire
from commands import show
from events import random_key
from report import Finding

PATH = os.path.join(os.path.dirname(__file__), "tracking.txt")
STEPS_SHARE = 20
STEPS_PER_ROUND = 200
EVERYTHING = b"(all keys)"


def run(servers, report, options):
    for title, lines in notation.sections(PATH).items():
        talk = Talk(servers, report, title)
        for line in lines:
            name, _, rest = line.partition(" ")
            talk.step(name, [notation.words(command) for command in rest.split(" | ")])
        talk.end()
    rng = random.Random(options.seed)
    for _ in range(max(1, options.count // STEPS_SHARE // STEPS_PER_ROUND)):
        talk = Talk(servers, report, f"random, seed {options.seed}")
        for _ in range(STEPS_PER_ROUND):
            talk.step(*random_step(rng))
        talk.end()


class Talk(pubsub.Talk):
    """As that for subscriptions; the numbers of connections may be named."""

    def __init__(self, servers, report, title):
        super().__init__(servers, report, title)
        self.ids = {}
        for server in servers:
            connection = wire.Connection(server.address)
            pubsub.ask(connection, b"FLUSHALL")
            connection.close()

    def step(self, name, commands):
        names = [name, *(word[1:].decode() for words in commands for word in words if word[:1] == b"@")]
        for new in names:
            if new not in self.connections:
                ends = [wire.Connection(server.address) for server in self.servers]
                self.connections[new] = ends
                self.ids[b"@" + new.encode()] = [pubsub.ask(end, b"CLIENT", b"ID") for end in ends]
        self.history.append(f"{name} {' | '.join(map(show, commands))}")
        came = self._round(name, commands)
        for other, answers in self._round(name, []).items():
            came[other] = [first + second for first, second in zip(came[other], answers)]
        for other, (peer, ours) in came.items():
            self._compare(other, commands if other == name else [], peer, ours)
        for gone in [other for other, ends in self.connections.items() if any(end.closed for end in ends)]:
            self._close(gone)

    def _round(self, name, commands):
        """What comes to each connection from both servers, the one that sends first."""
        came = {}
        for other in sorted(self.connections, key=lambda other: other != name):
            text = b"-- %d --" % next(self.numbers)
            sent = commands if other == name else []
            answers = []
            for server, end in enumerate(self.connections[other]):
                named = [[self.ids[word][server] if word in self.ids else word for word in words] for words in sent]
                answers.append(pubsub.converse(end, b"".join(map(wire.encode, [*named, [b"PING", text]])), text))
            came[other] = answers
        return came

    def _compare(self, name, commands, peer, ours):
        closed = [end.closed for end in self.connections[name]]
        if closed[0] == closed[1] and (peer == ours or self._parts(peer, 0) == self._parts(ours, 1)):
            return self.report.same()
        args = commands[0] if commands else [b"(messages)"]
        note = f"{self.title}; to {name} after: {' // '.join(self.history[-12:])}; closed: {closed}"
        return self.report.differs(Finding(args, peer, ours, 2, note=note))

    def _parts(self, came, server):
        """Replies, and the keys that messages name; numbers of connections as names."""
        ids = {b":%s\r\n" % ids[server]: name for name, ids in self.ids.items()}
        frames, rest = wire.parse_all(came.replace(b"(and no more)", b""))
        replies, keys = [], []
        for frame in frames:
            kind = frame.value[0].value if frame.is_aggregate and frame.value else None
            if kind in (b"invalidate", b"message") and len(frame.value) in (2, 3):
                last = frame.value[-1]
                keys += [key.value for key in last.value] if last.is_aggregate else [EVERYTHING]
            elif kind == b"server":
                continue  # of HELLO
            else:
                raw = frame.raw
                for id, name in ids.items():
                    raw = raw.replace(id, b":" + name + b"\r\n")
                replies.append(raw)
        return replies, keys, rest


def random_step(rng):
    name = rng.choice("abcd")
    if rng.random() < 0.2:
        return name, [random_switch(rng)]
    # One command, or one transaction: the peer joins the broadcasts of several.
    if rng.random() < 0.15:
        return name, [[b"MULTI"], *(random_command(rng) for _ in range(3)), [b"EXEC"]]
    return name, [random_command(rng)]


def random_switch(rng):
    redirect = rng.choice(([], [], [b"REDIRECT", b"@" + rng.choice("abcd").encode()]))
    noloop = rng.choice(([], [b"NOLOOP"]))
    mode = rng.choice(([], [], [b"OPTIN"], [b"OPTOUT"], [b"BCAST"], [b"BCAST", b"PREFIX", b"k1", b"PREFIX", b"k2"], [b"BCAST", b"PREFIX", b"k"]))
    return rng.choice((
        [b"CLIENT", b"TRACKING", b"ON", *mode, *redirect, *noloop],
        [b"CLIENT", b"TRACKING", b"ON", *mode, *noloop],
        [b"CLIENT", b"TRACKING", b"OFF"],
        [b"CLIENT", b"CACHING", rng.choice((b"YES", b"NO"))],
        [b"CLIENT", b"TRACKINGINFO"],
        [b"CLIENT", b"GETREDIR"],
        [b"HELLO", b"3"],
        [b"HELLO", b"3"],
        [b"RESET"] if rng.random() < 0.3 else [b"PING"],
        [b"QUIT"] if rng.random() < 0.1 else [b"PING"],
    ))  # fmt: skip


def random_command(rng):
    key, other, field = random_key(rng), random_key(rng), b"f%d" % rng.randrange(3)
    return rng.choice((
        [b"GET", key],
        [b"GET", key],
        [b"MGET", key, other],
        [b"EXISTS", key, other],
        [b"STRLEN", key],
        [b"TTL", key],
        [b"TYPE", key],
        [b"HGET", key, field],
        [b"HLEN", key],
        [b"SET", key, b"1"],
        [b"SET", key, b"1", b"EX", b"100"],
        [b"SET", key, b"1", b"NX"],
        [b"MSET", key, b"1", other, b"2"],
        [b"APPEND", key, b"x"],
        [b"INCR", key],
        [b"GETDEL", key],
        [b"GETSET", key, b"3"],
        [b"HSET", key, field, b"1"],
        [b"HDEL", key, field],
        [b"DEL", key, other],
        [b"UNLINK", key],
        [b"EXPIRE", key, b"100"],
        [b"PERSIST", key],
        [b"RENAME", key, other],
        [b"COPY", key, other, b"REPLACE"],
        [b"MOVE", key, b"1"],
        [b"FLUSHALL"] if rng.random() < 0.1 else [b"GET", key],
    ))  # fmt: skip
