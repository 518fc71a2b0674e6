"""Hit rates of a cache for half of the items, on several streams: each request searches for the
vector of its item, and adds it where it is not found.

A set is bounded by a number of elements (VCREATE … MAXELEMENTS), or the server by maxmemory. Beside
each rate stands that of an exact simulation of the same policy with as many items as the server
kept. LFU is exact with respect to Redis' counters, which grow by chance; libCacheSim's LFU, which
counts every use, is in the second table.
"""

import dataclasses
import json
import subprocess

from .. import build, resp, servers, table
from . import traces

ITEMS, QUICK_ITEMS, REQUESTS_EACH = 20_000, 4_000, 5
SEED = 7
# Capacities that are simulated with each policy: the items divided by these.
PARTS = (2, 10)
# Requests that are not counted, while the cache fills.
WARM = 0.3
# Searches in flight together: all of different items, so that none depends on another's outcome.
BATCH = 64
# Scores within this of the best possible are the item itself, in spite of quantization.
EPSILON = "0.02"
KEY = b"cache"
CASES = [("elements", "lru"), ("elements", "lfu"), ("memory", "lru"), ("memory", "lfu")]
# Which simulation is the same policy without samples.
EXACT = {"lru": "LRU", "lfu": "log LFU"}
# Points of a hundred that samples may lose; the least hit rate where the hot set fits.
POINTS, FITTING = 2.0, 90.0


