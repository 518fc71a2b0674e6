"""Makes the work folder of one set: vectors of length one, attributes, filters, and what each query
should find.

    python -m benchmarks.filters.prepare --set FOLDER --out FOLDER --n N --queries N

Leaves base.f32, queries.f32, attrs.jsonl, replaced.u32 and work.json there. Runs in the virtual environment of
tools/data, for numpy.

Every element gets the attribute `cluster`, that of the nearest of some centres (k-means), for
filters that are anti-correlated with their queries: each query asks for the clusters that are
farthest from it, so many as hold a share of the set. A set without attributes gets `u` too, in
which each number below n stands once, for filters of any selectivity.
"""

import argparse
import json
import pathlib

import numpy as np

from . import expression
from .work import COUNT

CLUSTERS, ITERATIONS, SAMPLE, SEED = 100, 8, 20_000, 7
FAR_SHARES, SHARES = (0.01, 0.1, 0.5), (0.0001, 0.001, 0.01, 0.1, 0.5, 0.9)
# Answers whose similarity is so near to that of the last right one are right too: equals, but for
# rounding.
EQUAL = 1e-6
# How fields can be indexed.
KINDS = {
    **dict.fromkeys(("section", "priority", "arch", "maintainer_domain", "tags", "cluster"), "KEYWORD"),
    **dict.fromkeys(("size", "installed_size", "depends", "u"), "NUMERIC"),
}


def spread(length, most):
    """At most so many numbers below length, at even distances."""
    count = min(most, length)
    return np.arange(count) * length // count


def vectors(path, dim):
    """The rows of a file, at length one."""
    rows = np.fromfile(path, "<f4").reshape(-1, dim)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def clusters(base):
    """The cluster of each row, and the centres, at length one."""
    random = np.random.default_rng(SEED)
    sample = base[random.choice(len(base), min(SAMPLE, len(base)), replace=False)]
    centres = sample[:CLUSTERS].copy()
    for _ in range(ITERATIONS):
        nearest = (sample @ centres.T).argmax(axis=1)
        for number in range(len(centres)):
            if (nearest == number).any():
                centres[number] = sample[nearest == number].mean(axis=0)
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    return (base @ centres.T).argmax(axis=1), centres


def lines(path):
    """The objects of a file of JSON lines."""
    with path.open(encoding="utf-8") as text:
        return [json.loads(line) for line in text]


class Work:
    """The vectors and attributes that cases are made of."""

    def __init__(self, folder, n, queries):
        dim = json.loads((folder / "meta.json").read_text(encoding="utf-8"))["dim"]
        every = vectors(folder / "base.f32", dim)
        kept = spread(len(every), n)
        self.base, self.whole = every[kept], len(kept) == len(every)
        # The first ones, since filters.json has the answers to those.
        self.queries = vectors(folder / "queries.f32", dim)[:queries]
        self.similarities = self.queries @ self.base.T
        self.cluster, self.centres = clusters(self.base)
        self.named = (folder / "filters.json").exists()
        if self.named:
            attributes = lines(folder / "attrs.jsonl")
            self.attributes = [attributes[row] for row in kept]
        else:
            numbers = np.random.default_rng(SEED).permutation(len(self.base))
            self.attributes = [{"u": int(number)} for number in numbers]
        for attributes, cluster in zip(self.attributes, self.cluster):
            attributes["cluster"] = f"c{cluster}"
        self.folder = folder

    def case(self, name, filters, matching):
        """One case: a filter for all queries or one for each; `matching`: a row of flags for all,
        or a row for each.
        """
        near, counts = [], []
        for number, similarity in enumerate(self.similarities):
            among = np.flatnonzero(matching if matching.ndim == 1 else matching[number])
            counts.append(len(among))
            right = min(COUNT, len(among))
            least = np.sort(similarity[among])[-right] - EQUAL if right else 2
            near.append(among[similarity[among] >= least].tolist())
        right = [min(COUNT, count) for count in counts]
        return {"name": name, "filters": filters, "matching": float(np.mean(counts)), "right": right, "near": near}

    def cases(self):
        """All cases of the set."""
        yield self.case("no filter", [], np.ones(len(self.base), bool))
        for name, text, known in self.filters():
            tree = expression.parse(text)
            matching = np.array([expression.matches(tree, attributes) for attributes in self.attributes])
            if known is not None and np.flatnonzero(matching).tolist() != known:
                raise ValueError(f"{text} matches other rows than filters.json says")
            yield self.case(name, [text], matching)
        for share in FAR_SHARES:
            yield self.case(f"far {share:.0%}", *self.far(share))

    def filters(self):
        """Those that come with the set, with the rows that match in the whole of it; or one for
        each share.
        """
        if self.named:
            found = json.loads((self.folder / "filters.json").read_text(encoding="utf-8"))
            return [(one["name"], one["filter"], one["matching"] if self.whole else None) for one in found]
        counts = ((share, max(1, round(share * len(self.base)))) for share in SHARES)
        return [(f"{share * 100:g}%", f".u < {count}", None) for share, count in counts]

    def far(self, share):
        """For each query the filter for the clusters that are farthest from it, and what matches
        it.
        """
        sizes = np.bincount(self.cluster, minlength=len(self.centres))
        filters, matching = [], []
        for similarity in self.queries @ self.centres.T:
            order = np.argsort(similarity)
            chosen = order[:np.searchsorted(np.cumsum(sizes[order]), share * len(self.base)) + 1]
            names = ", ".join(f'"c{number}"' for number in sorted(chosen))
            filters.append(f".cluster in [{names}]")
            matching.append(np.isin(self.cluster, chosen))
        return filters, np.array(matching)

    def replaced(self):
        """For each element the row that it holds after half of them were replaced: they took the
        rows of each other.
        """
        random = np.random.default_rng(SEED)
        order = np.arange(len(self.base))
        half = random.permutation(len(order))[:len(order) // 2]
        order[half] = np.roll(half, 1)
        return order.tolist()

    def write(self, out):
        """All files."""
        out.mkdir(parents=True, exist_ok=True)
        self.base.astype("<f4").tofile(out / "base.f32")
        self.queries.astype("<f4").tofile(out / "queries.f32")
        replaced = self.replaced()
        np.array(replaced, "<u4").tofile(out / "replaced.u32")
        with (out / "attrs.jsonl").open("w", encoding="utf-8") as text:
            text.writelines(json.dumps(attributes, ensure_ascii=False) + "\n" for attributes in self.attributes)
        common = set.intersection(*(set(attributes) for attributes in self.attributes))
        known = set().union(*self.attributes)
        work = {
            "n": len(self.base),
            "dim": self.base.shape[1],
            "kinds": {field: kind for field, kind in KINDS.items() if field in known},
            # Fields that some elements lack.
            "optional": sorted(known - common),
            "replaced": replaced,
            "cases": list(self.cases()),
        }
        (out / "work.json").write_text(json.dumps(work), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--n", required=True, type=int)
    parser.add_argument("--queries", required=True, type=int)
    args = parser.parse_args()
    Work(args.set, args.n, args.queries).write(args.out)


if __name__ == "__main__":
    main()
