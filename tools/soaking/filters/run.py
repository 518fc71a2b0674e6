"""The storms, the pauses between them, and what was found wrong."""

import collections
import os
import random
import signal
import tempfile
import threading
import time

from benchmarks import resp, servers
from benchmarks.resp import encoded

from . import changes, looks, pause
from .words import FIELDS, STEMMED, random_expression

STORM_S = 5
STEADY_CLIENTS, WILD_CLIENTS = 2, 2
LIVES_MS = 1100
"""The longest life that an element gets."""
JOIN_S = 90
DATABASES = 3
LEFT_BYTES = 1 << 16
"""Of indexes, after FLUSHALL: each thread counts some of its own."""
SHOWN = 6
LOGS = {
    "log": ["--appendonly", "yes", "--appendfsync", "always", "--save", ""],
    "snapshot": ["--appendonly", "no", "--save", ""],
}

RELOADS = {"log": [("DEBUG", "RELOAD"), ("DEBUG", "LOADAOF")], "snapshot": [("DEBUG", "RELOAD")]}


class Mix:
    """One server after another on the same files, and the clients of each."""

    def __init__(self, program, seed, minutes, flags):
        self.program, self.seed, self.flags = program, seed, flags
        self.random = random.Random(seed)
        self.until = time.monotonic() + 60 * minutes
        self.steps, self.found, self.shown_of = collections.Counter(), collections.Counter(), collections.defaultdict(list)
        self.compared = self.restarts = self.storms = 0
        self.staying = STEADY_CLIENTS * changes.STAYING
        self.storm_until, self.is_killed = 0, False

    # ---- for the clients ---------------------------------------------------------------------------

    def goes_on(self):
        """False when a client has to end."""
        return time.monotonic() < self.storm_until

    def wrong(self, kind, text):
        """Notes a fault."""
        self.found[kind] += 1
        if len(self.shown_of[kind]) < SHOWN:
            self.shown_of[kind].append(text)

    @staticmethod
    def shown(words):
        """As far as they can be read."""
        return " ".join(word if isinstance(word, str) else repr(word)[:60] for word in words)[:400]

    # ---- the run -----------------------------------------------------------------------------------

    def go(self):
        """Servers with a log, then without, again and again."""
        with tempfile.TemporaryDirectory(prefix="mix-") as folder:
            while time.monotonic() < self.until and not self.found["hang"]:
                for kind in LOGS:
                    os.makedirs(os.path.join(folder, kind), exist_ok=True)
                    self.lives(os.path.join(folder, kind), kind)

    def lives(self, folder, kind):
        """Two lives of a server on the same files."""
        before, expressions = None, [random_expression(self.random) for _ in range(15)]
        for life in range(3):
            with servers.running_in(folder, self.program, [*LOGS[kind], "--enable-debug-command", "local", *self.flags], limit_s=60) as server:
                with resp.Client(server.port) as client:
                    if life:
                        self.restarts += 1
                        self.after_kill(client, before, expressions, kind)
                    if life < 2:
                        self.storm(server)
                        before = self.rest(client, expressions, kind)
                        if kind == "snapshot":
                            client.ask("SAVE")
                        elif life == 1:
                            self.storm(server, kills=True)
                            before = None
                    else:
                        self.flush(client)
                os.kill(server.pid, signal.SIGKILL)

    def guarded(self, what, check, *args):
        """The answer, or None if it cannot be right."""
        try:
            return check(*args)
        except pause.Wrong as wrong:
            self.wrong(what, str(wrong))
        except TimeoutError:
            self.wrong("hang", f"no reply while it was compared ({what})")
        except resp.Refused as refused:
            self.wrong("error", f"while it was compared ({what}): {refused}")
        return None

    def fill(self, client):
        """The set that stays; what it has already is left."""
        rng = self.random
        for number in range(STEADY_CLIENTS):
            names = [f"stay:{number}:{at}" for at in range(changes.STAYING)]
            there = client.ask("VISMEMBER", changes.STEADY, *names)
            client.accepted([encoded(*changes.put(rng, changes.STEADY, name)) for name, is_there in zip(names, there) if not is_there])
        for field in (*FIELDS, STEMMED):
            client.one(encoded("VINDEX", changes.STEADY, "CREATE", *field))

    def storm(self, server, kills=False):
        """All clients for a while."""
        with resp.Client(server.port) as client:
            self.fill(client)
        self.storms += 1
        self.is_killed, self.storm_until = kills, time.monotonic() + STORM_S
        kinds = [changes.Steady] * STEADY_CLIENTS + [changes.Wild] * WILD_CLIENTS
        kinds += [changes.Indexer, looks.Looker, looks.Looker, looks.WildLooker]
        clients = [kind(self, server.port, number) for number, kind in enumerate(kinds)]
        threads = [threading.Thread(target=client.run, daemon=True) for client in clients]
        for thread in threads:
            thread.start()
        if kills:
            time.sleep(STORM_S / 2)
            os.kill(server.pid, signal.SIGKILL)
        for client, thread in zip(clients, threads):
            thread.join(JOIN_S)
            if thread.is_alive():
                self.wrong("hang", f"{type(client).__name__}: {self.shown(client.last)}")

    def rest(self, client, expressions, kind):
        """Everything is compared, when nothing can expire any more; also after it was loaded anew."""
        time.sleep(LIVES_MS / 1000)
        for database in range(DATABASES):
            client.ask("SELECT", database)
            for key in pause.keys(client):
                self.compared += self.guarded("differs", pause.compare, client, key.decode(), self.random) or 0
        client.ask("SELECT", 0)
        count = client.ask("VCOUNT", changes.STEADY, "FILTER", '.group == "stay"')
        if count != self.staying:
            self.wrong("answer", f"{count} of {self.staying} stayed")
        before = self.guarded("differs", pause.answers, client, DATABASES, expressions)
        client.ask(*self.random.choice(RELOADS[kind]))
        self.compare_answers(client, before, expressions)
        return before

    def after_kill(self, client, before, expressions, kind):
        """What was there is there again, or, after a kill in a storm, is at least right."""
        if before is None:
            self.rest(client, expressions, kind)
            return
        self.compare_answers(client, before, expressions)

    def compare_answers(self, client, before, expressions):
        """The same sets are there, and answer as before."""
        after = self.guarded("restart", pause.answers, client, DATABASES, expressions)
        if after != before and None not in (before, after):
            keys = [key for key in {*before, *after} if before.get(key) != after.get(key)]
            figures = [(before.get(key, ({},))[0], after.get(key, ({},))[0]) for key in keys[:1]]
            self.wrong("restart", f"other answers in {keys}: {figures}")

    def flush(self, client):
        """Nothing is left of indexes."""
        if not resp.info(client, "memory").get("mem_attribute_indexes", 0):
            self.wrong("memory", "no bytes of indexes are counted")
        client.ask("FLUSHALL")
        until = time.monotonic() + 10
        while (left := resp.info(client, "memory").get("mem_attribute_indexes", 0)) > LEFT_BYTES and time.monotonic() < until:
            time.sleep(0.05)
        if left > LEFT_BYTES:
            self.wrong("memory", f"{left} bytes of indexes are left after FLUSHALL")
