"""redis-py as a publisher and as a subscriber: channels, patterns, handlers, many at once, and a lock that waits for news."""

import asyncio
import unittest

from redis.exceptions import ResponseError

from application import closed, done, in_every_way

# A message comes at once; this ends a test to which none comes.
PATIENCE_S = 60
# With the publisher no more than the threads that asyncio has on one core.
SUBSCRIBERS = 4
MESSAGES = 200


class Messages:
    """What a subscriber receives, confirmations included."""

    async def subscriber(self, **options):
        subscriber = self.redis.pubsub(**options)
        self.addAsyncCleanup(closed, close_of(subscriber))
        return subscriber

    async def next(self, subscriber):
        """The next message, without what says nothing."""
        message = await done(subscriber.get_message(timeout=PATIENCE_S))
        return message and tuple(message[field] for field in ("type", "pattern", "channel", "data"))

    async def receives(self, subscriber, *expected):
        for message in expected:
            self.assertEqual(await self.next(subscriber), message)

    async def test_channels(self):
        subscriber = await self.subscriber()
        await done(subscriber.subscribe("news", "sport"))
        await self.receives(subscriber, ("subscribe", None, "news", 1), ("subscribe", None, "sport", 2))
        await self.gives(1, self.redis.publish("news", "it rains"))
        await self.gives(1, self.redis.publish("sport", ""))
        await self.gives(0, self.redis.publish("other", "it rains"))
        await self.receives(subscriber, ("message", None, "news", "it rains"), ("message", None, "sport", ""))
        await done(subscriber.unsubscribe("news"))
        await self.receives(subscriber, ("unsubscribe", None, "news", 1))
        await self.gives(0, self.redis.publish("news", "it rains"))
        await done(subscriber.unsubscribe())
        await self.receives(subscriber, ("unsubscribe", None, "sport", 0))

    async def test_patterns(self):
        subscriber = await self.subscriber()
        await done(subscriber.psubscribe("news.*"))
        await done(subscriber.subscribe("news.de"))
        await self.receives(subscriber, ("psubscribe", None, "news.*", 1), ("subscribe", None, "news.de", 2))
        await self.gives(2, self.redis.publish("news.de", "es regnet"))
        await self.gives(1, self.redis.publish("news.fr", "il pleut"))
        await self.receives(
            subscriber,
            ("message", None, "news.de", "es regnet"),
            ("pmessage", "news.*", "news.de", "es regnet"),
            ("pmessage", "news.*", "news.fr", "il pleut"),
        )

    async def test_a_subscriber_is_asked_whether_it_is_there(self):
        if self.protocol == 3:
            self.skipTest("there redis-py takes the reply for no message, from Redis too")
        subscriber = await self.subscriber()
        await done(subscriber.subscribe("news"))
        await self.next(subscriber)
        await done(subscriber.ping("there?"))
        await self.receives(subscriber, ("pong", None, None, "there?"))

    async def test_handlers_are_called(self):
        seen = []
        subscriber = await self.subscriber(ignore_subscribe_messages=True)
        await done(subscriber.subscribe(news=lambda message: seen.append(message["data"])))
        while not (await done(self.redis.pubsub_numsub("news")))[0][1]:
            pass
        await self.gives(1, self.redis.publish("news", "it rains"))
        while not seen:
            await done(subscriber.get_message(timeout=PATIENCE_S))
        self.assertEqual(seen, ["it rains"])

    async def test_what_there_is(self):
        one, other = await self.subscriber(), await self.subscriber()
        await done(one.subscribe("news", "sport"))
        await done(other.subscribe("news"))
        await done(other.psubscribe("s*"))
        for subscriber in (one, one, other, other):
            await self.next(subscriber)
        self.assertEqual(sorted(await done(self.redis.pubsub_channels())), ["news", "sport"])
        await self.gives(["sport"], self.redis.pubsub_channels("s*"))
        numbers = await done(self.redis.pubsub_numsub("news", "sport", "other"))
        self.assertEqual([list(pair) for pair in numbers], [["news", 2], ["sport", 1], ["other", 0]])
        await self.gives(1, self.redis.pubsub_numpat())
        clients = await done(self.redis.client_list(_type="pubsub"))
        self.assertEqual(sorted((client["sub"], client["psub"], client["flags"]) for client in clients), [("1", "1", "P"), ("2", "0", "P")])
        self.assertEqual((await done(self.redis.info("clients")))["pubsub_clients"], 2)

    async def test_shard_channels(self):
        subscriber = await self.subscriber()
        if not hasattr(subscriber, "ssubscribe"):
            self.skipTest("this redis-py has no ssubscribe here")
        await done(subscriber.ssubscribe("news"))
        await self.receives(subscriber, ("ssubscribe", None, "news", 1))
        await self.gives(0, self.redis.publish("news", "it rains"))
        await self.gives(1, self.redis.execute_command("SPUBLISH", "news", "it rains"))
        await self.receives(subscriber, ("smessage", None, "news", "it rains"))
        await done(subscriber.sunsubscribe("news"))
        await self.receives(subscriber, ("sunsubscribe", None, "news", 0))

    async def test_messages_of_a_transaction_come_in_order(self):
        subscriber = await self.subscriber()
        await done(subscriber.subscribe("news"))
        await self.next(subscriber)
        pipeline = self.redis.pipeline(transaction=True)
        pipeline.set("weather", "rain").publish("news", "it rains").publish("news", "it pours")
        await self.gives([True, 1, 1], pipeline.execute())
        await self.receives(subscriber, ("message", None, "news", "it rains"), ("message", None, "news", "it pours"))
        await self.gives("rain", self.redis.get("weather"))

    async def test_a_long_message_comes_whole(self):
        subscriber = await self.subscriber()
        await done(subscriber.subscribe("news"))
        await self.next(subscriber)
        text = "rain " * 1_000_000
        await self.gives(1, self.redis.publish("news", text))
        await self.receives(subscriber, ("message", None, "news", text))

    async def test_a_subscriber_may_be_disconnected_and_subscribes_again(self):
        subscriber = await self.subscriber()
        await done(subscriber.subscribe("news"))
        await self.next(subscriber)
        await self.gives(1, self.redis.client_kill_filter(_type="pubsub"))
        while not await done(self.redis.publish("news", "it rains")):
            try:
                await done(subscriber.get_message(timeout=0.05))
            except ConnectionError:
                pass
        message = await self.next(subscriber)
        while message[0] != "message":
            message = await self.next(subscriber)
        self.assertEqual(message, ("message", None, "news", "it rains"))

    async def test_all_subscribers_get_all_messages(self):
        await self.together(self.publish_or_listen, SUBSCRIBERS + 1)

    async def publish_or_listen(self, worker):
        """The last worker publishes when all others listen."""
        if worker == SUBSCRIBERS:
            while (await done(self.redis.pubsub_numsub("news")))[0][1] < SUBSCRIBERS:
                await asyncio.sleep(0)
            for number in range(MESSAGES):
                await self.gives(SUBSCRIBERS, self.redis.publish("news", number))
            return
        subscriber = self.redis.pubsub()
        await done(subscriber.subscribe("news"))
        await self.next(subscriber)
        for number in range(MESSAGES):
            await self.receives(subscriber, ("message", None, "news", str(number)))
        await done(close_of(subscriber)())

    async def test_wrong_commands_are_refused(self):
        await self.refused(ResponseError, "wrong number of arguments", self.redis.execute_command, "PUBLISH", "news")
        await self.refused(ResponseError, "unknown subcommand", self.redis.execute_command, "PUBSUB", "NOSUCH")


def close_of(subscriber):
    return getattr(subscriber, "aclose", subscriber.close)


globals().update(in_every_way(Messages))

if __name__ == "__main__":
    unittest.main()
