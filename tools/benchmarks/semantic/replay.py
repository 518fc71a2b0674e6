"""Asks a server all questions, for each rule and each accepted share of errors. Needs numpy: run by tools/bench semantic."""

import json
import pathlib
import sys
from statistics import NormalDist, mean

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
from benchmarks import resp  # noqa: E402

DIM, SOURCES, SUBJECTS, ZIPF = 384, 1500, 12, 0.9
ACCEPTED = (0.005, 0.01, 0.02, 0.05)
# In cosines; MINSCORE takes (1 + cosine) / 2.
GRID = (0.6, 0.65, 0.7, 0.75, 0.8, 0.84, 0.87, 0.9, 0.92, 0.94, 0.96, 0.98, 0.99)
RULES = ("HIT", "AVERAGE", "REQUEST")


def load(folder):
    """Vectors, and the packages of each source that has several."""
    vectors = np.fromfile(folder / "base.f32", dtype=np.float32).reshape(-1, DIM)
    members = {}
    with (folder / "attrs.jsonl").open(encoding="utf-8") as lines:
        for row, line in enumerate(lines):
            members.setdefault(json.loads(line)["source"], []).append(row)
    return vectors, [rows for rows in members.values() if len(rows) > 1]


def stream(vectors, sources, seed, count):
    """Questions as vectors of unit length, and what each is about."""
    random = np.random.default_rng(seed)
    first = vectors[[rows[0] for rows in sources]]
    subjects = first[random.choice(len(first), SUBJECTS, replace=False)]
    near = np.argsort(-(first @ subjects.T).max(1))[:SOURCES]
    chosen = random.permutation(near)
    popular = 1 / np.arange(1, SOURCES + 1) ** ZIPF
    about = random.choice(SOURCES, count, p=popular / popular.sum())
    rows = [sources[chosen[topic]] for topic in about]
    rows = [members[random.integers(len(members))] for members in rows]
    strength = random.uniform(0.05, 0.5, SOURCES)[about] * random.uniform(0.5, 1.2, count)
    noise = random.standard_normal((count, DIM)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    asked = vectors[rows] + strength[:, None].astype(np.float32) * noise
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    return asked.astype("<f4"), about


class Outcome:
    """What a rule did with one stream."""

    def __init__(self):
        self.hits = self.wrong = self.requests = 0

    def count(self, is_hit, is_right):
        self.requests += 1
        self.hits += is_hit
        self.wrong += is_hit and not is_right

    @property
    def share(self):
        return self.hits / self.requests

    @property
    def error(self):
        return self.wrong / max(self.hits, 1)

    @property
    def per_request(self):
        return self.wrong / self.requests


def ask_all(client, asked, about, rule):
    """The outcome of a rule that the server applies."""
    client.ask("FLUSHALL")
    client.ask("VCREATE", "c", "DIM", DIM, "CACHE")
    outcome = Outcome()
    for number, vector in enumerate(asked):
        blob = vector.tobytes()
        reply = client.ask("VCACHE.GET", "c", "FP32", blob, *rule)
        if reply[0] == b"miss":
            outcome.count(False, False)
            client.ask("VCACHE.SET", "c", number, "FP32", blob, "x")
            continue
        is_right = bool(about[int(reply[1])] == about[number])
        outcome.count(reply[0] == b"hit", is_right)
        if reply[0] != b"hit":
            client.ask("VCACHE.SET", "c", number, "FP32", blob, "x", "AFTER", reply[6], int(is_right))
    return outcome


def logistic(x):
    return 1 / (1 + np.exp(-np.clip(x, -40, 40)))


# The shares of doubt that the published rule chooses from, and the bounds of a normal distribution
# for them.
DOUBTS = [(doubt, NormalDist().inv_cdf(1 - doubt)) for doubt in (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3)]
LEAST_SEEN = 6


def fit_alone(seen):
    """Slope, threshold and the threshold's deviation (delta method) of one entry's own logistic regression."""
    score, right = np.array([s for s, _ in seen]), np.array([r for _, r in seen], float)
    a, b = 10.0, -8.0
    for _ in range(30):
        chance = logistic(a * score + b)
        weight = chance * (1 - chance) + 1e-9
        gradient = np.array([((right - chance) * score).sum() - a * 1e-3, (right - chance).sum() - b * 1e-3])
        cross = (weight * score).sum()
        curvature = np.array([[(weight * score * score).sum() + 1e-3, cross], [cross, weight.sum() + 1e-3]])
        step = np.clip(np.linalg.solve(curvature, gradient), -20, 20)
        a, b = a + step[0], b + step[1]
    if a <= 1e-6:
        return None
    along = np.array([b / a**2, -1 / a])
    return a, -b / a, float(np.sqrt(max(along @ np.linalg.inv(curvature) @ along, 0)))


def paper(asked, about, accepted, seed):
    """The outcome of the published rule, per request."""
    random = np.random.default_rng(seed)
    nearness = asked @ asked.T
    absent = np.full(len(asked), -9.0, np.float32)
    seen, fits, outcome = {}, {}, Outcome()
    for number in range(len(asked)):
        row = nearness[number] + absent
        entry = int(row.argmax())
        score = float(row[entry])
        if score < -1:
            outcome.count(False, False)
            absent[number] = 0
            continue
        is_right = bool(about[entry] == about[number])
        fit = fits.get(entry)
        served = 0.0
        if fit:
            slope, threshold, deviation = fit
            chance = max((1 - doubt) * float(logistic(slope * (score - threshold - bound * deviation))) for doubt, bound in DOUBTS)
            served = min(1.0, accepted / max(1 - chance, 1e-9))
        is_hit = random.random() < served
        outcome.count(is_hit, is_right)
        if not is_hit:
            seen.setdefault(entry, []).append((score, is_right))
            fits[entry] = fit_alone(seen[entry]) if len(seen[entry]) >= LEAST_SEEN else None
            if not is_right:
                absent[number] = 0
    return outcome


def best_static(grid, limit, measure):
    """The most hits of a static threshold whose errors are within the limit."""
    return max((outcome.share for outcome in grid if measure(outcome) <= limit), default=0.0)


def main():
    port, folder, count, seeds = int(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    vectors, sources = load(folder)
    rows = {}
    with resp.Client(port) as client:
        for seed in range(seeds):
            asked, about = stream(vectors, sources, seed, count)
            grid = [ask_all(client, asked, about, ("MINSCORE", (1 + cosine) / 2)) for cosine in GRID]
            for accepted in ACCEPTED:
                outcomes = {per: ask_all(client, asked, about, ("MAXERROR", accepted, "PER", per)) for per in RULES}
                outcomes["paper"] = paper(asked, about, accepted, seed)
                for rule, outcome in outcomes.items():
                    by_request = rule in ("REQUEST", "paper")
                    measure = (lambda o: o.per_request) if by_request else (lambda o: o.error)
                    rows.setdefault((accepted, rule), []).append((outcome, best_static(grid, measure(outcome), measure)))
                for rule, measure in {"static": lambda o: o.error, "static, of requests": lambda o: o.per_request}.items():
                    allowed = [outcome for outcome in grid if measure(outcome) <= accepted]
                    best = max(allowed, key=lambda outcome: outcome.share, default=Outcome())
                    best.requests = best.requests or 1
                    rows.setdefault((accepted, rule), []).append((best, best.share))
                print(f"seed {seed}, {accepted:.1%}: done", file=sys.stderr)
    figures = []
    for (accepted, rule), done in rows.items():
        by_request = rule in ("REQUEST", "paper", "static, of requests")
        worst = max(outcome.per_request if by_request else outcome.error for outcome, _ in done)
        outcomes = [outcome for outcome, _ in done]
        means = {name: mean(getattr(o, key) for o in outcomes) for name, key in {"hits": "share", "error": "error", "per_request": "per_request"}.items()}
        figures.append({"accepted": accepted, "rule": rule, "worst": worst, "static": mean(static for _, static in done)} | means)
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    main()
