"""Searches with filters: nearhit with attribute indexes and without, Redis, and Qdrant's engine in
process.

prepare.py makes the work folder of a set: vectors, attributes, filters and right answers, all
exact. Everything that is asked (an entrant) is given the same elements, once fresh and once after
half of them were replaced. cases.py asks every case of every entrant, in turn; costs.py measures
what indexes cost. wire.py asks a server, qdrant.py the engine.
"""

import contextlib
import dataclasses
import os
import subprocess
import tempfile

from .. import Failure, build, datasets, servers
from . import cases, costs, qdrant
from .inside import Inside
from .left_out import LeftOut
from .wire import Wire
from .work import prepare

HELP = "searches with filters: recall, speed and short answers by selectivity; what attribute indexes cost"
SERVERS = ("nearhit", "nearhit-inside", "nearhit-plain", "redis", "qdrant")
# Those of --servers that are made here.
MADE_HERE = ("nearhit-inside", "nearhit-plain", "qdrant", "qdrant-int8")
SETS, MADE, PHASES, PARTS = ("minilm-384", "synth"), "synth", ("fresh", "replaced"), ("cases", "costs")
# Elements of the made set, its dimensions, elements of any set at most, queries, rounds, seconds
# for a point in a round.
FULL, QUICK = (100_000, 768, 1_000_000_000, 200, 3, 0.5), (5_000, 128, 5_000, 50, 1, 0.1)
EFS, QUICK_EFS, LARGE_FILTER_EF = (25, 50, 100, 200, 400), (50, 200), 10_000


@dataclasses.dataclass(frozen=True)
class Setting:
    """How hard a search tries; None is the default."""

    ef: int | None = None
    filter_ef: int | None = None


@dataclasses.dataclass(frozen=True)
class Entrant:
    """A row of each case: what is asked, and the settings of which the fastest that finds enough
    counts.
    """

    title: str
    host: object
    settings: tuple
    only_with_filter: bool = False


def add_arguments(parser):
    """What is measured, and how much of it."""
    add = parser.add_argument
    data = os.environ.get("DATA", "/tmp/data")
    add("--sets", default=SETS, type=names, help=f"which sets ({','.join(SETS)}); {MADE} is made, others have filters.json")
    add("--elements", type=int, help=f"how many {MADE} has ({FULL[0]:,})")
    add("--dim", type=int, help=f"of how many dimensions they are ({FULL[1]})")
    add("--n", type=int, help="at most so many elements of each set")
    add("--queries", type=int, help=f"at most so many queries of each set ({FULL[3]})")
    add("--rounds", type=int, help=f"how often each point is measured ({FULL[4]})")
    add("--phases", default=PHASES, type=names, help=f"which of {','.join(PHASES)}: after half of the elements were replaced")
    add("--only", choices=PARTS, help="one part")
    add("--filter-ef", type=int, default=LARGE_FILTER_EF, help="the large FILTER-EF that Redis is asked with too (%(default)s)")
    add("--data", default=data, metavar="DIR", help="where the sets are, or are to be made (%(default)s; environment: DATA)")
    add("--shared", metavar="DIR", help="where minilm-384 lies packed, if it has to be unpacked")


