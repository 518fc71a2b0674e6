"""`examples/*.txt`: hand-written commands, a file for each family, section by section, in RESP2 and in RESP3."""

import glob
import os

import notation
from pair import Inspector, Pair

FOLDER = os.path.join(os.path.dirname(__file__), "examples")
PROTOCOLS = (2, 3)


def run(servers, report, options):
    for name in options.against.examples or sorted(glob.glob("*.txt", root_dir=FOLDER)):
        run_file(os.path.join(FOLDER, name), servers, report, options.against.common_only)


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
