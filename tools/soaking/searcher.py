"""The searcher: one connection that searches all the time and checks what it gets."""

import random
import time

from benchmarks import resp
from benchmarks.servers import die_with_parent

from .ledger import now
from .state import Phase, key

COUNT = 10
# Queries whose results are compared with exact ones, each time that the writers stop.
COMPARED = 40
QUIET_S = 2.5
# Searches, of which each some also returns attributes, and is followed by some members by chance.
EVERY = 8
# The same score within the rounding of its text.
SAME = 1e-6


def run(state, source, seed):
    """Until the end; sends (what, figures) for each part of the run."""
    die_with_parent()
    try:
        Searcher(state, source, seed).loop()
    except (OSError, ConnectionError) as error:
        state.errors.put(("connection", f"searcher: {error}"))
        state.found.send(("gone", None))


class Searcher:
    """What one connection measures and finds wrong."""

    def __init__(self, state, source, seed):
        self.state, self.source, self.random = state, source, random.Random(seed)
        self.client = resp.Client(state.port)
        self.number = 0
        self.waits, self.seen = [], 0

    def loop(self):
        """Searches; in the quiet phase it compares first, and is done after a while."""
        while (phase := self.state.phase.value) != Phase.END:
            if phase == Phase.PAUSE:
                time.sleep(0.002)
                continue
            if phase == Phase.QUIET:
                self.quiet()
                continue
            self.search()
        self.send("storm")

    def send(self, what):
        """Sends the waits of a phase, and how many elements were looked up in the ledger."""
        self.state.found.send((what, (self.waits, self.seen)))
        self.waits, self.seen = [], 0

    def quiet(self):
        """The waits so far are those of the storm."""
        self.send("storm")
        self.state.found.send(("recall", [self.compare() for _ in range(COMPARED)]))
        until = time.monotonic() + QUIET_S
        while time.monotonic() < until:
            self.search()
        self.send("quiet")
        while self.state.phase.value == Phase.QUIET:
            time.sleep(0.002)

    def query(self):
        """A set and a vector."""
        return key(self.random.randrange(self.state.sets)), self.source.vector(self.random)

    def search(self):
        """One search, timed and checked."""
        self.number += 1
        of, vector = self.query()
        with_attributes = self.number % EVERY == 0
        words = (b"WITHATTRIBS",) if with_attributes else ()
        request = resp.encoded(b"VSIM", of, b"FP32", vector, b"COUNT", COUNT, b"WITHSCORES", *words)
        sent, began = now(), time.perf_counter()
        reply = self.client.one(request)
        self.waits.append(time.perf_counter() - began)
        if isinstance(reply, resp.Refused):
            self.state.errors.put(("error", f"VSIM {of.decode()} -> {reply}"))
            return
        width = 2 + with_attributes
        self.check("VSIM", sent, reply[::width])
        if with_attributes:
            self.check_attributes(reply[::width], reply[2::width])
            self.members(of)

    def members(self, of):
        """Some elements by chance."""
        sent = now()
        reply = self.client.one(resp.encoded(b"VRANDMEMBER", of, 5))
        if isinstance(reply, resp.Refused):
            self.state.errors.put(("error", f"VRANDMEMBER {of.decode()} -> {reply}"))
        else:
            self.check("VRANDMEMBER", sent, reply or [])

    def check(self, command, sent, names):
        """No element that had to be gone when the request was sent."""
        self.seen += len(names)
        for name in names:
            if late := self.state.ledger.dead(name, sent):
                self.state.errors.put(("expired", f"{command} -> {name.decode()}, gone {late} ms before"))

    def check_attributes(self, names, attributes):
        """Each attribute is that of its element; an element without one was changed meanwhile, if
        at all.
        """
        for name, attribute in zip(names, attributes):
            if attribute is None or b'"id":"%s"' % name not in attribute:
                self.state.errors.put(("answer", f"VSIM WITHATTRIBS -> {name.decode()} has {attribute}"))

    def compare(self):
        """The share of the nearest that a search finds, by scores, since equally near ones may take
        each other's place.
        """
        of, vector = self.query()
        requests = [resp.encoded(b"VSIM", of, b"FP32", vector, b"COUNT", COUNT, b"WITHSCORES", *words)
                    for words in ((b"TRUTH",), ())]
        exact, found = self.client.many(requests)
        if isinstance(exact, resp.Refused) or isinstance(found, resp.Refused) or len(exact) < 2 * COUNT:
            return None
        worst = float(exact[-1]) - SAME
        return sum(float(score) >= worst for score in found[1::2]) / COUNT
