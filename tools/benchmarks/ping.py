"""How many PINGs a second one thread of the load generator gets answered, so that it is known not to be the bottleneck."""

from . import build, load, servers, table

HELP = "PINGs a second that one thread of the load generator gets answered"
SHAPES = [(1, 1), (16, 1), (16, 64)]  # connections, requests in flight on each
SECONDS, QUICK_SECONDS = 5, 1
LIMIT_S = 60


def add_arguments(_parser):
    """Nothing of its own."""


def run(args, programs):
    """Measures each server in turn."""
    binary = build.cargo_build(build.TOOLS / "load", "nearhit-load")
    figures, complete = {}, True
    for name, program in programs.items():
        with servers.running(program) as server:
            for connections, depth in SHAPES:
                found, done = load.measure(binary, "ping", LIMIT_S, port=server.port, connections=connections, depth=depth,
                                           seconds=QUICK_SECONDS if args.quick else SECONDS)
                figures.setdefault(name, {}).update({f"{connections}x{depth}/{key}": value for key, value in found.items()})
                complete &= done
    print(draw(programs, figures))
    return figures, complete


def draw(programs, figures):
    """One row for each shape, three columns for each server."""
    head = ["PING", *(f"{program.title} {what}" for program in programs.values() for what in ("/s", "p50 ms", "p99 ms"))]
    rows = []
    for connections, depth in SHAPES:
        row = [f"{connections} connection{'s' if connections > 1 else ''}, {depth} in flight on each"]
        for name in programs:
            found = {key: figures[name].get(f"{connections}x{depth}/ping/{key}") for key in ("rate", "p50_us", "p99_us")}
            row += [table.number(found["rate"]), *(milliseconds(found[key]) for key in ("p50_us", "p99_us"))]
        rows.append(row)
    return table.markdown(head, rows)


def milliseconds(us):
    """Microseconds as milliseconds."""
    return "–" if us is None else f"{us / 1e3:.3f}"
