"""Vector sets in files beside the same set in memory: what they take, how fast they are, and what becomes of them where
memory is short.

Servers, each alone, with the same elements and the same kind of storage: hot; warm, with page cache for all; and two in
a control group that has room for a part of what the hot one's elements took, page cache included: warm, and one with
tier-policy demote and a maxmemory of most of that. Most of their files cannot be in memory, so that searches and writes
wait for the disk. Where no control group can be made (that takes root), these are left out, and that is said.

Then a cache in front of something slow: a Zipf stream of lookups, each of which adds what it does not find, to servers
whose memory has room for a part of it all: with tier-policy off, where the rest is dropped, and with demote.
"""

import contextlib
import itertools
import mmap
import os
import pathlib
import random
import tempfile
import time

from . import Failure, build, datasets, load, persistence, resp, servers, vectors

HELP = "a vector set in mapped files beside the same set in memory, also where memory is a part of what it would take"
SERVERS = ("nearhit",)
ELEMENTS, DIM, QUICK_ELEMENTS = 100_000, 768, 20_000
STORAGE = "RQ1 RERANK F16"
PART = 0.25
LIMIT_S = 3600
# Version 1 of control groups, as containers mount them, and where this one is made.
GROUPS = pathlib.Path("/sys/fs/cgroup/memory")
MB = 1e6
# Of the limit of the control group, for maxmemory: the rest is for the process, its buffers and the
# page cache.
LIMITED = 0.8
# Lookups of the stream for each element, of which the second half is counted; and lookups in
# flight.
LOOKUPS, IN_FLIGHT = 4, 16
# A score from which on an element is what was looked for.
SAME = 0.999


def add_arguments(parser):
    """What is measured, and how much of it."""
    add = parser.add_argument
    data = os.environ.get("DATA", "/tmp/data")
    add("--elements", type=int, help=f"how many the made set has ({ELEMENTS})")
    add("--dim", type=int, default=DIM, help="of how many dimensions they are (%(default)s)")
    add("--storage", default=STORAGE, help="options of VCREATE (%(default)s)")
    add("--part", type=float, default=PART, help="of the hot server's memory, for the limited one (%(default)s)")
    add("--queries", type=int, default=1_000, help="at most so many (%(default)s)")
    add("--seconds", type=float, default=5, help="how long each point of searching is measured (%(default)s)")
    add("--zipf", type=float, default=1.0, help="exponent of the stream of lookups (%(default)s)")
    add("--only", choices=("sets", "cache"), help="one of the two parts")
    add("--folder", metavar="DIR", help="where the files lie, so that the disk can be chosen")
    add("--data", default=data, metavar="DIR", help="where the sets are, or are to be made (%(default)s; environment: DATA)")


def run(args, programs):
    """Measures both parts."""
    elements = args.elements or (QUICK_ELEMENTS if args.quick else ELEMENTS)
    args.sets = [datasets.synth(args, elements, args.dim)]
    [program] = programs.values()
    [found] = datasets.find(args)
    figures, done = {}, True
    if args.only != "cache":
        figures["sets"], done = sets(args, program, found)
    if args.only != "sets":
        figures["cache"] = cache(args, program, found)
    return {found.name: figures}, done


def sets(args, program, found):
    """The same set in several places."""
    binary = build.cargo_build(build.TOOLS / "load", "nearhit-load")
    measured = {"hot": measure(binary, args, program, found, "hot"), "warm": measure(binary, args, program, found, "warm")}
    limit = int(measured["hot"]["start/resident"] + args.part * measured["hot"]["after/resident"])
    try:
        with group(limit) as tasks:
            measured[f"warm, {limit / MB:.0f} MB"] = measure(binary, args, program, found, "warm", tasks)
        with group(limit) as tasks:
            flags = ("--tier-policy", "demote", "--maxmemory", str(int(LIMITED * limit)), "--maxmemory-policy", "allkeys-lru")
            measured[f"demoting, {limit / MB:.0f} MB"] = measure(binary, args, program, found, "hot", tasks, flags)
    except OSError as reason:
        build.say(f"no control group can be made, so that the limited servers are left out: {reason}")
    titles = {name: servers.Program(name, ()) for name in measured}
    print(vectors.draw(f"{found.name}, {args.storage}", {"n": found.n, "dim": found.dim, "servers": measured}, titles))
    for name, figures in measured.items():
        print(f"{name}: " + ", ".join(f"{label} {figures[key] / unit:,.0f}{suffix}" for label, key, unit, suffix in AFTER))
    return measured, len(measured) == 4


# Of INFO and the system when all is loaded, and of the whole run.
AFTER = [
    ("used_memory", "after/used", MB, " MB"),
    ("in memory", "after/resident", MB, " MB"),
    ("in files", "after/tier", MB, " MB"),
    ("refused", "after/refused", MB, " MB"),
    ("waits for a page from the disk", "after/faults", 1, ""),
]


def measure(binary, args, program, found, tier, tasks=None, more=("--maxmemory", "0")):
    """One server's figures."""
    build.say(f"{found.name}: {tier}{', limited' if tasks else ''} {' '.join(more)}")
    with tempfile.TemporaryDirectory(prefix="bench-", dir=args.folder) as folder:
        flags = ("--tier-dir", str(pathlib.Path(folder) / "tier"), "--save", "", *more)
        with servers.running_in(folder, program, flags) as server, resp.Client(server.port) as client:
            if tasks:
                tasks.write_text(str(server.pid), encoding="ascii")
            client.accepted([resp.encoded("VCREATE", "bench", "DIM", found.dim, *args.storage.split(), "TIER", tier)])
            start = {"start/resident": persistence.status(server.pid, "VmRSS")}
            size = {"set": found.folder, "dim": found.dim, "n": found.n, "queries": min(args.queries, found.queries)}
            with after_load(client, server) as end:
                values, done = load.measure(
                    binary, "vectors", LIMIT_S, port=server.port, pid=server.pid, seconds=args.seconds, **size
                )
            if not done:
                raise Failure("nearhit-load did not come to its end")
            base = end | {"after/used": values["memory/used_per_element"] * found.n}
            return values | start | base | {"after/resident": values["memory/rss_per_element"] * found.n}


