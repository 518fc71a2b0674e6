"""What the tests of redis-py share: an application's data, and a client that is awaited whether it blocks or not."""

import asyncio
import inspect
import json
import os
import unittest
from pathlib import Path

import redis
import redis.asyncio

PORT = int(os.environ["NEARHIT_PORT"])
DATA = json.loads((Path(__file__).parent / "data.json").read_text())
PAGES, SESSIONS, ANSWERS, LOOKUPS = (DATA[name] for name in ("pages", "sessions", "answers", "lookups"))
# Redis has ended a key that is to live until then.
LONG_AGO_S = 1


async def done(reply):
    """The reply of a client of either kind."""
    return await reply if inspect.isawaitable(reply) else reply


async def collected(iterator):
    """All that an iterator of either kind gives."""
    return [item async for item in iterator] if hasattr(iterator, "__aiter__") else list(iterator)


class Application(unittest.IsolatedAsyncioTestCase):
    """A test with an empty server, and a client as `library` and `protocol` say."""

    library = redis
    protocol = 2

    async def asyncSetUp(self):
        # unittest switches it on, which costs half of the time.
        asyncio.get_running_loop().set_debug(False)
        self.redis = self.client(decode_responses=True)
        await done(self.redis.flushall())

    def client(self, **options):
        client = self.library.Redis(port=PORT, protocol=self.protocol, **options)
        close = client.aclose if self.library is redis.asyncio else client.close
        self.addAsyncCleanup(closed, close)
        return client

    async def gives(self, expected, reply):
        self.assertEqual(await done(reply), expected)

    async def together(self, work, workers):
        """Runs `work(0)`, `work(1)` … at once: as tasks, or each in a thread where the client blocks."""
        if self.library is redis.asyncio:
            await asyncio.gather(*(work(worker) for worker in range(workers)))
        else:
            await asyncio.gather(*(asyncio.to_thread(asyncio.run, work(worker)) for worker in range(workers)))

    async def refused(self, error, text, method, *words, **options):
        with self.assertRaisesRegex(error, text):
            await done(method(*words, **options))


async def closed(close):
    await done(close())


def in_every_way(*bases):
    """A test case of each class for each library and protocol, by name."""
    for base in bases:
        for kind, library in {"Blocking": redis, "Asyncio": redis.asyncio}.items():
            for protocol in (2, 3):
                name = f"{base.__name__}{kind}Resp{protocol}"
                yield name, type(name, (base, Application), {"library": library, "protocol": protocol})
