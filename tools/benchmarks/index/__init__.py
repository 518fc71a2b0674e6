"""The index alone, in process: a vector set without its server beside the libraries of libraries.py.

Each index has a process of its own (contestant.py): nearhit's is tools/index, a library's is serve_library.py. All are
given the same vectors of length one. comparison.py measures building, memory and search at equal recall; churn.py what
becomes of recall and memory when elements are replaced.
"""

import dataclasses
import os
import pathlib
import subprocess
import tempfile

from .. import Failure, build, datasets
from . import churn, comparison
from .libraries import EF_CONSTRUCTION, LIBRARIES, M

HELP = "the index alone, in process and beside other libraries: building, memory, search at equal recall"
# It needs none.
SERVERS = ()
SETS = ("minilm-384", "glove-100", "synth-768-100k")
THREADS = 2
# Vectors of a set, queries, rounds, seconds for each point in a round.
FULL, QUICK = (1_000_000_000, 1_000, 5, 0.3), (5_000, 200, 2, 0.1)


@dataclasses.dataclass(frozen=True)
class Task:
    """A set of vectors, and how long to measure with it."""

    folder: pathlib.Path
    n: int
    dim: int
    rounds: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Entrant:
    """An index that can be started: its title, and its command line but for the set."""

    title: str
    words: tuple

    def words_for(self, task):
        """Its command line."""
        return [*self.words, "--threads", THREADS, "--set", task.folder, "--dim", task.dim]


def add_arguments(parser):
    """What is measured, and how much of it."""
    add_common(parser, SETS)
    add = parser.add_argument
    add("--kinds", type=names, help="which of nearhit's kinds of storage (all); RQ4+F16 has a finer copy to rank by")
    add("--peers", default=tuple(LIBRARIES), type=names, help=f"which libraries ({','.join(LIBRARIES)})")
    add("--churn", action="store_true", help="instead: nearhit's recall and memory as every element is replaced")


def add_common(parser, sets):
    """How much is measured, and of which sets."""
    add = parser.add_argument
    data = os.environ.get("DATA", "/tmp/data")
    add("--sets", default=sets, type=names, help=f"which sets ({','.join(sets)})")
    add("--n", type=int, help="at most so many vectors of each set")
    add("--queries", type=int, help=f"at most so many queries of each set ({FULL[1]:,})")
    add("--rounds", type=int, help=f"how often each point is measured ({FULL[2]})")
    add("--data", default=data, metavar="DIR", help="where the sets are, or are to be made (%(default)s; environment: DATA)")
    add("--shared", metavar="DIR", help="where minilm-384 lies packed, if it has to be unpacked")


def names(text):
    """Words between commas; none in an empty text."""
    return [name for name in text.split(",") if name]


def run(args, _servers):
    """Measures every index with each set. A library that cannot be had here is said, and leaves the rest complete."""
    part = churn if args.churn else comparison
    entrants, left_out = kinds(args), {}
    if part is comparison:
        entrants.update(libraries(args, left_out))
    figures = {}
    for found in datasets.find(args):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            task = prepare(args, found, pathlib.Path(folder) / found.name)
            results, failed = part.measure(task, entrants)
        print(part.draw(f"{found.name}: {task.n:,} × {task.dim}", results), flush=True)
        for name, reason in {**left_out, **failed}.items():
            print(f"Without {name}: {reason}", flush=True)
        figures[found.name] = {"n": task.n, "dim": task.dim, "results": results, "without": {**left_out, **failed}}
    own = all(name in found["results"] for found in figures.values() for name in entrants if name not in LIBRARIES)
    return figures, own and len(figures) == len(args.sets)


def kinds(args):
    """nearhit, once for each kind of storage."""
    binary = build.cargo_build(build.TOOLS / "index", "nearhit-index")
    known = build.run(str(binary), "kinds", stdout=subprocess.PIPE).split()
    return {entrant.title: entrant for entrant in nearhit_as(binary, args.kinds or known).values()}


def nearhit_as(binary, kinds):
    """nearhit with each of these kinds of storage."""
    words = (binary, "serve", "--m", M, "--ef-construction", EF_CONSTRUCTION, "--kind")
    return {kind: Entrant(f"nearhit {kind}", (*words, kind)) for kind in kinds}


def libraries(args, left_out):
    """The libraries that can be installed."""
    if unknown := set(args.peers) - set(LIBRARIES):
        raise Failure(f"--peers: no such library: {', '.join(sorted(unknown))}")
    for name in args.peers:
        library = LIBRARIES[name]
        try:
            python = build.venv("libraries", "-r", datasets.DATA / "requirements.txt", library.package)
        except Failure:
            left_out[name] = f"{library.package} cannot be installed here"
        else:
            yield name, Entrant(library.title, (python, "-m", f"{__name__}.serve_library", "--library", name))


def prepare(args, found, folder):
    """The part of a set that is measured, at unit length, with its exact neighbours."""
    asked = (args.n, args.queries, args.rounds, None)
    n, queries, rounds, seconds = (own or usual for own, usual in zip(asked, QUICK if args.quick else FULL))
    datasets.run("unit.py", "--set", found.folder, "--out", folder, "--n", n, "--queries", queries)
    return Task(folder, min(n, found.n), found.dim, rounds, seconds)
