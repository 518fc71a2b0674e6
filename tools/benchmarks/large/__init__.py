"""Sets too large for memory: one set of millions of elements, made while it is added, all in
memory; with links and fine codes in mapped files and a maxmemory of a part of what it took in
memory; demoting within such a limit; and beside them Qdrant's engine with mapped storage.

The graph is built once, by a server that has all in memory, and its snapshot is kept in a folder
of its own under --folder, beside the queries, their exact neighbours and the figures: a further
run uses them again, and measures only --columns anew. The set is made with `TIER warm`: a server
without tier-dir has such a set in memory, and one with it in files. For tier-policy demote the
mark of a warm set is taken out of a copy of the snapshot (mark.py). All thus search one graph.

A search is measured with the least EF of a few that reaches the recall. For a cold page cache,
pages of mapped files are taken from the process, dirty ones are written, and the system's caches
are dropped; then every query is asked once. Where several connections ask, each begins with
another query; their rates are added, and the median of the p50 and the highest p99 are shown.
Faults are those of the server's process, for each search.

`noeviction` keeps the set whole while searches are measured, also if it takes more than maxmemory.
Where there is hardly room then, writes are measured once the policy is allkeys-lru, and what is
evicted at once then is gone.
"""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

import benchmarks

from .. import Failure, build, load, persistence, resp, servers, table
from ..filters.wire import all_of
from . import mark, qdrant

# Elements and dimensions, where nothing is said.
SIZES, QUICK_SIZES = ((10_000_000, 96), (2_000_000, 768)), ((100_000, 96),)
K, RECALL = 10, 0.95
EFS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
# Requests in flight while the set is built; connections that search or write later.
BUILDING, SEVERAL = {"connections": 4, "depth": 32}, 4
KEY = "bench"
START_S, ASK_S, CALM_S, ROOM_S, SEALED_S = 1800, 1800, 300, 60, 30
# What stays the same while nothing is moved.
CALM = ("evicted_elements", "tier_demoted_elements", "tier_bytes", "used_memory")
# Of maxmemory: above this there is hardly room for the elements that are written.
ROOMY = 0.99
DEMOTING = ("--maxmemory-policy", "allkeys-lru", "--tier-policy", "demote")
MB = 1e6
COLUMNS = ("in memory", "warm", "demoting", "qdrant")


def add_arguments(add):
    """Of this part alone."""
    add("--build-ef", type=int, default=64, help="large: EF of the graph (%(default)s)")
    add("--write-seconds", type=float, default=20, help="large: how long each writer writes (%(default)s)")
    add("--qdrant-elements", type=int, default=0, help="large: only the first so many for Qdrant's engine")
    add("--demote-part", type=float, help="large: --part of the demoting server, where it is another")
    add("--policy", default="noeviction", help="large: maxmemory-policy of the warm server (%(default)s)")
    add("--columns", default=COLUMNS, type=lambda text: text.split(","), help="large: some of " + ",".join(COLUMNS))


def run(args, program):
    """Measures each size; True if all was measured."""
    sizes = QUICK_SIZES if args.quick else SIZES
    if args.elements or args.dim:
        sizes = [(args.elements or SIZES[0][0], args.dim or SIZES[0][1])]
    binary = build.cargo_build(build.TOOLS / "load", "nearhit-load")
    figures = {}
    for n, dim in sizes:
        found = Large(args, program, binary, n, dim).run()
        figures[f"large-{dim}-{n // 1000}k"] = found
        print(draw(found, n, dim, args), flush=True)
    return figures


