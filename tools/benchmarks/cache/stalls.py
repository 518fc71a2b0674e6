"""The longest wait of another client while 100,000 elements expire at once, and while a tenth of a
full server is evicted because the limit was lowered.

Redis' vector sets expire and are evicted whole: there it is one set that expires, and sets that are
evicted.
"""

import random
import time

from .. import Failure, build, resp, servers, table
from . import beside, traces

ELEMENTS, QUICK_ELEMENTS = 100_000, 10_000
SETS, BATCH = 20, 100
# Seconds before and after the event.
BEFORE_S, AFTER_S = 1.0, 3.0
# Until what is asked for has come about.
LIMIT_S = 60
PART = 0.9


def run(args, programs):
    """Each server in turn."""
    count = QUICK_ELEMENTS if args.quick else ELEMENTS
    vectors = traces.vectors(count, 3)
    figures = {}
    for name, program in programs.items():
        with servers.running(program) as server, resp.Client(server.port) as client:
            build.say(f"{program.title}: {count:,} elements that expire")
            fill(client, vectors, 1)
            found = expiry(server, client, count)
            client.ask("FLUSHALL")
            build.say(f"{program.title}: a tenth is evicted")
            fill(client, vectors, SETS)
            figures[name] = {**found, **eviction(server, client)}
    print(draw(programs, figures, count))
    return figures, True


def key(number):
    """The name of a set."""
    return b"set:%d" % number


def fill(client, vectors, sets):
    """Adds an element for each vector."""
    rng = random.Random(1)
    for first in range(0, len(vectors), BATCH):
        requests = [resp.encoded(b"VADD", key(rng.randrange(sets)), b"FP32", vectors[at], b"%d" % at)
                    for at in range(first, min(first + BATCH, len(vectors)))]
        client.accepted(requests)


def wait(holds):
    """Seconds until something holds."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() > began + LIMIT_S:
            return None
        time.sleep(0.01)
    return time.monotonic() - began


def idle(server):
    """The longest PING while nothing happens."""
    with beside.running(beside.longest_ping_ms, server.port) as found:
        time.sleep(BEFORE_S + AFTER_S)
    return found[0]


def expiry(server, client, count):
    """All elements of one set end at the same moment."""
    quiet = idle(server)
    at_ms = int((time.time() + 3 + count / 50_000) * 1000)
    names = [b"%d" % number for number in range(count)]
    reply = client.one(resp.encoded(b"VPEXPIREAT", key(0), at_ms, b"MEMBERS", BATCH, *names[:BATCH]))
    if isinstance(reply, resp.Refused):
        client.ask("PEXPIREAT", key(0), at_ms)
    else:
        requests = [resp.encoded(b"VPEXPIREAT", key(0), at_ms, b"MEMBERS", BATCH, *names[first:first + BATCH])
                    for first in range(BATCH, count, BATCH)]
        for at in range(0, len(requests), 50):
            client.many(requests[at:at + 50])
    time.sleep(max(0.0, at_ms / 1000 - BEFORE_S - time.time()))
    if client.ask("VCARD", key(0)) != count:
        raise Failure("the elements expired before they could be watched")
    with beside.running(beside.longest_ping_ms, server.port) as found:
        time.sleep(max(0.0, at_ms / 1000 - time.time()))
        gone = wait(lambda: client.ask("DBSIZE") == 0)
        time.sleep(AFTER_S)
    return {"idle_ms": quiet, "expiry_ms": found[0], "expiry_s": gone}


def eviction(server, client):
    """The limit falls to nine tenths of what is used."""
    client.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    used = resp.info(client, "memory")["used_memory"]
    limit = int(used * PART)
    with beside.running(beside.longest_ping_ms, server.port) as found:
        time.sleep(BEFORE_S)
        began = time.perf_counter()
        client.ask("CONFIG", "SET", "maxmemory", limit)
        set_s = time.perf_counter() - began
        reached = wait(lambda: resp.info(client, "memory")["used_memory"] <= limit)
        time.sleep(AFTER_S)
    kept = sum(client.many([resp.encoded(b"VCARD", key(number)) for number in range(SETS)]))
    return {"set_ms": set_s * 1e3, "eviction_ms": found[0], "eviction_s": reached, "kept": kept}


ROWS = [
    ("longest PING, nothing happens, ms", "idle_ms", 1),
    ("longest PING while all expire at once, ms", "expiry_ms", 1),
    ("seconds until they are gone", "expiry_s", 1),
    ("longest PING while the limit falls to 90 % of what is used, ms", "eviction_ms", 1),
    ("CONFIG SET maxmemory, ms", "set_ms", 1),
    ("seconds until the limit is held", "eviction_s", 1),
    ("elements then", "kept", 1),
]


def draw(programs, figures, count):
    """One table for all servers."""
    return table.figures(f"{count:,} elements, {traces.DIM} components", ROWS, programs, figures)
