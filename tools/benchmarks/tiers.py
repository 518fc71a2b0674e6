"""Vector sets in files beside the same set in memory: what they take, how fast they are, and what becomes of them where
memory is short.

Servers, each alone, with the same elements and the same kind of storage: hot; warm, with page cache for all; and two in
a control group that has room for a part of what the hot one's elements took, page cache included: warm, and one with
tier-policy demote and a maxmemory of most of that. Most of their files cannot be in memory, so that searches and writes
wait for the disk. Where no control group can be made (that takes root), these are left out, and that is said.

Then a cache in front of something slow: a Zipf stream of lookups, each of which adds what it does not find, to servers
whose memory has room for a part of it all: with tier-policy off, where the rest is dropped, and with demote.

The same of a semantic cache with answers (VCACHE.GET, VCACHE.SET), which has more bytes in payloads than in vectors: with
finer codes, which go one by one before the whole goes, and without.

The same where nothing but additions come, from two clients as fast as they can, with and without finer codes: what has
gone into files as a whole, what was evicted before it had, and how searches are behind it; then there is room for all,
and how long the set takes to come back while it is searched, and how searches are then.

Then single reads: VEMB of elements whose finer codes are in files, in the order of chance, after their pages were taken
out of memory; the same again, from the page cache; and with all in memory. A time is that from the request to the first
bytes of the reply. Beside them, what the disk itself takes for as many pages, read past the page cache. To take pages of
another process away (process_madvise) needs Linux 5.10 and its privileges.

And only where it is asked for (--only large): sets of millions, see benchmarks.large.
"""

import concurrent.futures
import contextlib
import ctypes
import itertools
import mmap
import os
import pathlib
import random
import socket
import tempfile
import time

from . import Failure, build, datasets, large, load, persistence, resp, servers, vectors

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
# Answers of a semantic cache: words of so many, which compress about as prose does; and entries of which the memory that
# one takes is learnt.
WORDS, VOCABULARY, SAMPLE = 170, 1_500, 2_000
# Searches behind additions.
SEARCHES = 1_000
# Of the limit that was too small, one that is not; and how long a set may take to come back.
ROOMY, COMEBACK_S = 10, 300
# Reads between two times at which all pages are taken away, and in all.
READ, READS = 250, 2_000
# A file for reads of the disk itself.
DISK_BYTES = 64 << 20
# Ranges of addresses in one call of process_madvise, and the bytes of each: a call stops at 2 GB.
RANGES, PORTION = 64, 16 << 20
# Of Linux: numbers of system calls, which are the same on all machines, and an advice.
PIDFD_OPEN, PROCESS_MADVISE, PAGEOUT = 434, 440, 21


def add_arguments(parser):
    """What is measured, and how much of it."""
    add = parser.add_argument
    data = os.environ.get("DATA", "/tmp/data")
    add("--elements", type=int, help=f"how many the made set has ({ELEMENTS})")
    add("--dim", type=int, help=f"of how many dimensions they are ({DIM})")
    add("--storage", default=STORAGE, help="options of VCREATE (%(default)s)")
    add("--part", type=float, default=PART, help="of the hot server's memory, for the limited one (%(default)s)")
    add("--queries", type=int, default=1_000, help="at most so many (%(default)s)")
    add("--seconds", type=float, default=5, help="how long each point of searching is measured (%(default)s)")
    add("--zipf", type=float, default=1.0, help="exponent of the stream of lookups (%(default)s)")
    add("--disk", type=float, help="of what all answers would take in memory, for tier-max-bytes (no bound)")
    add("--shifts", type=int, default=0, help="how often other answers become those that are asked for most (%(default)s)")
    add("--only", choices=("sets", "cache", "answers", "whole", "reads", "large"), help="one part; large only if it is named")
    add("--folder", metavar="DIR", help="where the files lie, so that the disk can be chosen")
    add("--data", default=data, metavar="DIR", help="where the sets are, or are to be made (%(default)s; environment: DATA)")
    large.add_arguments(add)