class Large:
    """All that is measured with one set."""

    def __init__(self, args, program, binary, n, dim):
        self.args, self.program, self.binary, self.n, self.dim = args, program, binary, n, dim
        self.within = pathlib.Path(args.folder or tempfile.gettempdir()).resolve()
        self.folder = self.within / f"large-{dim}-{n // 1000}k"
        self.python = build.venv("data", "-r", build.TOOLS / "data" / "requirements.txt")
        self.queries, self.nearest = [], []

    def say(self, text):
        """Progress."""
        build.say(f"{time.strftime('%H:%M:%S')} {self.n:,} × {self.dim}: {text}")

    def run(self):
        """The figures of each column."""
        self.prepare()
        file = self.folder / "figures.json"
        figures = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        figures["build"] = self.built()
        for column in COLUMNS:
            if column in self.args.columns or column == "in memory" and column not in figures:
                figures[column] = self.measured(column, figures)
                file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
        return figures

    def measured(self, column, figures):
        """The figures of one column."""
        if column == "in memory":
            return self.in_memory()
        if column == "qdrant":
            return qdrant.measure(self)
        is_warm = column == "warm"
        part = self.args.part if is_warm else self.args.demote_part or self.args.part
        empty, used = (figures["in memory"][name] for name in ("empty", "used"))
        flags = ("--maxmemory", str(int(empty + part * (used - empty))))
        policy = ("--maxmemory-policy", self.args.policy) if is_warm else DEMOTING
        return self.limited(is_warm, (*flags, *policy))

    def prepare(self):
        """Queries and their exact neighbours."""
        if not (self.folder / "meta.json").exists():
            self.say("exact neighbours")
            self.module("made", "--n", self.n, "--queries", self.args.queries, "--out", self.folder)
        data, each = (self.folder / "queries.f32").read_bytes(), 4 * self.dim
        self.queries = [data[at:at + each] for at in range(0, len(data), each)]
        truth = memoryview((self.folder / "groundtruth.i32").read_bytes()).cast("i")
        every = len(truth) // len(self.queries)
        self.nearest = [set(truth[at:at + K]) for at in range(0, len(truth), every)]

    def module(self, name, *words, python=None):
        """What a module of this folder printed, run in an environment that has numpy."""
        words = (python or self.python, "-m", f"{__name__}.{name}", "--dim", self.dim, *words)
        return build.run(*map(str, words), stdout=subprocess.PIPE, cwd=build.TOOLS)

    def fill(self, server, *words, expects=True, **flags):
        """What benchmarks.large.fill found."""
        for name, value in flags.items():
            words += (f"--{name}", value)
        found = json.loads(self.module("fill", "--port", server.port, "--n", self.n, *words))
        if found["failure"] and expects:
            raise Failure(f"the server refused an element: {found['failure']}")
        return {**found, "rate": found["added"] / found["seconds"]}

    def built(self):
        """Builds the set, unless its snapshot is kept. How long that took."""
        known = self.folder / "build.json"
        if not known.exists():
            self.empty_set()
            self.say("building")
            with self.server(self.folder, (), tiers=False) as (server, client):
                found = self.fill(server, **BUILDING)
                began = time.monotonic()
                client.ask("SAVE")
                found["save_s"] = time.monotonic() - began
            known.write_text(json.dumps(found) + "\n", encoding="utf-8")
        found = json.loads(known.read_text(encoding="utf-8"))
        return {**found, "rate": found["added"] / found["seconds"]}

    def empty_set(self):
        """A snapshot of the set without elements: it says that the set is warm."""
        with self.server(self.folder, ()) as (_, client):
            options = (*self.args.storage.split(), "EF", self.args.build_ef, "TIER", "warm")
            client.ask("VCREATE", KEY, "DIM", self.dim, *options)
            client.ask("SAVE")

    @contextlib.contextmanager
    def server(self, folder, flags, tiers=True):
        """A server on what lies in a folder, once it has loaded that."""
        flags = ("--save", "", *(("--tier-dir", str(pathlib.Path(folder) / "tier")) if tiers else ()), *flags)
        flags = flags if "--maxmemory" in flags else (*flags, "--maxmemory", "0")
        with servers.running_in(folder, self.program, flags, limit_s=START_S) as server:
            with resp.Client(server.port, START_S) as client:
                yield server, client

    def in_memory(self):
        """The figures of the set in memory."""
        with tempfile.TemporaryDirectory(prefix="bench-", dir=self.within) as folder:
            with self.server(folder, (), tiers=False) as (_, client):
                empty = resp.info(client)["used_memory"]
            os.link(self.folder / "dump.rdb", pathlib.Path(folder) / "dump.rdb")
            self.say("loading, all in memory")
            began = time.monotonic()
            with self.server(folder, (), tiers=False) as (server, client):
                figures = {"empty": empty} | self.answered(client, began)
                figures |= self.size(server, client) | self.search(server, "warm cache")
                figures |= self.writes(server, client)
            return figures

    def limited(self, is_warm, flags):
        """The figures of the set in files, within a limit of memory."""
        with tempfile.TemporaryDirectory(prefix="bench-", dir=self.within) as folder:
            folder = pathlib.Path(folder)
            if is_warm:
                os.link(self.folder / "dump.rdb", folder / "dump.rdb")
            else:
                shutil.copyfile(self.folder / "dump.rdb", folder / "dump.rdb")
                mark.take_away(folder / "dump.rdb")
            self.say(f"loading, {' '.join(flags)}")
            began = time.monotonic()
            with self.server(folder, flags) as (server, client):
                figures = self.answered(client, began)
                self.calm(client)
                figures |= self.size(server, client) | self.search(server, "warm cache")
                figures |= self.resident(server, "searched")
                figures |= self.cold(server, folder, figures["warm cache/ef"])
                if is_warm:
                    self.say("SAVE")
                    began = time.monotonic()
                    client.ask("SAVE")
                    figures["save_s"] = time.monotonic() - began
                    figures["sealed/used"] = self.sealed(client)
                figures |= self.make_room(client)
                figures |= self.writes(server, client)
                figures |= self.resident(server, "written")
                if is_warm:
                    os.kill(server.pid, signal.SIGKILL)
            ef = figures["warm cache/ef"]
            return figures | (self.started_again(folder, flags, ef) if is_warm else {})

    def sealed(self, client):
        """used_memory once the set has gone on from the files that SAVE has left of it."""
        end = time.monotonic() + SEALED_S
        while time.monotonic() < end and not resp.info(client, "memory").get("tier_sealed_exchanged"):
            time.sleep(0.05)
        self.calm(client, SEALED_S)  # What is not needed any more is freed by another thread.
        return resp.info(client)["used_memory"]

    def started_again(self, folder, flags, ef):
        """How long a server that was killed takes, with what was saved in the page cache, and not."""
        self.say("starting again")
        figures = {}
        for name, prepare in (("restart", os.sync), ("restart/cold", drop_caches)):
            prepare()
            began = time.monotonic()
            with self.server(folder, flags) as (server, client):
                figures |= {f"{name}/{key}": value for key, value in self.answered(client, began).items()}
                if name == "restart":
                    found = self.ask(server, ef, self.args.seconds)
                    figures |= {f"{name}/{key}": value for key, value in found.items()}
                os.kill(server.pid, signal.SIGKILL)
        return figures

    def answered(self, client, began):
        """Seconds until the first answer to a search."""
        request = resp.encoded("VSIM", KEY, "FP32", self.queries[0], "COUNT", K)
        while isinstance(reply := client.one(request), resp.Refused):
            if not str(reply).startswith("LOADING"):
                raise Failure(f"the server refused a search: {reply}")
            time.sleep(0.01)
        if len(reply) != K:
            raise Failure(f"a search found {len(reply)} elements")
        return {"start_s": time.monotonic() - began}

    def calm(self, client, limit_s=CALM_S):
        """Waits until no elements are evicted or moved and no files written any more, but no longer
        than that.
        """
        before, deadline = None, time.monotonic() + limit_s
        while time.monotonic() < deadline:
            info = resp.info(client)
            now = [info[name] for name in CALM]
            if now == before:
                return
            before = now
            time.sleep(2)

    def size(self, server, client):
        """What the set takes, and where."""
        info = resp.info(client)
        fields = client.ask("VINFO", KEY)
        of_set = {name.decode(): value for name, value in zip(fields[::2], fields[1::2], strict=True)}
        figures = {"elements": client.ask("VCARD", KEY), "used": info["used_memory"], "files": info["tier_bytes"],
                   "limit": info["maxmemory"], "hot": of_set["hot-elements"], "warm": of_set["warm-elements"],
                   "evicted": info["evicted_elements"], "refused": info["tier_refused_bytes"]}
        parts = {f"of/{name}": value for name, value in of_set.items() if name.startswith("memory-")}
        return figures | parts | self.resident(server, "loaded")

    def resident(self, server, when):
        """Bytes in memory of the process, of files and others."""
        return {f"{when}/{name}": persistence.status(server.pid, field) for name, field in RESIDENT}

    def requests(self, ef, first=0):
        """Encoded searches, from a query on."""
        order = self.queries[first:] + self.queries[:first]
        return b"".join(resp.encoded("VSIM", KEY, "FP32", query, "COUNT", K, "EF", ef) for query in order)

    def ask(self, server, ef, seconds, connections=1, parts=False):
        """Rate and percentiles of searches, the recall of the first connection, and faults for each
        search. With `parts`, each connection asks a part of the queries, and once.
        """
        each = len(self.queries) // connections
        before = faults(server.pid)
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
            pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(connections))
            running = []
            for number in range(connections):
                paths = {name: pathlib.Path(folder) / f"{name}{number}" for name in ("requests", "replies")}
                asked = self.requests(ef, number * each)
                paths["requests"].write_bytes(asked[:len(asked) // len(self.queries) * each] if parts else asked)
                flags = {"port": server.port, "seconds": seconds, **paths}
                running.append(pool.submit(load.measure, self.binary, "ask", ASK_S, **flags))
            found = [one.result() for one in running]
            if not all(done for _, done in found):
                raise Failure("nearhit-load ask did not come to its end")
            found = [figures for figures, _ in found]
            recall = self.recall((pathlib.Path(folder) / "replies0").read_bytes())
        after = faults(server.pid)
        rate = sum(figures["ask/rate"] for figures in found)
        searches = max(1, rate * max(seconds, 0) or connections * each)
        return {
            "ef": ef, "recall": recall, "rate": rate,
            "p50_us": statistics.median(figures["ask/p50_us"] for figures in found),
            "p99_us": max(figures["ask/p99_us"] for figures in found),
            **{name: (after[name] - before[name]) / searches for name in after},
        }  # fmt: skip

    def recall(self, replies):
        """The share of right answers, to the queries from the first on."""
        answers = list(all_of(replies))
        hits = sum(len({int(name) for name in answer} & near) for answer, near in zip(answers, self.nearest))
        return hits / (K * len(answers))

    def search(self, server, name):
        """Searches with the least EF that reaches the recall."""
        for ef in EFS:
            found = self.ask(server, ef, 0)
            if found["recall"] >= RECALL:
                break
        self.say(f"recall {found['recall']:.4f} at EF {found['ef']}")
        figures = {"": self.ask(server, found["ef"], self.args.seconds)}
        figures["several/"] = self.ask(server, found["ef"], self.args.seconds, SEVERAL)
        return {f"{name}/{part}{key}": value for part, one in figures.items() for key, value in one.items()}

    def cold(self, server, folder, ef):
        """The same with a cold page cache, each query once."""
        figures = {}
        for part, connections in (("", 1), ("several/", SEVERAL)):
            self.say(f"a cold page cache, {table.connections(connections)}")
            left = benchmarks.tiers.take_pages(server.pid, folder / "tier")
            drop_caches()
            found = self.ask(server, ef, 0, connections, parts=True)
            figures |= {f"cold cache/{part}{key}": value for key, value in found.items()} | {"cold cache/left": left}
            figures |= self.resident(server, f"cold cache/{part}resident")
        return figures

    def make_room(self, client):
        """Where there is hardly room for more: elements may be evicted from now on."""
        info = resp.info(client)
        if info["used_memory"] < ROOMY * info["maxmemory"]:
            return {}
        client.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        self.calm(client, ROOM_S)
        return {"evicted to write": resp.info(client)["evicted_elements"] - info["evicted_elements"]}

    def writes(self, server, client):
        """How fast elements are added that are new."""
        self.say("writing")
        before, info = faults(server.pid), resp.info(client)
        flags = {"further": 1, "seconds": self.args.write_seconds, "connections": SEVERAL, "depth": 1}
        found = self.fill(server, expects=False, **flags)
        after, later = faults(server.pid), resp.info(client)
        figures = {"write/rate": found["rate"], "write/p50_us": found["p50_us"], "write/p99_us": found["p99_us"],
                   "write/failure": found["failure"], "write/added": found["added"], "write/used": later["used_memory"]}
        for name in ("evicted_elements", "tier_demoted_elements"):
            figures[f"write/{name}"] = later[name] - info[name]
        return figures | {f"write/{name}": (after[name] - before[name]) / max(1, found["added"]) for name in after}


RESIDENT = (("anonymous", "RssAnon"), ("file", "RssFile"))


def faults(pid):
    """Pages that a process has waited for, from memory and from the disk; and bytes read from there.
    A page that was asked for ahead counts as one from memory, also if it is still being read.
    """
    process = pathlib.Path(f"/proc/{pid}")
    fields = (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    read = dict(line.split(": ") for line in (process / "io").read_text(encoding="utf-8").splitlines())
    return {"minor": int(fields[7]), "major": int(fields[9]), "read": int(read["read_bytes"])}


def drop_caches():
    """Writes what is dirty, and drops the page cache, as far as no process has it mapped."""
    os.sync()
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")


# Label, name, kind: of a number its unit; of a time in µs None.
ROWS = [
    ("elements", "elements", 1),
    ("evicted while loading", "evicted", 1),
    ("finer codes in files, elements", "warm", 1),
    ("maxmemory, MB", "limit", MB),
    ("used_memory, MB", "used", MB),
    ("used_memory, bytes an element", "used/each", 1),
    ("in files, MB", "files", MB),
    ("resident once loaded: anonymous, MB", "loaded/anonymous", MB),
    ("resident once loaded: of files, MB", "loaded/file", MB),
    ("start to first answer, s", "start_s", 1),
    (f"recall@{K}", "warm cache/recall", "share"),
    ("EF", "warm cache/ef", 1),
    ("VSIM/s, warm page cache, 1 connection", "warm cache/rate", 1),
    ("p50, ms", "warm cache/p50_us", "ms"),
    ("p99, ms", "warm cache/p99_us", "ms"),
    (f"VSIM/s, warm page cache, {SEVERAL} connections", "warm cache/several/rate", 1),
    ("p50, ms", "warm cache/several/p50_us", "ms"),
    ("p99, ms", "warm cache/several/p99_us", "ms"),
    ("major faults a search", "warm cache/major", 1),
    ("minor faults a search", "warm cache/minor", 1),
    ("VSIM/s, cold page cache, 1 connection", "cold cache/rate", 1),
    ("p50, ms", "cold cache/p50_us", "ms"),
    ("p99, ms", "cold cache/p99_us", "ms"),
    ("major faults a search", "cold cache/major", 1),
    ("read from the disk for a search, kB", "cold cache/read", 1e3),
    (f"VSIM/s, cold page cache, {SEVERAL} connections", "cold cache/several/rate", 1),
    ("p50, ms", "cold cache/several/p50_us", "ms"),
    ("p99, ms", "cold cache/several/p99_us", "ms"),
    ("resident after those: anonymous, MB", "cold cache/several/resident/anonymous", MB),
    ("resident after those: of files, MB", "cold cache/several/resident/file", MB),
    ("SAVE, s", "save_s", 1),
    ("used_memory after that, MB", "sealed/used", MB),
    ("evicted within a minute, once it may be", "evicted to write", 1),
    (f"VADD/s, {SEVERAL} connections", "write/rate", 1),
    ("p50, ms", "write/p50_us", "ms"),
    ("p99, ms", "write/p99_us", "ms"),
    ("major faults a VADD", "write/major", 1),
    ("demoted for each VADD", "write/demoted_share", 1),
    ("evicted for each VADD", "write/evicted_share", 1),
    ("start to first answer after SIGKILL, s", "restart/start_s", 1),
    ("VSIM/s then, warm page cache, 1 connection", "restart/rate", 1),
    (f"recall@{K}", "restart/recall", "share"),
    ("the same, cold page cache, s", "restart/cold/start_s", 1),
]


def draw(found, n, dim, args):
    """One table, with the ratio of warm to in memory."""
    columns = [name for name in COLUMNS if name in found]
    for figures in (found[name] for name in columns if "used" in found[name]):
        figures["used/each"] = figures["used"] / figures["elements"]
        for what in ("evicted", "demoted"):
            moved = figures["write/evicted_elements" if what == "evicted" else "write/tier_demoted_elements"]
            figures[f"write/{what}_share"] = moved / max(1, figures["write/added"])
    head = [f"{n:,} × {dim}, {args.storage}", *(TITLES[name] for name in columns), "warm : in memory"]
    rows = []
    for label, name, unit in ROWS:
        values = [found[column].get(name) for column in columns]
        if any(value is not None for value in values):
            ratio = table.ratio(found.get("warm", {}).get(name), found["in memory"].get(name))
            rows.append([label, *(cell(value, unit) for value in values), "" if ratio == "–" else ratio])
    return table.markdown(head, rows)


TITLES = {"in memory": "in memory", "warm": "warm", "demoting": "demoting", "qdrant": qdrant.TITLE}


def cell(value, unit):
    """A figure in words."""
    if value is None:
        return ""
    if unit == "ms":
        return table.milliseconds(value)
    if unit == "share":
        return table.share(value)
    return f"{value:,}" if isinstance(value, int) and unit == 1 else table.number(value / unit)
