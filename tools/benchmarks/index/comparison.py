"""Building, memory, and search at equal recall.

Indexes are built in turn, each by all its threads, and stay. Each is asked with one thread: first for the smallest EF with
which it reaches a recall, then for its speed with that EF, in rounds with the others so that noise hits all alike; the best
of the rounds counts. A library is given all queries in one call, so that what Python adds to a query does not count;
nearhit is called for each query, and gives names.

Bytes a vector are those by which a process has grown since before the build. What it maps of files is left out, so nobody
pays for the vectors that an index is built from, unless it copies them; nearhit's own account stands beside them.
"""

import contextlib

from .. import build, table
from .contestant import Gone, started

RECALLS, RECALL_OF_WORST = ("0.90", "0.95", "0.99"), "0.95"
# What others are compared with.
YARDSTICK = "hnswlib"


def measure(task, entrants):
    """The figures of each index by its name, and why some have none."""
    figures, failed, running = {}, {}, {}
    with contextlib.ExitStack() as stack:
        for name, entrant in entrants.items():
            build.say(f"{entrant.title}: building")
            contestant = stack.enter_context(started(entrant.words_for(task)))
            try:
                figures[name] = {"title": entrant.title, **enter(contestant, task.n)}
                running[name] = contestant
            except Gone as reason:
                failed[name] = str(reason)
        build.say("searching in turn")
        for _ in range(task.rounds):
            for recall in RECALLS:
                for name, contestant in running.items():
                    if (ef := figures[name]["ef"][recall]) is not None:
                        contestant.search(ef, task.seconds)
        for name, contestant in running.items():
            efs = figures[name].pop("ef")
            figures[name]["points"] = {recall: contestant.told[ef] for recall, ef in efs.items() if ef is not None}
            figures[name]["best_recall"] = contestant.best_recall()
    return figures, failed


def enter(contestant, n):
    """Builds one, and finds its EFs. Memory is asked for last, when what building needed has been given back."""
    seconds = contestant.ask("build")["seconds"]
    efs = {recall: contestant.smallest_ef(float(recall)) for recall in RECALLS}
    held = contestant.ask("memory")
    return {"build_s": seconds, "bytes": {name: size / n for name, size in held.items()}, "ef": efs}


def draw(title, figures):
    """A row for each index."""
    head = [title, "build s", "bytes a vector", "accounted", *(f"q/s at {recall}" for recall in RECALLS)]
    head += [f"÷ {YARDSTICK} at {RECALL_OF_WORST}", "worst query there", "worst 1%"]
    yardstick = figures.get(YARDSTICK, {"points": {}})["points"].get(RECALL_OF_WORST, {}).get("qps")
    rows = []
    for found in figures.values():
        held, there = found["bytes"], found["points"].get(RECALL_OF_WORST, {})
        row = [found["title"], *map(table.number, (found["build_s"], held["resident"], held.get("accounted")))]
        row += [speed(found, recall) for recall in RECALLS]
        row += [table.ratio(there.get("qps"), yardstick), *map(table.share, (there.get("worst"), there.get("low")))]
        rows.append(row)
    return table.markdown(head, rows)


def speed(found, recall):
    """Queries a second, or the best recall where the one asked for was not reached."""
    point = found["points"].get(recall)
    return table.number(point["qps"]) if point else f"at most {found['best_recall']:.3f}"
