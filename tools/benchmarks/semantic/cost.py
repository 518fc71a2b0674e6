"""What VCACHE.GET costs beside VSIM with COUNT 1: the same questions of the same set, in turn in
one run.
"""

import statistics
import time

from .. import resp, servers, table
from . import vectors

ROUNDS, QUICK_ROUNDS = 15, 3
FEEDBACKS = 2000
PAYLOAD = b"answer" * 10
COMMANDS = {
    "VSIM COUNT 1 WITHSCORES WITHATTRIBS": ("VSIM", "COUNT", 1, "WITHSCORES", "WITHATTRIBS"),
    "VCACHE.GET MINSCORE WITHATTRIBS, some hits": ("VCACHE.GET", "MINSCORE", 0.9, "WITHATTRIBS"),
    "VCACHE.GET MINSCORE WITHATTRIBS, all hits": ("VCACHE.GET", "MINSCORE", 0.1, "WITHATTRIBS"),
    "VCACHE.GET MAXERROR WITHATTRIBS": ("VCACHE.GET", "MAXERROR", 0.02, "WITHATTRIBS"),
    "VCACHE.GET MAXERROR PER REQUEST WITHATTRIBS": ("VCACHE.GET", "MAXERROR", 0.02, "PER", "REQUEST", "WITHATTRIBS"),
}


def run(args, programs, found):
    """Asks each question by each command, many times over; of each question the fastest counts."""
    elements, rounds = (5_000, QUICK_ROUNDS) if args.quick else (args.elements or found.n, ROUNDS)
    [program] = programs.values()
    stored = vectors.blobs(found.folder / "base.f32", found.dim, elements)
    questions = vectors.blobs(found.folder / "queries.f32", found.dim, found.queries)
    with servers.running(program, ("--save", "")) as server, vectors.cache_of(server.port, stored, found.dim, PAYLOAD) as client:
        reports = (("VCACHE.FEEDBACK", "c", n, 0.5 + n % 50 / 100, int(n % 50 > 30), "LEAD", n % 7 / 7) for n in range(FEEDBACKS))
        for batch in vectors.batches(resp.encoded(*each) for each in reports):
            client.accepted(batch)
        figures = measure(client, questions, rounds)
    print(drawn(figures, f"{found.name}: {len(stored):,} × {found.dim}"))
    return figures


def measure(client, questions, rounds):
    """Microseconds of each command: over the wire, and inside the server by its own figures."""
    asked = {title: [resp.encoded(name, "c", "FP32", blob, *words) for blob in questions]
             for title, (name, *words) in COMMANDS.items()}
    fastest = {title: [float("inf")] * len(questions) for title in COMMANDS}
    inside = {title: float("inf") for title in COMMANDS}
    for round_number in range(rounds):
        # Each is the first in some rounds.
        titles = list(COMMANDS)
        titles = titles[round_number % len(titles):] + titles[:round_number % len(titles)]
        for title in titles:
            client.ask("CONFIG", "RESETSTAT")
            times = fastest[title]
            for number, request in enumerate(asked[title]):
                begun = time.perf_counter()
                client.one(request)
                times[number] = min(times[number], time.perf_counter() - begun)
            inside[title] = min(inside[title], per_call(client, COMMANDS[title][0]))
    return {title: {"wire_us": 1e6 * statistics.mean(fastest[title]), "inside_us": inside[title]} for title in COMMANDS}


def per_call(client, name):
    """Microseconds of a call, as the server has measured them."""
    info = client.ask("INFO", "commandstats").decode()
    line = next(line for line in info.splitlines() if line.lower().startswith(f"cmdstat_{name.lower()}:"))
    return float(line.split("usec_per_call=")[1].split(",")[0])


def drawn(figures, title):
    """A row for each command, the first being what the others are compared with."""
    base = next(iter(figures.values()))
    rows = [
        [name, *(cell for key in ("wire_us", "inside_us")
                 for cell in (table.number(each[key]), table.ratio(each[key], base[key])))]
        for name, each in figures.items()
    ]
    return table.markdown([title, "µs over the wire", "÷ VSIM", "µs inside", "÷ VSIM"], rows)
