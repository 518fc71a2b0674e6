"""What becomes of recall and memory when every element is replaced, again and again, in no order and by all threads.

Each element takes another's vector, so that the set holds the same vectors as a fresh build, under other names.
"""

import statistics

from .. import build, table
from .contestant import Gone, started

# How often every element is replaced, after how many times recall is asked for, and with which EF (VSIM's default).
ROUNDS, ASKED_AFTER, EF = 10, 2, 100


def measure(task, entrants):
    """The figures of each index by its name, and why some have none."""
    figures, failed = {}, {}
    for name, entrant in entrants.items():
        build.say(f"{entrant.title}: replacing")
        with started(entrant.words_for(task)) as contestant:
            try:
                figures[name] = {"title": entrant.title, **replace(contestant, task.n)}
            except Gone as reason:
                failed[name] = str(reason)
    return figures, failed


def replace(contestant, n):
    """Recall when it is built and later; bytes before and after each round, and how long each took."""
    later, seconds, held = None, [contestant.ask("build")["seconds"]], [contestant.ask("memory")]
    fresh = contestant.search(EF)
    for number in range(1, ROUNDS + 1):
        seconds.append(contestant.ask("replace")["seconds"])
        held.append(contestant.ask("memory"))
        if number == ASKED_AFTER:
            later = contestant.ask("search", EF, 0)
    sizes = [{name: size / n for name, size in one.items()} for one in held]
    return {"fresh": fresh, "later": later, "seconds": seconds, "bytes": sizes}


def draw(title, figures):
    """A row for each kind."""
    later = f"replaced {ASKED_AFTER} times"
    head = [title, "build s", "a round s", f"recall@10 at EF {EF}, fresh", later, "worst 1%, fresh", later]
    head += ["worst query, fresh", later, "bytes an element, fresh", "replaced once", f"{ROUNDS} times", "÷ once"]
    head += ["resident ÷ once"]
    rows = []
    for found in figures.values():
        (built, *rounds), (fresh, once, *_, last) = found["seconds"], found["bytes"]
        row = [found["title"], table.number(built), table.number(statistics.median(rounds))]
        row += [table.share(found[when][name]) for name in ("recall", "low", "worst") for when in ("fresh", "later")]
        row += [table.number(held["accounted"]) for held in (fresh, once, last)]
        rows.append(row + [table.ratio(last[name], once[name]) for name in ("accounted", "resident")])
    return table.markdown(head, rows)
