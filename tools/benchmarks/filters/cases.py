"""Every case asked of every entrant: first briefly with each setting, then with the best setting in
rounds, in turn with the others, so that noise hits all alike; the fastest of the rounds counts.
"""

from .. import build, table
from .judge import judge

# The best setting is the fastest that reaches this recall; where none does, the one with the best
# recall. One that tries less hard is preferred where it is about as fast, since noise blurs a short
# look at each.
RECALL, ABOUT, LOOK_S = 0.95, 0.75, 0.1
# A pass over all queries that takes longer is not repeated.
LONG_S = 4


def measure(work, entrants, plan):
    """The figures of each entrant by its title, by the name of the case."""
    figures = {}
    for case in work.cases:
        build.say(f"{case['name']}: {case['filters'][0][:100] if case['filters'] else ''}")
        asked = [entrant for entrant in entrants if case["filters"] or not entrant.only_with_filter]
        chosen = {entrant.title: choose(case, entrant) for entrant in asked}
        for _ in range(plan.rounds):
            for entrant in asked:
                best = chosen[entrant.title]
                if len(case["near"]) / best["rate"] <= LONG_S:
                    again = entrant.host.ask(case, best["setting"], plan.seconds)
                    inside = max(filter(None, (best["inside"], again["inside"])), default=None)
                    faster = max(best, again, key=lambda figures: figures["rate"])
                    best.update({name: faster[name] for name in ("rate", "p50_us", "p99_us")}, inside=inside)
        for best in chosen.values():
            setting = best.pop("setting")
            best.update(ef=setting.ef, filter_ef=setting.filter_ef)
        for entrant in asked:
            chosen[entrant.title]["wire"] = entrant.host.WIRE
        figures[case["name"]] = chosen
    return figures


def choose(case, entrant):
    """The figures of the best setting; and the most short answers with any."""
    tried = []
    for setting in entrant.settings:
        found = entrant.host.ask(case, setting, LOOK_S)
        rows = found.pop("found")
        tried.append({**found, **judge(case, rows), "setting": setting})
    enough = [found for found in tried if found["recall"] >= RECALL]
    if enough:
        fastest = max(found["rate"] for found in enough)
        best = next(found for found in enough if found["rate"] >= ABOUT * fastest)
    else:
        best = max(tried, key=lambda found: found["recall"])
    return {**best, "short": max(found["short"] for found in tried)}


def draw(title, work, figures):
    """A row for each case and entrant. Over the wire servers are compared with Redis; in process,
    with Qdrant.
    """
    head = [title, "match", "EF", "recall@10", "q/s", "p50 ms", "p99 ms", "short", "÷ Redis", "q/s inside", "÷ Qdrant"]
    rows = []
    for case in work.cases:
        found = figures[case["name"]]
        for name, one in found.items():
            row = [f"{case['name']}: {name}", f"{case['matching']:,.0f}", str(one["ef"] or ""), table.share(one["recall"])]
            row += [table.number(one["rate"]), *(table.milliseconds(one[part]) for part in ("p50_us", "p99_us"))]
            row += [str(one["short"]), against(one, found.get("Redis"), "rate") if one["wire"] else ""]
            rows.append([*row, table.number(one["inside"]), against(one, found.get("Qdrant"), "inside")])
    return table.markdown(head, rows)


def against(one, other, name):
    """How many times the other's figure one's is."""
    return table.ratio(one[name], other and other[name]) if one is not other else ""
