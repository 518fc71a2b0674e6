"""What it costs VSIM to remember that elements were used: searches with and without NOTOUCH in
turn, block by block.
"""

import random
import statistics
import time

from .. import build, resp, servers, table
from . import stalls, traces

ELEMENTS, QUICK_ELEMENTS = 50_000, 5_000
BLOCKS, QUICK_BLOCKS, SEARCHES = 60, 10, 100
# Parts of a hundred by which searches may become slower.
MOST = 2.0


def run(args, programs):
    """Of nearhit alone, as Redis has no NOTOUCH."""
    figures = {}
    count, blocks = (QUICK_ELEMENTS, QUICK_BLOCKS) if args.quick else (ELEMENTS, int(BLOCKS * args.times))
    for name, program in programs.items():
        with servers.running(program, ("--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru")) as server:
            with resp.Client(server.port) as client:
                vectors = traces.vectors(count, 5)
                stalls.fill(client, vectors[:1], 1)
                if isinstance(client.one(request(vectors[0], True)), resp.Refused):
                    build.say(f"{program.title}: no NOTOUCH")
                    continue
                stalls.fill(client, vectors, 1)
                figures[name] = measure(client, vectors, blocks)
    good = True
    for name, found in figures.items():
        print(draw(programs[name], found, count, blocks))
        good &= found["more_percent"] <= MOST
    return figures, good


def request(vector, untouched):
    """A search."""
    words = (b"NOTOUCH",) if untouched else ()
    return resp.encoded(b"VSIM", stalls.key(0), b"FP32", vector, b"COUNT", 10, *words)


def measure(client, vectors, blocks):
    """The median of the blocks' ratios: each block asks the same, once with NOTOUCH and once
    without, in changing order.
    """
    rng = random.Random(1)
    ratios, spans = [], {True: [], False: []}
    for number in range(blocks):
        asked = rng.choices(vectors, k=SEARCHES)
        requests = {untouched: [request(vector, untouched) for vector in asked] for untouched in (True, False)}
        # The first pass brings the block's links and vectors into the cache for both.
        span(client, requests[True])
        for untouched in (True, False) if number % 2 else (False, True):
            spans[untouched].append(span(client, requests[untouched]))
        ratios.append(spans[False][-1] / spans[True][-1])
    return {
        "us": statistics.median(spans[False]) * 1e6, "untouched_us": statistics.median(spans[True]) * 1e6,
        "more_percent": (statistics.median(ratios) - 1) * 100,
    }


def span(client, requests):
    """The median wait of one search after another, in seconds."""
    waits = []
    for one in requests:
        began = time.perf_counter()
        client.one(one)
        waits.append(time.perf_counter() - began)
    return statistics.median(waits)


def draw(program, found, count, blocks):
    """One row."""
    head = [f"VSIM COUNT 10, {count:,} elements, {blocks} blocks of {SEARCHES}", "with NOTOUCH, us", "without, us", "more, %"]
    cells = [table.number(found["untouched_us"]), table.number(found["us"]), f"{found['more_percent']:+.1f}"]
    return table.markdown(head, [[program.title, *cells]])
