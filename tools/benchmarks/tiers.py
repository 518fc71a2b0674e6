"""A warm vector set beside the same set in memory: what it takes, how fast it is, and what becomes of it where memory is short.

Three servers, each alone, with the same elements and the same kind of storage: hot; warm, with page cache for all; and
warm in a control group that has room for a part of what the hot one's elements took, page cache included. Most of the last
one's files cannot be in memory, so that searches and writes wait for the disk. Where no control group can be made
(that takes root), it is left out, and that is said.
"""

import contextlib
import os
import pathlib
import tempfile

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
    add("--folder", metavar="DIR", help="where the files lie, so that the disk can be chosen")
    add("--data", default=data, metavar="DIR", help="where the sets are, or are to be made (%(default)s; environment: DATA)")


def run(args, programs):
    """Measures the three."""
    binary = build.cargo_build(build.TOOLS / "load", "nearhit-load")
    elements = args.elements or (QUICK_ELEMENTS if args.quick else ELEMENTS)
    args.sets = [datasets.synth(args, elements, args.dim)]
    [program] = programs.values()
    [found] = datasets.find(args)
    measured = {"hot": measure(binary, args, program, found, "hot"), "warm": measure(binary, args, program, found, "warm")}
    limit = int(measured["hot"]["start/resident"] + args.part * measured["hot"]["after/resident"])
    try:
        with group(limit) as tasks:
            measured[f"warm, {limit / MB:.0f} MB"] = measure(binary, args, program, found, "warm", tasks)
    except OSError as reason:
        build.say(f"no control group can be made, so that the limited server is left out: {reason}")
    titles = {name: servers.Program(name, ()) for name in measured}
    print(vectors.draw(f"{found.name}, {args.storage}", {"n": found.n, "dim": found.dim, "servers": measured}, titles))
    for name, figures in measured.items():
        print(f"{name}: " + ", ".join(f"{label} {figures[key] / unit:,.0f}{suffix}" for label, key, unit, suffix in AFTER))
    return {found.name: measured}, len(measured) == 3


# Of INFO and the system when all is loaded, and of the whole run.
AFTER = [
    ("used_memory", "after/used", MB, " MB"),
    ("in memory", "after/resident", MB, " MB"),
    ("in files", "after/tier", MB, " MB"),
    ("refused", "after/refused", MB, " MB"),
    ("waits for a page from the disk", "after/faults", 1, ""),
]


def measure(binary, args, program, found, tier, tasks=None):
    """One server's figures."""
    build.say(f"{found.name}: {tier}{', limited' if tasks else ''}")
    with tempfile.TemporaryDirectory(prefix="bench-", dir=args.folder) as folder:
        flags = ("--tier-dir", str(pathlib.Path(folder) / "tier"), "--maxmemory", "0", "--save", "")
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
