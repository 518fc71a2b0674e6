"""One run: the processes beside the server, the rounds of storm and quiet, and what they found."""

import collections
import multiprocessing
import time

from benchmarks import resp

from . import report, searcher, vectors, writer
from .state import Phase, State, key
from .watch import Watch

# A round: the writers write, then they stop, so that results can be compared and quiet searches
# timed.
STORM_S = 12
PAUSE_LIMIT_S = 30
QUIET_LIMIT_S = 60
SHOWN_ERRORS = 5
# Written bytes that count as far beyond the limit; a run takes up to so many times its time where
# they take long.
TIMES_LIMIT, LONGER = 3, 5


def abilities(port):
    """What the server can do beyond Redis' vector sets."""
    with resp.Client(port) as client:
        can = {"lives": not isinstance(client.one(resp.encoded("VADD", "probe", "VALUES", 1, 1, "e", "EX", 100)), resp.Refused)}
        client.one(resp.encoded("DEL", "probe"))
    return can


class Run:
    """Of one server."""

    def __init__(self, server, args, source, moves=None):
        self.args, self.server, self.moves = args, server, moves
        self.state = State(server.port, args.sets, args.writers, abilities(server.port))
        self.minute, self.whole = collections.defaultdict(list), collections.defaultdict(list)
        self.errors = collections.Counter()
        self.shown = collections.defaultdict(list)
        self.seen, self.alive, self.quiet_rounds = 0, True, 0
        self.sent = [0, 0]
        self.worst = 0
        self.info = {}
        if args.warm or args.demote:
            options = ("TIER", "warm") if args.warm else ("QUANT", "RQ2", "RERANK", "F16")
            with resp.Client(server.port) as client:
                made = [resp.encoded("VCREATE", key(number), "DIM", vectors.DIM, *options) for number in range(args.sets)]
                client.accepted(made)
        fork = multiprocessing.get_context("fork")
        self.processes = [fork.Process(target=writer.run, args=(self.state, number, source, args.seed), daemon=True)
                          for number in range(args.writers)]
        self.searcher = fork.Process(target=searcher.run, args=(self.state, source, args.seed), daemon=True)

    def go(self):
        """The whole of it; the table's lines as they come."""
        report.head()
        for process in (*self.processes, self.searcher):
            process.start()
        end = time.monotonic() + 60 * self.args.minutes
        line = began = time.monotonic()
        with Watch(self.server.pid, self.server.port, self.args.warm or self.args.demote) as self.watch:
            while self.alive and not self.is_done(began, end):
                self.round(min(STORM_S, max(3.0, end - time.monotonic())))
                if time.monotonic() >= line + 60 or self.is_done(began, end) or not self.alive:
                    self.show((time.monotonic() - began) / 60, time.monotonic() - line)
                    line = time.monotonic()
            self.state.phase.value = Phase.END
            self.drain(1)
        for process in (*self.processes, self.searcher):
            process.join(10)
        self.drain_errors()

    def times_limit(self):
        """How many times the limit was written."""
        return sum(self.state.bytes) / self.args.maxmemory

    def is_done(self, began, end):
        """A busy machine gets more time, so that enough is written there too."""
        now = time.monotonic()
        return now >= end and (self.times_limit() >= TIMES_LIMIT or now >= began + LONGER * (end - began))

    def round(self, storm_s):
        """A storm, then quiet."""
        state = self.state
        state.phase.value = Phase.STORM
        until = time.monotonic() + storm_s
        while time.monotonic() < until and self.running():
            self.drain(0.05)
        state.phase.value = Phase.PAUSE
        until = time.monotonic() + PAUSE_LIMIT_S
        while not all(state.paused) and self.running():
            self.drain(0.005)
            if time.monotonic() > until:
                state.errors.put(("hang", f"a writer had no reply for {PAUSE_LIMIT_S} s"))
                self.alive = False
                return
        state.phase.value = Phase.QUIET
        until = time.monotonic() + QUIET_LIMIT_S
        rounds = self.quiet_rounds
        while self.quiet_rounds == rounds and self.running():
            self.drain(0.05)
            if time.monotonic() > until:
                state.errors.put(("hang", f"the searcher had no reply for {QUIET_LIMIT_S} s"))
                self.alive = False

    def running(self):
        """Whether the server and all processes beside it are there."""
        if self.watch.gone or not all(process.is_alive() for process in (*self.processes, self.searcher)):
            self.alive = False
        return self.alive

    def drain(self, wait_s):
        """Takes what the searcher sent, and waits that long at most."""
        if self.moves:
            self.moves.tick()
        if not self.state.results.poll(wait_s):
            return
        what, found = self.state.results.recv()
        if what == "recall":
            self.note("recall", [share for share in found if share is not None])
        elif what in ("storm", "quiet"):
            self.note(what, found[0])
            self.seen += found[1]
            if what == "quiet":
                self.quiet_rounds += 1
        self.drain_errors()

    def note(self, what, values):
        """For the minute and for all."""
        self.minute[what] += values
        self.whole[what] += values

    def drain_errors(self):
        """Counts what was found wrong; the first of each kind are kept in words."""
        while not self.state.errors.empty():
            kind, text = self.state.errors.get()
            self.errors[kind] += 1
            if len(self.shown[kind]) < SHOWN_ERRORS:
                self.shown[kind].append(text)

    def show(self, minute, seconds):
        """A line of the table."""
        requests, bytes_ = sum(self.state.requests), sum(self.state.bytes)
        most, worst = self.watch.take()
        self.worst = max(self.worst, worst)
        elements = self.look()
        recall = self.minute["recall"]
        searches = len(self.minute["storm"]) + len(self.minute["quiet"])
        storming = STORM_S / (STORM_S + searcher.QUIET_S)
        report.row([
            f"{minute:.1f}", (requests - self.sent[0]) / seconds / storming, (bytes_ - self.sent[1]) / report.MB,
            searches / seconds, report.percentile(self.minute["storm"], 0.99), report.percentile(self.minute["quiet"], 0.99),
            f"{sum(recall) / len(recall):.3f}" if recall else "–", f"{min(recall):.1f}" if recall else "–",
            most / report.MB, f"{worst:.3f}", self.info.get("used_memory", 0) / report.MB, f"{elements:,}",
            f"{self.evicted():,}", f"{self.expired():,}", f"{sum(self.errors.values()):,}",
        ])
        self.sent = [requests, bytes_]
        self.minute.clear()

    def look(self):
        """Reads INFO; how many elements there are."""
        try:
            with resp.Client(self.server.port) as client:
                self.info = resp.info(client)
                return sum(client.ask("VCARD", key(number)) for number in range(self.args.sets))
        except (OSError, ConnectionError, resp.Refused):
            return 0

    def evicted(self):
        """Keys and elements."""
        return sum(self.info.get(name, 0) for name in ("evicted_keys", "evicted_elements"))

    def expired(self):
        """Keys, fields and elements."""
        return sum(self.info.get(name, 0) for name in ("expired_keys", "expired_subkeys"))
