"""Asks a server the same questions for each policy and size. Needs numpy: run by
tools/bench cache --only answers.
"""

import json
import pathlib
import sys
from statistics import mean

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
from benchmarks import resp  # noqa: E402
from benchmarks.semantic.replay import DIM, load, stream  # noqa: E402

POLICIES = ("lru", "cost", "coverage")
# Parts of the memory that all entries would take.
PARTS = (1 / 8, 1 / 4, 1 / 2, 1)
# In cosines.
NEAR = 0.84
MINSCORE = (1 + NEAR) / 2
# The share of answers that are stored without a look.
UNASKED = 0.2
COST_SPREAD, LENGTH, LENGTH_SPREAD = 1.0, 400, 1.0


class Questions:
    """One stream, with what the answers cost and are."""

    def __init__(self, vectors, sources, seed, count):
        self.asked, self.about = stream(vectors, sources, seed, count)
        random = np.random.default_rng(seed + 1000)
        topics = int(self.about.max()) + 1
        self.cost = np.exp(random.normal(0, COST_SPREAD, topics))
        length = (LENGTH * np.exp(random.normal(0, LENGTH_SPREAD, topics))).astype(int).clip(1, 20_000)
        # What does not compress: the bytes count.
        self.answers = [random.bytes(int(n)) for n in length]
        self.is_unasked = random.random(count) < UNASKED


def stats(client, *words):
    """A map of VCACHE.STATS, and the curve in it."""
    flat = client.ask("VCACHE.STATS", "c", *words)
    found = dict(zip(flat[::2], flat[1::2]))
    if b"curve" in found:
        curve = found[b"curve"]
        found[b"curve"] = dict(zip(curve[::2], curve[1::2]))
    return found


def play(client, questions, policy, most_bytes):
    """What a cache of this size did, and forecast."""
    client.ask("FLUSHALL")
    client.ask("VCREATE", "c", "DIM", DIM, "CACHE", "MAXBYTES", int(most_bytes), "POLICY", policy)
    stats(client, "CURVE")
    asked = hits = wrong = 0
    saved = all_costs = 0.0
    for number, vector in enumerate(questions.asked):
        blob, topic = vector.tobytes(), questions.about[number]
        cost, answer = float(questions.cost[topic]), questions.answers[topic]
        if not questions.is_unasked[number]:
            reply = client.ask("VCACHE.GET", "c", "FP32", blob, "MINSCORE", MINSCORE)
            asked, all_costs = asked + 1, all_costs + cost
            if reply[0] == b"hit":
                hits, saved = hits + 1, saved + cost
                wrong += bool(questions.about[int(reply[1])] != topic)
                continue
        client.ask("VCACHE.SET", "c", number, "FP32", blob, answer, "COST", cost)
    found = stats(client, "CURVE")
    curve = {name.decode(): float(value) for name, value in found[b"curve"].items()}
    assert abs(curve["now"] - hits / asked) < 1e-9, "the forecast has seen other searches"
    return {"rate": hits / asked, "saved": saved / all_costs, "wrong": wrong / max(hits, 1), "entries": int(found[b"entries"]),
            "bytes": int(found[b"element-bytes"]), "half": curve["half"], "double": curve["double"], "followed": curve["followed"]}


def main():
    port, folder, count, seeds = int(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    vectors, sources = load(folder)
    rows, entries = [], []
    with resp.Client(port) as client:
        for seed in range(seeds):
            questions = Questions(vectors, sources, seed, count)
            everything = play(client, questions, "lru", 1 << 40)
            entries.append(everything["entries"])
            for policy in POLICIES:
                for part in PARTS:
                    done = everything if part == 1 else play(client, questions, policy, everything["bytes"] * part)
                    rows.append({"policy": policy, "part": part, "seed": seed} | done)
            print(f"seed {seed}: done", file=sys.stderr)
    json.dump({"rows": rows, "entries": mean(entries)}, sys.stdout)


if __name__ == "__main__":
    main()
