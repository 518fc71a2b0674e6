"""A server that is asked over the wire, by one caller on one connection: filled, changed, indexed,
and asked for cases.
"""

import io
import pathlib
import tempfile
import threading
import time

from .. import Failure, load, resp
from .left_out import LeftOut
from .work import COUNT

KEY = b"bench"
# Filling: connections, and requests in flight on each.
CONNECTIONS, DEPTH = 4, 32
# For one reply while filling, for one measurement, and for indexes to be made.
REPLY_S, ASK_S, INDEX_S = 120, 1800, 1800


class Wire:
    """One server and its connection. Element `i` is called `i`, and holds row `order[i]` of the
    work.
    """

    # Whether a caller waits for the network too.
    WIRE = True

    def __init__(self, work, server, binary):
        self.work, self.server, self.binary = work, server, binary
        self.order = list(range(work.n))
        self.client = resp.Client(server.port, REPLY_S)

    def fill(self):
        """Adds every element."""
        self.put(range(self.work.n))

    def replace(self):
        """Gives half of the elements the vectors and attributes of each other."""
        self.order = self.work.replaced
        self.put([element for element, row in enumerate(self.order) if element != row])

    def put(self, elements):
        """Adds these, over several connections."""
        failures, threads = [], []
        for first in range(CONNECTIONS):
            threads.append(threading.Thread(target=self.put_some, args=(elements[first::CONNECTIONS], failures)))
            threads[-1].start()
        for thread in threads:
            thread.join()
        if failures:
            raise Failure(failures[0])

    def put_some(self, elements, failures):
        """Adds these, over one connection."""
        try:
            with resp.Client(self.server.port, REPLY_S) as client:
                for at in range(0, len(elements), DEPTH):
                    client.accepted([self.addition(KEY, element) for element in elements[at:at + DEPTH]])
        except (Failure, OSError) as failure:
            failures.append(failure)

    def addition(self, key, element):
        """The request that adds an element."""
        row = self.order[element]
        return resp.encoded(b"VADD", key, b"FP32", self.work.vector(row), b"%d" % element, b"SETATTR", self.work.attributes[row])

    def require_indexes(self):
        """LeftOut where the server has no indexes."""
        reply = self.client.one(resp.encoded("VINDEX", KEY, "LIST"))
        if isinstance(reply, resp.Refused) and "unknown command" in str(reply):
            raise LeftOut(str(reply))

    def create_index(self, key, fields):
        """Makes indexes, and waits until they can be used."""
        for field in fields:
            self.client.ask("VINDEX", key, "CREATE", field, self.work.kinds[field])
        deadline = time.monotonic() + INDEX_S
        while any(index.get("state") != "ready" for index in self.indexes(key)):
            if time.monotonic() > deadline:
                raise Failure(f"the indexes are not ready after {INDEX_S} s")
            time.sleep(0.01)

    def drop_index(self, key, fields):
        """Takes indexes away."""
        for field in fields:
            self.client.ask("VINDEX", key, "DROP", field)

    def indexes(self, key):
        """What VINDEX LIST says of each, by name."""
        return [named(entry) for entry in self.client.ask("VINDEX", key, "LIST")]

    def requests(self, case, setting):
        """The encoded requests of a case, one for each query."""
        for query in range(self.work.queries):
            words = [b"VSIM", KEY, b"FP32", self.work.query(query), b"COUNT", COUNT]
            words += [b"EF", setting.ef] if setting.ef else []
            if case["filters"]:
                words += [b"FILTER", case["filters"][query % len(case["filters"])]]
                words += [b"FILTER-EF", setting.filter_ef] if setting.filter_ef else []
            yield resp.encoded(*words)

    def ask(self, case, setting, seconds):
        """Asks all queries of a case, again and again for so long: rate, percentiles, and the rows
        found; and what the rate would be if the server's own time for a command were all that a
        caller waits for.
        """
        before = self.spent()
        figures, replies = self.send(self.requests(case, setting), seconds)
        calls, us = (after - before for after, before in zip(self.spent(), before))
        figures["inside"] = calls / us * 1e6 if us else None
        figures["found"] = [[self.order[int(name)] for name in reply] for reply in replies]
        return figures

    def send(self, requests, seconds):
        """Sends encoded requests, one at a time: rate and percentiles, and the replies of the first
        pass.
        """
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            paths = {name: pathlib.Path(folder) / name for name in ("requests", "replies")}
            paths["requests"].write_bytes(b"".join(requests))
            found, done = load.measure(self.binary, "ask", ASK_S, port=self.server.port, seconds=seconds, **paths)
            if not done:
                raise Failure("nearhit-load ask did not come to its end")
            replies = paths["replies"].read_bytes()
        return {name.removeprefix("ask/"): value for name, value in found.items()}, list(all_of(replies))

    def spent(self):
        """Calls of VSIM so far, and the microseconds that the server says it has spent in them."""
        found = resp.info(self.client, "commandstats")
        record = next((value for name, value in found.items() if name.lower() == "cmdstat_vsim"), "calls=0,usec=0")
        fields = dict(field.split("=") for field in record.split(","))
        return int(fields["calls"]), int(fields["usec"])

    def memory(self):
        """Bytes: those that the server says are in use, and those resident."""
        found = resp.info(self.client, "memory")
        return {"used": found["used_memory"], "resident": found["used_memory_rss"]}

    def close(self):
        """Ends the connection."""
        self.client.close()


def named(entry):
    """An entry of pairs, flat, by name."""
    words = [word.decode() if isinstance(word, bytes) else word for word in entry]
    return dict(zip(words[::2], words[1::2]))


def all_of(data):
    """Every reply of some bytes."""
    replies = io.BytesIO(data)
    while replies.tell() < len(data):
        yield resp.parsed(replies)
