"""How many PINGs a second one thread of the load generator gets answered: it must not be the bottleneck."""

from . import build, load, servers, table

HELP = "PINGs a second that one thread of the load generator gets answered"
# Connections, and requests in flight on each.
SHAPES = [(1, 1), (16, 1), (16, 64)]
SECONDS, QUICK_SECONDS = 5, 1
LIMIT_S = 60


def add_arguments(_parser):
    """Nothing of its own."""


def run(args, programs):
    """Measures each server in turn."""
    binary = build.cargo_build(build.TOOLS / "load", "nearhit-load")
    seconds = QUICK_SECONDS if args.quick else SECONDS
    figures, complete = {name: {} for name in programs}, True
    for name, program in programs.items():
        with servers.running(program) as server:
            for shape in SHAPES:
                flags = {"port": server.port, "seconds": seconds, "connections": shape[0], "depth": shape[1]}
                found, done = load.measure(binary, "ping", LIMIT_S, **flags)
                figures[name].update({f"{title(shape)}/{key}": value for key, value in found.items()})
                complete &= done
    print(draw(programs, figures))
    return figures, complete


def title(shape):
    """A shape in words."""
    connections, depth = shape
    return f"{table.connections(connections)}, {depth} in flight on each"


def draw(programs, figures):
    """One row for each shape, three columns for each server."""
    columns = ("/s", "p50 ms", "p99 ms")
    head = ["PING", *(f"{program.title} {column}" for program in programs.values() for column in columns)]
    rows = []
    for shape in SHAPES:
        row = [title(shape)]
        for name in programs:
            rate, *percentiles = (figures[name].get(f"{title(shape)}/ping/{key}") for key in ("rate", "p50_us", "p99_us"))
            row += [table.number(rate), *map(table.milliseconds, percentiles)]
        rows.append(row)
    return table.markdown(head, rows)
