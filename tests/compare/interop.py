"""Files of one server loaded by the other: what was written must be there, to the bit, and searches
must find the same.

In both directions, as RDB, as a log of commands, and as a log with a base that was rewritten.
"""

import os
import shutil
import tempfile
import time
from dataclasses import dataclass

import interop_data as data
import wire
from commands import show
from pair import Inspector, Pair
from report import Finding
from servers import USUAL_FLAGS, Servers, Started, nearhit_flags

ELEMENTS = 1000
QUERIES = 100
COUNT = 10
BATCH = 200
SEARCHES_EQUAL = 0.03
"""How much smaller the recall in the other server's graph may be than in the reader's own graph."""
SEARCHES_EQUAL_AT_M4 = 0.06
"""The same where a node has few links. Graphs of the same data differ: with the seeds 1 … 5 Redis
found 0.954 … 0.983 in its own graphs and 0.951 … 0.989 in those of nearhit."""
PATIENCE_S = 60.0
SAME_SCORE = 1e-5
LOG_FLAGS = ["--appendonly", "yes", "--appendfsync", "always"]


@dataclass
class Way:
    """From whom the files come, and what they are."""

    writer: str
    form: str

    @property
    def reader(self):
        return "nearhit" if self.writer == "peer" else "peer"

    @property
    def flags(self):
        return [] if self.form == "rdb" else LOG_FLAGS

    def __str__(self):
        return f"{self.form} from {self.writer} to {self.reader}"


WAYS = [Way(writer, form) for form in ("rdb", "log", "base") for writer in ("peer", "nearhit")]


def run(_servers, report, options):
    if options.nearhit:
        return report.note("left out: it starts servers of its own")
    for way in WAYS:
        exchange(way, report, options)
    if not options.peer_twice:
        skip_foreign(report, options)


def exchange(way, report, options):
    """Fills one server, starts the other on its files, and compares the two, which both run
    then."""
    began, found = time.monotonic(), len(report.findings)
    writer = start(way.writer, way.flags, options)
    folder = tempfile.mkdtemp(prefix="compare-files-")
    reader = None
    try:
        fill(writer, way, options)
        copy_files(writer.folder, folder)
        reader = start(way.reader, way.flags, options, folder)
        compare(writer, reader, way, report, options)
    except (RuntimeError, Refused) as refused:
        report.differs(Finding([b"(start)"], b"", str(refused).encode(), 2, [], str(way)))
    finally:
        for server in filter(None, (writer, reader)):
            server.stop()
        shutil.rmtree(folder)
    report.note(f"{way}: {len(report.findings) - found} differences, {time.monotonic() - began:.0f} s")


def start(name, flags, options, files=None):
    """A server on files that it has loaded, or an empty one."""
    is_peer = name == "peer" or options.peer_twice
    binary = options.peer_binary if is_peer else options.nearhit_binary
    server = Started(name, binary, USUAL_FLAGS if is_peer else nearhit_flags(options), flags, files)
    client = Client(server)
    wait_for(client.is_loaded)
    client.close()
    return server


def copy_files(source, target):
    """What a server left to be loaded."""
    for name in ("dump.rdb", "appendonlydir"):
        path = os.path.join(source, name)
        if os.path.isdir(path):
            shutil.copytree(path, os.path.join(target, name))
        elif os.path.exists(path):
            shutil.copy(path, target)


class Refused(Exception):
    """A server did not obey a command."""


class Client:
    """A connection that is answered."""

    def __init__(self, server):
        self.connection = wire.Connection(server.address)

    def ask(self, *words):
        return self.ask_all([words])[0]

    def ask_all(self, commands):
        """Replies, none of which is an error."""
        encoded = [[word if isinstance(word, bytes) else str(word).encode() for word in words] for words in commands]
        replies = []
        for at in range(0, len(encoded), BATCH):
            batch = encoded[at : at + BATCH]
            replies += self.connection.exchange([b"".join(map(wire.encode, batch))], len(batch))
        if len(replies) < len(encoded):
            raise Refused("it does not answer")
        for words, reply in zip(encoded, replies):
            if reply.is_error:
                raise Refused(f"{show(words)[:200]}: {reply.value.decode()}")
        return replies

    def is_loaded(self):
        """It answers with an error while it loads."""
        replies = self.connection.exchange([wire.encode([b"PING"])], 1)
        if not replies:
            raise Refused("it ended while it loaded")
        return not replies[0].is_error

    def info(self, field):
        text = self.ask("INFO", "everything").value.decode()
        return next(line.split(":", 1)[1] for line in text.splitlines() if line.startswith(f"{field}:"))

    def close(self):
        self.connection.close()


