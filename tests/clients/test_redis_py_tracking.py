"""redis-py's own cache of replies, which the server keeps right; and events of keys."""

import threading
import time
import unittest

import redis
from redis.cache import CacheConfig, CacheKey

from application import PORT

PATIENCE_S = 60


def cache_key(command, key):
    """As this redis-py makes it: from 7 on with the words of the command."""
    try:
        return CacheKey(command=command, redis_keys=(key,), redis_args=(command, key))
    except TypeError:
        return CacheKey(command=command, redis_keys=(key,))


class Cached(unittest.TestCase):
    def setUp(self):
        self.plain = redis.Redis(port=PORT, decode_responses=True)
        self.addCleanup(self.plain.close)
        self.plain.flushall()
        self.cached = self.client()

    def client(self):
        client = redis.Redis(port=PORT, protocol=3, decode_responses=True, cache_config=CacheConfig())
        self.addCleanup(client.close)
        return client

    def gets(self):
        return self.plain.info("commandstats").get("cmdstat_get", {}).get("calls", 0)

    def until(self, condition):
        """Messages are read with the next command, which may come before them."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            self.assertLess(time.monotonic(), deadline)

    def test_a_second_read_does_not_reach_the_server(self):
        self.plain.set("k", "v")
        self.assertEqual(self.cached.get("k"), "v")
        before = self.gets()
        self.assertEqual([self.cached.get("k") for _ in range(10)], ["v"] * 10)
        self.assertEqual(self.gets(), before)
        self.assertIsNotNone(self.cached.get_cache().get(cache_key("GET", "k")))

    def test_a_change_reaches_the_cache(self):
        changes = (
            lambda: self.plain.set("k", "w"),
            lambda: self.plain.delete("k"),
            lambda: self.plain.mset({"k": "x", "l": "y"}),
            lambda: self.plain.rename("l", "k"),
            lambda: self.plain.flushall(),
            lambda: self.plain.set("k", "z", px=1),
        )
        for change in changes:
            self.cached.get("k")
            change()
            self.until(lambda: self.cached.get("k") == self.plain.get("k"))

    def test_its_own_change_reaches_the_cache(self):
        self.cached.set("k", "v")
        self.assertEqual(self.cached.get("k"), "v")
        self.cached.set("k", "w")
        self.assertEqual(self.cached.get("k"), "w")

    def test_hashes_and_several_keys(self):
        self.plain.hset("h", mapping={"f": "1"})
        self.plain.mset({"a": "1", "b": "2"})
        self.assertEqual((self.cached.hgetall("h"), self.cached.mget("a", "b")), ({"f": "1"}, ["1", "2"]))
        self.plain.hset("h", "f", "2")
        self.plain.set("b", "3")
        self.until(lambda: self.cached.hgetall("h") == {"f": "2"} and self.cached.mget("a", "b") == ["1", "3"])

    def test_nothing_old_is_left_while_others_write(self):
        ended = threading.Event()

        def write():
            with redis.Redis(port=PORT) as writer:
                for number in range(2000):
                    writer.set(f"k{number % 5}", number)
            ended.set()

        writing = threading.Thread(target=write)
        writing.start()
        clients = [self.client() for _ in range(3)]
        while not ended.is_set():
            for client in clients:
                client.get("k0"), client.mget("k1", "k2"), client.get("k4")
        writing.join()
        for client in clients:
            self.until(lambda: [client.get(f"k{key}") for key in range(5)] == self.plain.mget(f"k{key}" for key in range(5)))


class Events(unittest.TestCase):
    def test_events_of_a_key_come_in_order(self):
        with redis.Redis(port=PORT, decode_responses=True) as client:
            client.flushall()
            client.config_set("notify-keyspace-events", "KEA")
            self.addCleanup(self.switch_off)
            with client.pubsub(ignore_subscribe_messages=True) as subscriber:
                subscriber.psubscribe("__keyspace@0__:k")
                client.set("k", "v", ex=100)
                client.rename("k", "l")
                client.copy("l", "k")
                client.hset("h", "f", "1")
                client.delete("k")
                seen = []
                deadline = time.monotonic() + PATIENCE_S
                while len(seen) < 5 and time.monotonic() < deadline:
                    message = subscriber.get_message(timeout=1)
                    seen += [message["data"]] if message else []
                self.assertEqual(seen, ["set", "expire", "rename_from", "copy_to", "del"])

    def switch_off(self):
        with redis.Redis(port=PORT) as client:
            client.config_set("notify-keyspace-events", "")


if __name__ == "__main__":
    unittest.main()
