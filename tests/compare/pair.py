"""The same commands to both servers, their replies compared; crashes noticed; state compared.

Knows the servers, the rules and the deliberate differences; not which commands a part sends.
"""

import wire
from commands import EVERY_KEY, keys_of, name_of, show
from differences import explain
from report import Finding, cut
from rules import equal, witness_of

HISTORY_LIMIT = 50_000
MOST_RESTARTS = 10
"""A part ends when servers had to be started anew so often, since each takes its time."""


class Broken(Exception):
    """A server closed the connection or stayed silent, and cannot be restarted."""


class Pair:
    """One connection to each server, used in step."""

    def __init__(self, servers, report, protocol=2):
        self.servers, self.report = servers, report
        self.history, self.queued = [], []
        self.one_sided = frozenset()
        """Commands that are not sent by `check_common`."""
        self.diverged = []
        """Commands after which the servers hold other data, as they are meant to."""
        self.connect(protocol)

    def connect(self, protocol=2):
        """New connections, speaking the given protocol."""
        self.disconnect()
        self.generation = self.servers.generation
        self.connections = [wire.Connection(server.address) for server in self.servers]
        self.protocol, self.queued = protocol, []
        if protocol != 2:
            self._send([[b"HELLO", b"%d" % protocol]])

    def disconnect(self):
        for connection in getattr(self, "connections", ()):
            connection.close()

    def reset(self, protocol=2):
        """Empty databases, new connections, no history."""
        self.connect(protocol)
        self._send([[b"FLUSHALL"]])
        self.history.clear()

    def ask(self, *words):
        """Sends one command and returns both replies, without a comparison."""
        return self._send([words_of(words)])[0]

    def check(self, *words):
        """Sends one command, compares, and returns both replies."""
        return self.batch([words_of(words)])[0]

    def leave_out_one_sided(self):
        """From now on `check_common` leaves out what only one of the two servers knows."""
        peer, ours = (set(known_names(reply)) for reply in self.ask("COMMAND"))
        self.one_sided = {name.upper() for name in peer ^ ours}

    def check_common(self, *words):
        """Sends and compares one command, unless it is one-sided: then it is counted and sent to neither."""
        words = words_of(words)
        name = name_of(words)
        subcommand = name + b"|" + words[1].upper() if len(words) > 1 else name
        if {name, subcommand} & self.one_sided:
            return self.report.left_out(name if name in self.one_sided else subcommand)
        return self.batch([words])

    def batch(self, commands, cut=None, encode=wire.encode):
        """Sends commands as one pipeline, compares all replies, and returns those to the commands themselves.

        `cut` splits the bytes into packets, `encode` writes a command.
        """
        sent, witness_at = [], {}
        for args in commands:
            sent.append(args)
            extra = witness_of(args)
            if extra:
                witness_at[len(sent) - 1] = len(sent)
                sent.append(extra)
        replies = self._send(sent, cut, encode)
        witnesses = set(witness_at.values())
        for at, (args, pair) in enumerate(zip(sent, replies)):
            witness = witness_at.get(at)
            self._judge(args, pair, replies[witness] if witness and witness < len(replies) else None)
            self._follow(args, pair)
        self._converge()
        return [pair for at, pair in enumerate(replies) if at not in witnesses]

    def _converge(self):
        """Removes from both servers what deliberately differs."""
        diverged, self.diverged = self.diverged, []
        for args in diverged:
            keys = sorted(keys_of(args)) if name_of(args) not in EVERY_KEY else []
            removal = [b"DEL", *keys] if keys else [b"FLUSHALL"]
            self._send([removal])
            self.history.append(removal)

    def _follow(self, args, pair):
        self.history.append(args)
        if len(self.history) > HISTORY_LIMIT:
            del self.history[: HISTORY_LIMIT // 2]
        if name_of(args) == b"HELLO" and not pair[0].is_error and len(args) > 1:
            self.protocol = int(args[1])
        if name_of(args) == b"RESET":
            self.protocol = 2
        self._follow_transaction(args, pair[0].raw)

    def _follow_transaction(self, args, reply):
        """Keeps what is queued, to compare the replies that EXEC brings together."""
        name = name_of(args)
        if name == b"MULTI" and reply == b"+OK\r\n":
            self.queued = []
        elif reply == b"+QUEUED\r\n":
            self.queued.append(args)
        elif name in (b"EXEC", b"DISCARD", b"RESET") and len(args) == 1:
            self.queued = []

    def _judge(self, args, pair, witness):
        peer, ours = pair
        if name_of(args) == b"EXEC" and self._judge_transaction(peer, ours):
            return None
        if equal(args, peer, ours, witness):
            return self.report.same(peer.is_error)
        difference = explain(args, peer, ours, self._history_of(args), witness, self.servers.own)
        if difference:
            if difference.diverges:
                self.diverged.append(args)
            return self.report.meant(difference.id, args, peer.raw, ours.raw)
        return self.found(args, peer.raw, ours.raw)

    def _judge_transaction(self, peer, ours):
        """Judges the replies within an EXEC one by one; False if they are not one for each command of the queue."""
        both = peer, ours
        if not all(reply.is_aggregate and len(reply.value) == len(self.queued) for reply in both):
            return False
        self.report.same()
        for args, *pair in zip(self.queued, peer.value, ours.value):
            self._judge(args, pair, None)
        return True

    def _history_of(self, args):
        keys = keys_of(args)
        return [earlier for earlier in self.history if earlier and keys & keys_of(earlier)] if keys else []

    def found(self, args, peer, ours, note=""):
        """Reports an unexplained difference."""
        self.report.differs(Finding(args, peer, ours, self.protocol, list(self.history), note))

    def _send(self, commands, cut=None, encode=wire.encode):
        if self.generation != self.servers.generation:
            self.connect(self.protocol)
        data = b"".join(map(encode, commands))
        pieces = cut(data) if cut else [data]
        both = []
        for connection in self.connections:
            try:
                both.append(connection.exchange(pieces, len(commands)))
            except wire.Malformed as malformed:
                self.found([b"(pipeline)"], b"", str(malformed).encode(), "no RESP")
                both.append([])
        answered = min(map(len, both))
        if answered < len(commands):
            self._broken(commands, both)
        return list(zip(*both))

    def _broken(self, commands, both):
        for server, connection, replies in zip(self.servers, self.connections, both):
            if len(replies) == len(commands):
                continue
            what = "closed the connection" if connection.closed else "does not answer"
            if connection.closed and server.has_exited():
                what = "crashed"
            unanswered = commands[len(replies) :]
            # Replies are written after a whole pipeline, so any command of it may be the one.
            self.report.note(f"{server.name} {what}, and did not answer: " + "; ".join(cut(show(c), 100) for c in unanswered))
            self.found(unanswered[0], b"", b"", f"{server.name} {what}")
        if not self.servers.owned:
            raise Broken("a server is gone, and was not started by this tool")
        if self.servers.generation >= MOST_RESTARTS:
            raise Broken(f"servers went away {MOST_RESTARTS} times")
        self.servers.restart()
        self.connect()
        self.history.clear()


def known_names(rows):
    """The names in a reply to `COMMAND`, those of subcommands (`config|get`) included."""
    for row in rows.value:
        yield row.value[0].value
        yield from known_names(row.value[9])


def words_of(words):
    return [word if isinstance(word, bytes) else str(word).encode() for word in words]


class Inspector:
    """Compares the state of both servers over connections of its own, and makes it equal again where it is not."""

    def __init__(self, pair, databases=(0,), fields_expire=False):
        self.pair, self.databases, self.fields_expire = pair, databases, fields_expire
        self.largest = 0

    def compare(self):
        """Compares every key; a key that differs is reported once and removed from both servers."""
        inspection = Pair(self.pair.servers, self.pair.report)
        inspection.history = self.pair.history
        for database in self.databases:
            inspection.ask("SELECT", database)
            peer, ours = inspection.ask("KEYS", "*")
            keys = set(peer.texts()) | set(ours.texts())
            for key in sorted(keys):
                self._compare_key(inspection, key)
        inspection.disconnect()

    def _compare_key(self, inspection, key):
        before = len(inspection.report.findings)
        kind, _ = inspection.check("TYPE", key)
        inspection.check("DEBUG", "DIGEST-VALUE", key)
        if kind.value == b"vectorset":
            card, _ = inspection.check("VCARD", key)
            inspection.check("VDIM", key)
            inspection.check("VINFO", key)
            self.largest = max(self.largest, int(card.value))
        elif kind.value == b"hash":
            fields, _ = inspection.check("HGETALL", key)
            names = fields.texts()[::2]
            if names and self.fields_expire:
                inspection.check("HPEXPIRETIME", key, "FIELDS", len(names), *names)
        else:
            inspection.check("GET", key)
        inspection.check("PEXPIRETIME", key)
        if len(inspection.report.findings) > before:
            inspection.ask("DEL", key)
            self.pair.history.append([b"DEL", key])