def fill(server, way, options):
    """Writes everything, and brings it to the files in question."""
    rng, client = data.seeded(options.seed, "data"), Client(server)
    client.ask_all(data.all_databases(rng, ELEMENTS))
    client.ask("SELECT", 0)
    if way.form == "rdb" or way.writer == "nearhit" and not options.peer_twice:
        client.ask_all(data.updates(rng))
    if way.form != "rdb" and not options.peer_twice:
        client.ask_all(data.compare_and_set(rng))
    if way.form == "rdb":
        if way.writer == "nearhit" and not options.peer_twice:
            # A field of ours that the peer passes over. In a log the peer would have to know the
            # command.
            client.ask_all(["BLESS", "SET", f"s:{number}", "NO-EVICT"] for number in range(3))
        # The file has idle times in one direction, and counters of uses in the other.
        policy = "allkeys-lru" if way.writer == "nearhit" else "allkeys-lfu"
        client.ask("CONFIG", "SET", "maxmemory-policy", policy)
        client.ask("SAVE")
    if way.form == "base":
        client.ask("BGREWRITEAOF")
        wait_for(lambda: client.info("aof_rewrite_in_progress") == "0" and client.info("aof_rewrite_scheduled") == "0")
        client.ask_all(data.arithmetic(first=100))
    client.close()


def wait_for(happens):
    """There is no event to wait for."""
    deadline = time.monotonic() + PATIENCE_S
    while not happens():
        if time.monotonic() > deadline:
            raise Refused("it is not done in time")
        time.sleep(0.01)


def compare(writer, reader, way, report, options):
    peer, ours = (writer, reader) if way.writer == "peer" else (reader, writer)
    pair = Pair(Servers(peer, ours, options.against.differences), report)
    Inspector(pair, data.DATABASES, fields_expire=True).compare()
    times(pair, str(way))
    searches(pair, way, report, options)
    if way == Way("peer", "rdb"):
        links(pair, report)
    pair.disconnect()
    go_on(reader, way, report, options)


def times(pair, way):
    """Deadlines are exact; the usual comparison allows for clocks."""
    for database in data.DATABASES:
        pair.ask("SELECT", database)
        for key in sorted(pair.ask("KEYS", "*")[0].texts()):
            replies = pair.ask("PEXPIRETIME", key)
            judge(pair.report, replies, replies[0].raw == replies[1].raw, [b"PEXPIRETIME", key], way)
    pair.ask("SELECT", 0)


def judge(report, replies, is_right, args, note):
    """Counts a comparison."""
    if is_right:
        report.same()
    else:
        report.differs(Finding(args, replies[0].raw, replies[1].raw, 2, [], note))


def searches(pair, way, report, options):
    """The exact answer is the same, and the graph leads to it as often as one that the reader makes
    itself."""
    for key, queries in data.queries(data.seeded(options.seed, "queries"), QUERIES):
        for query in queries:
            pair.check("VSIM", key, "FP32", query, "WITHSCORES", "COUNT", COUNT, "TRUTH")
        found = dict(zip(("peer", "nearhit"), recalls(pair, key, queries)))
        own = OWN.setdefault((way.writer, key), found[way.writer])
        expected = OWN.get((way.reader, key), own)
        text = f"{way}: {key}: of the 10 nearest, and the nearest, are found: {found}, by the reader's own graph {expected}"
        if options.verbose:
            print(f"    {text}")
        allowed = SEARCHES_EQUAL_AT_M4 if key.endswith("-M4") else SEARCHES_EQUAL
        if all(share >= usual - allowed for share, usual in zip(found[way.reader], expected)):
            report.same()
        else:
            report.differs(Finding([b"VSIM", key.encode()], b"", b"", 2, [], text))


