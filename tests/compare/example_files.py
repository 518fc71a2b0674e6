"""`examples/*.txt`: hand-written commands, a file for each family, section by section, in RESP2 and in RESP3."""

import glob
import os

import notation
from pair import Inspector, Pair

PATHS = os.path.join(os.path.dirname(__file__), "examples", "*.txt")
PROTOCOLS = (2, 3)


def run(servers, report, options):
    for path in sorted(glob.glob(PATHS)):
        run_file(path, servers, report)


def run_file(path, servers, report):
    """Sends the sections of a file."""
    pair = Pair(servers, report)
    for lines in notation.sections(path).values():
        for protocol in PROTOCOLS:
            pair.reset(protocol)
            for line in lines:
                pair.check(*notation.words(line))
            Inspector(pair, databases=(0, 1)).compare()
    pair.disconnect()
