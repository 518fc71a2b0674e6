"""redis-py as an application's cache: blocking and asyncio, in RESP2 and RESP3, through its own methods."""

import unittest

from redis.exceptions import ResponseError

from application import LONG_AGO_S, PAGES, SESSIONS, collected, done, in_every_way

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


class Comparisons:
    """What scripts were needed for before: a change only of what one has seen."""

    async def asyncSetUp(self):
        await super().asyncSetUp()
        if not hasattr(self.redis, "delex"):
            self.skipTest("not in this redis-py")

    async def test_a_lock_is_released_by_its_holder(self):
        await self.gives(True, self.redis.set("lock", "worker 1", nx=True, ex=60))
        await self.gives(0, self.redis.delex("lock", ifeq="worker 2"))
        await self.gives(True, self.redis.set("lock", "worker 1", ifeq="worker 1", ex=90))
        await self.gives(None, self.redis.set("lock", "worker 2", ifeq="worker 2"))
        await self.gives(1, self.redis.delex("lock", ifeq="worker 1"))
        await self.gives(0, self.redis.exists("lock"))

    async def test_a_page_is_replaced_if_it_differs(self):
        await done(self.redis.set(HOME, PAGES[HOME]))
        digest = await done(self.redis.digest(HOME))
        self.assertRegex(digest, "^[0-9a-f]{16}$")
        await self.gives(None, self.redis.set(HOME, "new", ifdne=digest))
        await self.gives(True, self.redis.set(HOME, "new", ifdeq=digest))

    async def test_several_pages_share_an_expiry(self):
        await self.gives(1, self.redis.msetex(PAGES, ex=300))
        self.assertGreater(await done(self.redis.ttl(CART)), 0)


async def sorted_reply(reply):
    return sorted(await done(reply))


globals().update(in_every_way(Strings, Hashes, Expiry, Comparisons))

if __name__ == "__main__":
    unittest.main()