def run(args, programs):
    """The rates of nearhit by stream, bound and policy; of Redis for comparison, whose sets are
    evicted whole.
    """
    items = QUICK_ITEMS if args.quick else ITEMS
    streams = traces.all_of(items, int(items * REQUESTS_EACH * args.times), SEED)
    vectors = traces.vectors(items * 2, SEED)
    measured = {name: measure(program, name, Work(streams, vectors, items // 2)) for name, program in programs.items()}
    python = build.venv("cache", "libcachesim==0.3.5")
    capacities = [items // part for part in PARTS]
    simulated = simulate(python, streams, measured, capacities)
    print(draw(programs, measured, simulated, items))
    print(draw_policies(streams, simulated, capacities))
    found = measured.get("nearhit", {})
    good = all(verdicts(found, simulated)) and ("nearhit" not in programs or len(found) == len(CASES) * len(streams))
    return {"measured": {name: flat(found) for name, found in measured.items()}, "simulated": flat(simulated)}, good


@dataclasses.dataclass(frozen=True)
class Work:
    """What is replayed: streams by title, the vector of each item, and how many items are to fit.
    """

    streams: dict
    vectors: list
    capacity: int


def flat(found):
    """Keys in words, for JSON."""
    return {" / ".join(map(str, key)): value for key, value in found.items()}


def measure(program, name, work):
    """(hit rate, items kept) by (stream, bound, policy)."""
    cases = CASES if name in ("nearhit", "baseline") else [("memory", "lru")]
    found = {}
    for bound, policy in cases:
        with servers.running(program) as server, resp.Client(server.port) as client:
            if bound == "elements" and not can_bound(client):
                build.say(f"{program.title}: left out, as there is no VCREATE … MAXELEMENTS")
                continue
            limit = bytes_of(client, work) if bound == "memory" else None
            for title, trace in work.streams.items():
                build.say(f"{program.title}: {title}, {bound}, {policy}")
                prepare(client, policy, work.capacity, limit)
                found[title, bound, policy] = replay(client, trace, work.vectors)
    return found


def can_bound(client):
    """Whether sets may have a limit of their own."""
    request = resp.encoded("VCREATE", KEY, "DIM", traces.DIM, "MAXELEMENTS", 1, "POLICY", "lru")
    return not isinstance(client.one(request), resp.Refused)


def bytes_of(client, work):
    """The memory that a server uses when as many items as are to fit have been added."""
    add(client, range(work.capacity), work.vectors)
    return resp.info(client)["used_memory"]


def prepare(client, policy, capacity, limit):
    """An empty cache, bounded by bytes if a limit is said, otherwise by elements."""
    client.ask("CONFIG", "SET", "maxmemory", 0)
    client.ask("FLUSHALL")
    if limit is None:
        client.ask("VCREATE", KEY, "DIM", traces.DIM, "MAXELEMENTS", capacity, "POLICY", policy)
    else:
        client.ask("CONFIG", "SET", "maxmemory-policy", f"allkeys-{policy}", "maxmemory", limit)


def add(client, items, vectors):
    """Adds items; an error is a failure."""
    requests = [resp.encoded(b"VADD", KEY, b"FP32", vectors[item], b"%d" % item) for item in items]
    for at in range(0, len(requests), BATCH):
        client.accepted(requests[at:at + BATCH])


def batches(trace):
    """Parts of the stream in which no item comes twice."""
    part = {}
    for item in trace:
        if item in part or len(part) == BATCH:
            yield list(part)
            part = {}
        part[item] = None
    yield list(part)


def replay(client, trace, vectors):
    """The hit rate after the warm-up, and the mean number of items kept then."""
    warm, asked, hits, counted, kept = int(len(trace) * WARM), 0, 0, 0, []
    for part in batches(trace):
        requests = [resp.encoded(b"VSIM", KEY, b"FP32", vectors[item], b"COUNT", 1, b"EPSILON", EPSILON) for item in part]
        replies = client.many(requests)
        missed = [item for item, reply in zip(part, replies) if reply != [b"%d" % item]]
        add(client, missed, vectors)
        if asked >= warm:
            hits, counted = hits + len(part) - len(missed), counted + len(part)
            if asked // 1000 != (asked + len(part)) // 1000:
                kept.append(client.ask("VCARD", KEY))
        asked += len(part)
    return hits / counted, sum(kept) / len(kept)


def simulate(python, streams, measured, capacities):
    """The rates of all policies, by (stream, items kept): for these capacities, and for what the
    server kept.
    """
    wanted = {(title, capacity) for title in streams for capacity in capacities}
    wanted |= {(title, round(kept)) for found in measured.values() for (title, *_), (_, kept) in found.items() if kept >= 100}
    wanted = sorted(wanted)
    jobs = [[streams[title], kept, int(len(streams[title]) * WARM)] for title, kept in wanted]
    ran = subprocess.run([python, build.TOOLS / "benchmarks" / "cache" / "simulate.py"], input=json.dumps(jobs), text=True,
                         stdout=subprocess.PIPE, check=True)
    return dict(zip(wanted, json.loads(ran.stdout)))


def verdicts(found, simulated):
    """Whether each case is good: at most that much worse than exact, as samples may also be better
    than LFU, which is slow to forget.
    """
    for (title, _, policy), (rate, kept) in found.items():
        same = simulated[title, round(kept)][EXACT[policy]] if kept >= 100 else 1
        yield (same - rate) * 100 <= POINTS and (title != "hot set that fits" or rate * 100 >= FITTING)


def draw(programs, measured, simulated, items):
    """One row for each case."""
    head = [f"hits of a cache for half of {items:,} items, %", "items kept", "hits", "exact", "points", "5 samples"]
    rows = []
    for name, found in measured.items():
        for (title, bound, policy), (rate, kept) in found.items():
            rates = simulated.get((title, round(kept)))
            same = rates and rates[EXACT[policy]]
            samples = rates and rates["LRU, 5 samples" if policy == "lru" else "log LFU, 5 samples"]
            difference = f"{(rate - same) * 100:+.1f}" if rates else "–"
            rows.append([f"{programs[name].title}: {title}, {policy} by {bound}", f"{kept:,.0f}", percent(rate), percent(same),
                         difference, percent(samples)])
    return table.markdown(head, rows)


def percent(share):
    """A part of a hundred."""
    return f"{share * 100:.1f}" if share is not None else "–"


def draw_policies(streams, simulated, capacities):
    """One row for each stream, one column for each policy."""
    names = list(next(iter(simulated.values())))
    rows = [[f"{title}, {capacity:,}", *(percent(simulated[title, capacity][name]) for name in names)]
            for capacity in capacities for title in streams]
    return table.markdown(["simulated with so many items, hits in %", *names], rows)
