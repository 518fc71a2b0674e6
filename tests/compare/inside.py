"""The examples once more, each command in a transaction of its own: it must do there what it does by itself."""

import glob

import notation
from commands import name_of
from example_files import PATHS
from pair import Inspector, Pair

OUTSIDE = {b"MULTI", b"EXEC", b"DISCARD", b"WATCH", b"UNWATCH", b"RESET", b"QUIT", b"HELLO"}
"""Commands that are sent by themselves: they run at once, or their replies cannot be compared inside."""


def run(servers, report, options):
    pair = Pair(servers, report)
    for path in sorted(glob.glob(PATHS)):
        if path.endswith("transactions.txt"):
            continue
        for lines in notation.sections(path).values():
            pair.reset()
            for line in lines:
                check(pair, notation.words(line))
            Inspector(pair, databases=(0, 1)).compare()
    panics(pair, report)
    pair.disconnect()


def check(pair, words):
    if name_of(words) in OUTSIDE:
        pair.check(*words)
        return
    pair.check("MULTI")
    pair.check(*words)
    pair.check("EXEC")


def panics(pair, report):
    """A command that touches keys for which EXEC did not prepare panics in builds that check it."""
    _, ours = pair.ask("INFO", "stats")
    if b"panics:" in ours.raw and b"panics:0\r\n" not in ours.raw:
        pair.found([b"INFO", b"stats"], b"", ours.raw, "commands panicked")
