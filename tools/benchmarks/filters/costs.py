"""What attribute indexes cost: memory by field, the time to make them, searches without filter, and
writes.

Searches without filter are measured on one set whose indexes are dropped and made again in turn,
and writes on two sets of one server that are written to in turn, so that noise hits both alike and
the graphs are the same.
"""

import statistics
import time

from .. import build, resp, table
from . import qdrant
from .wire import KEY

MB = 1e6
ROUNDS, QUICK_ROUNDS, EF = 7, 3, 100
# Elements written to each set, in one turn and in all; of how many fields there are indexes.
TURN, TURNS, QUICK_TURNS, FIELDS = 500, 20, 4, 3
SETS = {"indexed": b"bench:indexed", "plain": b"bench:plain"}
# The fields that are indexed where writes are measured, where the set has them.
PREFERRED = ("section", "size", "tags", "u", "cluster")
NO_FILTER = {"filters": []}
LABELS = {
    "search/indexed": "VSIM/s without filter, indexes",
    "search/plain": "VSIM/s without filter, none",
    "search/ratio": "VSIM/s with indexes ÷ without",
    "write/indexed": "VADD/s with SETATTR, indexes",
    "write/plain": "VADD/s with SETATTR, none",
    "write/ratio": "VADD/s with indexes ÷ without",
}


def create(host, work):
    """Indexes every field of a filled server; what they take."""
    host.client.one(resp.encoded("MEMORY", "PURGE"))
    before, began = host.memory(), time.monotonic()
    host.create_index(KEY, work.kinds)
    seconds = time.monotonic() - began
    after = host.memory()
    growth = {name: after[name] - before[name] for name in before}
    return {"seconds": seconds, "growth": growth, "fields": {index["field"]: index for index in host.indexes(KEY)}}


def measure(work, hosts, plan, indexes):
    """All figures, by name; those that need indexes are left out where the server has none."""
    figures = {}
    if "nearhit" in hosts:
        figures["indexes"] = indexes
        figures.update(searches(hosts["nearhit"], work, plan))
    if host := hosts.get("nearhit") or hosts.get("nearhit-plain"):
        figures.update(writes(host, work, plan, "nearhit" in hosts))
    if "qdrant" in hosts:
        figures["qdrant"] = engine_growth(hosts["qdrant"], work, plan)
    return figures


def searches(host, work, plan):
    """Searches without filter, with indexes and without, and the median of the ratios of
    neighbouring rounds.
    """
    build.say("searches without filter")
    rates = {"indexed": [], "plain": []}
    for _ in range(ROUNDS if plan.rounds > 1 else QUICK_ROUNDS):
        rates["indexed"].append(unfiltered(host, plan))
        host.drop_index(KEY, work.kinds)
        rates["plain"].append(unfiltered(host, plan))
        host.create_index(KEY, work.kinds)
    return of_turns("search", rates)


def unfiltered(host, plan):
    """Searches a second."""
    return host.ask(NO_FILTER, Search(EF), plan.seconds)["rate"]


class Search:
    """A setting with this EF."""

    filter_ef = None

    def __init__(self, ef):
        self.ef = ef


def writes(host, work, plan, has_indexes):
    """VADD with SETATTR a second, to a set with some indexes and to one without."""
    build.say("writes")
    fields = [field for field in PREFERRED if field in work.kinds][:FIELDS]
    keys = {name: key for name, key in SETS.items() if has_indexes or name == "plain"}
    for key in keys.values():
        host.client.accepted([host.addition(key, 0)])
    if has_indexes:
        host.create_index(SETS["indexed"], fields)
    rates = {name: [] for name in keys}
    for first in range(1, min(work.n, TURN * (TURNS if plan.rounds > 1 else QUICK_TURNS)), TURN):
        for name, key in keys.items():
            elements = range(first, min(first + TURN, work.n))
            rates[name].append(host.send((host.addition(key, element) for element in elements), 0)[0]["rate"])
    host.client.ask("DEL", *keys.values())
    return {**of_turns("write", rates), "write/fields": fields}


def of_turns(name, rates):
    """The median rate of each, and the median of the ratios of neighbouring turns."""
    figures = {f"{name}/{which}": statistics.median(found) for which, found in rates.items()}
    if "indexed" in rates:
        figures[f"{name}/ratio"] = statistics.median(a / b for a, b in zip(rates["indexed"], rates["plain"]))
    return figures


def engine_growth(host, work, plan):
    """Bytes by which the engine's process grows with its indexes, after all filters were used,
    beyond what it grows without.
    """
    plain = qdrant.Engine(work, indexed=False)
    plain.fill()
    for case in work.cases:
        host.ask(case, Search(EF), 0)
        # As many, without filter, so that what is left of them in the process is alike.
        plain.ask(work.cases[0], Search(EF), 0)
    indexed, without = host.memory(), plain.memory()
    plain.close()
    growth = {name: indexed[name] - without[name] for name in indexed}
    return {"indexed": indexed, "plain": without, "growth": growth}


def draw(title, work, figures):
    """A row for each figure, a column for nearhit and one for Qdrant."""
    rows, indexes = [], figures.get("indexes")
    engine = figures["qdrant"]["growth"]["resident"] if "qdrant" in figures else None
    if indexes:
        for field, index in indexes["fields"].items():
            values = f", {index['cardinality']:,} values" if "cardinality" in index else ""
            rows.append(row(f"index of {field} ({work.kinds[field]}{values}), MB", index.get("bytes", 0) / MB))
        rows.append(row("all indexes, MB", sum(index.get("bytes", 0) for index in indexes["fields"].values()) / MB))
        rows.append(row("growth of used_memory by them, MB", indexes["growth"]["used"] / MB))
    resident = indexes and indexes["growth"]["resident"] / MB
    rows.append(row("growth of the resident memory by them, MB", resident, engine and engine / MB))
    if indexes:
        rows.append(row("to make them, s", indexes["seconds"]))
    for name, label in LABELS.items():
        if name in figures:
            rows.append(row(label, figures[name]))
    fields = ", ".join(figures.get("write/fields", []))
    return table.markdown([f"{title} (indexes of writes: {fields})", "nearhit", "Qdrant", "nearhit ÷ Qdrant"], rows)


def row(label, ours, theirs=None):
    """The cells of one figure."""
    return [label, table.number(ours), table.number(theirs), table.ratio(ours, theirs)]
