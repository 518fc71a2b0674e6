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
# Cosines of static thresholds.
GRID = np.arange(0.2, 0.995, 0.02)
# The rules of the server, and whether a question that was explored, and answered right, becomes
# an alias.
RULES = {
    "HIT": ("HIT", True),
    "AVERAGE": ("AVERAGE", True),
    "REQUEST": ("REQUEST", True),
    "HIT, no aliases": ("HIT", False),
    "REQUEST, no aliases": ("REQUEST", False),
}
BY_REQUEST = ("REQUEST", "REQUEST, no aliases", "paper", "static, of requests")
# A question is near enough to a vector of its entry not to become an alias.
NEAR_SCORE = 0.975


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
        self.hits = self.wrong = self.requests = self.vectors = 0

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


def ask_all(client, asked, about, rule, with_aliases):
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
        verdict, entry, score, token = reply[0], reply[1], float(reply[2]), reply[6]
        is_right = bool(about[int(entry)] == about[number])
        outcome.count(verdict == b"hit", is_right)
        if verdict == b"hit":
            continue
        client.ask("VCACHE.SET", "c", number, "FP32", blob, "x", "AFTER", token, int(is_right))
        if is_right and with_aliases and score < NEAR_SCORE:
            # The reply to what is one too many is an error.
            client.one(resp.encoded("VCACHE.ALIAS", "c", entry, "FP32", blob))
    outcome.vectors = client.ask("VCARD", "c")
    return outcome


def static(nearness, about, cosine, stores_all):
    """The outcome of a static threshold over exact nearest neighbours. `stores_all`: each question
    that is no hit.
    """
    absent = np.full(len(about), -9.0, np.float32)
    outcome = Outcome()
    for number, row in enumerate(nearness):
        entry = int((row + absent).argmax())
        score = row[entry] + absent[entry]
        is_right = bool(score > -1 and about[entry] == about[number])
        is_hit = bool(score >= cosine)
        outcome.count(is_hit, is_right)
        if not is_hit and (stores_all or not is_right):
            absent[number] = 0
            outcome.vectors += 1
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


def paper(nearness, about, accepted, seed):
    """The outcome of the published rule, per request."""
    random = np.random.default_rng(seed)
    absent = np.full(len(about), -9.0, np.float32)
    seen, fits, outcome = {}, {}, Outcome()
    for number in range(len(about)):
        row = nearness[number] + absent
        entry = int(row.argmax())
        score = float(row[entry])
        if score < -1:
            outcome.count(False, False)
            absent[number] = 0
            outcome.vectors += 1
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
                outcome.vectors += 1
    return outcome


def best_static(grid, limit, measure):
    """The most hits of a static threshold whose errors are within the limit."""
    return max((outcome.share for outcome in grid if measure(outcome) <= limit), default=0.0)


def measure_of(rule):
    """The share of errors that a rule bounds."""
    return (lambda outcome: outcome.per_request) if rule in BY_REQUEST else (lambda outcome: outcome.error)


def replayed(client, asked, about, seed):
    """For each accepted share and rule, the outcome and the hits of the best static threshold at
    the same error.
    """
    nearness = asked @ asked.T
    grid = [static(nearness, about, cosine, stores_all) for cosine in GRID for stores_all in (True, False)]
    for accepted in ACCEPTED:
        outcomes = {
            rule: ask_all(client, asked, about, ("MAXERROR", accepted, "PER", per), with_aliases)
            for rule, (per, with_aliases) in RULES.items()
        }
        outcomes["paper"] = paper(nearness, about, accepted, seed)
        for rule in ("static", "static, of requests"):
            allowed = [outcome for outcome in grid if measure_of(rule)(outcome) <= accepted]
            outcomes[rule] = max(allowed, key=lambda outcome: outcome.share)
        for rule, outcome in outcomes.items():
            measure = measure_of(rule)
            yield (accepted, rule), outcome, best_static(grid, measure(outcome), measure)
        print(f"seed {seed}, {accepted:.1%}: done", file=sys.stderr)


def main():
    port, folder, count, seeds = int(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    vectors, sources = load(folder)
    rows = {}
    with resp.Client(port) as client:
        for seed in range(seeds):
            asked, about = stream(vectors, sources, seed, count)
            for row, outcome, at_same_error in replayed(client, asked, about, seed):
                rows.setdefault(row, []).append((outcome, at_same_error))
    figures = []
    for (accepted, rule), done in rows.items():
        outcomes = [outcome for outcome, _ in done]
        row = {"accepted": accepted, "rule": rule, "worst": max(map(measure_of(rule), outcomes))}
        row["static"] = mean(at_same_error for _, at_same_error in done)
        names = {"hits": "share", "error": "error", "per_request": "per_request", "vectors": "vectors"}
        figures.append(row | {name: mean(getattr(o, key) for o in outcomes) for name, key in names.items()})
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    main()