def names(text):
    """Words between commas."""
    return tuple(word for word in text.split(",") if word)


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much is measured."""

    n: int
    queries: int
    rounds: int
    seconds: float
    efs: tuple


def run(args, programs):
    """Measures set after set; whether all was measured. What cannot be had here is said, and leaves
    the rest complete.
    """
    elements, dim, n, queries, rounds, seconds = QUICK if args.quick else FULL
    plan = Plan(args.n or n, args.queries or queries, args.rounds or rounds, seconds, QUICK_EFS if args.quick else EFS)
    binary = build.cargo_build(build.TOOLS / "load", "nearhit-load")
    if "nearhit-plain" in args.servers:
        programs = {**programs, "nearhit-plain": programs.get("nearhit") or build.nearhit(args)}
    sizes = (args.elements or elements, args.dim or dim)
    args.sets = [datasets.synth(args, *sizes) if name == MADE else name for name in args.sets]
    figures = {}
    for found in datasets.find(args):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            work = prepare(found, plan.n, plan.queries, folder)
            figures[found.name] = Bench(args, plan, f"{found.name}: {work.n:,} × {work.dim}", work).run(programs, binary)
    print(", ".join(versions(args, programs)))
    return figures, len(figures) == len(args.sets)


def versions(args, programs):
    """Of all that was measured."""
    for name, program in programs.items():
        if name == "redis":
            yield program.title
        elif name != "nearhit-plain" or "nearhit" not in programs:
            yield build.run(program.argv[0], "--version", stdout=subprocess.PIPE).strip()
    if {"qdrant", "qdrant-int8"} & set(args.servers):
        yield qdrant.PACKAGES[0]


class Bench:
    """All that is measured with one set."""

    def __init__(self, args, plan, title, work):
        self.args, self.plan, self.title, self.work = args, plan, title, work
        self.hosts, self.left_out, self.figures = {}, {}, {}

    def run(self, programs, binary):
        """The figures of each phase, and what indexes cost."""
        with contextlib.ExitStack() as stack:
            self.start(stack, programs, binary)
            self.fill()
            for phase in PHASES:
                if phase == "replaced" and phase in self.args.phases:
                    self.replace()
                if phase in self.args.phases and self.args.only != "costs":
                    entrants = list(self.entrants())
                    self.figures[phase] = cases.measure(self.work, entrants, self.plan)
                    print(cases.draw(f"{self.title}, {PHASE_TITLES[phase]}", self.work, self.figures[phase]), flush=True)
                if phase == "fresh" and self.args.only != "cases":
                    self.figures["costs"] = costs.measure(self.work, self.hosts, self.plan, self.figures.get("indexes"))
                    print(costs.draw(f"{self.title}, costs", self.work, self.figures["costs"]), flush=True)
        for name, reason in self.left_out.items():
            print(f"Without {name}: {reason}\n", flush=True)
        return {**self.figures, "n": self.work.n, "dim": self.work.dim, "without": self.left_out}

    def start(self, stack, programs, binary):
        """Starts what was asked for; what cannot be had is left out."""
        for name in self.args.servers:
            try:
                host = self.host(name, stack, programs, binary)
                self.hosts[name] = stack.enter_context(contextlib.closing(host))
                if name == "nearhit":
                    host.require_indexes()
            except LeftOut as reason:
                self.left_out[TITLES[name]] = str(reason)
                self.hosts.pop(name, None)

    def host(self, name, stack, programs, binary):
        """What is asked: a server that runs until the end of the stack, or a process without."""
        if name in programs:
            server = stack.enter_context(servers.running(programs[name]))
            return Wire(self.work, server, binary)
        return Inside(self.work) if name == INSIDE else qdrant.Engine(self.work, name == INT8)

    def fill(self):
        """Fills all; nearhit is then given its indexes."""
        for name, host in self.hosts.items():
            build.say(f"{self.title}: filling {name}")
            host.fill()
            if name == "nearhit":
                self.figures["indexes"] = costs.create(host, self.work)

    def replace(self):
        """Replaces half of the elements of all."""
        for name, host in self.hosts.items():
            build.say(f"{self.title}: replacing half of {name}")
            host.replace()

    def entrants(self):
        """A row each, in order."""
        own = tuple(Setting(ef) for ef in self.plan.efs)
        for name, host in self.hosts.items():
            if name == "redis":
                yield Entrant(REDIS, host, (Setting(),))
                large = self.args.filter_ef
                yield Entrant(f"{REDIS}, FILTER-EF {large:,}", host, (Setting(filter_ef=large),), only_with_filter=True)
            elif name in TITLES:
                yield Entrant(TITLES[name], host, own)
            else:
                raise Failure(f"--servers: {name} has no filters")


PHASE_TITLES = {"fresh": "fresh", "replaced": "half replaced"}
REDIS, INSIDE, INT8 = "Redis", "nearhit-inside", "qdrant-int8"
TITLES = {
    "nearhit": "nearhit, indexes",
    INSIDE: "nearhit in process, indexes",
    "nearhit-plain": "nearhit, no indexes",
    "baseline": "baseline, no indexes",
    "qdrant": "Qdrant",
    INT8: "Qdrant, int8",
}
