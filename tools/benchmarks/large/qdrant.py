"""Qdrant's engine over the same vectors, in a process of its own (serve_qdrant.py), with mapped
storage; no server, and so no network.
"""

import json
import shutil
import subprocess
import time

import benchmarks

from .. import Failure, build, persistence, table
from ..filters.qdrant import PACKAGES, TITLE
from ..index.contestant import Gone, started

MODULE = f"{__package__}.serve_qdrant"


def measure(large):
    """The column of Qdrant's engine."""
    python = build.venv("qdrant", *PACKAGES)
    elements = min(large.args.qdrant_elements or large.n, large.n)
    truth = truth_of(large, elements)
    shard = large.within / f"qdrant-{large.dim}-{elements // 1000}k"
    made = shard / "made.json"
    if not made.exists():
        shutil.rmtree(shard, ignore_errors=True)
        large.say(f"{TITLE}: making a shard of {elements:,}")
        words = (python, "-m", MODULE, "make", "--n", large.n, "--dim", large.dim, "--elements", elements,
                 "--shard", shard, "--ef", large.args.build_ef)
        out = build.run(*map(str, words), stdout=subprocess.PIPE, cwd=build.TOOLS)
        made.write_text(out, encoding="utf-8")
    figures = {"elements": elements, "make": json.loads(made.read_text(encoding="utf-8"))}
    figures["files"] = sum(file.stat().st_size for file in shard.rglob("*") if file.is_file())
    words = (python, "-m", MODULE, "serve", "--shard", shard, "--dim", large.dim)
    words += ("--queries", large.folder / "queries.f32")
    began = time.monotonic()
    with started(words) as process:
        try:
            process.ask("first")
            figures["start_s"] = time.monotonic() - began
            return figures | asked(large, process, truth, shard)
        except Gone as reason:
            raise Failure(f"{TITLE}: {reason}") from reason


def truth_of(large, elements):
    """The right answers where only the first elements are there."""
    if elements == large.n:
        return large.nearest
    folder = large.folder / f"first-{elements // 1000}k"
    if not (folder / "meta.json").exists():
        large.say(f"exact neighbours among the first {elements:,}")
        large.module("made", "--n", large.n, "--first", elements, "--queries", len(large.queries), "--out", folder)
    rows = memoryview((folder / "groundtruth.i32").read_bytes()).cast("i")
    every = len(rows) // len(large.queries)
    return [set(rows[at:at + benchmarks.large.K]) for at in range(0, len(rows), every)]


def asked(large, process, truth, shard):
    """What is asked of a shard that is loaded."""
    several, seconds = benchmarks.large.SEVERAL, large.args.seconds
    pid = process.process.pid
    figures = {}
    for ef in benchmarks.large.EFS:
        recall = recall_of(process.ask("search", ef, 0, 1)["found"], truth)
        if recall >= benchmarks.large.RECALL:
            break
    large.say(f"{TITLE}: recall {recall:.4f} at EF {ef}")
    figures |= resident(pid, "loaded")

    def ask(name, seconds, threads):
        before = benchmarks.large.faults(pid)
        found = process.ask("search", ef, seconds, threads)
        after = benchmarks.large.faults(pid)
        each = {kind: (after[kind] - before[kind]) / found["count"] for kind in after}
        found = {"ef": ef, "recall": recall, **{key: found[key] for key in ("rate", "p50_us", "p99_us")}, **each}
        return {f"{name}{key}": value for key, value in found.items()}

    figures |= ask("warm cache/", seconds, 1) | ask("warm cache/several/", seconds, several)
    for part, threads in (("", 1), ("several/", several)):
        large.say(f"{TITLE}: a cold page cache, {table.connections(threads)}")
        benchmarks.tiers.take_pages(pid, shard)
        benchmarks.large.drop_caches()
        figures |= ask(f"cold cache/{part}", 0, threads) | resident(pid, f"cold cache/{part}resident")
    return figures


def recall_of(answers, truth):
    """The share of right answers."""
    return sum(len(set(answer) & near) for answer, near in zip(answers, truth)) / (benchmarks.large.K * len(answers))


def resident(pid, when):
    """Bytes in memory of the process."""
    return {f"{when}/{name}": persistence.status(pid, field) for name, field in benchmarks.large.RESIDENT}