@contextlib.contextmanager
def after_load(client, server):
    """What INFO says at the end of the block: the set may be gone by then, its faults are not."""
    figures = {}
    yield figures
    info = resp.info(client)
    figures["after/faults"] = float(info["major_page_faults"])
    figures["after/tier"] = float(info["tier_bytes_peak"])
    figures["after/refused"] = float(info["tier_refused_bytes"])


@contextlib.contextmanager
def group(limit):
    """A control group with so much memory, as the file that processes are put into it by."""
    folder = GROUPS / f"nearhit-bench-{os.getpid()}"
    folder.mkdir()
    try:
        (folder / "memory.limit_in_bytes").write_text(str(limit), encoding="ascii")
        yield folder / "cgroup.procs"
    finally:
        folder.rmdir()


def cache(args, program, found):
    """Hit rates of a cache that has no room in memory for all."""
    measured = {}
    for policy in ("off", "demote"):
        build.say(f"{found.name}: lookups with tier-policy {policy}")
        with tempfile.TemporaryDirectory(prefix="bench-", dir=args.folder) as folder:
            flags = ("--tier-dir", str(pathlib.Path(folder) / "tier"), "--save", "", "--maxmemory-policy", "allkeys-lru")
            flags += ("--tier-policy", policy, "--maxmemory", "0")
            with servers.running_in(folder, program, flags) as server, resp.Client(server.port) as client:
                measured[policy] = lookups(args, client, found)
    for policy, figures in measured.items():
        print(
            f"tier-policy {policy}: {figures['hit_rate']:.1%} of lookups found, {figures['per_s']:,.0f} lookups/s, "
            f"{figures['elements']:,.0f} of {found.n:,} elements there, used memory {figures['used'] / MB:.0f} of "
            f"{figures['limit'] / MB:.0f} MB, {figures['hot_share']:.1%} of elements and {figures['hot_hits']:.1%} of hits in "
            f"memory, p99 of a batch of {IN_FLIGHT} {figures['p99_ms']:.1f} ms"
        )
    return measured


def lookups(args, client, found):
    """A stream of lookups, in memory for a part of what all would take: that is asked of the server first."""
    start = float(resp.info(client)["used_memory"])
    create = ("VCREATE", "bench", "DIM", found.dim, *args.storage.split())
    client.accepted([resp.encoded(*create)])
    fields = client.ask("VINFO", "bench")
    each = int(dict(zip(fields[::2], fields[1::2], strict=True))[b"bytes-per-element"])
    limit = int(start + args.part * found.n * each)
    client.ask("CONFIG", "SET", "maxmemory", limit)
    client.ask("CONFIG", "RESETSTAT")
    chosen = random.Random(1)
    weights = list(itertools.accumulate(1 / (rank + 1) ** args.zipf for rank in range(found.n)))
    order = chosen.sample(range(found.n), found.n)
    size = 4 * found.dim
    hits, times, half = 0, [], LOOKUPS * found.n // 2
    with open(found.folder / "base.f32", "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as base:
        for done in range(0, 2 * half, IN_FLIGHT):
            if done - half in range(IN_FLIGHT):
                hits, times = 0, []
                client.ask("CONFIG", "RESETSTAT")
            wanted = [order[rank] for rank in chosen.choices(range(found.n), cum_weights=weights, k=IN_FLIGHT)]
            vector = {n: base[n * size:(n + 1) * size] for n in wanted}
            began = time.perf_counter()
            replies = client.many([resp.encoded("VSIM", "bench", "FP32", vector[n], "WITHSCORES", "COUNT", 1) for n in wanted])
            missed = {n for n, reply in zip(wanted, replies, strict=True) if not is_hit(n, reply)}
            client.accepted([resp.encoded("VADD", "bench", "FP32", vector[n], f"e{n}") for n in missed])
            times.append(time.perf_counter() - began)
            hits += sum(n not in missed for n in wanted)
    info = {name: float(value) for name, value in resp.info(client).items() if name.startswith(("used_memory", "tier")) and is_number(value)}
    of_hits = info["tier_hot_hits"] + info["tier_warm_hits"]
    of_all = info["tier_hot_elements"] + info["tier_warm_elements"]
    times.sort()
    return {
        "hit_rate": hits / (IN_FLIGHT * len(times)), "per_s": IN_FLIGHT * len(times) / sum(times),
        "p99_ms": 1e3 * times[int(0.99 * len(times))], "elements": client.ask("VCARD", "bench"), "limit": limit,
        "used": info["used_memory"], "hot_share": info["tier_hot_elements"] / max(of_all, 1),
        "hot_hits": info["tier_hot_hits"] / max(of_hits, 1),
    }  # fmt: skip


def is_hit(number, reply):
    """Is this what was looked for?"""
    return not isinstance(reply, resp.Refused) and len(reply) == 2 and float(reply[1]) > SAME and reply[0] == b"e%d" % number


def is_number(text):
    """Is it one?"""
    return text.replace(".", "", 1).isdecimal()
