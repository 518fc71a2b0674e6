"""One writer: adds, updates, gives and takes lives, removes, and writes strings and hashes beside
it, as fast as it can.
"""

import os
import random
import time

from benchmarks import resp
from benchmarks.servers import die_with_parent

from . import ledger
from .ledger import FOR_EVER, SLACK_MS, now
from .state import Phase, key

BATCH = 16
# Below the searcher, whose clock is to measure the server and not the writers beside it.
NICE = 10
PAYLOAD = random.Random(1).randbytes(3000).hex().encode()
STRINGS, HASHES = 200_000, 50_000
LIVES_S = (1, 2, 5, 10, 20)


def run(state, number, source, seed):
    """Until the end; what it found wrong is put into the queue."""
    die_with_parent()
    os.nice(NICE)
    try:
        Writer(state, number, source, seed).loop()
    except (OSError, ConnectionError) as error:
        state.errors.put(("connection", f"writer {number}: {error}"))
    state.paused[number] = 1


class Sent:
    """A request, and what its reply does to the ledger."""

    __slots__ = ("request", "settle")

    def __init__(self, request, settle=None):
        self.request, self.settle = request, settle


class Writer:
    """The elements of one writer."""

    def __init__(self, state, number, source, seed):
        self.state, self.number, self.source = state, number, source
        self.ledger, self.random = state.ledger, random.Random(seed * 1000 + number)
        self.client = resp.Client(state.port)
        self.next, self.made = 0, 0
        names, weights = zip(*self.kinds())
        self.names, self.weights = names, weights

    def kinds(self):
        """What is sent, and how often."""
        yield self.add, 40
        yield self.update, 6
        yield self.set_attribute, 2
        yield self.remove, 3
        yield self.string, 18
        yield self.read_string, 4
        yield self.delete_string, 1
        yield self.hash, 6
        if self.state.can["lives"]:
            yield self.add_with_life, 16
            yield self.expire, 4
            yield self.persist, 1

    def loop(self):
        """Batch after batch, unless the phase is another."""
        state = self.state
        while (phase := state.phase.value) != Phase.END:
            state.paused[self.number] = phase != Phase.STORM
            if phase != Phase.STORM:
                time.sleep(0.005)
                continue
            self.batch()

    def batch(self):
        """Requests that concern different elements, all in flight together."""
        self.taken = set()
        kinds = self.random.choices(self.names, self.weights, k=BATCH)
        sent = [request for kind in kinds if (request := kind()) is not None]
        requests = [one.request for one in sent]
        replies = self.client.many(requests)
        acknowledged = now()
        for one, reply in zip(sent, replies):
            if isinstance(reply, resp.Refused):
                self.state.errors.put(("error", f"{shown(one.request)} -> {reply}"))
            elif one.settle:
                one.settle(reply, acknowledged)
        self.state.requests[self.number] += len(sent)
        self.state.bytes[self.number] += sum(map(len, requests))

    def place(self, number):
        """The set, the name and the ledger's entry of an element; None if this batch has it
        already.
        """
        if number in self.taken:
            return None
        self.taken.add(number)
        return key(number % self.state.sets), ledger.name(self.number, number), self.ledger.at(self.number, number)

    def fresh(self):
        """An element of the next name."""
        number, self.next = self.next, (self.next + 1) % ledger.ELEMENTS
        self.made = min(self.made + 1, ledger.ELEMENTS)
        return self.place(number)

    def recent(self):
        """One of the elements written last, of which most are still there."""
        if not self.made:
            return None
        return self.place((self.next - 1 - self.random.randrange(min(self.made, 20_000))) % ledger.ELEMENTS)

    def vadd(self, where, *life):
        """VADD with a new vector and an attribute."""
        of, name, _ = where
        attribute = self.source.attribute(self.random, name)
        vector = self.source.vector(self.random)
        return resp.encoded(b"VADD", of, b"FP32", vector, name, b"SETATTR", attribute, *life)

    def for_ever(self, where):
        """Enters a life without end."""
        self.ledger.became(where[2], FOR_EVER)
        return Sent(self.vadd(where))

    def add(self):
        """A new element."""
        where = self.fresh()
        return where and self.for_ever(where)

    def update(self):
        """Another vector for an element; its life, if it had one, has no end from then on."""
        where = self.recent()
        return where and self.for_ever(where)

    def add_with_life(self):
        """A new element that expires."""
        where = self.fresh()
        if where is None:
            return None
        word, argument, until, relative_ms = self.life()
        self.ledger.may_become(where[2], until + SLACK_MS)

        def settle(_, acknowledged):
            self.ledger.became(where[2], acknowledged + relative_ms if relative_ms else until)

        return Sent(self.vadd(where, word, argument), settle)

    def life(self):
        """A word, its argument, the latest deadline if it arrives at once, and the span if the
        server's clock begins it.
        """
        seconds, sent = self.random.choice(LIVES_S), now()
        milliseconds = seconds * 1000
        absolute_s = sent // 1000 + seconds
        return self.random.choice([
            (b"EX", seconds, sent + milliseconds, milliseconds),
            (b"PX", milliseconds + 7, sent + milliseconds + 7, milliseconds + 7),
            (b"EXAT", absolute_s, absolute_s * 1000, 0),
            (b"PXAT", sent + milliseconds, sent + milliseconds, 0),
        ])

    def expire(self):
        """Another deadline for an element that may have one."""
        where = self.recent()
        if where is None:
            return None
        of, name, at = where
        milliseconds = 1000 * self.random.choice(LIVES_S)
        self.ledger.may_become(at, now() + milliseconds + SLACK_MS)

        def settle(reply, acknowledged):
            # 1: it is set. 2 and -2: there is no such element, so that it must not be seen from now
            # on.
            self.ledger.became(at, acknowledged + milliseconds if reply == [1] else acknowledged)
            if reply not in ([1], [2], [-2]):
                self.state.errors.put(("answer", f"VPEXPIRE {name.decode()} -> {reply}"))

        return Sent(resp.encoded(b"VPEXPIRE", of, milliseconds, b"MEMBERS", 1, name), settle)

    def persist(self):
        """Ends the deadline of an element."""
        where = self.recent()
        if where is None:
            return None
        of, name, at = where
        self.ledger.may_become(at, FOR_EVER)

        def settle(reply, acknowledged):
            self.ledger.became(at, acknowledged if reply == [-2] else FOR_EVER)

        return Sent(resp.encoded(b"VPERSIST", of, b"MEMBERS", 1, name), settle)

    def remove(self):
        """Takes an element away."""
        where = self.recent()
        if where is None:
            return None
        of, name, at = where
        return Sent(resp.encoded(b"VREM", of, name), lambda _, acknowledged: self.ledger.became(at, acknowledged))

    def set_attribute(self):
        """Another attribute."""
        where = self.recent()
        if where is None:
            return None
        of, name, _ = where
        return Sent(resp.encoded(b"VSETATTR", of, name, self.source.attribute(self.random, name)))

    def string(self):
        """A value of one to four kilobytes that begins with its key and its deadline."""
        name, length = self.string_name(), self.random.randrange(1000, 4000)
        sent = now()
        seconds = self.random.choice((0, 0, 1, 5, 30))
        until = sent + 1000 * seconds if seconds else FOR_EVER
        at = self.random.randrange(len(PAYLOAD) - length)
        value = b"%s %d %s" % (name, until, PAYLOAD[at:at + length])
        return Sent(resp.encoded(b"SET", name, value, *((b"PXAT", until) if seconds else ())))

    def string_name(self):
        """Shared by all writers."""
        return b"s:%d" % self.random.randrange(STRINGS)

    def read_string(self):
        """Checks what a value says of itself."""
        name, sent = self.string_name(), now()

        def settle(reply, _):
            if reply is None:
                return
            of, until, _ = reply.split(b" ", 2)
            if of != name:
                self.state.errors.put(("answer", f"GET {name.decode()} -> the value of {of.decode()}"))
            if int(until) < sent:
                self.state.errors.put(("expired", f"GET {name.decode()} -> ended {sent - int(until)} ms before"))

        return Sent(resp.encoded(b"GET", name), settle)

    def delete_string(self):
        """Takes a string away."""
        return Sent(resp.encoded(b"DEL", self.string_name()))

    def hash(self):
        """Some fields of a hash."""
        name = b"h:%d" % self.random.randrange(HASHES)
        fields = [word for field in range(4) for word in (b"f%d" % field, PAYLOAD[:self.random.randrange(8, 400)])]
        return Sent(resp.encoded(b"HSET", name, *fields))


def shown(request):
    """The words of a request, as far as they can be read."""
    words = request.split(b"\r\n")[2::2]
    return " ".join(word[:30].decode(errors="replace") if word.isascii() else f"({len(word)} bytes)" for word in words)
