"""Vectors of a set as they lie in its file, float32, and caches made of them."""

import contextlib

from .. import resp

BATCH = 128


def blobs(path, dim, count):
    """The first vectors of a file, as bytes."""
    size = 4 * dim
    with path.open("rb") as file:
        found = [file.read(size) for _ in range(count)]
    return [blob for blob in found if len(blob) == size]


def batches(requests):
    """Lists of requests that are in flight together."""
    batch = []
    for request in requests:
        batch.append(request)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


@contextlib.contextmanager
def cache_of(port, vectors, dim, payload):
    """A connection to a server whose key `c` is made a cache of these vectors."""
    with resp.Client(port) as client:
        client.ask("VCREATE", "c", "DIM", dim, "CACHE")
        words = (("VCACHE.SET", "c", n, "FP32", blob, payload, "SETATTR", b'{"n":%d}' % n) for n, blob in enumerate(vectors))
        for batch in batches(resp.encoded(*each) for each in words):
            client.accepted(batch)
        yield client
