"""Which entries a semantic cache keeps: `lru`, `cost` and `coverage` on the same questions, with a
part of the memory that all of them would take; beside each rate what VCACHE.STATS … CURVE forecast
of it with half and with twice the memory.

The questions are those of `tools/bench semantic` (descriptions of Debian's packages, 1500 sources
as Zipf's law has them). Each source has a cost, and its answers a length, both as a logarithmic
normal distribution has them, independent of how often it is asked for. A question is answered by an
entry of at least a score (MINSCORE), otherwise its answer is stored. One in five is stored without
a look, as programs do that fill a cache with what they have found out by other means: so there are
entries that others could answer for. (Without these there are none under one threshold, since what
another entry answers is never stored, and `coverage` is `lru`.)
"""

import json
import os
import subprocess
from statistics import mean

from .. import Failure, build, datasets, servers, table

SCRIPT = build.TOOLS / "benchmarks" / "cache" / "ask.py"
SEEDS, QUESTIONS = 5, 10_000
QUICK_SEEDS, QUICK_QUESTIONS = 1, 2_000
# Points of a hundred by which a forecast for twice the memory may differ from what happens, in
# the mean of the seeds.
POINTS = 3.0


def run(args, programs):
    """Replays the questions for each policy and size; whether the forecasts are good."""
    args.sets = ["minilm-384"]
    args.data = os.environ.get("DATA", "/tmp/data")
    found = list(datasets.find(args))
    if not found:
        raise Failure("there are no questions without minilm-384")
    seeds, questions = (QUICK_SEEDS, QUICK_QUESTIONS) if args.quick else (SEEDS, int(QUESTIONS * args.times))
    python = build.venv("data", "-r", datasets.DATA / "requirements.txt")
    program = next((programs[name] for name in ("nearhit", "baseline") if name in programs), None)
    if program is None:
        return {}, True
    with servers.running(program) as server:
        words = [python, SCRIPT, server.port, found[0].folder, questions, seeds]
        done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise Failure("the questions did not come to their end")
    measured = json.loads(done.stdout)
    rows = list(summed(measured))
    print(draw(rows, measured["entries"]))
    return measured, all(abs(row["double"] - row["twice"]) * 100 <= POINTS for row in rows if row["twice"] is not None)


def summed(measured):
    """The means over the seeds, by policy and size; with what happened at half and twice the size."""
    by = {}
    for row in measured["rows"]:
        by.setdefault((row["policy"], row["part"]), []).append(row)
    rate = {key: mean(row["rate"] for row in rows) for key, rows in by.items()}
    for (policy, part), rows in by.items():
        names = ("rate", "saved", "wrong", "half", "double", "followed")
        means = {name: mean(row[name] for row in rows) for name in names}
        worst = None
        if (policy, part * 2) in by:
            pairs = zip(rows, by[policy, part * 2])
            worst = max(abs(row["double"] - twice["rate"]) for row, twice in pairs)
        yield {"policy": policy, "part": part, "worst": worst, "below": rate.get((policy, part / 2)),
               "twice": rate.get((policy, part * 2)), **means}


def draw(rows, entries):
    """One row for each size and policy."""
    head = [f"memory ({entries:,.0f} entries in all)", "policy", "hits, %", "cost saved, %", "forecast for half", "happened",
            "forecast for twice", "happened", "worst seed, points"]

    def percent(share):
        return "–" if share is None else f"{100 * share:.1f}"

    body = [[f"1/{1 / row['part']:.0f}", row["policy"], percent(row["rate"]), percent(row["saved"]), percent(row["half"]),
             percent(row["below"]), percent(row["double"]), percent(row["twice"]), percent(row["worst"])]
            for row in sorted(rows, key=lambda row: (row["part"], row["policy"]))]
    return table.markdown(head, body)
