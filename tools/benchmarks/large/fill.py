"""Adds made vectors to a server, over several connections.

    python -m benchmarks.large.fill --port P --n N --dim D [--first ROW] [--last ROW] [--further 1]
                                    [--connections C] [--depth D] [--together T] [--seconds S]

Element `i` is called by its number in eight digits, so that all requests of a run have one length,
and a chunk of them is made by numpy at once. Each connection keeps `depth` requests in flight,
each with `together` elements. `--further 1` adds vectors that are no elements yet, instead. After
`--seconds` no more are sent. Prints a line of JSON: how many were added, in how many seconds, the
median and the 99th percentile of the time between a portion of `depth` requests and its replies,
and the first error, which ends it; and progress to stderr.

Runs in a virtual environment that has numpy.
"""

import argparse
import json
import queue
import socket
import sys
import threading
import time

import numpy as np

from . import made

KEY, DIGITS = b"bench", 8
# Chunks that are made before they are sent.
AHEAD = 2
TIMEOUT_S, EVERY_S = 300, 30


def requests(rows, first, together):
    """The requests that add rows, as rows of bytes."""
    count, dim = rows.shape
    count -= count % together
    blobs = np.ascontiguousarray(rows[:count], "<f4").view(np.uint8).reshape(count, 4 * dim)
    numbers = np.arange(first, first + count)
    digits = np.empty((count, DIGITS), np.uint8)
    for place in range(DIGITS):
        digits[:, DIGITS - 1 - place] = ord("0") + numbers // 10**place % 10
    head = b"*%d\r\n$4\r\nVADD\r\n$%d\r\n%s\r\n" % (2 + 3 * together, len(KEY), KEY)
    parts = [b"$4\r\nFP32\r\n$%d\r\n" % (4 * dim), blobs, b"\r\n$%d\r\n" % DIGITS, digits, b"\r\n"]
    each = [repeated(part, count) if isinstance(part, bytes) else part for part in parts]
    each = np.hstack(each).reshape(count // together, -1)
    return np.hstack([repeated(head, len(each)), each])


def repeated(words, count):
    """So many rows of the same bytes."""
    return np.tile(np.frombuffer(words, np.uint8), (count, 1))


class Fill:
    """A run, and what it has found so far."""

    def __init__(self, args):
        self.args = args
        self.ready = queue.Queue(AHEAD * args.connections)
        self.added, self.times, self.failure = 0, [], None
        self.lock = threading.Lock()
        self.began = time.monotonic()

    def is_over(self):
        """True if no more is to be sent."""
        return self.failure or self.args.seconds and time.monotonic() - self.began > self.args.seconds

    def make(self):
        """Makes portions of requests, until the last."""
        args = self.args
        mixture = made.Mixture(args.n, args.dim)
        for at, rows in mixture.further() if args.further else mixture.chunks(args.first):
            if at >= (args.last or args.n) and not args.further or self.is_over():
                break
            made_here = requests(rows, at, args.together)
            for part in range(0, len(made_here), args.depth):
                self.ready.put(made_here[part:part + args.depth])
        for _ in range(args.connections):
            self.ready.put(None)

    def send(self):
        """Sends portions over one connection, until there are no more."""
        try:
            with socket.create_connection(("127.0.0.1", self.args.port), timeout=TIMEOUT_S) as server:
                server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                replies = server.makefile("rb")
                while (portion := self.ready.get()) is not None:
                    if not self.is_over():
                        self.send_one(server, replies, portion)
        except OSError as failure:
            self.failure = str(failure)
            while self.ready.get() is not None:
                pass

    def send_one(self, server, replies, portion):
        """Sends a portion, and waits for all its replies."""
        began = time.monotonic()
        server.sendall(portion.tobytes())
        for _ in range(len(portion)):
            line = replies.readline()
            if not line.startswith(b":"):
                reason = line.decode(errors="replace").strip() or "the server closed the connection"
                self.failure = self.failure or reason
        with self.lock:
            self.times.append(time.monotonic() - began)
            self.added += len(portion) * self.args.together

    def run(self):
        """The figures."""
        maker = threading.Thread(target=self.make, daemon=True)
        senders = [threading.Thread(target=self.send, daemon=True) for _ in range(self.args.connections)]
        for thread in (maker, *senders):
            thread.start()
        before, at = 0, self.began
        for thread in senders:
            while thread.is_alive():
                thread.join(1)
                if time.monotonic() - at > EVERY_S:
                    rate = (self.added - before) / (time.monotonic() - at)
                    before, at = self.added, time.monotonic()
                    print(f"  {self.added:,} added, {rate:,.0f}/s", file=sys.stderr, flush=True)
        took = time.monotonic() - self.began
        p50, p99 = (np.percentile(self.times, [50, 99]) * 1e6).tolist() if self.times else (None, None)
        return {"added": self.added, "seconds": took, "p50_us": p50, "p99_us": p99, "failure": self.failure}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("port", "n", "dim"):
        parser.add_argument(f"--{name}", type=int, required=True)
    numbers = {"first": 0, "last": 0, "further": 0, "connections": 4, "depth": 16, "together": 1}
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seconds", type=float, default=0)
    print(json.dumps(Fill(parser.parse_args()).run()), flush=True)


if __name__ == "__main__":
    main()
