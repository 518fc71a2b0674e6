"""redis-py under an application: transactions, scans, pipelines, many workers, and what operators look at."""

import random
import unittest

from redis.exceptions import ResponseError, WatchError

from application import ANSWERS, LOOKUPS, PAGES, SESSIONS, collected, done, in_every_way

HOME, SESSION = "page:/", "session:8c1f"
WORKERS = 16


class Transactions:
    async def test_commands_run_together(self):
        pipeline = self.redis.pipeline(transaction=True)
        pipeline.set(HOME, "x", ex=60).hset(SESSION, mapping=SESSIONS[SESSION]).hincrby(SESSION, "views", 2)
        pipeline.hgetall(SESSION).incr("served").get("missing")
        expected = [True, 4, 5, SESSIONS[SESSION] | {"views": "5"}, 1, None]
        await self.gives(expected, pipeline.execute())

    async def test_a_watched_key_that_changed_stops_them(self):
        await done(self.redis.set("stock", 3))
        async with Pipeline(self.redis) as pipeline:
            await done(pipeline.watch("stock"))
            self.assertEqual(await done(pipeline.get("stock")), "3")
            await done(self.redis.decr("stock"))
            pipeline.multi()
            pipeline.set("stock", 10)
            await self.refused(WatchError, "", pipeline.execute)
        await self.gives("2", self.redis.get("stock"))

    async def test_a_watched_key_that_rests_does_not(self):
        await done(self.redis.hset("stock", "shoes", 3))
        async with Pipeline(self.redis) as pipeline:
            await done(pipeline.watch("stock", "missing"))
            left = int(await done(pipeline.hget("stock", "shoes")))
            pipeline.multi()
            pipeline.hset("stock", "shoes", left - 1).hget("stock", "shoes")
            self.assertEqual(await done(pipeline.execute()), [0, "2"])

    async def test_a_change_is_tried_until_nobody_interferes(self):
        await done(self.redis.set("stock", 3))
        tries = []

        async def take_one(pipeline):
            left = int(await done(pipeline.get("stock")))
            tries.append(left)
            if len(tries) == 1:
                await done(self.redis.set("stock", 2))
            pipeline.multi()
            pipeline.set("stock", left - 1)

        await transaction(self.redis, take_one, "stock")
        await self.gives("1", self.redis.get("stock"))
        self.assertEqual(tries, [3, 2])

    async def test_an_error_in_the_queue_stops_all(self):
        pipeline = self.redis.pipeline(transaction=True)
        pipeline.set(HOME, "x").execute_command("NOSUCH", "x")
        await self.refused(ResponseError, "NOSUCH", pipeline.execute)
        await self.gives(0, self.redis.exists(HOME))

    async def test_an_error_of_one_leaves_the_others(self):
        pipeline = self.redis.pipeline(transaction=True)
        pipeline.set(HOME, "x").hget(HOME, "field").incr("served")
        first, error, last = await done(pipeline.execute(raise_on_error=False))
        self.assertEqual((first, last), (True, 1))
        self.assertIsInstance(error, ResponseError)
        self.assertIn("WRONGTYPE", str(error))

    async def test_vectors_take_part(self):
        pipeline = self.redis.pipeline(transaction=True)
        for name, answer in ANSWERS.items():
            pipeline.vset().vadd("answers", answer["vector"], name)
        pipeline.vset().vcard("answers")
        pipeline.vset().vsim("answers", LOOKUPS[0]["vector"], count=2)
        replies = await done(pipeline.execute())
        self.assertEqual(replies[-2:], [len(ANSWERS), LOOKUPS[0]["nearest"]])


class Crowds:
    async def test_workers_share_a_stock(self):
        """Each takes one by a watched change; nobody's is lost."""
        await done(self.redis.set("stock", WORKERS))
        await self.together(self.take_one, WORKERS)
        await self.gives("0", self.redis.get("stock"))

    async def take_one(self, worker):
        async def change(pipeline):
            left = int(await done(pipeline.get("stock")))
            pipeline.multi()
            pipeline.set("stock", left - 1).hset("taken", f"worker:{worker}", left)

        await transaction(self.redis, change, "stock")

    async def test_workers_fill_a_cache(self):
        await self.together(self.fill, WORKERS)
        await self.gives(WORKERS, self.redis.hlen("filled"))
        await self.gives(WORKERS, self.redis.vset().vcard("answers"))

    async def fill(self, worker):
        for page in range(20):
            await self.gives(True, self.redis.set(f"page:{page}", worker, ex=600))
            await done(self.redis.get(f"page:{page}"))
        await self.gives(1, self.redis.vset().vadd("answers", [worker + 1.0, 1.0], f"worker:{worker}"))
        await self.gives(1, self.redis.hset("filled", f"worker:{worker}", "done"))


