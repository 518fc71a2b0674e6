"""redis-py as users with few rights, and as the operator who gives them."""

import unittest

import redis.asyncio
import redis.retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, ConnectionError, NoPermissionError, ResponseError

from application import done, in_every_way


class Users:
    """What an operator does, and what its users may do."""

    async def asyncSetUp(self):
        await super().asyncSetUp()
        others = set(await done(self.redis.acl_users())) - {"default"}
        if others:
            await done(self.redis.acl_deluser(*others))
        await done(self.redis.acl_log_reset())

    async def user(self, name, **rules):
        await done(self.redis.acl_setuser(name, enabled=True, passwords="+secret", **rules))
        return self.user_client(name, "secret")

    def user_client(self, name, password):
        """A client that does not try again: a wrong password stays one."""
        retries = (redis.asyncio.retry if self.library is redis.asyncio else redis.retry).Retry
        options = {"username": name, "password": password, "retry": retries(NoBackoff(), 0)}
        return self.client(decode_responses=True, **options)

    async def test_a_monitor_without_keys(self):
        monitor = await self.user("monitor", categories=["+@connection", "+@read"], commands=["+info"])
        await self.gives(True, monitor.ping())
        self.assertIn("connected_clients", await done(monitor.info()))
        self.assertEqual((await done(monitor.client_info()))["user"], "monitor")
        await self.refused(NoPermissionError, "No permissions to access a key", monitor.get, "k")
        await self.refused(NoPermissionError, "no permissions to run the 'set' command", monitor.set, "k", "v")
        await self.refused(NoPermissionError, "acl.whoami", monitor.acl_whoami)

    async def test_an_application_with_keys_of_its_own(self):
        app = await self.user("app", categories=["+@all", "-@dangerous"], keys=["app:*"], channels=["app.*"])
        await self.gives("app", app.acl_whoami())
        await self.gives(True, app.mset({"app:1": "a", "app:2": "b"}))
        await self.gives(["a", "b"], app.mget("app:1", "app:2"))
        await self.refused(NoPermissionError, "access a key", app.mget, "app:1", "other")
        await self.refused(NoPermissionError, "access a channel", app.publish, "other", "x")
        await self.gives(0, app.publish("app.news", "x"))
        await self.refused(NoPermissionError, "flushall", app.flushall)
        pipeline = app.pipeline(transaction=True).set("app:1", "c").set("other", "d")
        # The asyncio client of redis-py 6 forgets to put the server's text into its own.
        await self.refused(NoPermissionError, "access a key|exception.args", pipeline.execute)
        await self.gives("a", app.get("app:1"))

    async def test_a_reader_of_vectors(self):
        await done(self.redis.vset().vadd("docs", [1.0, 0.0], "a"))
        reader = await self.user("reader", categories=["+@vectorset"], keys=["%R~docs"])
        await self.gives(["a"], reader.vset().vsim("docs", [1.0, 0.5]))
        await self.gives(1, reader.vset().vcard("docs"))
        await self.refused(NoPermissionError, "access a key", reader.vset().vadd, "docs", [0.0, 1.0], "b")
        await self.refused(NoPermissionError, "access a key", reader.vset().vsim, "others", [1.0, 0.5])

    async def test_what_an_operator_sees(self):
        app = await self.user("app", categories=["+@read"], keys=["app:*"], selectors=[("+set", "~tmp:*")])
        shown = await done(self.redis.acl_getuser("app"))
        self.assertEqual((shown["enabled"], shown["keys"]), (True, ["~app:*"]))
        (selector,) = shown["selectors"]
        # redis-py has the fields of RESP2 as a list.
        self.assertIn("-@all +set", selector.values() if isinstance(selector, dict) else selector)
        await self.gives("OK", self.redis.acl_dryrun("app", "GET", "app:1"))
        self.assertIn("no permissions", await done(self.redis.acl_dryrun("app", "SET", "app:1", "x")))
        self.assertIn("get", await done(self.redis.acl_cat("read")))
        await self.refused(NoPermissionError, "access a key", app.get, "other")
        # Others are of what redis-py sends when it connects.
        (entry,) = [entry for entry in await done(self.redis.acl_log()) if entry["reason"] == "key"]
        self.assertEqual((entry["reason"], entry["object"], entry["username"]), ("key", "other", "app"))
        self.assertIn("app", str(entry["client-info"]))
        self.assertEqual(len(await done(self.redis.acl_genpass())), 64)
        await self.refused(ResponseError, "Unknown command or category", self.redis.acl_setuser, "x", commands=["+nonsense"])

    async def test_wrong_passwords_and_deleted_users(self):
        app = await self.user("app", categories=["+@all"], keys=["*"])
        await self.gives(True, app.ping())
        wrong = self.user_client("app", "wrong")
        await self.refused(AuthenticationError, "invalid username-password pair", wrong.ping)
        await self.gives(1, self.redis.acl_deluser("app"))
        await self.refused((AuthenticationError, ConnectionError), "", app.ping)


globals().update(in_every_way(Users))

if __name__ == "__main__":
    unittest.main()