def run(args, programs):
    """Measures all parts."""
    if args.only == "large":
        return large.run(args, *programs.values()), True
    args.dim = args.dim or DIM
    elements = args.elements or (QUICK_ELEMENTS if args.quick else ELEMENTS)
    args.sets = [datasets.synth(args, elements, args.dim)]
    [program] = programs.values()
    [found] = datasets.find(args)
    figures, done = {}, True
    if args.only in (None, "sets"):
        figures["sets"], done = sets(args, program, found)
    if args.only in (None, "cache"):
        figures["cache"] = cache(args, program, found)
    if args.only in (None, "answers"):
        figures["answers"] = answers(args, program, found)
    if args.only in (None, "whole"):
        figures["whole"] = whole(args, program, found)
    if args.only in (None, "reads"):
        figures["reads"] = reads(args, program, found)
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


@contextlib.contextmanager
def evicting(args, program, policy):
    """A server that evicts by use, with this tier-policy and no limit yet; and a client of it."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=args.folder) as folder:
        flags = ("--tier-dir", str(pathlib.Path(folder) / "tier"), "--save", "", "--maxmemory-policy", "allkeys-lru")
        flags += ("--tier-policy", policy, "--maxmemory", "0")
        with servers.running_in(folder, program, flags) as server, resp.Client(server.port) as client:
            yield server, client


def cache(args, program, found):
    """Hit rates of a cache that has no room in memory for all."""
    measured = {}
    for policy in ("off", "demote"):
        build.say(f"{found.name}: lookups with tier-policy {policy}")
        with evicting(args, program, policy) as (_, client):
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
    limit = limit_memory(args, client, found, args.storage)
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
    info = {name: float(value) for name, value in resp.info(client).items() if name.startswith(("used_memory", "tier")) and isinstance(value, int)}
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


def answers(args, program, found):
    """Hit rates of a semantic cache that has no room in memory for all answers."""
    measured = {}
    for storage, policy in itertools.product((args.storage, "Q8"), ("off", "demote")):
        build.say(f"{found.name}, {storage}: answers with tier-policy {policy}")
        with evicting(args, program, policy) as (_, client):
            measured[f"{storage}, {policy}"] = questions(args, client, found, storage)
    for name, figures in measured.items():
        print(
            f"{name}: {figures['hit_rate']:.1%} of questions answered, {figures['per_s']:,.0f}/s, {figures['elements']:,} of "
            f"{found.n:,} answers there, {figures['evicted']:,} evicted, used memory {figures['used_memory'] / MB:.0f} of "
            f"{figures['limit'] / MB:.0f} MB, {figures['tier_bytes'] / MB:.0f} MB in files; a hit p50 "
            f"{figures['hit_p50_ms']:.2f} ms, p99 {figures['hit_p99_ms']:.2f} ms, VCACHE.SET p99 {figures['set_p99_ms']:.2f} ms"
        )
    return measured


def answer(number):
    """Some text that is of one question alone."""
    chosen = random.Random(number)
    return f"{number}: " + " ".join(f"{word:x}s" for word in chosen.choices(range(1 << 12, (1 << 12) + VOCABULARY), k=WORDS))


def stream(chosen, weights, parts):
    """Numbers by these weights, of which others have the highest ones in each part."""
    for _ in range(parts):
        order = chosen.sample(range(len(weights)), len(weights))
        ranks = chosen.choices(range(len(weights)), cum_weights=weights, k=LOOKUPS * len(weights) // parts)
        yield from (order[rank] for rank in ranks)


def questions(args, client, found, storage):
    """A stream of questions, of which those without an answer are given one."""
    chosen = random.Random(1)
    weights = list(itertools.accumulate(1 / (rank + 1) ** args.zipf for rank in range(found.n)))
    size = 4 * found.dim
    create = resp.encoded("VCREATE", "bench", "DIM", found.dim, "QUANT", *storage.split(), "CACHE")
    times = {"hit": [], "set": []}
    answered = 0
    with open(found.folder / "base.f32", "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as base:

        def stored(number):
            return resp.encoded("VCACHE.SET", "bench", f"e{number}", "FP32", base[number * size:(number + 1) * size], answer(number))

        start = float(resp.info(client)["used_memory"])
        client.accepted([create, *map(stored, range(SAMPLE))])
        each = (float(resp.info(client)["used_memory"]) - start) / SAMPLE
        limits = ("maxmemory", int(start + args.part * found.n * each), "tier-max-bytes", int((args.disk or 0) * found.n * each))
        client.accepted([resp.encoded("DEL", "bench"), create, resp.encoded("CONFIG", "SET", *limits)])
        for number in stream(chosen, weights, args.shifts + 1):
            vector = base[number * size:(number + 1) * size]
            began = time.perf_counter()
            reply = client.ask("VCACHE.GET", "bench", "FP32", vector, "MINSCORE", SAME)
            took = time.perf_counter() - began
            is_hit = reply[0] == b"hit" and reply[1] == b"e%d" % number
            if is_hit and reply[5] != answer(number).encode():
                raise Failure(f"another answer than that of question {number}: {reply[5][:80]}")
            if not is_hit:
                request, began = stored(number), time.perf_counter()
                client.accepted([request])
                took = time.perf_counter() - began
            times["hit" if is_hit else "set"].append(took)
            answered += is_hit
    for taken in times.values():
        taken.sort()
    asked = sum(map(len, times.values()))
    info = resp.info(client)
    return {name: info[name] for name in ("used_memory", "tier_bytes")} | {
        "hit_rate": answered / asked, "per_s": asked / sum(map(sum, times.values())), "elements": client.ask("VCARD", "bench"),
        "hit_p50_ms": 1e3 * times["hit"][len(times["hit"]) // 2], "hit_p99_ms": 1e3 * times["hit"][int(0.99 * len(times["hit"]))],
        "set_p99_ms": 1e3 * times["set"][int(0.99 * len(times["set"]))], "evicted": info["evicted_elements"], "limit": info["maxmemory"],
    }  # fmt: skip


def whole(args, program, found):
    """Additions to sets that have no room in memory, and go into files as a whole."""
    measured = {}
    for storage, policy in itertools.product((args.storage, "NOQUANT"), ("off", "demote")):
        build.say(f"{found.name}, {storage}: additions with tier-policy {policy}")
        with evicting(args, program, policy) as (server, client):
            limit_memory(args, client, found, storage)
            measured[f"{storage}, {policy}"] = additions(client, server.port, found)
    for name, figures in measured.items():
        print(
            f"{name}: {figures['per_s']:,.0f} additions/s, p99 of a batch of {IN_FLIGHT} {figures['p99_ms']:.1f} ms, "
            f"{figures['elements']:,} of {found.n:,} there, {figures['evicted']:,} evicted, used memory "
            f"{figures['used_memory'] / MB:.0f} of {figures['limit'] / MB:.0f} MB, {figures['demoted']} sets went into files, "
            f"written anew {figures['merged']} times, in vain {figures['outrun']}; VSIM {latency(figures['search'])}"
            + (f"; in memory again after {figures['back_s']:.1f} s, {latency(figures['back'])}" if "back" in figures else "")
        )
    return measured


def latency(figures):
    """Of searches."""
    return f"p50 {figures['p50_ms']:.2f} ms, p99 {figures['p99_ms']:.2f} ms"


def limit_memory(args, client, found, storage):
    """Makes the set, and gives it a part of what all elements would take in memory."""
    start = float(resp.info(client)["used_memory"])
    client.accepted([resp.encoded("VCREATE", "bench", "DIM", found.dim, "QUANT", *storage.split())])
    fields = client.ask("VINFO", "bench")
    each = int(dict(zip(fields[::2], fields[1::2], strict=True))[b"bytes-per-element"])
    limit = int(start + args.part * found.n * each)
    client.ask("CONFIG", "SET", "maxmemory", limit)
    return limit


def additions(client, port, found):
    """All elements, each from one of two clients; then searches for some that are there."""
    size = 4 * found.dim
    with open(found.folder / "base.f32", "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as base:

        def vector(number):
            return base[number * size:(number + 1) * size]

        def write(part):
            times = []
            with resp.Client(port) as writer:
                for first in range(part * IN_FLIGHT, found.n, 2 * IN_FLIGHT):
                    began = time.perf_counter()
                    numbers = range(first, min(first + IN_FLIGHT, found.n))
                    writer.accepted([resp.encoded("VADD", "bench", "FP32", vector(n), f"e{n}", "SETATTR", n) for n in numbers])
                    times.append(time.perf_counter() - began)
            return times

        began = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor() as threads:
            times = sorted(itertools.chain.from_iterable(threads.map(write, range(2))))
        figures = {"per_s": found.n / (time.perf_counter() - began), "p99_ms": 1e3 * times[int(0.99 * len(times))]}

        def search():
            times = []
            for number in random.Random(2).sample(range(found.n), SEARCHES):
                request = resp.encoded("VSIM", "bench", "FP32", vector(number), "COUNT", 10)
                began = time.perf_counter()
                client.accepted([request])
                times.append(time.perf_counter() - began)
            times.sort()
            return {"p50_ms": 1e3 * times[SEARCHES // 2], "p99_ms": 1e3 * times[int(0.99 * SEARCHES)]}

        figures["search"] = search()
        info = resp.info(client)
        names = {name: info[f"tier_sealed_{name}"] for name in ("demoted", "merged", "outrun")}
        figures |= names | {
            "elements": client.ask("VCARD", "bench"), "evicted": info["evicted_elements"],
            "used_memory": info["used_memory"], "limit": info["maxmemory"],
        }  # fmt: skip
        if info["tier_sealed_demoted"]:
            client.ask("CONFIG", "SET", "maxmemory", ROOMY * info["maxmemory"])
            began = time.perf_counter()
            while not resp.info(client)["tier_sealed_raised"]:
                if time.perf_counter() - began > COMEBACK_S:
                    raise Failure("the set does not come back though there is room")
                search()
            figures["back_s"] = time.perf_counter() - began
            figures["back"] = search()
    return figures


def reads(args, program, found):
    """How long single vectors of a set in files take to be read."""
    build.say(f"{found.name}: single reads")
    with tempfile.TemporaryDirectory(prefix="bench-", dir=args.folder) as folder:
        tier = pathlib.Path(folder) / "tier"
        with servers.running_in(folder, program, ("--tier-dir", str(tier), "--save", "")) as server:
            with resp.Client(server.port) as client:
                add_all(args, client, found)
                chosen = random.Random(1).sample(range(found.n), min(READS, found.n))
                measured = {"in memory": timed(client, chosen), "of single pages by the disk itself": (disk := {"times": []})}
                client.ask("VTIER", "bench", "WARM")
                while resp.info(client)["tier_hot_elements"]:
                    time.sleep(0.1)
                measured["after their pages were taken away"] = cold = {"times": [], "faults": 0}
                for first in range(0, len(chosen), READ):
                    left = take_pages(server.pid, tier)
                    figures = timed(client, chosen[first:first + READ])
                    cold["times"] += figures["times"]
                    cold["faults"] += figures["faults"]
                    cold["left"] = max(left, cold.get("left", 0))
                    disk["times"] += disk_reads(folder, READ)
                timed(client, chosen)
                measured["from the page cache"] = timed(client, chosen)
    for name, figures in measured.items():
        times = sorted(figures["times"])
        figures |= {f"p{share}_ms": 1e3 * times[int(share / 100 * len(times))] for share in (50, 99, 99.9)}
        left = f", {figures['left'] / MB:.1f} MB of the files were left in memory" if "left" in figures else ""
        faults = f", {figures['faults']:,.0f} waits for a page from the disk" if "faults" in figures else ""
        print(
            f"{len(times):,} reads {name}: p50 {figures['p50_ms']:.3f} ms, p99 {figures['p99_ms']:.3f} ms, "
            f"p99.9 {figures['p99.9_ms']:.3f} ms{faults}{left}"
        )
    return measured


def disk_reads(folder, count):
    """How long the disk takes for single pages of a file, in the order of chance."""
    path = pathlib.Path(folder) / "disk"
    if not path.exists():
        path.write_bytes(os.urandom(DISK_BYTES))
        os.sync()
    times = []
    with mmap.mmap(-1, mmap.PAGESIZE) as page:
        file = os.open(path, os.O_RDONLY | os.O_DIRECT)
        try:
            for place in random.choices(range(DISK_BYTES // mmap.PAGESIZE), k=count):
                began = time.perf_counter()
                os.preadv(file, [page], place * mmap.PAGESIZE)
                times.append(time.perf_counter() - began)
        finally:
            os.close(file)
    return times


def add_all(args, client, found):
    """The set, with all elements in memory."""
    client.accepted([resp.encoded("VCREATE", "bench", "DIM", found.dim, *args.storage.split())])
    size = 4 * found.dim
    with open(found.folder / "base.f32", "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as base:
        for first in range(0, found.n, IN_FLIGHT):
            numbers = range(first, min(first + IN_FLIGHT, found.n))
            client.accepted([resp.encoded("VADD", "bench", "FP32", base[n * size:(n + 1) * size], f"e{n}") for n in numbers])


def timed(client, numbers):
    """Reads elements, one after the other."""
    before, times = float(resp.info(client)["major_page_faults"]), []
    for number in numbers:
        request = resp.encoded("VEMB", "bench", f"e{number}")
        began = time.perf_counter()
        client.socket.sendall(request)
        client.socket.recv(1, socket.MSG_PEEK)
        times.append(time.perf_counter() - began)
        client.reply()
    return {"times": times, "faults": float(resp.info(client)["major_page_faults"]) - before}


class Range(ctypes.Structure):
    """A struct iovec."""

    _fields_ = [("start", ctypes.c_size_t), ("len", ctypes.c_size_t)]


def take_pages(pid, folder):
    """Takes the pages of files in this folder out of memory. Returns the bytes of them that are
    mapped still.
    """
    os.sync()
    ranges = [
        (part, min(part + PORTION, end))
        for start, end, _ in mappings(pid, folder)
        for part in range(start, end, PORTION)
    ]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    process = libc.syscall(PIDFD_OPEN, pid, 0)
    try:
        for first in range(0, len(ranges), RANGES):
            some = [Range(start, end - start) for start, end in ranges[first:first + RANGES]]
            taken = libc.syscall(PROCESS_MADVISE, process, (Range * len(some))(*some), len(some), PAGEOUT, 0)
            if taken < 0:
                raise Failure(f"pages cannot be taken away: {os.strerror(ctypes.get_errno())}")
            if taken < sum(part.len for part in some):
                raise Failure(f"pages of {taken:,} bytes only were taken away")
    finally:
        os.close(process)
    return sum(resident for _, _, resident in mappings(pid, folder))


def mappings(pid, folder):
    """The addresses at which a process has files of a folder, and how many bytes of them are in its
    memory.
    """
    found = []
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
        words = line.split(maxsplit=5)
        if "-" in words[0] and not words[0].endswith(":"):
            is_here = len(words) == 6 and words[5].startswith(f"{folder}/")
            if is_here:
                found.append([*(int(address, 16) for address in words[0].split("-")), 0])
        elif is_here and words[0] == "Rss:":
            found[-1][2] = 1024 * int(words[1])
    return found