class Scans:
    async def test_keys_by_pattern_and_type(self):
        await done(self.redis.mset({f"page:{i}": "x" for i in range(500)}))
        for name, fields in SESSIONS.items():
            await done(self.redis.hset(name, mapping=fields))
        await done(self.redis.vset().vadd("answers", [1.0, 2.0], "a"))
        self.assertEqual(set(await collected(self.redis.scan_iter(match="session:*", count=100))), set(SESSIONS))
        self.assertEqual(set(await collected(self.redis.scan_iter(_type="hash"))), set(SESSIONS))
        self.assertEqual(set(await collected(self.redis.scan_iter(_type="vectorset"))), {"answers"})
        self.assertEqual(len(set(await collected(self.redis.scan_iter(count=17)))), 504)
        await self.gives(["page:499"], self.redis.keys("page:49[9]"))
        await self.gives(504, self.redis.dbsize())

    async def test_many_are_removed_at_once(self):
        await done(self.redis.mset(PAGES))
        found = await collected(self.redis.scan_iter(match="page:*"))
        await self.gives(len(PAGES), self.redis.unlink(*found))
        await self.gives(0, self.redis.delete(*found))


class Pipelines:
    async def test_replies_of_all_kinds_keep_their_order(self):
        pipeline = self.redis.pipeline(transaction=False)
        for i in range(200):
            pipeline.set(f"page:{i}", i, ex=600).hset(f"session:{i}", mapping={"views": i, "user": "u"})
            pipeline.get(f"page:{i}").hgetall(f"session:{i}").hincrby(f"session:{i}", "views").exists("missing")
        replies = await done(pipeline.execute())
        for i in range(200):
            expected = [True, 2, str(i), {"views": str(i), "user": "u"}, i + 1, 0]
            self.assertEqual(replies[6 * i : 6 * i + 6], expected)

    async def test_large_values(self):
        bodies = {f"page:{i}": f"{i}" * 70_000 for i in range(10)}
        pipeline = self.redis.pipeline(transaction=False)
        pipeline.mset(bodies).mget(*bodies)
        self.assertEqual(await done(pipeline.execute()), [True, list(bodies.values())])


class Operators:
    async def test_the_slow_log(self):
        before = await done(self.redis.config_get("slowlog-log-slower-than"))
        try:
            await self.gives(True, self.redis.slowlog_reset())
            await self.gives(True, self.redis.config_set("slowlog-log-slower-than", 0))
            await done(self.client(client_name="worker").set("slow", "value"))
            entries = await done(self.redis.slowlog_get(10))
        finally:
            await done(self.redis.config_set("slowlog-log-slower-than", before["slowlog-log-slower-than"]))
        [entry] = [entry for entry in entries if entry["command"] == b"SET slow value"]
        self.assertEqual(entry["client_name"], b"worker")
        self.assertGreaterEqual(await done(self.redis.slowlog_len()), 1)

    async def test_keys_tell_their_size(self):
        # Nothing that could be kept compressed.
        await done(self.redis.set(HOME, random.randbytes(1000)))
        self.assertGreater(await done(self.redis.memory_usage(HOME)), 1000)
        await self.gives("raw", self.redis.object("encoding", HOME))
        self.assertLessEqual(await done(self.redis.object("idletime", HOME)), 1)

    async def test_the_server_describes_itself(self):
        info = await done(self.redis.info())
        for name in ("redis_version", "used_memory", "connected_clients", "total_commands_processed", "maxmemory"):
            self.assertIn(name, info)
        await done(self.redis.set(HOME, "x", ex=100))
        keyspace = await done(self.redis.info("keyspace"))
        self.assertEqual((keyspace["db0"]["keys"], keyspace["db0"]["expires"]), (1, 1))
        [me] = [client for client in await done(self.redis.client_list()) if client["cmd"] == "client|list"]
        self.assertEqual(int(me["resp"]), self.protocol)
        self.assertEqual(len(await done(self.redis.time())), 2)


class Pipeline:
    """A pipeline of either kind, as a context."""

    def __init__(self, client):
        self.pipeline = client.pipeline()

    async def __aenter__(self):
        return self.pipeline

    async def __aexit__(self, *_):
        await done(self.pipeline.reset())


async def transaction(client, change, *watched):
    """`Redis.transaction`, with a change that awaits: the one of the blocking client could not."""
    async with Pipeline(client) as pipeline:
        while True:
            try:
                await done(pipeline.watch(*watched))
                await change(pipeline)
                return await done(pipeline.execute())
            except WatchError:
                continue


globals().update(in_every_way(Transactions, Crowds, Scans, Pipelines, Operators))

if __name__ == "__main__":
    unittest.main()
