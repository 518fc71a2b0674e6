"""Random commands in pipelines of random length, in packets of random size; the state compared now and then."""

import random
from collections import Counter

from commands import name_of
from generator import Generator
from pair import Inspector, Pair

LARGEST_BATCH = 60
SPLIT_PROBABILITY = 0.15
LARGEST_SPLIT = 8
STATE_EVERY = 400
DATABASES = (0, 1)
MOST_FINDINGS = 1000
"""More than these tell nothing new, and comparing the state after each takes time."""


def run(servers, report, options):
    rng = random.Random(options.seed)
    generator = Generator(options.seed)
    pair = Pair(servers, report, protocol=3)
    pair.reset(3)
    inspector, sent, checked, names = Inspector(pair, DATABASES), 0, 0, Counter()
    while sent < options.count and len(report.findings) < MOST_FINDINGS:
        batch = _batch(rng, generator)
        findings = len(report.findings)
        pair.batch(batch, _cutter(rng))
        sent += len(batch)
        names.update(map(name_of, batch))
        if sent - checked >= STATE_EVERY or len(report.findings) > findings:
            inspector.compare()
            checked = sent
    inspector.compare()
    report.note(f"largest set {inspector.largest}, {generator.throwaway} throwaway keys")
    report.note(f"{sent} commands, seed {options.seed}; {_figures(names)}")
    pair.disconnect()


def _batch(rng, generator):
    wanted, batch = rng.choice((1, rng.randint(2, 10), rng.randint(10, LARGEST_BATCH))), []
    while len(batch) < wanted:
        batch += generator.step()
    return batch


def _cutter(rng):
    """How to cut the bytes of a pipeline into packets; None for not at all."""
    if rng.random() >= SPLIT_PROBABILITY:
        return None

    def cut(data):
        places = sorted(rng.sample(range(1, len(data)), min(rng.randint(1, LARGEST_SPLIT), len(data) - 1)))
        return [data[a:b] for a, b in zip([0, *places], [*places, len(data)])]

    return cut


def _figures(names):
    return ", ".join(f"{name.decode(errors='replace')} {n}" for name, n in names.most_common(16))
