"""redis-py as an application's cache: blocking and asyncio, in RESP2 and RESP3, through its own methods."""

import unittest

from redis.exceptions import ResponseError, WatchError

from application import ANSWERS, LONG_AGO_S, LOOKUPS, PAGES, SESSIONS, collected, done, in_every_way

HOME, CART = "page:/", "page:/cart"
SESSION = "session:8c1f"


class Strings:
    async def test_pages_are_cached_for_a_while(self):
        for name, body in PAGES.items():
            await self.gives(True, self.redis.set(name, body, ex=300))
        await self.gives(list(PAGES.values()) + [None], self.redis.mget(*PAGES, "page:/missing"))
        self.assertLessEqual(await done(self.redis.ttl(HOME)), 300)
        await self.gives(PAGES[HOME], self.redis.getex(HOME, persist=True))
        await self.gives(-1, self.redis.ttl(HOME))
        await self.gives(PAGES[HOME], self.redis.getdel(HOME))
        await self.gives(None, self.redis.get(HOME))

    async def test_the_first_of_several_writers_wins(self):
        await self.gives(True, self.redis.set(HOME, "first", nx=True, px=60_000))
        await self.gives(None, self.redis.set(HOME, "second", nx=True))
        await self.gives("first", self.redis.set(HOME, "third", get=True, keepttl=True))
        self.assertGreater(await done(self.redis.pttl(HOME)), 0)
        await self.gives(None, self.redis.set(CART, "only if there", xx=True))
        await self.gives(False, self.redis.setnx(HOME, "fourth"))
        await self.gives("third", self.redis.getset(HOME, "fifth"))
        await self.gives(False, self.redis.msetnx({HOME: "x", CART: "x"}))

    async def test_counters(self):
        await self.gives(1, self.redis.incr("views"))
        await self.gives(11, self.redis.incrby("views", 10))
        await self.gives(8, self.redis.decr("views", 3))
        await self.gives(8.25, self.redis.incrbyfloat("views", 0.25))
        await self.refused(ResponseError, "not an integer", self.redis.incr, "views")

    async def test_parts_of_a_log(self):
        await self.gives(5, self.redis.append("log", "start"))
        await self.gives(10, self.redis.setrange("log", 7, "end"))
        await self.gives("start\0\0end", self.redis.get("log"))
        await self.gives("end", self.redis.getrange("log", -3, -1))
        await self.gives(10, self.redis.strlen("log"))

    async def test_bytes_stay_as_they_are(self):
        raw, body = self.client(), bytes(range(256)) * 300
        await self.gives(True, raw.set(b"\xff\r\n", body))
        await self.gives(body, raw.get(b"\xff\r\n"))


class Hashes:
    async def asyncSetUp(self):
        await super().asyncSetUp()
        for name, fields in SESSIONS.items():
            await self.gives(len(fields), self.redis.hset(name, mapping=fields))

    async def test_a_session_is_read(self):
        fields = SESSIONS[SESSION]
        await self.gives(fields, self.redis.hgetall(SESSION))
        await self.gives("17", self.redis.hget(SESSION, "user"))
        await self.gives(["de-DE", None], self.redis.hmget(SESSION, "locale", "missing"))
        await self.gives(sorted(fields), sorted_reply(self.redis.hkeys(SESSION)))
        await self.gives(sorted(fields.values()), sorted_reply(self.redis.hvals(SESSION)))
        await self.gives(len(fields), self.redis.hlen(SESSION))
        await self.gives(len(fields["cart"]), self.redis.hstrlen(SESSION, "cart"))
        self.assertTrue(await done(self.redis.hexists(SESSION, "user")))
        await self.gives({}, self.redis.hgetall("session:missing"))

    async def test_a_session_changes(self):
        await self.gives(4, self.redis.hincrby(SESSION, "views"))
        await self.gives(1.5, self.redis.hincrbyfloat(SESSION, "basket", 1.5))
        await self.gives(0, self.redis.hset(SESSION, "locale", "fr-FR"))
        await self.gives(0, self.redis.hsetnx(SESSION, "locale", "it-IT"))
        await self.gives(2, self.redis.hdel(SESSION, "user", "cart", "missing"))
        await self.gives({"locale": "fr-FR", "views": "4", "basket": "1.5"}, self.redis.hgetall(SESSION))
        await self.refused(ResponseError, "hash value is not an integer", self.redis.hincrby, SESSION, "locale")
        await self.refused(ResponseError, "WRONGTYPE", self.redis.get, SESSION)

    async def test_any_field(self):
        fields = SESSIONS[SESSION]
        self.assertIn(await done(self.redis.hrandfield(SESSION)), fields)
        self.assertEqual(set(await done(self.redis.hrandfield(SESSION, 10))), set(fields))
        self.assertEqual(len(await done(self.redis.hrandfield(SESSION, -10))), 10)
        # A flat list in RESP2, pairs in RESP3; later versions make pairs of both.
        pairs = await done(self.redis.hrandfield(SESSION, 10, withvalues=True))
        if not isinstance(pairs[0], list):
            pairs = zip(pairs[::2], pairs[1::2], strict=True)
        self.assertEqual({name: value for name, value in pairs}, fields)

    async def test_fields_expire(self):
        await self.gives([1, -2], self.redis.hexpire(SESSION, 600, "cart", "missing"))
        ttl, never, absent = await done(self.redis.httl(SESSION, "cart", "user", "missing"))
        self.assertIn(ttl, range(1, 601))
        self.assertEqual((never, absent), (-1, -2))
        await self.gives([0], self.redis.hexpire(SESSION, 900, "cart", nx=True))
        await self.gives([1], self.redis.hpersist(SESSION, "cart"))
        await self.gives([-1], self.redis.hpexpiretime(SESSION, "cart"))
        await self.gives([2, 2], self.redis.hexpireat(SESSION, LONG_AGO_S, "cart", "views"))
        await self.gives({"user": "17", "locale": "de-DE"}, self.redis.hgetall(SESSION))

    async def test_fields_are_written_and_read_with_their_expiry(self):
        await self.gives(1, self.redis.hsetex(SESSION, mapping={"token": "b3f1", "nonce": "77"}, ex=600))
        await self.gives(["b3f1"], self.redis.hgetex(SESSION, "token", persist=True))
        token, nonce = await done(self.redis.httl(SESSION, "token", "nonce"))
        self.assertEqual((token, nonce > 0), (-1, True))
        await self.gives(["77", None], self.redis.hgetdel(SESSION, "nonce", "missing"))
        await self.gives(False, self.redis.hexists(SESSION, "nonce"))

    async def test_fields_are_scanned(self):
        many = {f"item:{i}": str(i) for i in range(700)}
        await self.gives(700, self.redis.hset("stock", mapping=many))
        self.assertEqual(dict(await collected(self.redis.hscan_iter("stock", count=50))), many)
        found = await collected(self.redis.hscan_iter("stock", match="item:69?", no_values=True))
        self.assertEqual(set(found), {f"item:69{i}" for i in range(10)})


