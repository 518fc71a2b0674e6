"""Qdrant's engine over one work folder, in a process of its own.

    serve_qdrant make --work FOLDER --shard FOLDER [--indexed] [--int8] [--replace]
    serve_qdrant serve --work FOLDER --shard FOLDER

`make` fills a new shard and optimizes it, or, with --replace, changes half of one that is there and
optimizes it again. `serve` loads it, takes a request a line and answers with a line of JSON:

    search CASE EF SECONDS   asks all queries of a case (its number), again and again for so long,
                             once at least: {"rate", "p50_us", "p99_us", "found": the elements
                             found for each query of the first pass}
    memory                   what the process has grown by since before it loaded the shard:
                             {"resident": bytes, "anonymous": those of them that are of no file}

Runs in a virtual environment that has qdrant-edge-py and numpy. The graph is built as nearhit's: M
16, 200 candidates.
"""

import argparse
import json
import pathlib
import time

import numpy as np
import qdrant_edge as qdrant

from .. import serving
from . import expression
from .work import COUNT

M, EF_CONSTRUCTION = 16, 200
# Qdrant's default, in KB of vectors: if fewer match, all that match are compared.
FULL_SCAN_THRESHOLD = 10_000
BATCH = 1000


def read(folder, name, dim):
    """Rows of float32, mapped."""
    return np.memmap(folder / name, "<f4", "r").reshape(-1, dim)


def schema(kind):
    """How a field is indexed."""
    return qdrant.KeywordIndexParams() if kind == "KEYWORD" else qdrant.IntegerIndexParams(lookup=True, range=True)


def vectors(dim):
    """What a shard keeps of vectors."""
    return qdrant.EdgeVectorParams(size=dim, distance=qdrant.Distance.Cosine)


def create(path, work, indexed, int8):
    """An empty shard; its indexes first, so that the graph gets links for them."""
    quantized = qdrant.ScalarQuantizationConfig(type=qdrant.ScalarType.Int8, always_ram=True) if int8 else None
    config = qdrant.EdgeConfig(
        vectors=vectors(work["dim"]),
        hnsw_config=qdrant.HnswIndexConfig(M, EF_CONSTRUCTION, FULL_SCAN_THRESHOLD),
        optimizers=qdrant.EdgeOptimizersConfig(default_segment_number=1, max_segment_size=10**9),
        quantization_config=quantized,
        wal_enabled=False,
    )
    path.mkdir(parents=True)
    shard = qdrant.EdgeShard.create(str(path), config)
    for field, kind in work["kinds"].items() if indexed else ():
        shard.update(qdrant.UpdateOperation.create_field_index(field, schema(kind)))
    return shard


def make(args, work):
    """Fills or changes a shard."""
    base = read(args.work, "base.f32", work["dim"])
    with (args.work / "attrs.jsonl").open(encoding="utf-8") as lines:
        attributes = [json.loads(line) for line in lines]
    rows = enumerate(work["replaced"] if args.replace else range(work["n"]))
    pairs = [(element, row) for element, row in rows if not args.replace or element != row]
    shard = qdrant.EdgeShard.load(str(args.shard)) if args.replace else create(args.shard, work, args.indexed, args.int8)
    for at in range(0, len(pairs), BATCH):
        points = [qdrant.Point(element, base[row].tolist(), attributes[row]) for element, row in pairs[at:at + BATCH]]
        shard.update(qdrant.UpdateOperation.upsert_points(points))
    shard.optimize()
    shard.flush()
    shard.close()


