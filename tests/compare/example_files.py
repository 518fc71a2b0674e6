"""`examples/*.txt`: hand-written commands, a file for each family, section by section, in RESP2 and in RESP3."""

import glob
import os

import notation
from pair import Inspector, Pair

PATHS = os.path.join(os.path.dirname(__file__), "examples", "*.txt")
PROTOCOLS = (2, 3)


def run(servers, report, options):
    chosen = options.against.examples
    for path in sorted(glob.glob(PATHS)):
        if chosen is None or os.path.basename(path) in chosen:
            run_file(path, servers, report, options.against.common_only)


def run_file(path, servers, report, common_only=False):
    """Sends the sections of a file."""
    pair = Pair(servers, report)
    if common_only:
        pair.leave_out_one_sided()
    for lines in notation.sections(path).values():
        for protocol in PROTOCOLS:
            pair.reset(protocol)
            for line in lines:
                pair.check_common(*notation.words(line))
            Inspector(pair, databases=(0, 1)).compare()
    pair.disconnect()
