"""nearhit's kinds of storage beside each other: bytes an element, recall and speed at VSIM's default EF.

All sets are built first, each in a process of its own, and then searched in turn, in rounds, by one thread: noise hits all
alike, and the best of the rounds counts. Speed is a multiple of NOQUANT's. Coarse kinds are measured without and
with a finer copy. Printed are a table and the same figures as they stand in src/quantization/measured.rs.
"""

import contextlib
import pathlib
import subprocess
import tempfile

from . import Failure, build, datasets, index, table
from .index.contestant import Gone, started

HELP = "the kinds of storage beside each other: bytes an element, recall and speed at the default EF"
# It needs none.
SERVERS = ()
SETS = ("minilm-384", "glove-100")
EF, YARDSTICK, FINER = 100, "NOQUANT", "Q8"


def add_arguments(parser):
    """What is measured, and how much of it."""
    index.add_common(parser, SETS)
    parser.add_argument("--kinds", type=index.names, help=f"which kinds (all; coarse ones also with +{FINER}); {YARDSTICK} anyway")


def run(args, _servers):
    """Measures every kind with each set."""
    binary = build.cargo_build(build.TOOLS / "index", "nearhit-index")
    entrants, figures = index.nearhit_as(binary, wanted(args, binary)), {}
    for found in datasets.find(args):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            task = index.prepare(args, found, pathlib.Path(folder) / found.name)
            kinds = measure(task, entrants)
        print(draw(f"{found.name}: {task.n:,} × {task.dim}", kinds), flush=True)
        figures[found.name] = {"n": task.n, "dim": task.dim, "ef": EF, "kinds": kinds}
    print("\n".join(row for name, found in figures.items() for row in constants(name, found["kinds"])))
    return figures, len(figures) == len(args.sets)


def wanted(args, binary):
    """Keywords, the yardstick first; RQ4+Q8 is RQ4 with a finer copy of Q8."""
    known, coarse = (build.run(str(binary), what, stdout=subprocess.PIPE).split() for what in ("kinds", "coarse"))
    kinds = args.kinds or [*known, *(f"{kind}+{FINER}" for kind in coarse)]
    return list(dict.fromkeys([YARDSTICK, *kinds]))


def measure(task, entrants):
    """The figures of each kind, by its keyword."""
    kinds = {}
    with contextlib.ExitStack() as stack:
        running = {}
        for name, entrant in entrants.items():
            build.say(f"{name}: building")
            running[name] = stack.enter_context(started(entrant.words_for(task)))
            try:
                running[name].ask("build")
                kinds[name] = {"bytes": running[name].ask("memory")["accounted"] / task.n}
            except Gone as reason:
                raise Failure(f"{name}: {reason}") from reason
        build.say("searching in turn")
        for _ in range(task.rounds):
            for name, contestant in running.items():
                kinds[name].update(contestant.search(EF, task.seconds))
    for found in kinds.values():
        found["speed"] = found["qps"] / kinds[YARDSTICK]["qps"]
    return kinds


def draw(title, kinds):
    """A row for each kind."""
    head = [title, "bytes an element", f"recall@10 at EF {EF}", "worst 1%", "q/s", f"÷ {YARDSTICK}"]
    rows = []
    for name, found in kinds.items():
        figures = [table.number(found["bytes"]), table.share(found["recall"]), table.share(found["low"])]
        rows.append([title_of(name), *figures, table.number(found["qps"]), table.number(found["speed"])])
    return table.markdown(head, rows)


def title_of(name):
    """As a command says it."""
    return name.replace("+", " RERANK ")


def constants(title, kinds):
    """The same as Rust."""
    for name, found in kinds.items():
        kind, _, finer = name.partition("+")
        rerank = f'Some("{finer}")' if finer else "None"
        figures = f"bytes: {found['bytes']:.0f}, recall: {found['recall']:.3f}, speed: {found['speed']:.2f}"
        yield f'    Measured {{ kind: "{kind}", rerank: {rerank}, set: "{title}", {figures} }},'