class Expiry:
    async def test_conditions(self):
        await done(self.redis.set(HOME, "x"))
        await self.gives(False, self.redis.expire(HOME, 100, xx=True))
        await self.gives(True, self.redis.expire(HOME, 100, nx=True))
        await self.gives(False, self.redis.expire(HOME, 50, gt=True))
        await self.gives(True, self.redis.expire(HOME, 50, lt=True))
        await self.gives(True, self.redis.persist(HOME))
        await self.gives(False, self.redis.persist(HOME))

    async def test_moments(self):
        await self.gives(True, self.redis.set(HOME, "x", exat=4_102_444_800))
        await self.gives(4_102_444_800, self.redis.expiretime(HOME))
        await self.gives(True, self.redis.pexpireat(HOME, 4_102_444_800_123))
        await self.gives(4_102_444_800_123, self.redis.pexpiretime(HOME))
        await self.gives(True, self.redis.expireat(HOME, LONG_AGO_S))
        await self.gives(0, self.redis.exists(HOME))
        await self.gives(-2, self.redis.pttl(HOME))

    async def test_a_value_that_is_replaced_loses_its_expiry(self):
        await done(self.redis.set(HOME, "x", ex=100))
        await done(self.redis.set(HOME, "y"))
        await self.gives(-1, self.redis.ttl(HOME))
        await self.gives("y", self.redis.getex(HOME, ex=100))
        self.assertGreater(await done(self.redis.ttl(HOME)), 0)

    async def test_nonsense_is_refused(self):
        await self.refused(ResponseError, "invalid expire time in 'set' command", self.redis.set, HOME, "x", ex=0)
        await done(self.redis.set(HOME, "x"))
        await self.refused(ResponseError, "not compatible", self.redis.expire, HOME, 1, nx=True, xx=True)


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


class SemanticCache:
    """Answers by the meaning of the question: vectors beside hashes that hold the texts."""

    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.vset = self.redis.vset()
        for name, answer in ANSWERS.items():
            await self.gives(1, self.vset.vadd("answers", answer["vector"], name, attributes=answer["attributes"]))
            await done(self.redis.hset(f"answer:{name}", mapping={"text": answer["text"], "hits": 0}))

    async def test_the_nearest_question_answers(self):
        for lookup in LOOKUPS:
            found = await done(self.vset.vsim("answers", lookup["vector"], count=2, filter=lookup["filter"]))
            self.assertEqual(found, lookup["nearest"])
            pipeline = self.redis.pipeline()
            pipeline.hget(f"answer:{found[0]}", "text").hincrby(f"answer:{found[0]}", "hits")
            text, hits = await done(pipeline.execute())
            self.assertEqual((text, hits > 0), (ANSWERS[found[0]]["text"], True))

    async def test_scores_tell_hits_from_misses(self):
        scores = await done(self.vset.vsim("answers", LOOKUPS[0]["vector"], with_scores=True))
        self.assertEqual([name for name, score in scores.items() if score > 0.95], LOOKUPS[0]["nearest"])

    async def test_answers_are_maintained(self):
        await self.gives(ANSWERS["refund"]["attributes"], self.vset.vgetattr("answers", "refund"))
        await self.gives(1, self.vset.vsetattr("answers", "refund", {"topic": "account", "asked": 999}))
        found = await done(self.vset.vsim("answers", "refund", filter=".asked == 999"))
        self.assertEqual(found, ["refund"])
        await self.gives(1, self.vset.vrem("answers", "refund"))
        await self.gives(len(ANSWERS) - 1, self.vset.vcard("answers"))
        await self.gives(8, self.vset.vdim("answers"))
        info = await done(self.vset.vinfo("answers"))
        self.assertEqual((info["size"], info["quant-type"]), (len(ANSWERS) - 1, "int8"))
        await self.gives(True, self.redis.expire("answers", 3600))
        await self.gives("vectorset", self.redis.type("answers"))


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
        await done(self.redis.set(HOME, "x" * 1000))
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


async def sorted_reply(reply):
    return sorted(await done(reply))


globals().update(in_every_way(Strings, Hashes, Expiry, Transactions, Scans, Pipelines, SemanticCache, Operators))

if __name__ == "__main__":
    unittest.main()
