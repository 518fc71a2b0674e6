"""Vector sets: adding, searching at equal recall, searching beside a writer, memory and deletion."""

import os

from . import build, datasets, load, servers, table

HELP = "vector sets: load, search at equal recall, search beside a writer, memory, deletion"
SETS = ("glove-100", "minilm-384")
# Elements, queries asked for each recall, seconds for each point.
FULL, QUICK = (1_000_000_000, 1_000, 5), (20_000, 500, 1.5)
LIMIT_S = 20 * 60  # for one server and one set
CONNECTIONS, RECALLS, RECALL_BESIDE_WRITER = (1, 16), ("0.90", "0.95", "0.99"), "0.95"  # as tools/load/src/vectors/mod.rs has them


def add_arguments(parser):
    """What is measured, and how much of it."""
    parser.add_argument("--sets", default=",".join(SETS), type=lambda text: text.split(","), help="which sets (%(default)s)")
    parser.add_argument("--n", type=int, help="at most so many elements of each set; their exact neighbours are then computed")
    parser.add_argument("--queries", type=int, help="at most so many queries of each set")
    parser.add_argument("--seconds", type=float, help="how long each point of searching is measured")
    parser.add_argument("--data", default=os.environ.get("DATA", "/tmp/data"), metavar="DIR", help="where the sets are, or are to be made (%(default)s; environment: DATA)")
    parser.add_argument("--shared", metavar="DIR", help="where minilm-384 lies packed, if it has to be unpacked")


def run(args, programs):
    """Measures each server with each set, each alone and freshly started."""
    default = QUICK if args.quick else FULL
    n, queries, seconds = (given or usual for given, usual in zip((args.n, args.queries, args.seconds), default))
    binary = build.cargo_build(build.TOOLS / "load", "nearhit-load")
    figures, complete = {}, True
    for found in datasets.find(args):
        size, asked = min(n, found.n), min(queries, found.queries)
        figures[found.name] = {"n": size, "dim": found.dim, "queries": asked, "servers": {}}
        for name, program in programs.items():
            build.say(f"{found.name}: {program.title}")
            with servers.running(program) as server:
                values, done = load.measure(binary, "vectors", LIMIT_S, port=server.port, pid=server.pid, set=found.folder,
                                            dim=found.dim, n=size, queries=asked, seconds=seconds)
            figures[found.name]["servers"][name] = values
            complete &= done
        print(draw(found.name, figures[found.name], programs), flush=True)
    return figures, complete and len(figures) == len(args.sets)


def draw(title, figures, programs):
    """One set's table: a row for each measurement, four columns for each server, and the ratio where both were measured."""
    by_server = [figures["servers"][name] for name in programs]
    head = [f"{title}: {figures['n']:,} × {figures['dim']}"]
    for program in programs.values():
        head += [program.title, "EF", "p50 ms", "p99 ms"]
    head += ["ratio"] if len(by_server) == 2 else []
    return table.markdown(head, [line(row, by_server) for row in rows()])


def rows():
    """(label, name of the value, name of its group): the group has EF and percentiles."""
    def many(connections):
        return f"{connections} connection{'s' if connections > 1 else ''}"

    yield from ((f"VADD/s, {many(c)}", f"vadd/{c}/rate", f"vadd/{c}") for c in CONNECTIONS)
    yield from ((f"VSIM/s, recall@10 {r}, {many(c)}", f"vsim/{r}/{c}/rate", f"vsim/{r}/{c}") for r in RECALLS for c in CONNECTIONS)
    yield from ((f"VSIM/s, recall@10 {r}, {many(c)}, beside a writer", f"mixed/{r}/{c}/rate", f"mixed/{r}/{c}")
                for r in [RECALL_BESIDE_WRITER] for c in CONNECTIONS)
    yield (f"VADD/s of that writer", f"mixed/{RECALL_BESIDE_WRITER}/writer/rate", f"mixed/{RECALL_BESIDE_WRITER}/writer")
    yield ("bytes an element, used_memory", "memory/used_per_element", None)
    yield ("bytes an element, resident", "memory/rss_per_element", None)
    yield ("DEL, ms", "del/ms", None)
    yield ("longest PING during DEL, ms", "del/longest_ping_ms", None)


def line(row, by_server):
    """A row's cells."""
    label, value, group = row
    cells = [label]
    for figures in by_server:
        cells += [cell(figures, value, group), ef(figures, value), milliseconds(figures, group, "p50_us"), milliseconds(figures, group, "p99_us")]
    if len(by_server) == 2:
        cells.append(table.ratio(*(figures.get(value) for figures in by_server)))
    return cells


def cell(figures, value, group):
    """The value, or the best recall where the one asked for was not reached."""
    parts = (group or "").split("/")
    best = figures.get(f"vsim/{parts[1]}/best_recall") if parts[0] in ("vsim", "mixed") else None
    return table.number(figures.get(value)) if best is None else f"at most {best:.3f}"


def ef(figures, value):
    """The EF that a search used."""
    kind, recall, *_ = value.split("/")
    searches = kind in ("vsim", "mixed") and "writer" not in value
    found = figures.get(f"vsim/{recall}/ef") if searches else None
    return "" if found is None else f"{found:.0f}"


def milliseconds(figures, group, name):
    """A percentile, where the row has them."""
    found = figures.get(f"{group}/{name}")
    return "" if found is None else f"{found / 1e3:.2f}"
