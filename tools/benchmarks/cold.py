"""A vector set that goes into a cold file and comes back: time, memory, and how long others wait.

The server is filled and saved with the set in memory, killed, and started again on the snapshot; then the same with the set in its
file. A second connection sends PINGs all the time; the longest wait is that of each step.
"""

import os
import pathlib
import signal
import tempfile
import time

from . import Failure, build, datasets, load, resp, servers, table
from .cache import beside

HELP = "a vector set in a cold file: time to store, save, start and open it, memory, and what others wait meanwhile"
SERVERS = ("nearhit",)
ELEMENTS, DIM, QUICK_ELEMENTS = 200_000, 96, 20_000
FILL_S, STEP_S, START_S = 7200, 1800, 1800


def add_arguments(parser):
    """What the set is."""
    add = parser.add_argument
    data = os.environ.get("DATA", "/tmp/data")
    add("--elements", type=int, help=f"how many the made set has ({ELEMENTS})")
    add("--dim", type=int, default=DIM, help="of how many dimensions they are (%(default)s)")
    add("--folder", metavar="DIR", help="where the server keeps its files, so that the disk can be chosen")
    add("--data", default=data, metavar="DIR", help="where the sets are, or are to be made (%(default)s; environment: DATA)")


def run(args, programs):
    """Measures each server alone."""
    binary = build.cargo_build(build.TOOLS / "load", "nearhit-load")
    args.sets = [datasets.synth(args, args.elements or (QUICK_ELEMENTS if args.quick else ELEMENTS), args.dim)]
    figures = {}
    for found in datasets.find(args):
        measured = {name: measure(binary, args, program, found) for name, program in programs.items()}
        print(table.figures(f"{found.name}: {found.n:,} × {found.dim}", ROWS, programs, measured), flush=True)
        figures[found.name] = measured
    return figures, len(figures) == len(args.sets)


def timed(figures, name, port, step):
    """Counts the seconds of a step, and the longest PING during it."""
    with beside.running(beside.longest_ping_ms, port) as found:
        began = time.monotonic()
        step()
        figures[f"{name}/seconds"] = time.monotonic() - began
    figures[f"{name}/longest_ping_ms"] = found[0]


def save(client):
    """A snapshot in the background, to its end."""
    client.ask("BGSAVE")
    deadline = time.monotonic() + STEP_S
    while resp.info(client, "persistence")["rdb_bgsave_in_progress"]:
        if time.monotonic() > deadline:
            raise Failure("BGSAVE did not come to its end")
        time.sleep(0.01)


def measure(binary, args, program, found):
    """One server's figures."""
    figures = {}
    with tempfile.TemporaryDirectory(prefix="bench-", dir=args.folder) as folder:
        flags = ("--tier-dir", "tier", "--save", "", "--maxmemory", "0")
        with servers.running_in(folder, program, flags) as server:
            build.say(f"{found.name}: filling")
            load.measure(binary, "fill", FILL_S, port=server.port, set=found.folder, dim=found.dim, n=found.n)
            with resp.Client(server.port, STEP_S) as client:
                key = client.ask("KEYS", "*")[0]
                before = used(client)
                timed(figures, "save/hot", server.port, lambda: save(client))
            os.kill(server.pid, signal.SIGKILL)
        figures["start/hot/seconds"] = start(folder, program, flags, key, b"hot")
        figures["memory/hot"] = before
        with servers.running_in(folder, program, flags, limit_s=START_S) as server:
            with resp.Client(server.port, STEP_S) as client:
                answer = client.ask("VSIM", key, "ELE", client.ask("VRANDMEMBER", key), "WITHSCORES", "TRUTH")
                timed(figures, "store", server.port, lambda: client.ask("VTIER", key, "COLD"))
                figures["memory/cold"] = used(client)
                figures["file/bytes"] = resp.info(client, "memory")["tier_cold_bytes"]
                timed(figures, "save/cold", server.port, lambda: save(client))
            os.kill(server.pid, signal.SIGKILL)
        figures["start/cold/seconds"] = start(folder, program, flags, key, b"cold")
        with servers.running_in(folder, program, flags, limit_s=START_S) as server:
            with resp.Client(server.port, STEP_S) as client:
                timed(figures, "open", server.port, lambda: client.ask("VCARD", key))
                figures["memory/opened"] = used(client)
                again = client.ask("VSIM", key, "ELE", answer[0], "WITHSCORES", "TRUTH")
                if answer[0] != again[0]:
                    raise Failure("the set is not what it was")
    return figures


def used(client):
    """Bytes in use, once what was removed is freed."""
    while resp.info(client, "memory")["lazyfree_pending_objects"]:
        time.sleep(0.01)
    return resp.info(client, "memory")["used_memory"]


def start(folder, program, flags, key, tier):
    """Seconds from the start to the first answer about the set; files are in the page cache."""
    began = time.monotonic()
    with servers.running_in(folder, program, flags, limit_s=START_S) as server:
        with resp.Client(server.port, STEP_S) as client:
            while isinstance(reply := client.one(resp.encoded("VTIER", key)), resp.Refused):
                time.sleep(0.005)
            took = time.monotonic() - began
            if reply[1] != tier:
                raise Failure(f"the set is {reply[1]}, and should be {tier}")
        os.kill(server.pid, signal.SIGKILL)
    return took


MB = 1e6
ROWS = [
    ("memory, the set in memory, MB", "memory/hot", MB),
    ("memory, the set in its file, MB", "memory/cold", MB),
    ("memory, opened again, MB", "memory/opened", MB),
    ("file, MB", "file/bytes", MB),
    ("VTIER COLD, s", "store/seconds", 1),
    ("longest PING meanwhile, ms", "store/longest_ping_ms", 1),
    ("BGSAVE, in memory, s", "save/hot/seconds", 1),
    ("BGSAVE, in its file, s", "save/cold/seconds", 1),
    ("start to first answer, in memory, s", "start/hot/seconds", 1),
    ("start to first answer, in its file, s", "start/cold/seconds", 1),
    ("first use of the set, s", "open/seconds", 1),
    ("longest PING meanwhile, ms", "open/longest_ping_ms", 1),
]
