"""Tests of the test: its reader and rules on known bytes, and with a fault put between it and a server."""

import threading
import select
import socket
import unittest
from argparse import Namespace

import examples
import notation
import wire
from commands import show, vsim_options
from differences import explain
from report import Report
from rules import equal
from servers import Given, PEER_FLAGS, Servers, Started

OPTIONS = Namespace(seed=1, count=500, nearhit=None, peer=None, peer_twice=True, verbose=False)


def run(options):
    OPTIONS.peer_binary = options.peer_binary
    suite = unittest.defaultTestLoader.loadTestsFromName(__name__)
    return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1


def reply(data):
    return wire.parse(data)[0]


def vsim(*extra):
    return [b"VSIM", b"k", b"ELE", b"a", *extra]


class Reading(unittest.TestCase):
    def test_keeps_the_raw_bytes_of_every_type(self):
        for data in (b"+OK\r\n", b":1\r\n", b"$-1\r\n", b"$3\r\na\r\n\r\n", b"*-1\r\n", b"*2\r\n:1\r\n*0\r\n", b"_\r\n", b"#t\r\n",
                     b",1.5\r\n", b"%1\r\n+a\r\n,1\r\n", b"=7\r\ntxt:abc\r\n", b"~1\r\n:1\r\n", b"(12\r\n"):  # fmt: skip
            self.assertEqual(reply(data).raw, data)
            for end in range(len(data)):
                with self.assertRaises(wire.Incomplete):
                    wire.parse(data[:end])

    def test_refuses_what_is_no_reply(self):
        with self.assertRaises(wire.Malformed):
            wire.parse(b"hello\r\n")

    def test_notation(self):
        self.assertEqual(notation.words(r'A "b\r\n\x00" f32(1) *2(x) *'), [b"A", b"b\r\n\0", b"\0\0\x80?", b"x", b"x", b"*"])
        self.assertEqual(show([b"A", b"\0", b""]), 'A "\\x00" ""')


class Ruling(unittest.TestCase):
    def test_scores_may_differ_a_little(self):
        peer = reply(b"%1\r\n$1\r\na\r\n,0.5\r\n")
        self.assertTrue(equal(vsim(b"WITHSCORES"), peer, reply(b"%1\r\n$1\r\na\r\n,0.5000001\r\n")))
        self.assertFalse(equal(vsim(b"WITHSCORES"), peer, reply(b"%1\r\n$1\r\na\r\n,0.51\r\n")))
        self.assertFalse(equal(vsim(b"WITHSCORES"), peer, reply(b"*2\r\n$1\r\na\r\n$3\r\n0.5\r\n")))

    def test_order_is_free_among_equal_scores_only(self):
        one = reply(b"*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n1\r\n")
        other = reply(b"*4\r\n$1\r\nb\r\n$1\r\n1\r\n$1\r\na\r\n$1\r\n1\r\n")
        self.assertTrue(equal(vsim(b"WITHSCORES"), one, other))
        one = reply(b"*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$3\r\n0.5\r\n")
        other = reply(b"*4\r\n$1\r\nb\r\n$1\r\n1\r\n$1\r\na\r\n$3\r\n0.5\r\n")
        self.assertFalse(equal(vsim(b"WITHSCORES"), one, other))

    def test_order_without_scores_needs_a_witness(self):
        one, other = reply(b"*2\r\n$1\r\na\r\n$1\r\nb\r\n"), reply(b"*2\r\n$1\r\nb\r\n$1\r\na\r\n")
        witness = reply(b"%2\r\n$1\r\na\r\n,1\r\n$1\r\nb\r\n,1\r\n")
        self.assertTrue(equal(vsim(), one, other, (witness, witness)))
        self.assertFalse(equal(vsim(), one, other))

    def test_other_elements_pass_only_where_count_cuts_equal_scores(self):
        one, other = reply(b"%1\r\n$1\r\na\r\n,1\r\n"), reply(b"%1\r\n$1\r\nb\r\n,1\r\n")
        self.assertTrue(equal(vsim(b"WITHSCORES", b"COUNT", b"1"), one, other))
        self.assertFalse(equal(vsim(b"WITHSCORES", b"COUNT", b"2"), one, other))

    def test_bytes_elsewhere(self):
        self.assertFalse(equal([b"VCARD", b"k"], reply(b":1\r\n"), reply(b":2\r\n")))
        self.assertFalse(equal([b"VEMB", b"k", b"a"], reply(b"*1\r\n,1.5\r\n"), reply(b"*1\r\n,1.5000001\r\n")))
        self.assertFalse(equal(vsim(), reply(b"*0\r\n"), reply(b"-ERR x\r\n")))

    def test_options_of_a_search_are_found_behind_the_query(self):
        words = [b"VSIM", b"k", b"VALUES", b"1", b"COUNT", b"count", b"3", b"FILTER", b"WITHSCORES"]
        self.assertEqual(vsim_options(words), {b"COUNT": b"3", b"FILTER": b"WITHSCORES"})

    def test_deliberate_differences_are_narrow(self):
        refused, added = reply(b"-ERR invalid vector specification\r\n"), reply(b":1\r\n")
        vector = [b"VADD", b"k", b"VALUES", b"2", b"1", b"inf", b"a"]
        self.assertEqual(explain(vector, added, refused, []), "non-finite")
        self.assertIsNone(explain([*vector[:5], b"2", b"a"], added, refused, []))
        self.assertIsNone(explain(vector, added, reply(b":0\r\n"), []))


class Proxy:
    """Stands before a server and alters one stretch of its replies wherever it appears."""

    def __init__(self, address, find, replace):
        self.address, self.find, self.replace = address, find, replace
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.given = Given("faulty", self.listener.getsockname())
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, socket.create_connection(self.address) as server:
            while True:
                for source in select.select([client, server], [], [])[0]:
                    data = source.recv(1 << 16)
                    if not data:
                        return
                    if source is server:
                        client.sendall(data.replace(self.find, self.replace))
                    else:
                        server.sendall(data)

    def close(self):
        self.listener.close()


class Failing(unittest.TestCase):
    """The examples between two peers: no difference; with a fault put in: differences."""

    @classmethod
    def setUpClass(cls):
        cls.servers = Servers.start(OPTIONS)

    @classmethod
    def tearDownClass(cls):
        cls.servers.stop()

    def test_peer_against_peer_shows_nothing(self):
        report = Report("examples")
        examples.run(self.servers, report, OPTIONS)
        self.assertGreater(report.equal, 1500)
        self.assertEqual([finding.args for finding in report.findings], [])
        self.assertEqual(report.deliberate.total(), 0)

    def test_a_fault_is_found(self):
        for find, replace in ((b"invalid COUNT", b"invalid count"), (b"#t\r\n", b":1\r\n"), (b"+int8", b"+int9")):
            proxy = Proxy(self.servers.ours.address, find, replace)
            report = Report("examples")
            examples.run(Servers(self.servers.peer, proxy.given), report, OPTIONS)
            proxy.close()
            self.assertTrue(report.findings, find)
            self.assertTrue(all(finding.peer != finding.ours for finding in report.findings))

    def test_a_dead_server_is_found(self):
        peer = Started("peer", OPTIONS.peer_binary, PEER_FLAGS)
        ours = Started("nearhit", OPTIONS.peer_binary, PEER_FLAGS)
        servers, report = Servers(peer, ours), Report("crash")
        pair = examples.Pair(servers, report)
        ours.process.kill()
        pair._send([[b"PING"]])
        self.assertEqual(report.findings[0].note, "nearhit crashed")
        pair.check("PING")
        self.assertEqual(report.equal, 1)
        servers.stop()
