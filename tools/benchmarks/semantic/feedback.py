"""Feedback by the million beside searches, then a kill -9: how fast, how long searches take, what
is kept.
"""

import multiprocessing
import os
import random
import signal
import tempfile
import time

from .. import Failure, resp, servers, table
from . import vectors

ELEMENTS = 10_000
# Searches before the feedback begins; and afterwards until it ends.
SEARCHES_ALONE = 4_000
EXPLAINED = 2_000
FLAGS = ("--save", "", "--appendonly", "yes", "--appendfsync", "everysec")
# What an explanation has of an entry that does not hang on how the graph was walked.
KEPT = (b"element", b"observations", b"threshold", b"threshold-deviation", b"set-slope", b"set-threshold", b"set-deviation",
        b"set-lead")


def run(args, programs, found):
    """Measures, kills, starts again and compares. False if anything was lost."""
    count = 20_000 if args.quick else args.feedbacks
    [program] = programs.values()
    stored = vectors.blobs(found.folder / "base.f32", found.dim, args.elements or ELEMENTS)
    questions = vectors.blobs(found.folder / "queries.f32", found.dim, found.queries)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        with servers.running_in(folder, program, FLAGS) as server:
            with vectors.cache_of(server.port, stored, found.dim, b"answer") as client:
                figures = beside(client, server.port, questions, len(stored), count)
                before = explained(client, stored)
            os.kill(server.pid, signal.SIGKILL)
        begun = time.perf_counter()
        with servers.running_in(folder, program, FLAGS, limit_s=600) as server, resp.Client(server.port) as client:
            figures["restart_s"] = time.perf_counter() - begun
            after = explained(client, stored)
    figures["changed"] = sum(old != new for old, new in zip(before, after, strict=True))
    figures["learnt"] = sum(b"threshold" in each for each in before)
    print(drawn(figures))
    return figures, figures["changed"] == 0 and figures["learnt"] == len(before)


def beside(client, port, questions, elements, count):
    """Rate of feedback, searches alone and beside it, memory before and after."""
    asked = [resp.encoded("VCACHE.GET", "c", "FP32", blob, "MAXERROR", 0.02) for blob in questions]
    report(port, elements, 1000)
    figures = {"count": count, "memory_before": used_memory(client)}
    alone = [timed(client, asked[n % len(asked)]) for n in range(SEARCHES_ALONE)]
    queue = multiprocessing.Queue()
    writer = multiprocessing.Process(target=lambda: queue.put(report(port, elements, count)))
    writer.start()
    times = []
    while writer.is_alive() and queue.empty():
        times.append(timed(client, asked[len(times) % len(asked)]))
    writer.join()
    if writer.exitcode:
        raise Failure("feedback was refused")
    figures["rate"] = count / queue.get()
    figures["memory_after"] = used_memory(client)
    for name, each in (("alone", alone), ("beside", times)):
        each.sort()
        figures |= {f"{name}_p50_ms": 1e3 * each[len(each) // 2], f"{name}_p99_ms": 1e3 * each[len(each) * 99 // 100]}
    return figures | {"searches_beside": len(times)}


def report(port, elements, count):
    """Sends so much feedback, and returns how many seconds it took. Each entry has a threshold of
    its own.
    """
    seeded = random.Random(count)

    def words(_):
        entry, score, lead = seeded.randrange(elements), seeded.uniform(0.5, 1), seeded.random()
        is_right = score + 0.1 * lead > 0.7 + entry % 100 / 400
        return resp.encoded("VCACHE.FEEDBACK", "c", entry, f"{score:.4f}", int(is_right), "LEAD", f"{lead:.2f}")

    begun = time.perf_counter()
    with resp.Client(port) as client:
        for batch in vectors.batches(map(words, range(count))):
            if set(client.accepted(batch)) != {1}:
                raise Failure("an entry is missing")
        if client.ask("WAITAOF", 1, 0, 60_000)[0] != 1:
            raise Failure("the log is not on disk after a minute")
    return time.perf_counter() - begun


def timed(client, request):
    """Seconds of one request."""
    begun = time.perf_counter()
    client.one(request)
    return time.perf_counter() - begun


def used_memory(client):
    """Bytes in use, as the server counts them."""
    lines = client.ask("INFO", "memory").decode().splitlines()
    return int(next(line for line in lines if line.startswith("used_memory:")).split(":")[1])


def explained(client, stored):
    """What is known of the first entries: the parts that are kept."""
    replies = []
    for blob in stored[:EXPLAINED]:
        flat = client.ask("VCACHE.EXPLAIN", "c", "FP32", blob, "MAXERROR", 0.02)
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        replies.append({name: fields[name] for name in KEPT if name in fields})
    return replies


def drawn(figures):
    """One row for each figure."""
    rows = [
        ["feedbacks", f"{figures['count']:,}"],
        ["a second, pipelined, until all are on disk", table.number(figures["rate"])],
        ["VCACHE.GET alone, p50 and p99 ms", f"{figures['alone_p50_ms']:.3f} {figures['alone_p99_ms']:.3f}"],
        [f"beside it ({figures['searches_beside']:,} searches)", f"{figures['beside_p50_ms']:.3f} {figures['beside_p99_ms']:.3f}"],
        ["memory before and after, MB", f"{figures['memory_before'] / 1e6:.1f} {figures['memory_after'] / 1e6:.1f}"],
        ["start after kill -9, s", f"{figures['restart_s']:.2f}"],
        ["entries explained, and changed by the restart", f"{figures['learnt']:,} {figures['changed']}"],
    ]
    return table.markdown(["a cache under feedback", ""], rows)
