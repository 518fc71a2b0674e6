"""The same handshakes over TLS, and as a user who may only read and ask how the server is."""

import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import unittest

import test_handshakes
from test_handshakes import Connection, Handshakes

USER, PASSWORD = "monitor", "a secret of the test"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def set_options(**options):
    with Connection() as admin:
        words = [word for name, value in options.items() for word in (name.replace("_", "-"), value)]
        reply = admin.ask("CONFIG", "SET", *words)
        assert reply == "OK", reply


@unittest.skipIf(shutil.which("openssl") is None, "certificates are made by openssl")
class OverTls:
    """Mixed into handshakes: a certificate is made, and the port opened, by CONFIG SET."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        certificate, key = (str(pathlib.Path(folder.name) / name) for name in ("server.crt", "server.key"))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
            check=True, capture_output=True,
        )  # fmt: skip
        port = free_port()
        set_options(tls_cert_file=certificate, tls_key_file=key, tls_auth_clients="no", tls_port=port)
        cls.addClassCleanup(set_options, tls_port=0)
        cls.HOW = {"port": port, "tls": ssl.create_default_context(cafile=certificate)}


def over_tls(handshakes):
    return type(f"{handshakes.__name__}OverTls", (OverTls, handshakes), {"__doc__": handshakes.__doc__})


StackExchangeOverTls = over_tls(test_handshakes.StackExchange)
LettuceOverTls = over_tls(test_handshakes.Lettuce)
JedisOverTls = over_tls(test_handshakes.Jedis)
GoRedisOverTls = over_tls(test_handshakes.GoRedis)
ExplorersOverTls = over_tls(test_handshakes.Explorers)
SpringOverTls = over_tls(test_handshakes.Spring)


class AsAReader(Handshakes):
    """`+@connection +info +@read`: handshakes come to their end, and what is refused says NOPERM and what."""

    def setUp(self):
        super().setUp()
        with Connection() as admin:
            rules = ["on", f">{PASSWORD}", "+@connection", "+info", "+@read", "~*", "&*"]
            self.assertEqual(admin.ask("ACL", "SETUSER", USER, "reset", *rules), "OK")
            self.assertEqual(admin.ask("SET", "k", "v"), "OK")
        self.addCleanup(self.forget)

    @staticmethod
    def forget():
        with Connection() as admin:
            admin.ask("ACL", "DELUSER", USER)

    def test_stack_exchange(self):
        connection = self.connect()
        stack_exchange = test_handshakes.StackExchange
        replies = connection.pipeline(("AUTH", USER, PASSWORD), *stack_exchange.requests(stack_exchange, "WEB-1"))
        logged_in, named, library, version, ident, *options, replication, server, nodes, tie, echo = replies
        self.assertEqual([logged_in, named, library, version], ["OK"] * 4)
        self.assertGreater(ident, 0)
        for refused in (*options, nodes):
            self.assert_fails(refused, f"NOPERM User {USER} has no permissions to run the ")
        self.assertIn(b"role:master", replication)
        self.assertIn(b"redis_version:", server)
        self.assertIsNone(tie)
        self.assertEqual(echo, stack_exchange.ECHOED)

    def test_lettuce_and_go_redis(self):
        for after in (test_handshakes.Lettuce.AFTER, test_handshakes.GoRedis.AFTER):
            connection = self.connect()
            self.assert_hello(connection.ask("HELLO", "3", "AUTH", USER, PASSWORD, "SETNAME", "api"), 3)
            self.assertEqual(connection.pipeline(("SELECT", "3"), *after), ["OK"] * 3)
            self.assertIn(f" user={USER} ", connection.ask("CLIENT", "INFO").decode())

    def test_what_it_reads_and_what_it_does_not_change(self):
        connection = self.connect()
        self.assertEqual(connection.ask("AUTH", USER, PASSWORD), "OK")
        value, exists, written, options = connection.pipeline(
            ("GET", "k"), ("EXISTS", "k"), ("SET", "k", "w"), ("CONFIG", "GET", "*")
        )
        self.assertEqual((value, exists), (b"v", 1))
        for refused, name in ((written, "set"), (options, "config|get")):
            self.assert_fails(refused, f"NOPERM User {USER} has no permissions to run the '{name}' command")
        self.assertEqual(connection.ask("GET", "k"), b"v")

    def test_a_wrong_password(self):
        self.assert_fails(self.connect().ask("AUTH", USER, "x"), "WRONGPASS ")
        self.assert_fails(self.connect().ask("HELLO", "3", "AUTH", USER, "x"), "WRONGPASS ")


# The classes that are imported are tests of their own module.
def load_tests(loader, _, __):
    own = [case for case in globals().values() if isinstance(case, type) and case.__module__ in (__name__, "abc")]
    cases = [case for case in own if issubclass(case, unittest.TestCase)]
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in cases)


if __name__ == "__main__":
    os.chdir(pathlib.Path(__file__).parent)
    unittest.main()
