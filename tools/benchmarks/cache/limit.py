"""Writing at the limit: elements of several sets come faster than they fit, and a connection
searches beside the writers.
"""

import contextlib
import itertools
import os
import random
import time

from soaking.report import percentile
from soaking.vectors import Source

from .. import build, resp, servers, table
from . import beside
from .stalls import SETS, key

LIMIT_BYTES, QUICK_LIMIT_BYTES = 100_000_000, 25_000_000
SECONDS, QUICK_SECONDS = 10, 3
WRITERS, DEPTH = 2, 8
# For filling the server up to its limit.
FILL_S = 300
# As in tools/soak: the searcher's clock is to measure the server and not the writers beside it.
NICE = 10


def run(args, programs):
    """Each server in turn."""
    limit = QUICK_LIMIT_BYTES if args.quick else LIMIT_BYTES
    seconds = (QUICK_SECONDS if args.quick else SECONDS) * args.times
    source = Source(os.environ.get("DATA", "/tmp/data"))
    figures = {}
    for name, program in programs.items():
        build.say(f"{program.title}: filling {limit / 1e6:.0f} MB")
        with servers.running(program, ("--maxmemory", str(limit), "--maxmemory-policy", "allkeys-lru")) as server:
            figures[name] = measure(server, source, limit, seconds)
    print(draw(programs, figures, limit))
    return figures, True


def write(stop, port, source, number, done):
    """Adds elements to one set after another; counts in shared memory those acknowledged."""
    rng = random.Random(number)
    with resp.Client(port) as client:
        for first in itertools.count(step=DEPTH):
            if stop.is_set():
                return
            names = [b"w%d:%d" % (number, one) for one in range(first, first + DEPTH)]
            client.accepted([resp.encoded(b"VADD", key(rng.randrange(SETS)), b"FP32", source.vector(rng), name)
                             for name in names])
            done[number] += DEPTH


def search(stop, port, source):
    """The waits of one search after another, in seconds."""
    rng, waits = random.Random(99), []
    with resp.Client(port) as client:
        while not stop.is_set():
            request = resp.encoded(b"VSIM", key(rng.randrange(SETS)), b"FP32", source.vector(rng), b"COUNT", 10)
            began = time.perf_counter()
            client.one(request)
            waits.append(time.perf_counter() - began)
    return waits


def elements(client):
    """Of all sets."""
    return sum(client.many([resp.encoded(b"VCARD", key(number)) for number in range(SETS)]))


def evicted(client):
    """Keys and elements."""
    found = resp.info(client)
    return found["evicted_keys"] + found.get("evicted_elements", 0)


def measure(server, source, limit, seconds):
    """The figures of one server."""
    done = beside.FORK.RawArray("q", WRITERS)
    kept, most = [], 0
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(resp.Client(server.port))
        for number in range(WRITERS):
            stack.enter_context(beside.running(write, server.port, source, number, done, nice=NICE))
        deadline = time.monotonic() + FILL_S
        while not evicted(client) and time.monotonic() < deadline:
            time.sleep(0.2)
        before, began = sum(done), time.monotonic()
        with beside.running(search, server.port, source) as waits:
            while time.monotonic() < began + seconds:
                kept.append(elements(client))
                most = max(most, resp.info(client, "memory")["used_memory_rss"])
                time.sleep(0.2)
            rate = (sum(done) - before) / (time.monotonic() - began)
    with beside.running(search, server.port, source) as quiet:
        time.sleep(seconds / 2)
    return {
        "writes/s": rate,
        "p99_ms": percentile(waits[0], 0.99),
        "quiet_p99_ms": percentile(quiet[0], 0.99),
        "elements_per_gb": sum(kept) / len(kept) / limit * 1e9,
        "least_elements_per_gb": min(kept) / limit * 1e9,
        "rss_of_limit": most / limit,
    }


ROWS = [
    ("VADD/s, 2 connections", "writes/s", 1),
    ("p99 of searches beside them, ms", "p99_ms", 1),
    ("p99 of searches alone, ms", "quiet_p99_ms", 1),
    ("elements kept for each GB of the limit", "elements_per_gb", 1),
    ("the fewest at any time", "least_elements_per_gb", 1),
    ("most RSS ÷ limit", "rss_of_limit", 1),
]


def draw(programs, figures, limit):
    """One table for all servers."""
    return table.figures(f"at a limit of {limit / 1e6:.0f} MB, 384 components", ROWS, programs, figures)
