"""Vector sets: adding, searching at equal recall, searching beside a writer, memory and deletion."""

import os

from . import build, datasets, load, servers, table

HELP = "vector sets: load, search at equal recall, search beside a writer, memory, deletion"
SETS = ("glove-100", "minilm-384")
# Elements of a set, queries asked for each recall, seconds for each point.
FULL, QUICK = (1_000_000_000, 1_000, 5), (20_000, 500, 1.5)
# For one server and one set, loading included.
LIMIT_S = 20 * 60
# As tools/load/src/vectors/mod.rs has them.
CONNECTIONS, RECALLS, RECALL_BESIDE_WRITER = (1, 16), ("0.90", "0.95", "0.99"), "0.95"


def add_arguments(parser):
    """What is measured, and how much of it."""
    add = parser.add_argument
    data = os.environ.get("DATA", "/tmp/data")
    add("--sets", default=",".join(SETS), type=lambda text: text.split(","), help="which sets (%(default)s)")
    add("--n", type=int, help="at most so many elements of each set; their exact neighbours are then computed")
    add("--queries", type=int, help="at most so many queries of each set")
    add("--seconds", type=float, help="how long each point of searching is measured")
    add("--data", default=data, metavar="DIR", help="where the sets are, or are to be made (%(default)s; environment: DATA)")
    add("--shared", metavar="DIR", help="where minilm-384 lies packed, if it has to be unpacked")


def run(args, programs):
    """Measures each server with each set, each alone and freshly started."""
    usual = QUICK if args.quick else FULL
    n, queries, seconds = (own or default for own, default in zip((args.n, args.queries, args.seconds), usual))
    binary = build.cargo_build(build.TOOLS / "load", "nearhit-load")
    figures, complete = {}, True
    for found in datasets.find(args):
        size = {"n": min(n, found.n), "dim": found.dim, "queries": min(queries, found.queries)}
        figures[found.name] = {**size, "servers": {}}
        for name, program in programs.items():
            build.say(f"{found.name}: {program.title}")
            with servers.running(program) as server:
                flags = {"port": server.port, "pid": server.pid, "set": found.folder, "seconds": seconds, **size}
                values, done = load.measure(binary, "vectors", LIMIT_S, **flags)
            figures[found.name]["servers"][name] = values
            complete &= done
        print(draw(found.name, figures[found.name], programs), flush=True)
    return figures, complete and len(figures) == len(args.sets)


def draw(title, figures, programs):
    """One set's table: a row a measurement, four columns a server, and the ratio where two were measured."""
    by_server = [figures["servers"][name] for name in programs]
    head = [f"{title}: {figures['n']:,} × {figures['dim']}"]
    for program in programs.values():
        head += [program.title, "EF", "p50 ms", "p99 ms"]
    if len(programs) == 2:
        head.append(" / ".join(programs))
    return table.markdown(head, [line(label, value, by_server) for label, value in rows()])


def rows():
    """The label of each row, and the name of its figure."""
    for count in CONNECTIONS:
        yield f"VADD/s, {table.connections(count)}", f"vadd/{count}/rate"
    for recall in RECALLS:
        for count in CONNECTIONS:
            yield f"VSIM/s, recall@10 {recall}, {table.connections(count)}", f"vsim/{recall}/{count}/rate"
    recall = RECALL_BESIDE_WRITER
    for count in CONNECTIONS:
        yield f"the same at {recall} beside a writer, {table.connections(count)}", f"mixed/{recall}/{count}/rate"
    yield "VADD/s of that writer", f"mixed/{recall}/writer/rate"
    yield "bytes an element, used_memory", "memory/used_per_element"
    yield "bytes an element, resident", "memory/rss_per_element"
    yield "DEL of the set, ms", "del/ms"
    yield "longest PING during the DEL and 0.5 s after, ms", "del/longest_ping_ms"
    yield "longest PING in the 0.5 s before, ms", "del/longest_ping_before_ms"


def line(label, value, by_server):
    """A row's cells."""
    cells = [label]
    for figures in by_server:
        group = value.removesuffix("/rate")
        cells += [main_cell(figures, value), ef(figures, group)]
        cells += [percentile(figures, group, name) for name in ("p50_us", "p99_us")]
    if len(by_server) == 2:
        cells.append(table.ratio(*(figures.get(value) for figures in by_server)))
    return cells


def main_cell(figures, value):
    """The figure, or the best recall where the one asked for was not reached."""
    kind, recall, *_ = value.split("/")
    best = figures.get(f"vsim/{recall}/best_recall") if kind in ("vsim", "mixed") else None
    return table.number(figures.get(value)) if best is None else f"at most {best:.3f}"


def ef(figures, group):
    """The EF that a search used."""
    kind, recall, *rest = group.split("/")
    found = figures.get(f"vsim/{recall}/ef") if kind in ("vsim", "mixed") and rest != ["writer"] else None
    return "" if found is None else f"{found:.0f}"


def percentile(figures, group, name):
    """A percentile, where the row has them."""
    found = figures.get(f"{group}/{name}")
    return "" if found is None else table.milliseconds(found)