OWN = {}
"""What each server finds in the sets that it filled itself."""


def recalls(pair, key, queries):
    """For each server the shares of the nearest, and of the very nearest, that searches find; equal
    scores count alike."""
    hits = [[0, 0], [0, 0]]
    for query in queries:
        words = ["VSIM", key, "FP32", query, "WITHSCORES", "COUNT", COUNT]
        for own, exact, found in zip(hits, pair.ask(*words, "TRUTH"), pair.ask(*words)):
            exact, found = scores(exact), scores(found)
            own[0] += sum(score >= exact[-1] - SAME_SCORE for score in found) / COUNT
            own[1] += found[:1] >= [score - SAME_SCORE for score in exact[:1]]
    return [[round(total / len(queries), 3) for total in own] for own in hits]


def scores(reply):
    return [float(text) for text in reply.texts()[1::2]]


def links(pair, report):
    """The graph that was stored is used as it is."""
    for key in (f"v:{shape['name']}" for shape in data.SHAPES):
        for name in pair.ask("VRANGE", key, "-", "+")[0].texts():
            replies = pair.ask("VLINKS", key, name)
            layers = [[sorted(layer.texts()) for layer in reply.value or []] for reply in replies]
            judge(report, replies, layers[0] == layers[1], [b"VLINKS", key.encode(), name], "links")


def go_on(reader, way, report, options):
    """What was loaded can be changed, searched and saved again."""
    client = Client(reader)
    sizes = {}
    for key, words, step in data.later(data.seeded(options.seed, "later")):
        if key not in sizes:
            sizes[key] = int(client.ask("VCARD", key).value)
        sizes[key] += step * int(client.ask(*words).value)
    for key, size in sizes.items():
        reply = client.ask("VCARD", key)
        found = client.ask("VSIM", key, "ELE", "later1", "COUNT", 10).texts()
        is_right = int(reply.value) == size and b"later1" in found
        judge(report, (reply, reply), is_right, [b"VCARD", key.encode()], f"{way}: {size} expected, later1 to be found")
    before = client.ask("DEBUG", "DIGEST")
    client.ask("DEBUG", "RELOAD")
    after = client.ask("DEBUG", "DIGEST")
    judge(report, (before, after), before.raw == after.raw, [b"DEBUG", b"RELOAD"], f"{way}: another digest")
    client.close()


def skip_foreign(report, options):
    """Values of types that nearhit lacks are skipped if an option says so; else it does not
    start."""
    peer = start("peer", [], options)
    folder = tempfile.mkdtemp(prefix="compare-files-")
    client = Client(peer)
    client.ask_all([["SET", "a string", "v"], *data.FOREIGN, ["HSET", "z hash", "f", "v"], ["SAVE"]])
    client.close()
    copy_files(peer.folder, folder)
    peer.stop()
    try:
        check_skipping(report, options, folder)
    except RuntimeError as refused:
        report.differs(Finding([b"(start)"], b"", str(refused).encode(), 2, [], "unknown types are not skipped"))
    finally:
        shutil.rmtree(folder)


def check_skipping(report, options, folder):
    reader = start("nearhit", ["--rdb-skip-unknown-types", "yes"], options, folder)
    client = Client(reader)
    keys = client.ask("KEYS", "*")
    client.close()
    reader.stop()
    judge(report, (keys, keys), sorted(keys.texts()) == [b"a string", b"z hash"], [b"KEYS", b"*"], "unknown types")
    try:
        start("nearhit", ["--rdb-skip-unknown-types", "no"], options, folder).stop()
    except (RuntimeError, Refused):  # before it answers, or while it says that it loads
        report.same()
    else:
        report.differs(Finding([b"(start)"], b"", b"it started", 2, [], "with types that it does not know"))
