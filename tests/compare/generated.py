"""Random commands in pipelines of random length, in packets of random size; the state compared now and then."""

import random
from collections import Counter

import string_commands
import wire
from commands import name_of
from generator import Generator
from metadata import known_names
from pair import Inspector, Pair
from vocabulary import DATABASES

LARGEST_BATCH = 60
SPLIT_PROBABILITY = 0.15
LARGEST_SPLIT = 8
INLINE_PROBABILITY = 0.1
LONGEST_INLINE = 8000
STATE_EVERY = 400
MOST_NAMES = 16
MOST_FINDINGS = 1000
"""More show nothing new, and comparing the state after each takes time."""


def run(servers, report, options):
    rng = random.Random(options.seed)
    pair = Pair(servers, report, protocol=3)
    pair.reset(3)
    generator = Generator(options.seed, _known_to_both(pair))
    generator.digests = _digests(pair)
    generator.nests = not options.against.common_only
    inspector = Inspector(pair, DATABASES, fields_expire=b"hpexpiretime" in generator.known)
    sent, checked, names = 0, 0, Counter()
    while sent < options.count and len(report.findings) < MOST_FINDINGS:
        batch = _batch(rng, generator)
        findings = len(report.findings)
        pair.batch(batch, _cutter(rng), _encoder(rng))
        sent += len(batch)
        names.update(map(name_of, batch))
        if sent - checked >= STATE_EVERY or len(report.findings) > findings:
            inspector.compare()
            checked = sent
    inspector.compare()
    if generator.skipped:
        report.note(f"left out, since one of the two does not know them: {_figures(generator.skipped)}")
    report.note(f"largest set {inspector.largest}, {generator.throwaway} throwaway keys")
    report.note(f"{sent} commands, seed {options.seed}; {_figures(names, MOST_NAMES)}")
    pair.disconnect()


def _known_to_both(pair):
    peer, ours = (set(known_names(reply)) for reply in pair.ask("COMMAND"))
    return {name.lower() for name in peer & ours}


def _digests(pair):
    """The peer's digests of the values that strings get, for the conditions of SET and DELEX."""
    return [_digest(pair, value) for value in string_commands.VALUES]


def _digest(pair, value):
    pair.ask("SET", "digest", value)
    digest, _ = pair.ask("DIGEST", "digest")
    pair.ask("DEL", "digest")
    return digest.value


def _batch(rng, generator):
    wanted, batch = rng.choice((1, rng.randint(2, 10), rng.randint(10, LARGEST_BATCH))), []
    while len(batch) < wanted:
        batch += generator.step()
    return batch


def _encoder(rng):
    """How to write the commands of a pipeline: each as an array, or some of them as lines."""
    if rng.random() >= INLINE_PROBABILITY:
        return wire.encode

    def encode(args):
        line = wire.encode_inline(args)
        return line if len(line) < LONGEST_INLINE and args[0] and rng.random() < 0.5 else wire.encode(args)

    return encode


def _cutter(rng):
    """How to cut the bytes of a pipeline into packets; None for not at all."""
    if rng.random() >= SPLIT_PROBABILITY:
        return None

    def cut(data):
        places = sorted(rng.sample(range(1, len(data)), min(rng.randint(1, LARGEST_SPLIT), len(data) - 1)))
        return [data[a:b] for a, b in zip([0, *places], [*places, len(data)])]

    return cut


def _figures(names, most=None):
    return ", ".join(f"{name.decode(errors='replace')} {n}" for name, n in names.most_common(most))
