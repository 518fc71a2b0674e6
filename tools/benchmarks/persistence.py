"""What it costs to keep data: snapshots under load, coming back, and writes under each policy of fsync.

Each server is filled, saved under each load, killed, and started again on its own file. The policies are measured with small
SETs, all servers running at the same time and asked in turn, round by round; the median of the rounds counts.
"""

import contextlib
import os
import pathlib
import statistics
import tempfile
import time

from . import Failure, build, datasets, load, servers, table

HELP = "snapshots and restarts: time, memory, stalls; writes under each policy of fsync"
LOADS = ("idle", "read", "write")
# What is measured where nothing is said: elements and dimensions of the made set, and the sets beside it.
ELEMENTS, DIM, QUICK_ELEMENTS = 200_000, 768, 20_000
SETS = ("minilm-384",)
# For filling a server, for the snapshots of one load, and for coming back.
FILL_S, SNAPSHOT_S, START_S = 3600, 1800, 1800
POLICIES = {
    "no log": ("--appendonly", "no"),
    "everysec": ("--appendonly", "yes", "--appendfsync", "everysec"),
    "always": ("--appendonly", "yes", "--appendfsync", "always"),
}
# Connections, and requests in flight on each.
SHAPES = [(1, 1), (16, 1), (16, 16)]
ROUNDS, QUICK_ROUNDS = 5, 2
SECONDS, QUICK_SECONDS = 2, 0.5
PARTS = ("snapshots", "policies")


def add_arguments(parser):
    """What is measured, and how much of it."""
    add = parser.add_argument
    data = os.environ.get("DATA", "/tmp/data")
    add("--only", choices=PARTS, help="one part")
    add("--elements", type=int, help=f"how many the made set has ({ELEMENTS})")
    add("--dim", type=int, default=DIM, help="of how many dimensions they are (%(default)s)")
    add("--sets", default=",".join(SETS), type=words, help="further sets (%(default)s); '' for none")
    add("--folder", metavar="DIR", help="where the servers keep their files, so that the disk can be chosen")
    add("--data", default=data, metavar="DIR", help="where the sets are, or are to be made (%(default)s; environment: DATA)")
    add("--shared", metavar="DIR", help="where minilm-384 lies packed, if it has to be unpacked")


def words(text):
    """Names between commas."""
    return [word for word in text.split(",") if word]


def run(args, programs):
    """Measures each server alone with each set, and then all in turn under each policy."""
    binary = build.cargo_build(build.TOOLS / "load", "nearhit-load")
    figures, complete = {}, True
    if args.only != "policies":
        elements = args.elements or (QUICK_ELEMENTS if args.quick else ELEMENTS)
        args.sets = [datasets.synth(args, elements, args.dim), *args.sets]
        for found in datasets.find(args):
            measured = {name: keep(binary, args, program, found) for name, program in programs.items()}
            print(draw(found, measured, programs), flush=True)
            figures[found.name] = measured
        complete = len(figures) == len(args.sets)
    if args.only != "snapshots":
        figures["policies"] = policies(binary, args, programs)
        print(draw_policies(figures["policies"], programs))
    return figures, complete


def keep(binary, args, program, found):
    """One server's figures: filled, saved under each load, and started again."""
    build.say(f"{found.name}: {program.title}: filling")
    figures = {}
    size = {"set": found.folder, "dim": found.dim, "n": found.n}
    with tempfile.TemporaryDirectory(prefix="bench-", dir=args.folder) as folder:
        with servers.running_in(folder, program) as server:
            began = time.monotonic()
            measure(binary, "fill", FILL_S, port=server.port, **size)
            figures["fill/seconds"] = time.monotonic() - began
            for kind in LOADS:
                build.say(f"{found.name}: {program.title}: snapshots, {kind}")
                figures |= measure(binary, "snapshot", SNAPSHOT_S, port=server.port, pid=server.pid, load=kind, **size)
        file = pathlib.Path(folder) / "dump.rdb"
        figures["file/bytes"] = file.stat().st_size
        build.say(f"{found.name}: {program.title}: starting again")
        figures |= start_again(folder, program)
    return figures


