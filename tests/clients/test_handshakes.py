"""What clients of other languages send when they connect, byte for byte, and what they need of the replies.

Their libraries are not in the registries that these tests use, so their requests are written down here, as the sources
of the libraries have them: StackExchange.Redis 2 (C#), Lettuce 7 and Jedis 7 (Java), go-redis 9 (Go). A client that
pipelines its handshake sends it in one write here too: each request must have its reply, whatever became of the others.
"""

import os
import socket
import unittest

PORT = int(os.environ["NEARHIT_PORT"])
# No reply takes a fraction of this; it ends a test that waits for one which never comes.
PATIENCE_S = 60
PASSWORD = "s3cret of the test"


class Failure(Exception):
    """An error reply."""


class Push(list):
    """A message that no request asked for."""


class Connection:
    """Sends requests in one write, and reads replies of both protocols."""

    def __init__(self, port=PORT, tls=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.bytes = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bytes.close()
        self.socket.close()

    def pipeline(self, *requests):
        """One reply for each request."""
        self.socket.sendall(b"".join(encoded(request) for request in requests))
        return [self.reply() for _ in requests]

    def ask(self, *words):
        return self.pipeline(words)[0]

    def reply(self):
        line = self.bytes.readline()
        assert line.endswith(b"\r\n"), f"the connection was closed: {line}"
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return Failure(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"_" or rest == b"-1":
            return None
        if kind in b"$=":
            return self.bytes.read(int(rest) + 2)[:-2]
        items = [self.reply() for _ in range(int(rest) * (2 if kind == b"%" else 1))]
        if kind == b"%":
            return dict(zip(items[::2], items[1::2]))
        return Push(items) if kind == b">" else items


def encoded(words):
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Handshakes(unittest.TestCase):
    def setUp(self):
        with Connection() as connection:
            self.assertEqual(connection.ask("FLUSHALL"), "OK")

    # Where and how clients connect: see `test_handshakes_trust`.
    HOW = {}

    def connect(self):
        connection = Connection(**self.HOW)
        self.addCleanup(connection.__exit__)
        return connection

    def set_password(self, password):
        """Until the test ends."""
        admin = self.connect()
        self.assertEqual(admin.ask("CONFIG", "SET", "requirepass", password), "OK")
        self.addCleanup(admin.ask, "CONFIG", "SET", "requirepass", "")

    def assert_hello(self, reply, protocol):
        """What Lettuce and go-redis read of it."""
        self.assertIsInstance(reply, dict)
        self.assertEqual((reply[b"server"], reply[b"proto"], reply[b"mode"], reply[b"role"]), (b"redis", protocol, b"standalone", b"master"))
        self.assertRegex(reply[b"version"].decode(), r"^\d+\.\d+\.\d+$")
        self.assertIsInstance(reply[b"id"], int)
        self.assertIsInstance(reply[b"modules"], list)

    def assert_fails(self, reply, beginning):
        self.assertIsInstance(reply, Failure)
        self.assertTrue(str(reply).startswith(beginning), str(reply))


class StackExchange(Handshakes):
    """One connection for requests and one for subscriptions; without SUBSCRIBE it would retry for ever."""

    ECHOED = bytes(range(240, 256))

    def requests(self, name):
        return [
            ("CLIENT", "SETNAME", name),
            ("CLIENT", "SETINFO", "lib-name", "SE.Redis"),
            ("CLIENT", "SETINFO", "lib-ver", "2.9.32.54136"),
            ("CLIENT", "ID"),
            ("CONFIG", "GET", "timeout"),
            ("CONFIG", "GET", "replica-read-only"),
            ("CONFIG", "GET", "databases"),
            ("INFO", "replication"),
            ("INFO", "server"),
            ("CLUSTER", "NODES"),
            ("GET", "__Booksleeve_TieBreak"),
            ("ECHO", self.ECHOED),
        ]

    def check(self, replies):
        named, library, version, ident, timeout, read_only, databases, replication, server, nodes, tie, echo = replies
        self.assertEqual([named, library, version], ["OK"] * 3)
        self.assertGreater(ident, 0)
        self.assertEqual(self.pair(timeout), (b"timeout", b"0"))
        self.assertEqual(self.pair(read_only), (b"replica-read-only", b"yes"))
        self.assertEqual(self.pair(databases), (b"databases", b"16"))
        self.assertIn(b"\r\nrole:master\r\n", replication)
        self.assertRegex(server.decode(), r"\r\nredis_version:\d+\.\d+\.\d+\r\n")
        self.assertRegex(server.decode(), r"\r\nredis_mode:standalone\r\n")
        # The client takes this error as the sign of a server without a cluster.
        self.assert_fails(nodes, "ERR This instance has cluster support disabled")
        self.assertIsNone(tie)
        self.assertEqual(echo, self.ECHOED)

    @staticmethod
    def pair(reply):
        return next(iter(reply.items())) if isinstance(reply, dict) else tuple(reply)

    def test_in_resp2(self):
        self.check(self.connect().pipeline(*self.requests("WEB-1")))

    def test_in_resp3(self):
        hello, *replies = self.connect().pipeline(("HELLO", "3", "SETNAME", "WEB-1"), *self.requests("WEB-1"))
        self.assert_hello(hello, 3)
        self.check(replies)

    def test_with_a_password(self):
        self.set_password(PASSWORD)
        replies = self.connect().pipeline(("AUTH", PASSWORD), *self.requests("WEB-1"))
        self.assertEqual(replies[0], "OK")
        self.check(replies[1:])
        user = self.connect().pipeline(("AUTH", "default", PASSWORD), *self.requests("WEB-1"))
        self.check(user[1:])

    def test_without_the_password_each_request_has_its_error(self):
        self.set_password(PASSWORD)
        requests = self.requests("WEB-1")
        for reply in self.connect().pipeline(*requests):
            self.assert_fails(reply, "NOAUTH Authentication required.")

    def test_the_connection_for_subscriptions(self):
        channel = "__Booksleeve_MasterChanged"
        subscriber = self.connect()
        self.assertEqual(subscriber.ask("CLIENT", "SETNAME", "WEB-1"), "OK")
        self.assertEqual(subscriber.ask("SUBSCRIBE", channel), [b"subscribe", channel.encode(), 1])
        # It keeps the connection alive with PING, whose reply has another shape here.
        self.assertEqual(subscriber.ask("PING"), [b"pong", b""])
        self.assertEqual(self.connect().ask("PUBLISH", channel, "10.0.0.1:6379"), 1)
        self.assertEqual(subscriber.reply(), [b"message", channel.encode(), b"10.0.0.1:6379"])
        self.assertEqual(subscriber.ask("UNSUBSCRIBE", channel), [b"unsubscribe", channel.encode(), 0])
        self.assertEqual(subscriber.ask("PING"), "PONG")

    def test_a_heartbeat(self):
        connection = self.connect()
        self.assertIn(b"role:master", connection.ask("INFO", "replication"))
        self.assertEqual(connection.ask("PING"), "PONG")


class Lettuce(Handshakes):
    """HELLO 3 first; AUTH or PING if the server does not know it."""

    AFTER = [("CLIENT", "SETINFO", "lib-name", "Lettuce"), ("CLIENT", "SETINFO", "lib-ver", "7.2.0.RELEASE/6c1d4f3")]

    def test_in_resp3(self):
        connection = self.connect()
        self.assert_hello(connection.ask("HELLO", "3", "SETNAME", "orders"), 3)
        self.assertEqual(connection.pipeline(("SELECT", "2"), *self.AFTER), ["OK"] * 3)
        # Messages about maintenance are not promised, and their absence is no fault.
        reply = connection.ask("CLIENT", "MAINT_NOTIFICATIONS", "on", "moving-endpoint-type", "internal-ip")
        self.assert_fails(reply, "ERR unknown subcommand")
        info = connection.ask("CLIENT", "INFO").decode()
        for field in ["name=orders", "db=2", "resp=3", "lib-name=Lettuce", "lib-ver=7.2.0.RELEASE/6c1d4f3"]:
            self.assertIn(f" {field} ", info)

    def test_with_a_password(self):
        self.set_password(PASSWORD)
        self.assert_hello(self.connect().ask("HELLO", "3", "AUTH", "default", PASSWORD, "SETNAME", "orders"), 3)
        connection = self.connect()
        self.assert_fails(connection.ask("HELLO", "3", "AUTH", "default", "wrong"), "WRONGPASS ")
        self.assert_fails(connection.ask("HELLO", "3"), "NOAUTH ")

    def test_a_protocol_that_is_not_there_is_refused_by_name(self):
        self.assert_fails(self.connect().ask("HELLO", "4"), "NOPROTO ")

    def test_in_resp2(self):
        connection = self.connect()
        self.assertEqual(connection.ask("PING"), "PONG")
        self.assertEqual(connection.pipeline(("CLIENT", "SETNAME", "orders"), *self.AFTER), ["OK"] * 3)

    def test_a_read_only_connection(self):
        """READONLY is an error on a server without a cluster, and Lettuce only sends it to clusters."""
        self.assert_fails(self.connect().ask("READONLY"), "ERR This instance has cluster support disabled")


class Jedis(Handshakes):
    """RESP2 without HELLO, unless the application asks for RESP3."""

    AFTER = [("CLIENT", "SETINFO", "lib-name", "jedis"), ("CLIENT", "SETINFO", "lib-ver", "7.2.0")]

    def test_in_resp2(self):
        connection = self.connect()
        self.assertEqual(connection.pipeline(("CLIENT", "SETNAME", "pool-1"), *self.AFTER), ["OK"] * 3)
        self.assertEqual([connection.ask("SELECT", "1"), connection.ask("PING")], ["OK", "PONG"])

    def test_in_resp3(self):
        self.set_password(PASSWORD)
        connection = self.connect()
        self.assert_hello(connection.ask("HELLO", "3", "AUTH", "default", PASSWORD, "SETNAME", "pool-1"), 3)
        self.assertEqual(connection.pipeline(*self.AFTER), ["OK"] * 2)

    def test_a_password_that_nobody_asked_for(self):
        reply = self.connect().ask("AUTH", "x")
        self.assert_fails(reply, "ERR AUTH <password> called without any password configured for the default user")

    def test_a_pool_that_tests_and_resets_its_connections(self):
        connection = self.connect()
        self.assertEqual(connection.pipeline(("PING",), ("UNWATCH",), ("QUIT",)), ["PONG", "OK", "OK"])


class GoRedis(Handshakes):
    """HELLO 3; what follows is pipelined, and errors to CLIENT SETINFO and MAINT_NOTIFICATIONS are nothing to it."""

    AFTER = [("CLIENT", "SETINFO", "LIB-NAME", "go-redis(,go1.25.1)"), ("CLIENT", "SETINFO", "LIB-VER", "9.22.0")]

    def test_in_resp3(self):
        connection = self.connect()
        self.assert_hello(connection.ask("HELLO", "3"), 3)
        self.assertEqual(connection.pipeline(("SELECT", "3"), ("CLIENT", "SETNAME", "api")), ["OK"] * 2)
        reply = connection.ask("CLIENT", "MAINT_NOTIFICATIONS", "ON", "moving-endpoint-type", "none")
        self.assert_fails(reply, "ERR unknown subcommand")
        self.assertEqual(connection.pipeline(*self.AFTER), ["OK"] * 2)
        self.assertIn("lib-name=go-redis(,go1.25.1)", connection.ask("CLIENT", "INFO").decode())

    def test_with_a_password(self):
        self.set_password(PASSWORD)
        self.assert_hello(self.connect().ask("HELLO", "3", "AUTH", "default", PASSWORD), 3)
        # With the older way if HELLO fails: AUTH in a pipeline with the rest.
        connection = self.connect()
        self.assert_fails(connection.ask("HELLO", "3"), "NOAUTH ")
        self.assertEqual(connection.pipeline(("AUTH", PASSWORD), ("SELECT", "1")), ["OK"] * 2)

    def test_a_subscription_shares_the_connection(self):
        connection = self.connect()
        connection.ask("HELLO", "3")
        self.assertEqual(connection.ask("SUBSCRIBE", "news"), Push([b"subscribe", b"news", 1]))
        self.assertEqual(connection.ask("PING"), "PONG")
        self.assertEqual(connection.ask("SET", "k", "v"), "OK")


class Hiredis(Handshakes):
    """Nothing at all, then inline commands or requests."""

    def test_a_first_request(self):
        self.assertEqual(self.connect().ask("SET", "k", "v"), "OK")


class Explorers(Handshakes):
    """What RedisInsight and other tools for people ask first."""

    def test_redis_insight(self):
        connection = self.connect()
        info, modules, databases, clients, size, cluster, sentinel = connection.pipeline(
            ("INFO",),
            ("MODULE", "LIST"),
            ("CONFIG", "GET", "databases"),
            ("CLIENT", "LIST"),
            ("DBSIZE",),
            ("CLUSTER", "INFO"),
            ("SENTINEL", "MASTERS"),
        )
        self.assertIn(b"redis_version:", info)
        self.assertIsInstance(modules, list)
        self.assertEqual(databases, [b"databases", b"16"])
        self.assertIn(b" cmd=client|list ", clients)
        self.assertEqual(size, 0)
        self.assert_fails(cluster, "ERR This instance has cluster support disabled")
        self.assert_fails(sentinel, "ERR unknown command 'SENTINEL'")

    def test_a_page_of_keys(self):
        connection = self.connect()
        connection.pipeline(("SET", "k", "v"), ("VADD", "v", "VALUES", "2", "1", "0", "e"))
        cursor, keys = connection.ask("SCAN", "0", "COUNT", "500", "MATCH", "*")
        self.assertEqual((cursor, sorted(keys)), (b"0", [b"k", b"v"]))
        replies = connection.pipeline(*[(*words,) for key in (b"k", b"v") for words in facts(key)])
        self.assertEqual([replies[0], replies[3], replies[1], replies[4]], ["string", "vectorset", -1, -1])
        self.assertTrue(all(size > 0 for size in (replies[2], replies[5])))

    def test_who_is_there(self):
        """As tools and start scripts ask since Redis 6."""
        connection = self.connect()
        self.assertEqual(connection.ask("ACL", "WHOAMI"), b"default")
        [rules] = [line for line in connection.ask("ACL", "LIST") if line.startswith(b"user default ")]
        self.assertIn(b" on ", rules)
        self.assertIn(b"read", connection.ask("ACL", "CAT"))
        self.assertEqual(connection.ask("ACL", "DRYRUN", "default", "GET", "k"), "OK")

    def test_help_for_people(self):
        lines = self.connect().ask("OBJECT", "HELP")
        self.assertTrue(lines[0].startswith("OBJECT <subcommand>"))
        self.assertIn("ENCODING <key>", lines)


class Spring(Handshakes):
    """Spring Session and lock libraries ask for events of keys at start, and end if they may not."""

    def test_events_of_sessions(self):
        admin = self.connect()
        self.addCleanup(admin.ask, "CONFIG", "SET", "notify-keyspace-events", "")
        self.assertEqual(admin.ask("CONFIG", "GET", "notify-keyspace-events"), [b"notify-keyspace-events", b""])
        self.assertEqual(admin.ask("CONFIG", "SET", "notify-keyspace-events", "Egx"), "OK")
        listener = self.connect()
        patterns = ["__keyevent@0__:expired", "__keyevent@0__:del"]
        for count, pattern in enumerate(patterns, 1):
            self.assertEqual(listener.ask("PSUBSCRIBE", pattern), [b"psubscribe", pattern.encode(), count])
        session = "spring:session:sessions:expires:1"
        self.assertEqual(admin.pipeline(("APPEND", session, ""), ("DEL", session)), [0, 1])
        # APPEND of nothing to no key makes an empty one.
        self.assertEqual(listener.reply(), [b"pmessage", patterns[1].encode(), patterns[1].encode(), session.encode()])


def facts(key):
    return [("TYPE", key), ("TTL", key), ("MEMORY", "USAGE", key, "SAMPLES", "0")]


if __name__ == "__main__":
    unittest.main()