class Served:
    """A shard that has been loaded, and what it is asked for."""

    def __init__(self, args, work):
        self.cases, self.optional = work["cases"], set(work["optional"])
        self.queries = [vector.tolist() for vector in read(args.work, "queries.f32", work["dim"])]
        self.before = resident()
        # One caller: what one thread can do.
        config = qdrant.EdgeConfig(vectors=vectors(work["dim"]), max_search_threads=1)
        self.shard = qdrant.EdgeShard.load(str(args.shard), config)

    def requests(self, case, ef):
        """One for each query."""
        filters = [condition(expression.parse(text), self.optional) for text in case["filters"]] or [None]
        params = qdrant.SearchParams(hnsw_ef=ef)
        for number, vector in enumerate(self.queries):
            query = qdrant.Query.Nearest(vector)
            yield qdrant.SearchRequest(query, COUNT, filter=filters[number % len(filters)], params=params)

    def search(self, number, ef, seconds):
        requests = list(self.requests(self.cases[int(number)], int(ef)))
        found, times, began = [], [], time.perf_counter()
        while True:
            for request in requests:
                asked = time.perf_counter()
                answer = self.shard.search(request)
                times.append(time.perf_counter() - asked)
                if len(found) < len(requests):
                    found.append(answer)
            lasted = time.perf_counter() - began
            if lasted >= float(seconds):
                break
        p50, p99 = np.percentile(times, [50, 99]) * 1e6
        rows = [[point.id for point in answer] for answer in found]
        return {"rate": len(times) / lasted, "p50_us": p50, "p99_us": p99, "found": rows}

    def memory(self):
        """After every vector was read once, as files count only where they have been read."""
        query, exact = qdrant.Query.Nearest(self.queries[0]), qdrant.SearchParams(exact=True)
        self.shard.search(qdrant.SearchRequest(query, COUNT, params=exact))
        return {name: size - self.before[name] for name, size in resident().items()}


def condition(tree, optional):
    """The filter that says the same. An element that lacks a field which stands under `or` or `not`
    has to be said not to match; elsewhere no condition of that field is true of it.
    """
    lacking = [qdrant.IsEmptyCondition(field) for field in sorted(loose(tree) & optional)]
    return qdrant.Filter(must=[clause(tree)], must_not=lacking)


def loose(tree):
    """The fields under an `or`, a `not` or a `!=`."""
    if tree[0] in ("or", "not", "!="):
        return expression.fields(tree)
    return set().union(*map(loose, tree[1:])) if tree[0] == "and" else set()


def clause(tree):
    """A condition, or a filter as one."""
    name, *rest = tree
    if name == "and":
        return qdrant.Filter(must=[clause(part) for part in flat("and", tree)])
    if name == "or":
        return qdrant.Filter(should=[clause(part) for part in flat("or", tree)])
    if name == "not":
        return qdrant.Filter(must_not=[clause(rest[0])])
    field, value = rest
    if name == "!=":
        return qdrant.Filter(must_not=[clause(("==", field, value))])
    if name == "in":
        return qdrant.FieldCondition(field, match=qdrant.MatchAny(value))
    if name in ("==", "has"):
        return qdrant.FieldCondition(field, match=qdrant.MatchValue(value))
    bound = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}[name]
    return qdrant.FieldCondition(field, range=qdrant.RangeFloat(**{bound: value}))


def flat(name, tree):
    """The parts that an operator joins, however often it stands there."""
    return [part for side in tree[1:] for part in flat(name, side)] if tree[0] == name else [tree]


def resident():
    """Bytes, of files that are mapped too: the engine keeps its vectors and indexes in such."""
    status = pathlib.Path("/proc/self/status").read_text(encoding="ascii")
    sizes = dict(line.split(":", 1) for line in status.splitlines())
    return {name: int(sizes[field].split()[0]) * 1024 for name, field in (("resident", "VmRSS"), ("anonymous", "RssAnon"))}


def main():
    out = serving.replies()
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=("make", "serve"))
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--shard", required=True, type=pathlib.Path)
    for flag in ("--indexed", "--int8", "--replace"):
        parser.add_argument(flag, action="store_true")
    args = parser.parse_args()
    work = json.loads((args.work / "work.json").read_text(encoding="utf-8"))
    if args.task == "make":
        make(args, work)
        return
    served = Served(args, work)
    serving.serve(out, {"search": served.search, "memory": served.memory})


if __name__ == "__main__":
    main()
