"""Subscriptions and messages over several connections: `pubsub.txt`, and random ones.

After each step every connection sends a PING with a text of its own. What has come to it before the
answer must be equal from both servers, messages that it did not ask for included.
"""

import itertools
import os
import random

import notation
import wire
from commands import show
from report import Finding
from rules import equal

PATH = os.path.join(os.path.dirname(__file__), "pubsub.txt")
SILENCE_S = 5.0
STEPS_SHARE = 20
"""One random step for so many commands that are generated elsewhere."""
STEPS_PER_ROUND = 200
CONNECTIONS = "abcd"


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
            talk.step(rng.choice(CONNECTIONS), random_step(rng))
        talk.end()


class Talk:
    """Connections to both servers by name, each made when it is first used."""

    def __init__(self, servers, report, title):
        self.servers, self.report, self.title = servers, report, title
        self.connections = {}
        self.history = []
        self.numbers = itertools.count()

    def step(self, name, commands):
        """Sends commands over one connection, in one packet, and compares what comes to each."""
        if name not in self.connections:
            self.connections[name] = [wire.Connection(server.address) for server in self.servers]
        self.history.append(f"{name} {' | '.join(map(show, commands))}")
        self._exchange(name, commands)
        for other in self.connections:
            if other != name:
                self._exchange(other, [])
        for gone in [name for name, pair in self.connections.items() if any(end.closed for end in pair)]:
            self._close(gone)

    def end(self):
        """Closes all connections, and waits until both servers know it."""
        for name in list(self.connections):
            self._close(name)
        for server in self.servers:
            watcher = wire.Connection(server.address)
            while b"pubsub_clients:0\r\n" not in ask(watcher, b"INFO", b"clients"):
                pass
            watcher.close()

    def _close(self, name):
        for connection in self.connections.pop(name):
            connection.close()

    def _exchange(self, name, commands):
        text = b"-- %d --" % next(self.numbers)
        data = b"".join(map(wire.encode, [*commands, [b"PING", text]]))
        peer, ours = (converse(connection, data, text) for connection in self.connections[name])
        closed = [connection.closed for connection in self.connections[name]]
        if closed[0] == closed[1] and (peer == ours or same(commands, peer, ours)):
            return self.report.same()
        args = commands[0] if commands else [b"(messages)"]
        note = f"{self.title}; to {name} after: {' // '.join(self.history[-12:])}; closed: {closed}"
        return self.report.differs(Finding(args, peer, ours, 2, note=note))


def ask(connection, *words):
    return connection.exchange([wire.encode(words)], 1)[0].value


def converse(connection, data, text):
    """What comes before the answer to PING, or before the end."""
    sentinel = b"$%d\r\n%s\r\n" % (len(text), text)
    answer = connection.converse([data], sentinel, SILENCE_S)
    before, found, after = answer.partition(sentinel)
    connection.buffer[:] = after
    return before if found else answer + b"(and no more)"


def same(commands, peer, ours):
    """True if only what has no order differs in order, or the replies are equal under the rules of
    their commands."""
    try:
        (peer, peer_rest), (ours, ours_rest) = wire.parse_all(peer), wire.parse_all(ours)
    except wire.Malformed:
        return False
    if peer_rest != ours_rest or len(peer) != len(ours):
        return False
    if len(peer) == len(commands) and all(equal(args, a, b) for args, a, b in zip(commands, peer, ours)):
        return True
    return without_order(peer) == without_order(ours)


def without_order(frames):
    """Patterns that match one message come in any order, and so do the channels that UNSUBSCRIBE
    without arguments ends; the counts beside them do not."""
    found = []
    for kind, group in itertools.groupby(frames, kind_of):
        group = list(group)
        if kind == b"pmessage":
            found.append(sorted(frame.raw for frame in group))
        elif kind.endswith(b"unsubscribe"):
            found.append(sorted(frame.value[1].raw for frame in group))
            found.append([frame.value[2].raw for frame in group])
        else:
            found.append([frame.raw for frame in group])
    return found


def kind_of(frame):
    texts = frame.value if frame.is_aggregate else []
    return texts[0].value if len(texts) >= 3 and isinstance(texts[0].value, bytes) else b""


NAMES = [b"a", b"b", b"news.1", b"news.2", b"", b"\xff\r\n"]
PATTERNS = [b"*", b"news.*", b"[ab]", b"a", b"?", b"n*1", b""]


def random_step(rng):
    """One to four commands for one packet; what has replies in any order stands alone."""
    if rng.random() < 0.15:
        return [random_lone(rng)]
    commands = [random_command(rng) for _ in range(rng.choice((1, 1, 2, 4)))]
    wrapped = rng.random()
    if wrapped < 0.1:
        return [[b"MULTI"], *commands, [b"EXEC"]]
    # In RESP2 a subscription could not be followed by CLIENT.
    if wrapped < 0.2 and not any(command[0].endswith(b"SUBSCRIBE") for command in commands):
        return [[b"CLIENT", b"REPLY", b"OFF"], *commands, [b"CLIENT", b"REPLY", b"ON"]]
    return commands


def random_command(rng):
    some = lambda names: rng.sample(names, rng.choice((1, 1, 2, 3)))  # noqa: E731
    one = lambda names: rng.choice(names)  # noqa: E731
    return rng.choices(
        [
            lambda: [b"SUBSCRIBE", *some(NAMES)],
            lambda: [b"PSUBSCRIBE", *some(PATTERNS)],
            lambda: [b"SSUBSCRIBE", *some(NAMES)],
            lambda: [b"UNSUBSCRIBE", *some(NAMES)],
            lambda: [b"PUNSUBSCRIBE", *some(PATTERNS)],
            lambda: [b"SUNSUBSCRIBE", *some(NAMES)],
            lambda: [b"PUBLISH", one(NAMES), one([b"", b"hello", b"x" * 9000])],
            lambda: [b"SPUBLISH", one(NAMES), b"hello"],
            lambda: [b"PUBSUB", b"NUMSUB", *some(NAMES)],
            lambda: [b"PUBSUB", b"SHARDNUMSUB", *some(NAMES)],
            lambda: [b"PUBSUB", b"NUMPAT"],
            lambda: one([[b"PING"], [b"PING", b"x"], [b"GET", b"k"], [b"SET", b"k", b"v"], [b"CLIENT", b"NO-TOUCH", b"ON"]]),
            lambda: one([[b"subscribe"], [b"PUBLISH", b"a"], [b"PUBSUB"], [b"PUBSUB", b"numpat", b"x"], [b"PING", b"x", b"y"]]),
            lambda: [b"RESET"],
        ],
        [8, 5, 4, 6, 4, 3, 20, 8, 4, 2, 2, 5, 2, 1],
    )[0]()


def random_lone(rng):
    return rng.choice(
        [
            [b"HELLO", b"3"],
            [b"HELLO", b"2"],
            [b"HELLO", b"3"],
            [b"UNSUBSCRIBE"],
            [b"PUNSUBSCRIBE"],
            [b"SUNSUBSCRIBE"],
            [b"PUBSUB", b"CHANNELS"],
            [b"PUBSUB", b"CHANNELS", b"news.*"],
            [b"PUBSUB", b"SHARDCHANNELS"],
            [b"CLIENT", b"INFO"],
            [b"QUIT"],
        ]
    )
