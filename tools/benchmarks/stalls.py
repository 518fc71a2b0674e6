"""The longest wait of one request where much is moved: while keys and fields of a hash come by the million, and while a hash of
so many fields is changed during a snapshot.

Each server is measured alone, in turn, round by round; of each figure the median of the rounds counts. The longest of many
waits depends on the machine more than any other figure: compare it with that beside an idle server.
"""

import statistics

from . import Failure, build, load, servers, table

HELP = "the longest wait while keys and fields come by the million, and while a hash of so many is saved"
THINGS, QUICK_THINGS = 4_000_000, 200_000
ROUNDS, QUICK_ROUNDS = 3, 1
LIMIT_S = 1800


def add_arguments(parser):
    """How much, and how often."""
    parser.add_argument("--things", type=int, help=f"how many keys, and how many fields ({THINGS})")
    parser.add_argument("--rounds", type=int, help=f"how often each server is measured ({ROUNDS})")


def run(args, programs):
    """Measures all servers in turn."""
    binary = build.cargo_build(build.TOOLS / "load", "nearhit-load")
    things = args.things or (QUICK_THINGS if args.quick else THINGS)
    rounds = args.rounds or (QUICK_ROUNDS if args.quick else ROUNDS)
    seen = {name: [] for name in programs}
    for number in range(rounds):
        for name, program in programs.items():
            build.say(f"{program.title}: round {number + 1} of {rounds}")
            seen[name].append(measure(binary, program, things))
    figures = {name: median(found) for name, found in seen.items()}
    print(draw(programs, figures, things))
    return figures, True


def measure(binary, program, things):
    """One server's figures, of one round."""
    with servers.running(program, ("--save", "", "--maxmemory", "0")) as server:
        found, complete = load.measure(binary, "stalls", LIMIT_S, port=server.port, pid=server.pid, n=things)
    if not complete:
        raise Failure("nearhit-load stalls did not come to its end")
    return found


def median(rounds):
    """The median of each figure."""
    return {name: statistics.median(found[name] for found in rounds) for name in rounds[0]}


MB = 1e6
ROWS = [
    ("longest GET of an idle server, ms", "idle/reader_ms", 1),
    ("longest SET while keys come, ms", "keys/writer_ms", 1),
    ("longest GET beside it, ms", "keys/reader_ms", 1),
    ("keys added/s", "keys/rate", 1),
    ("longest HSET while fields come, ms", "fields/writer_ms", 1),
    ("longest HGET beside it, ms", "fields/reader_ms", 1),
    ("fields added/s", "fields/rate", 1),
    ("first HSET during BGSAVE, ms", "snapshot/first_ms", 1),
    ("longest HSET during BGSAVE, ms", "snapshot/writer_ms", 1),
    ("longest HGET beside it, ms", "snapshot/reader_ms", 1),
    ("memory with the hash, MB", "snapshot/memory_before", MB),
    ("extra memory of BGSAVE, MB", "snapshot/memory_extra", MB),
]


def draw(programs, figures, things):
    """One row for each figure."""
    head = [f"{things:,} keys, then as many fields", *(program.title for program in programs.values())]
    rows = [[label, *(table.number(figures[name][key] / unit) for name in programs)] for label, key, unit in ROWS]
    return table.markdown(head, rows)