def measure(binary, command, limit_s, **flags):
    """What the load generator found."""
    found, complete = load.measure(binary, command, limit_s, **flags)
    if not complete:
        raise Failure(f"nearhit-load {command} did not come to its end")
    return found


def start_again(folder, program):
    """How long a server loads its file, which has just been written and is in the page cache, and with how much memory."""
    began = time.monotonic()
    with servers.running_in(folder, program, limit_s=START_S) as server:
        took = time.monotonic() - began
        peak, now = status(server.pid, "VmHWM"), status(server.pid, "VmRSS")
        return {"start/seconds": took, "start/peak_bytes": peak, "start/final_bytes": now}


def status(pid, field):
    """Bytes that the system reports for a process."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


MB = 1e6
ROWS = [
    *((f"BGSAVE, {load}, s", f"snapshot/{load}/seconds", 1) for load in LOADS),
    *((f"extra memory, {load}, MB", f"snapshot/{load}/memory_extra", MB) for load in LOADS),
    *((f"longest PING during BGSAVE, {load}, ms", f"snapshot/{load}/longest_ping_ms", 1) for load in LOADS),
    *((f"longest PING in the 3 s before, {load}, ms", f"snapshot/{load}/longest_ping_before_ms", 1) for load in LOADS),
    *((f"{what}/s during BGSAVE", f"snapshot/{load}/load/rate", 1) for load, what in (("read", "VSIM"), ("write", "VADD"))),
    ("memory before, MB", "snapshot/idle/memory_before", MB),
    ("file, MB", "file/bytes", MB),
    ("start, s", "start/seconds", 1),
    ("peak memory while loading, MB", "start/peak_bytes", MB),
    ("memory when loaded, MB", "start/final_bytes", MB),
]


def draw(found, measured, programs):
    """One set's table."""
    return table.figures(f"{found.name}: {found.n:,} × {found.dim}", ROWS, programs, measured)


def policies(binary, args, programs):
    """SETs a second by server, policy and shape."""
    rounds, seconds = (QUICK_ROUNDS, QUICK_SECONDS) if args.quick else (ROUNDS, SECONDS)
    seen = {name: {} for name in programs}
    with contextlib.ExitStack() as stack:
        started = {
            (name, policy): stack.enter_context(servers.running(program, flags, args.folder))
            for name, program in programs.items()
            for policy, flags in POLICIES.items()
        }
        for number in range(rounds):
            build.say(f"policies: round {number + 1} of {rounds}")
            for shape in SHAPES:
                for (name, policy), server in started.items():
                    flags = {"port": server.port, "connections": shape[0], "depth": shape[1], "seconds": seconds}
                    found = measure(binary, "writes", SNAPSHOT_S, **flags)
                    seen[name].setdefault(title(policy, shape), []).append(found["writes/rate"])
    return {name: {case: statistics.median(rates) for case, rates in cases.items()} for name, cases in seen.items()}


def title(policy, shape):
    """A policy and a shape in words."""
    connections, depth = shape
    return f"{policy}, {table.connections(connections)}" + (f", {depth} in flight on each" if depth > 1 else "")


def draw_policies(figures, programs):
    """One row for each policy and shape: the rate, and what part of it without a log that is."""
    head = ["SET/s"]
    for program in programs.values():
        head += [program.title, "÷ no log"]
    rows = []
    for policy in POLICIES:
        for shape in SHAPES:
            row = [title(policy, shape)]
            for name in programs:
                rate, without = (figures[name][title(which, shape)] for which in (policy, "no log"))
                row += [table.number(rate), table.ratio(rate, without)]
            rows.append(row)
    gain = ["always: 16 connections ÷ 1"]
    for name in programs:
        gain += [table.ratio(*(figures[name][title("always", shape)] for shape in (SHAPES[1], SHAPES[0]))), ""]
    return table.markdown(head, [*rows, gain])
