"""Semantic caches on questions with labels: errors and hits by rule, beside static thresholds and the rule of vCache alone.

The questions are made of `minilm-384`, descriptions of Debian's packages: each asks about the package's *source*, and an
answer is right if it is about the same source. Sources share words where they share a subject (`libfoo1`, `libfoo-dev`,
`python3-foo`), so near questions are often about different sources, and how near they are differs from source to source:
the labels are real. 1500 sources of a dozen subjects, chosen by nearness, so that they are easily mistaken for each other,
are asked about as Zipf's law with exponent 0.9 has it; each question is the embedding of one of the source's packages with
noise of a strength that is the source's own (cosine to the text 0.9 and up).

Every question is asked of a server: a hit is served; otherwise the right answer is found by other means. If the nearest
entry had a wrong one, the question is stored with its answer (`AFTER token 0`). If it had the right one (`AFTER token 1`),
the question becomes an alias of it, unless it is very near (`VCACHE.ALIAS`), or nothing is stored (`no aliases`). Only what is
explored is reported; whether hits are right, the server never learns.

`static` is the best of all static thresholds (steps of 0.01 in the score), chosen for each seed with the answers known: by
hindsight. It is computed in the script over exact nearest neighbours, and stores each question that is no hit, as caches with
a static threshold do, or only those whose nearest entry is wrong, whichever gives more. `paper` is the published rule with
each entry fitted alone, also over exact nearest neighbours.

`--only cost` compares VCACHE.GET with VSIM, and `--only feedback` reports answers by the million beside searches, kills the
server, and compares what is known of entries before and after.
"""

import json
import os
import subprocess
import sys

from .. import Failure, build, datasets, servers, table
from . import cost, feedback

HELP = "semantic caches on questions with labels: errors and hits of each rule, beside static thresholds"
SERVERS = ("nearhit",)
PARTS = ("replay", "cost", "feedback")
SCRIPT = build.TOOLS / "benchmarks" / "semantic" / "replay.py"


def add_arguments(parser):
    """What is measured, and how much of it."""
    add = parser.add_argument
    data = os.environ.get("DATA", "/tmp/data")
    add("--only", choices=PARTS, default=PARTS[0], help="what is measured (%(default)s)")
    add("--elements", type=int, help="of the cache of --only cost (all), and --only feedback (10,000)")
    add("--feedbacks", type=int, default=1_000_000, help="for --only feedback (%(default)s)")
    add("--questions", type=int, default=10_000, help="of each seed (%(default)s)")
    add("--seeds", type=int, default=5, help="how many streams of questions (%(default)s)")
    add("--data", default=data, metavar="DIR", help="where the sets are (%(default)s; environment: DATA)")
    add("--shared", metavar="DIR", help="where the packed form of minilm-384 lies")


def run(args, programs):
    """Measures one part."""
    args.sets = ["minilm-384"]
    found = list(datasets.find(args))
    if not found:
        raise Failure("there are no questions without minilm-384")
    if args.only == "cost":
        return cost.run(args, programs, found[0]), True
    if args.only == "feedback":
        return feedback.run(args, programs, found[0])
    return replay(args, programs, found[0].folder), True


def replay(args, programs, folder):
    """Replays all questions for each rule."""
    questions, seeds = (2_000, 1) if args.quick else (args.questions, args.seeds)
    python = build.venv("data", "-r", datasets.DATA / "requirements.txt")
    [program] = programs.values()
    with servers.running(program, ("--save", "")) as server:
        words = [python, SCRIPT, server.port, folder, questions, seeds]
        done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise Failure("the replay did not come to its end")
    measured = json.loads(done.stdout)
    print(drawn(measured))
    return measured


def drawn(measured):
    """A row for each rule and accepted share: means over the seeds, and the worst error."""
    head = ["errors accepted", "rule", "hits, %", "errors of hits, %", "worst seed", "of requests, %", "static at the same error, %", "vectors"]
    rows = []
    for row in measured:
        accepted = f"{row['accepted']:.1%}"
        percent = [f"{100 * row[name]:.2f}" for name in ("hits", "error", "worst", "per_request")]
        rows.append([accepted, row["rule"], percent[0], percent[1], percent[2], percent[3], f"{100 * row['static']:.2f}", f"{row['vectors']:,.0f}"])
    return table.markdown(head, rows)


if __name__ == "__main__":
    sys.exit("tools/bench semantic")
