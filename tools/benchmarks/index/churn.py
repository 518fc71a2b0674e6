"""What becomes of recall and memory when every element is replaced, again and again, in no order and by all threads.

Each element takes another's vector, so that the set holds the same vectors as a fresh build, under other names.
"""

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
    """Recall when it is built and later, and bytes before and after each round."""
    contestant.ask("build")
    fresh, later, held = contestant.search(EF), None, [contestant.ask("memory")]
    for number in range(1, ROUNDS + 1):
        contestant.ask("replace")
        held.append(contestant.ask("memory"))
        if number == ASKED_AFTER:
            later = contestant.ask("search", EF, 0)
    return {"fresh": fresh, "later": later, "bytes": [{name: size / n for name, size in one.items()} for one in held]}


def draw(title, figures):
    """A row for each kind."""
    after = f"replaced {ASKED_AFTER} times"
    head = [title, f"recall@10, EF {EF}, fresh", after, "worst 1%, fresh", after, "worst query, fresh", after]
    head += ["bytes an element, fresh", "replaced once", f"{ROUNDS} times", "÷ once", "resident ÷ once"]
    rows = []
    for found in figures.values():
        fresh, once, *_, last = found["bytes"]
        row = [found["title"]]
        row += [table.share(found[when][name]) for name in ("recall", "low", "worst") for when in ("fresh", "later")]
        row += [table.number(held["accounted"]) for held in (fresh, once, last)]
        rows.append(row + [table.ratio(last[name], once[name]) for name in ("accounted", "resident")])
    return table.markdown(head, rows)
