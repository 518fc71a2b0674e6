"""The ordinary commands, by redis-benchmark: throughput and tail latency; and the memory of a million small things.

All servers run at the same time and are asked in turn, round by round, since the machine may be shared; of each figure the
median of the rounds counts. redis-benchmark runs beside them on the same cores, as an application would.
"""

import contextlib
import csv
import dataclasses
import io
import pathlib
import statistics
import subprocess

from . import Failure, build, resp, servers, table

HELP = "PING SET GET INCR HSET MSET by redis-benchmark, and the memory of a million small keys and hashes"
SERVERS = ("nearhit", "redis", "valkey")
TESTS = ("ping_mbulk", "set", "get", "incr", "hset", "mset")
# Clients, requests in flight on each, requests in a round.
SHAPES = [(1, 1, 20_000), (50, 1, 100_000), (500, 1, 100_000), (50, 16, 800_000), (500, 16, 800_000)]
# What an MSET of ten keys does counts ten times.
SHARE = {"mset": 5}
KEYS, VALUE_BYTES = 100_000, 32
ROUNDS, QUICK_ROUNDS, QUICK_PART = 5, 1, 20
LIMIT_S = 120
MILLION, BATCH = 1_000_000, 1000


def add_arguments(parser):
    """Which tests, and how often."""
    parser.add_argument("--tests", default=",".join(TESTS), type=lambda text: text.split(","), help="which of %(default)s")
    parser.add_argument("--rounds", type=int, help=f"how often each is measured ({ROUNDS})")


def run(args, programs):
    """Measures all servers in turn."""
    benchmark = pathlib.Path(args.peers).resolve() / "bin" / "redis-benchmark"
    if not benchmark.exists():
        build.run(str(build.TOOLS / "peers"), args.peers)
    figures = {name: {} for name in programs}
    with contextlib.ExitStack() as stack:
        started = {name: stack.enter_context(servers.running(program)) for name, program in programs.items()}
        for shape in SHAPES:
            for test in args.tests:
                measure(benchmark, args, started, figures, Case(test, *shape))
    print(draw(programs, args.tests, figures))
    for kind in MEMORY:
        for name, program in programs.items():
            with servers.running(program) as server:
                figures[name][kind] = fill(server.port, kind, MILLION // QUICK_PART if args.quick else MILLION)
    print(draw_memory(programs, figures))
    return figures, True


@dataclasses.dataclass(frozen=True)
class Case:
    """One test in one shape."""

    test: str
    clients: int
    depth: int
    requests: int

    def title(self):
        """In words."""
        pipeline = f", pipelines of {self.depth}" if self.depth > 1 else ""
        return f"{self.test.removesuffix('_mbulk').upper()}, {self.clients} client{'s' * (self.clients > 1)}{pipeline}"


def measure(benchmark, args, started, figures, case):
    """All rounds of one case."""
    rounds = args.rounds or (QUICK_ROUNDS if args.quick else ROUNDS)
    requests = case.requests // SHARE.get(case.test, 1) // (QUICK_PART if args.quick else 1)
    seen = {name: [] for name in started}
    for _ in range(rounds):
        for name, server in started.items():
            seen[name].append(ask(benchmark, server.port, case, requests))
    for name, rows in seen.items():
        rates, p99s = zip(*rows)
        figures[name][case.title()] = {"rate": statistics.median(rates), "p99_ms": statistics.median(p99s)}


def ask(benchmark, port, case, requests):
    """Requests a second, and the 99th percentile of their latency in ms, of one run."""
    words = [benchmark, "-p", port, "-c", case.clients, "-P", case.depth, "-n", requests, "-r", KEYS, "-d", VALUE_BYTES,
             "-t", case.test, "--csv"]
    try:
        ran = subprocess.run(map(str, words), check=True, capture_output=True, text=True, timeout=LIMIT_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise Failure(error) from error
    row = list(csv.DictReader(io.StringIO(ran.stdout)))[-1]
    return float(row["rps"]), float(row["p99_latency_ms"])


def draw(programs, tests, figures):
    """One row for each case; nearhit's figures as multiples of the others' too."""
    others = [name for name in programs if name != "nearhit"]
    head = ["redis-benchmark"]
    for name, program in programs.items():
        head += [f"{program.title} /s", "p99 ms"]
    head += [f"/s ÷ {programs[name].title}" for name in others]
    rows = []
    for case in (Case(test, *shape) for shape in SHAPES for test in tests):
        found = {name: figures[name][case.title()] for name in programs}
        row = [case.title()]
        for one in found.values():
            row += [table.number(one["rate"]), f"{one['p99_ms']:.2f}"]
        row += [table.ratio(found["nearhit"]["rate"], found[name]["rate"]) for name in others if "nearhit" in found]
        rows.append(row)
    return table.markdown(head, rows)


MEMORY = {
    "keys of 16 bytes with values of 32": lambda n: [[b"SET", b"key:%012d" % n, b"%032x" % (n * 0x9E3779B97F4A7C15)]],
    "hashes of 5 small fields": lambda n: [
        [b"HSET", b"user:%011d" % n, b"name", b"user%08d" % n, b"age", b"%d" % (n % 90), b"city", b"city%04d" % (n % 1000),
         b"score", b"%d" % (n * 7), b"mail", b"u%08d@example.com" % n]
    ],
}  # fmt: skip


def fill(port, kind, count):
    """used_memory and RSS in MB with so many of a kind, less what the empty server had of the first."""
    with resp.Client(port, LIMIT_S) as client:
        before = resp.info(client, "memory")
        for first in range(0, count, BATCH):
            client.accepted([resp.encoded(*request) for n in range(first, first + BATCH) for request in MEMORY[kind](n)])
        after = resp.info(client, "memory")
    return {"used_mb": (after["used_memory"] - before["used_memory"]) / 1e6, "rss_mb": after["used_memory_rss"] / 1e6}


def draw_memory(programs, figures):
    """One row for each kind of thing."""
    head = ["memory in MB, a million"]
    for program in programs.values():
        head += [f"{program.title} used", "RSS"]
    rows = []
    for kind in MEMORY:
        found = [figures[name][kind] for name in programs]
        rows.append([kind, *(table.number(value) for one in found for value in (one["used_mb"], one["rss_mb"]))])
    return table.markdown(head, rows)
