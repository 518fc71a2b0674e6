"""Semantic caches on questions with labels: errors and hits by rule, beside static thresholds and the rule of vCache alone.

The questions are made of `minilm-384`, descriptions of Debian's packages: each asks about the package's *source*, and an
answer is right if it is about the same source. Sources share words where they share a subject (`libfoo1`, `libfoo-dev`,
`python3-foo`), so near questions are often about different sources, and how near they are differs from source to source:
the labels are real. 1500 sources of a dozen subjects, chosen by nearness, so that they are easily mistaken for each other,
are asked about as Zipf's law with exponent 0.9 has it; each question is the embedding of one of the source's packages with
noise of a strength that is the source's own (cosine to the text 0.9 and up).

Every question is asked of a server, with the same rules of the game for all: a hit is served; otherwise the right answer is
found by other means, and stored where the nearest entry had a wrong one. Only what is explored is reported; whether hits
are right, the server never learns. `static` is `MINSCORE`, the best of a grid for each seed, chosen with the answers known:
by hindsight. `paper` is the published rule with each entry fitted alone, over exact nearest neighbours, in the script.
"""

import json
import os
import subprocess
import sys

from .. import Failure, build, datasets, servers, table

HELP = "semantic caches on questions with labels: errors and hits of each rule, beside static thresholds"
SERVERS = ("nearhit",)
SCRIPT = build.TOOLS / "benchmarks" / "semantic" / "replay.py"


def add_arguments(parser):
    """What is measured, and how much of it."""
    add = parser.add_argument
    data = os.environ.get("DATA", "/tmp/data")
    add("--questions", type=int, default=10_000, help="of each seed (%(default)s)")
    add("--seeds", type=int, default=5, help="how many streams of questions (%(default)s)")
    add("--data", default=data, metavar="DIR", help="where the sets are (%(default)s; environment: DATA)")
    add("--shared", metavar="DIR", help="where the packed form of minilm-384 lies")


def run(args, programs):
    """Replays all questions for each rule."""
    args.sets = ["minilm-384"]
    found = list(datasets.find(args))
    if not found:
        raise Failure("there are no questions without minilm-384")
    questions, seeds = (2_000, 1) if args.quick else (args.questions, args.seeds)
    python = build.venv("data", "-r", datasets.DATA / "requirements.txt")
    [program] = programs.values()
    with servers.running(program, ("--save", "")) as server:
        words = [python, SCRIPT, server.port, found[0].folder, questions, seeds]
        done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise Failure("the replay did not come to its end")
    measured = json.loads(done.stdout)
    print(drawn(measured))
    return measured, True


def drawn(measured):
    """A row for each rule and accepted share: means over the seeds, and the worst error."""
    head = ["errors accepted", "rule", "hits, %", "errors of hits, %", "worst seed", "of requests, %", "static at the same error, %"]
    rows = []
    for row in measured:
        accepted = f"{row['accepted']:.1%}"
        percent = [f"{100 * row[name]:.2f}" for name in ("hits", "error", "worst", "per_request")]
        rows.append([accepted, row["rule"], percent[0], percent[1], percent[2], percent[3], f"{100 * row['static']:.2f}"])
    return table.markdown(head, rows)


if __name__ == "__main__":
    sys.exit("tools/bench semantic")
