"""Tests of the test: its reader and rules on known bytes, and with a fault put between it and a server."""

import os
import random
import re
import select
import socket
import threading
import unittest
from argparse import Namespace

import example_files
import generated
import interop
import notation
import prose
import pubsub
import wire
from commands import show, vsim_options
from difference import Difference
from differences import DIFFERENCES, NEAR, RAW_DIFFERENCES, explain, explain_raw
from pair import Pair
from peers import PEERS
from report import Report
from rules import equal
from servers import USUAL_FLAGS, Given, Servers, Started

OPTIONS = Namespace(seed=1, count=3000, nearhit=None, peer=None, peer_twice=True, verbose=False)


def run(options):
    OPTIONS.against, OPTIONS.peer_binary = options.against, options.peer_binary
    suite = unittest.defaultTestLoader.loadTestsFromName(__name__)
    return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1


def reply(data):
    return wire.parse(data)[0]


def vsim(*extra):
    return [b"VSIM", b"k", b"ELE", b"a", *extra]


class Messages(unittest.TestCase):
    """What has no order in `pubsub.txt` may come in any, and nothing else."""

    def frame(self, *words, count=None):
        words = [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
        if count is not None:
            words.append(b":%d\r\n" % count)
        return b"*%d\r\n%s" % (len(words), b"".join(words))

    def ended(self, name, count):
        return self.frame(b"unsubscribe", name, count=count)

    def test_order_is_free_where_the_peer_has_none(self):
        by_pattern = [self.frame(b"pmessage", pattern, b"a", b"x") for pattern in (b"a*", b"*a")]
        self.assertTrue(pubsub.same([], b"".join(by_pattern), b"".join(reversed(by_pattern))))
        peer, ours = self.ended(b"a", 1) + self.ended(b"b", 0), self.ended(b"b", 1) + self.ended(b"a", 0)
        self.assertTrue(pubsub.same([[b"UNSUBSCRIBE"]], peer, ours))

    def test_all_else_must_be_equal(self):
        one, other = self.frame(b"message", b"a", b"1"), self.frame(b"message", b"a", b"2")
        for peer, ours in (
            (one + other, other + one),
            (one, b""),
            (one, one + one),
            (one + b":1\r\n", b":1\r\n" + one),
            (self.ended(b"a", 1) + self.ended(b"b", 0), self.ended(b"a", 0) + self.ended(b"b", 1)),
            (one, one.replace(b"*", b">")),
        ):
            self.assertFalse(pubsub.same([], peer, ours), (peer, ours))


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
        self.assertEqual(words(r'A "b\r\n\x00" f32(1) *2(x) *'), [b"A", b"b\r\n\0", b"\0\0\x80?", b"x", b"x", b"*"])
        self.assertEqual(show([b"A", b"\0", b""]), 'A "\\x00" ""')
        rng = random.Random(1)
        for _ in range(300):
            args = [rng.randbytes(rng.randrange(6)) for _ in range(3)]
            self.assertEqual(words(show(args)), args)


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

    def test_fields_of_hashes_come_in_any_order(self):
        one, other = reply(b"%2\r\n+a\r\n+1\r\n+b\r\n+2\r\n"), reply(b"%2\r\n+b\r\n+2\r\n+a\r\n+1\r\n")
        self.assertTrue(equal([b"HGETALL", b"h"], one, other))
        self.assertFalse(equal([b"HGETALL", b"h"], one, reply(b"%2\r\n+b\r\n+1\r\n+a\r\n+2\r\n")))
        scans = [reply(b"*2\r\n$1\r\n%d\r\n*4\r\n%s" % (cursor, items)) for cursor, items in (
            (0, b"+a\r\n+1\r\n+b\r\n+2\r\n"), (0, b"+b\r\n+2\r\n+a\r\n+1\r\n"), (1, b"+b\r\n+2\r\n+a\r\n+1\r\n"))]  # fmt: skip
        self.assertTrue(equal([b"HSCAN", b"h", b"0"], scans[0], scans[1]))
        self.assertFalse(equal([b"HSCAN", b"h", b"0"], scans[0], scans[2]))

    def test_random_fields_are_fields(self):
        witness = [reply(b"%2\r\n+a\r\n+1\r\n+b\r\n+2\r\n")] * 2
        one = reply(b"*1\r\n*2\r\n+a\r\n+1\r\n")
        asked = [b"HRANDFIELD", b"h", b"1", b"WITHVALUES"]
        self.assertTrue(equal(asked, one, reply(b"*1\r\n*2\r\n+b\r\n+2\r\n"), witness))
        self.assertFalse(equal(asked, one, reply(b"*1\r\n*2\r\n+b\r\n+1\r\n"), witness))
        self.assertFalse(equal(asked, one, reply(b"*0\r\n"), witness))
        self.assertTrue(equal(asked[:3], reply(b"*1\r\n$1\r\na\r\n"), reply(b"*1\r\n$1\r\nb\r\n"), witness))
        twice = reply(b"*2\r\n$1\r\na\r\n$1\r\na\r\n")
        self.assertFalse(equal([b"HRANDFIELD", b"h", b"2"], reply(b"*2\r\n$1\r\na\r\n$1\r\nb\r\n"), twice, witness))

    def test_times_of_fields_may_differ_a_little(self):
        asked = [b"HPTTL", b"h", b"FIELDS", b"2", b"a", b"b"]
        self.assertTrue(equal(asked, reply(b"*2\r\n:-1\r\n:1000\r\n"), reply(b"*2\r\n:-1\r\n:1900\r\n")))
        self.assertFalse(equal(asked, reply(b"*2\r\n:-1\r\n:1000\r\n"), reply(b"*2\r\n:-2\r\n:1000\r\n")))

    def test_idle_times_may_differ_by_a_second(self):
        asked = [b"OBJECT", b"idletime", b"k"]
        self.assertTrue(equal(asked, reply(b":200\r\n"), reply(b":201\r\n")))
        self.assertFalse(equal(asked, reply(b":200\r\n"), reply(b":202\r\n")))
        self.assertFalse(equal(asked, reply(b":0\r\n"), reply(b"$-1\r\n")))
        self.assertFalse(equal([b"OBJECT", b"FREQ", b"k"], reply(b":1\r\n"), reply(b":2\r\n")))

    def test_documentation_is_compared_but_for_the_order_of_sets(self):
        def docs(flags, name=b"$1\r\nx\r\n"):
            return reply(b"%%1\r\n$3\r\nget\r\n%%1\r\n$9\r\narguments\r\n*1\r\n%%2\r\n$4\r\nname\r\n%s$5\r\nflags\r\n%s" % (name, flags))

        one, other = docs(b"~2\r\n+a\r\n+b\r\n"), docs(b"~2\r\n+b\r\n+a\r\n")
        asked = [b"COMMAND", b"DOCS", b"get"]
        self.assertTrue(equal(asked, one, other))
        self.assertFalse(equal(asked, one, docs(b"~2\r\n+b\r\n+c\r\n")))
        self.assertFalse(equal(asked, one, docs(b"~2\r\n+b\r\n+a\r\n", b"$1\r\ny\r\n")))

    def test_bytes_elsewhere(self):
        self.assertFalse(equal([b"VCARD", b"k"], reply(b":1\r\n"), reply(b":2\r\n")))
        self.assertFalse(equal([b"VEMB", b"k", b"a"], reply(b"*1\r\n,1.5\r\n"), reply(b"*1\r\n,1.5000001\r\n")))
        self.assertFalse(equal(vsim(), reply(b"*0\r\n"), reply(b"-ERR x\r\n")))

    def test_options_of_a_search_are_found_behind_the_query(self):
        words = [b"VSIM", b"k", b"VALUES", b"1", b"COUNT", b"count", b"3", b"FILTER", b"WITHSCORES"]
        self.assertEqual(vsim_options(words), {b"COUNT": b"3", b"FILTER": b"WITHSCORES"})


def words(line):
    return notation.words(line)


def id_of(difference):
    return difference and difference.id


class Explaining(unittest.TestCase):
    """Each deliberate difference: a case that it covers, and one beside it that it must not cover."""

    def check(self, line, peer, ours, history=(), witness=None):
        return id_of(explain(words(line), reply(peer), reply(ours), [words(earlier) for earlier in history], witness))

    def test_ids_are_those_of_the_table_for_people(self):
        with open(os.path.join(os.path.dirname(__file__), "differences.md"), encoding="utf-8") as file:
            rows = re.findall(r"^\| `([a-z-]+)` \|", file.read(), re.MULTILINE)
        own = [difference for peer in PEERS.values() for difference in peer.differences]
        self.assertEqual(rows, [difference.id for difference in DIFFERENCES + RAW_DIFFERENCES + own])

    def test_non_finite(self):
        refused = b"-ERR invalid vector specification\r\n"
        for vector in ("VALUES 2 1 inf", "VALUES 2 1e39 1", "FP32 f32(nan,1)", "VALUES 2 1e20 1e20", "VALUES 1 0x1p200"):
            self.assertEqual(self.check(f"VADD k {vector} a", b":1\r\n", refused), "non-finite", vector)
            self.assertEqual(self.check(f"VSIM k {vector}", b"*0\r\n", refused), "non-finite", vector)
        self.assertIsNone(self.check("VADD k VALUES 2 1 2 a", b":1\r\n", refused))
        self.assertIsNone(self.check("VADD k VALUES 2 1 inf a", b":1\r\n", b":0\r\n"))

    def test_attribute_count(self):
        peer, ours = b"%2\r\n+attributes-count\r\n:0\r\n+size\r\n:2\r\n", b"%2\r\n+attributes-count\r\n:1\r\n+size\r\n:2\r\n"
        self.assertEqual(self.check("VINFO k", peer, ours, ["VADD k VALUES 1 1 a CAS SETATTR x"]), "attribute-count")
        self.assertIsNone(self.check("VINFO k", peer, ours, ["VADD k VALUES 1 1 a SETATTR x"]))
        self.assertIsNone(self.check("VINFO k", peer, ours[:-3] + b"3\r\n", ["VADD k VALUES 1 1 a CAS SETATTR x"]))

    def test_empty_attribute(self):
        added = ['VADD k VALUES 1 1 a SETATTR ""']
        self.assertEqual(self.check("VGETATTR k a", b"$0\r\n\r\n", b"$-1\r\n", added), "empty-attribute")
        self.assertIsNone(self.check("VGETATTR k a", b"$0\r\n\r\n", b"$-1\r\n", ["VADD k VALUES 1 1 a"]))
        self.assertIsNone(self.check("VGETATTR k a", b"$0\r\n\r\n", b"$1\r\nx\r\n", added))

    def test_reduce_to_same(self):
        peer, ours = b"%1\r\n$1\r\na\r\n,0.7\r\n", b"%1\r\n$1\r\na\r\n,1\r\n"
        line = "VSIM k VALUES 2 1 2 WITHSCORES"
        self.assertEqual(self.check(line, peer, ours, ["VADD k REDUCE 2 VALUES 2 1 2 a"]), "reduce-to-same")
        self.assertIsNone(self.check(line, ours, peer, ["VADD k REDUCE 2 VALUES 3 1 2 3 a"]))

    def test_better_recall(self):
        one, two = b"%1\r\n$1\r\na\r\n,0.7\r\n", b"%2\r\n$1\r\na\r\n,0.7\r\n$1\r\nb\r\n,0.6\r\n"
        truth = reply(two), reply(two)
        line = "VSIM k ELE a WITHSCORES"
        self.assertEqual(self.check(line, one, two, witness=truth), "better-recall")
        self.assertIsNone(self.check(line, two, one, witness=truth))
        self.assertIsNone(self.check(line, one, two.replace(b"0.7", b"0.8"), witness=truth))
        self.assertIsNone(self.check(line, one, two.replace(b"b", b"c"), witness=truth))
        self.assertIsNone(self.check(line + " TRUTH", one, two, witness=truth))
        found = b"*1\r\n$1\r\na\r\n", b"*2\r\n$1\r\na\r\n$1\r\nb\r\n"
        self.assertEqual(self.check("VSIM k ELE a", *found, witness=truth), "better-recall")
        self.assertIsNone(self.check("VSIM k ELE a", *found, witness=(reply(one), reply(one))))

    def test_filter_ef(self):
        replies = b"*0\r\n", b"*1\r\n$1\r\na\r\n"
        self.assertEqual(self.check("VSIM k ELE a FILTER 1 FILTER-EF 4294967297", *replies), "filter-ef")
        self.assertIsNone(self.check("VSIM k ELE a FILTER 1 FILTER-EF 4294967295", *replies))

    def test_own_filter(self):
        refused, taken = NEAR + b"x\r\n", b"*1\r\n$1\r\na\r\n"
        for words in (b"exists(.n)", b".a.b == 1", b".n not in [1, 2]", b"-.n < 3", b"!!.n", b".n == null", b".n > 1e-5"):
            args = [b"VSIM", b"k", b"ELE", b"a", b"FILTER", words]
            self.assertEqual(explain(args, *map(reply, (refused, taken)), []).id, "own-filter", words)
            self.assertIsNone(explain(args, *map(reply, (refused, NEAR + b"y\r\n")), []), words)
            self.assertIsNone(explain(args, *map(reply, (taken, b"*0\r\n")), []), words)
        self.assertIsNone(self.check("VSIM k ELE a FILTER .n>-3.5*foo", refused, taken))
        self.assertIsNone(self.check("VSIM k ELE a COUNT exists(.n)", refused, taken))

    def test_expired_digest(self):
        args = [b"DEBUG", b"DIGEST-VALUE", b"k"]
        nothing, something = (b"*1\r\n+" + 40 * digit + b"\r\n" for digit in (b"0", b"a"))

        def explained(*writes, replies=(something, nothing)):
            found = explain(args, *map(reply, replies), [write.split() for write in writes])
            return found and found.id

        self.assertEqual(explained(b"SET k v PXAT 6852 GET IFNE x"), "expired-digest")
        self.assertEqual(explained(b"SET k v", b"set k v exat 9"), "expired-digest")
        self.assertIsNone(explained())
        self.assertIsNone(explained(b"SET k v PXAT 6852", b"SET k v"))
        self.assertIsNone(explained(b"SET k v PXAT 4000000000000"))
        self.assertIsNone(explained(b"SET k v PXAT 6852", replies=(something, something.replace(b"a", b"b"))))

    def test_variadic(self):
        arity = b"-ERR wrong number of arguments for 'VREM' command\r\n"
        self.assertEqual(self.check("VREM k a b", arity, b":2\r\n"), "variadic")
        self.assertIsNone(self.check("VREM k a b", arity, b"-ERR syntax error\r\n"))
        self.assertIsNone(self.check("VCARD k a", arity.replace(b"VREM", b"VCARD"), b":2\r\n"))

    def test_variadic_vemb(self):
        refused, two = b"-ERR invalid option\r\n", b"*2\r\n_\r\n_\r\n"
        for line in ("VEMB k a b", "VEMB k a BLAH RAW", "VEMB k a RAW b"):
            three = two if "RAW b" not in line else b"*3\r\n_\r\n_\r\n_\r\n"
            self.assertEqual(self.check(line, refused, three), "variadic", line)
        self.assertIsNone(self.check("VEMB k a b c", refused, two))
        self.assertIsNone(self.check("VEMB k a RAW", refused, two))
        self.assertIsNone(self.check("VEMB k a b", two, refused))

    def test_vadd_extension(self):
        refused = b"-ERR invalid option after element\r\n"
        for words in ("METRIC L2", "CAS EF 5 F16", "SETATTR x values 1 1 b", "FP32", "quant Q8", "M 8 rq4 RERANK Q8", "RERANK"):
            self.assertEqual(self.check(f"VADD k VALUES 2 1 2 a {words}", refused, b":1\r\n"), "vadd-extension", words)
            self.assertEqual(self.check(f"VADD k REDUCE 1 FP32 f32(1,2) a {words}", refused, b":1\r\n"), "vadd-extension", words)
        for words in ("BLAH", "BLAH METRIC", "SETATTR METRIC BLAH", "SETATTR", ""):
            self.assertIsNone(self.check(f"VADD k VALUES 2 1 2 a {words}", refused, b":1\r\n"), words)
        self.assertIsNone(self.check("VADD k VALUES 2 1 2 a METRIC L2", b"-ERR invalid EF\r\n", b":1\r\n"))

    def test_hash_encoding(self):
        ours, grown = b"$8\r\nlistpack\r\n", b"$9\r\nhashtable\r\n"
        self.assertEqual(self.check("OBJECT ENCODING h", grown, ours), "hash-encoding")
        self.assertIsNone(self.check("OBJECT ENCODING h", ours, grown))
        self.assertIsNone(self.check("OBJECT ENCODING h", b"$3\r\nraw\r\n", ours))

    def test_extended_docs(self):
        def docs(since, flags, summary=b"s"):
            fields = b"$7\r\nsummary\r\n$1\r\n%s\r\n$5\r\nsince\r\n$1\r\n%s\r\n" % (summary, since)
            fields += b"$9\r\narguments\r\n*1\r\n%%1\r\n$5\r\nflags\r\n~%d\r\n" % len(flags)
            return b"%1\r\n$4\r\nVREM\r\n%3\r\n" + fields + b"".join(b"+%s\r\n" % flag for flag in flags)

        self.assertEqual(self.check("COMMAND DOCS VREM", docs(b"8", []), docs(b"8", [b"multiple"])), "extended-docs")
        self.assertEqual(self.check("COMMAND DOCS VREM", docs(b"8", []), docs(b"8", [b"multiple"], b"t")), "extended-docs")
        self.assertIsNone(self.check("COMMAND DOCS VREM", docs(b"8", []), docs(b"9", [b"multiple"])))
        self.assertIsNone(self.check("COMMAND DOCS VDIM", docs(b"8", []), docs(b"8", [b"multiple"])))

    def test_refused_docs(self):
        def docs(summary, since):
            return b"%%1\r\n$6\r\nasking\r\n%%2\r\n$7\r\nsummary\r\n$1\r\n%s\r\n$5\r\nsince\r\n$1\r\n%s\r\n" % (summary, since)

        self.assertEqual(self.check("COMMAND DOCS asking", docs(b"a", b"3"), docs(b"b", b"3")), "refused-docs")
        self.assertIsNone(self.check("COMMAND DOCS asking", docs(b"a", b"3"), docs(b"b", b"4")))
        self.assertIsNone(self.check("COMMAND DOCS get", docs(b"a", b"3"), docs(b"b", b"4")))

    def test_nul_in_label(self):
        refused = b"-ERR Client names cannot contain spaces, newlines or special characters.\r\n"
        self.assertEqual(self.check('CLIENT SETNAME "a\\x00b"', b"+OK\r\n", refused), "nul-in-label")
        self.assertIsNone(self.check("CLIENT SETNAME ab", b"+OK\r\n", refused))
        self.assertIsNone(self.check('CLIENT SETNAME "a\\x00b"', refused, b"+OK\r\n"))

    def of_redis810(self, line, peer, ours):
        own = PEERS["redis810"].differences
        return id_of(explain(words(line), reply(peer), reply(ours), [], own=own))

    def of_valkey(self, line, peer, ours):
        own = PEERS["valkey9"].differences
        return id_of(explain(words(line), reply(peer), reply(ours), [], own=own))

    def test_own_words(self):
        one, other = b"-ERR one\r\n", b"-ERR other\r\n"
        self.assertEqual(self.of_valkey("HGETEX h FIELDS 0 a", one, other), "own-words")
        self.assertIsNone(self.of_valkey("GET k", one, other))
        self.assertIsNone(self.of_valkey("HGETEX h FIELDS 1 a", one, b"*0\r\n"))

    def test_fields_last(self):
        refused = b"-ERR numfields should be greater than 0 and match the provided number of fields\r\n"
        self.assertEqual(self.of_valkey("HGETEX h FIELDS 1 a EX 10", refused, b"*1\r\n_\r\n"), "fields-last")
        self.assertIsNone(self.of_valkey("HGETALL h", refused, b"*0\r\n"))
        self.assertIsNone(self.of_valkey("HGETEX h FIELDS 1 a EX 10", b"*0\r\n", b"*1\r\n_\r\n"))

    def test_field_options(self):
        beyond = b"-ERR invalid expire time in 'hexpire' command\r\n"
        self.assertEqual(self.of_valkey("HEXPIRE h 70368744177 FIELDS 1 a", b"*1\r\n:1\r\n", beyond), "field-options")
        self.assertIsNone(self.of_valkey("EXPIRE h 70368744177", b":1\r\n", beyond))
        self.assertIsNone(self.of_valkey("HEXPIRE h 70368744177 FIELDS 1 a", b"*1\r\n:1\r\n", b"-ERR no\r\n"))

    def test_comparisons(self):
        refused = b"-ERR syntax error\r\n"
        for line in ("SET s v IFNE w", "SET s v get ifdeq 0123456789abcdef", "SET s v IFEQ a IFEQ b"):
            self.assertEqual(self.of_valkey(line, refused, b"+OK\r\n"), "comparisons", line)
        for line in ("SET s v IFEQ w", "SET s IFNE", "GET s IFNE w"):
            self.assertIsNone(self.of_valkey(line, refused, b"+OK\r\n"), line)

    def test_replies_of_valkey_alone(self):
        error, none = b"-ERR invalid expire time in 'getex' command\r\n", b"$-1\r\n"
        self.assertEqual(self.of_valkey("GETEX nope EX 0", error, none), "missing-first")
        self.assertIsNone(self.of_valkey("GETEX k EX 0", error, b"$1\r\nv\r\n"))
        types = b"-ERR unknown type name 'x'\r\n", b"*2\r\n$1\r\n0\r\n*0\r\n"
        self.assertEqual(self.of_valkey("SCAN 0 TYPE x", *types), "type-name")
        self.assertIsNone(self.of_valkey("SCAN 0 TYPE x", *types[::-1]))
        self.assertEqual(self.of_valkey("EXEC", b"-EXECABORT x\r\n", b"*0\r\n"), "nested")
        self.assertIsNone(self.of_valkey("EXEC", b"*0\r\n", b"-EXECABORT x\r\n"))
        kinds = b"$6\r\nembstr\r\n", b"$3\r\nraw\r\n"
        self.assertEqual(self.of_valkey("OBJECT ENCODING k", *kinds), "embedded")
        self.assertIsNone(self.of_valkey("OBJECT ENCODING k", *kinds[::-1]))

    def test_what_the_server_of_valkey_is(self):
        def hello(server, protocol=3):
            return b"%%2\r\n$6\r\nserver\r\n$%d\r\n%s\r\n$5\r\nproto\r\n:%d\r\n" % (len(server), server, protocol)

        self.assertEqual(self.of_valkey("HELLO 3", hello(b"valkey"), hello(b"redis")), "hello")
        self.assertIsNone(self.of_valkey("HELLO 3", hello(b"valkey"), hello(b"redis", 2)))
        self.assertEqual(self.of_valkey("CLIENT LIST USER a", b"$0\r\n\r\n", b"-ERR syntax error\r\n"), "client")
        self.assertIsNone(self.of_valkey("CLIENT GETNAME", b"$0\r\n\r\n", b"-ERR syntax error\r\n"))
        self.assertEqual(self.of_valkey("DEBUG DIGEST-VALUE h", b"*1\r\n+a\r\n", b"*1\r\n+b\r\n"), "field-digest")
        self.assertIsNone(self.of_valkey("DEBUG DIGEST", b"+a\r\n", b"+b\r\n"))

    def test_dump_version(self):
        def dump(value, version):
            return b"$%d\r\n%s\r\n" % (len(value) + 10, value + bytes([version, 0]) + b"checksum")

        self.assertEqual(self.of_redis810("DUMP k", dump(b"abc", 15), dump(b"abc", 13)), "dump-version")
        self.assertIsNone(self.of_redis810("DUMP k", dump(b"abc", 15), dump(b"abd", 13)))
        self.assertIsNone(self.of_redis810("DUMP k", dump(b"abc", 15), dump(b"abc", 14)))
        self.assertIsNone(self.of_redis810("GET k", dump(b"abc", 15), dump(b"abc", 13)))
        self.assertIsNone(self.check("DUMP k", dump(b"abc", 15), dump(b"abc", 13)))

    def test_own_prose(self):
        def docs(text, version=b"7", name=b"a"):
            fields = b"$7\r\nsummary\r\n$1\r\n%s\r\n$7\r\nhistory\r\n~1\r\n*2\r\n$1\r\n%s\r\n$1\r\n%s\r\n" % (text, version, text)
            return b"%1\r\n$3\r\nget\r\n%3\r\n" + fields + b"$9\r\narguments\r\n*1\r\n%%1\r\n$4\r\nname\r\n$1\r\n%s\r\n" % name

        line = "COMMAND DOCS get"
        self.assertEqual(self.check(line, docs(b"x"), docs(b"y")), "own-prose")
        self.assertIsNone(self.check(line, docs(b"x"), docs(b"y", version=b"8")))
        self.assertIsNone(self.check(line, docs(b"x"), docs(b"y", name=b"b")))
        self.assertIsNone(self.check("VINFO get", docs(b"x"), docs(b"y")))

    def test_own_prose_of_arguments(self):
        def docs(name, more):
            fields = b"$9\r\narguments\r\n*1\r\n%%%d\r\n$4\r\nname\r\n$1\r\n%s\r\n%s" % (1 + bool(more), name, more)
            return b"%1\r\n$6\r\nincrex\r\n%1\r\n" + fields

        summary = b"$7\r\nsummary\r\n$1\r\ns\r\n"
        self.assertEqual(self.check("COMMAND DOCS increx", docs(b"a", summary), docs(b"a", b"")), "own-prose")
        self.assertIsNone(self.check("COMMAND DOCS increx", docs(b"a", summary), docs(b"b", b"")))

    def test_own_prose_of_help(self):
        def lines(*lines):
            return b"*%d\r\n%s" % (len(lines), b"".join(b"+%s\r\n" % line for line in lines))

        peer = lines(b"X <subcommand>", b"GET <pattern>", b"    Return it.", b"    * ID <id>")
        self.assertEqual(self.check("x help", peer, lines(b"X <subcommand>", b"GET <pattern>", b"    Show it.")), "own-prose")
        self.assertIsNone(self.check("x help", peer, lines(b"X <subcommand>", b"GET <name>", b"    Show it.")))
        self.assertIsNone(self.check("x help", peer, lines(b"X <subcommand>", b"    Return it.")))

    def test_prose_that_is_repeated(self):
        peer = [b"Return the number of elements in a set.", b"O(1)", b"ID", b"Return it."]
        for ours in (b"    * return the number of elements in a set", b"Returns the number of elements of a set", b"Return it"):
            self.assertEqual([mine for _, mine in prose.repeated(peer, [ours])], [ours])
        for ours in (b"Count the elements", b"O(1)", b"ID", b"Return that."):
            self.assertEqual(list(prose.repeated(peer, [ours])), [], ours)
        lines = reply(b"*4\r\n+X <subcommand>\r\n+KILL\r\n+    Close some.\r\n+    * TYPE (A|B)\r\n")
        self.assertEqual(list(prose.texts_of_help(lines)), [b"Close some."])

    def test_info_newer(self):
        def info(fields):
            text = b"# Memory\r\nmaxmemory:1\r\n" + fields
            return b"$%d\r\n%s\r\n" % (len(text), text)

        self.assertEqual(self.of_redis810("INFO memory", info(b"mem_clients_normal_shared:1\r\n"), info(b"")), "info-newer")
        self.assertIsNone(self.of_redis810("INFO memory", info(b"other_clients:1\r\n"), info(b"")))
        self.assertIsNone(self.check("INFO memory", info(b"mem_clients_normal_shared:1\r\n"), info(b"")))

    def test_cluster_loading(self):
        def row(flags, arity=2):
            sets = b"~%d\r\n%s" % (len(flags), b"".join(b"+%s\r\n" % flag for flag in flags))
            return b"*1\r\n*10\r\n$12\r\ncluster|info\r\n:%d\r\n%s:0\r\n:0\r\n:0\r\n~0\r\n~0\r\n~0\r\n~0\r\n" % (arity, sets)

        line = "COMMAND INFO cluster|info"
        self.assertEqual(self.of_redis810(line, row([b"loading", b"stale"]), row([b"stale"])), "cluster-loading")
        self.assertIsNone(self.of_redis810(line, row([b"loading", b"stale"]), row([b"stale"], 3)))
        self.assertIsNone(self.of_redis810(line, row([b"fast", b"stale"]), row([b"stale"])))

    def test_inline_nul(self):
        waiting, answered = (b"", "waiting"), (b"-ERR unknown command ''\r\n", "open")
        self.assertEqual(explain_raw(b"\0\r\n", waiting, answered), "inline-nul")
        self.assertIsNone(explain_raw(b"PING\r\n", waiting, answered))
        self.assertIsNone(explain_raw(b"*1\r\n$1\r\n\0\r\n", waiting, answered))

    def test_endless_length(self):
        refused = b"-ERR Protocol error: too big bulk count string\r\n", "closed"
        self.assertEqual(explain_raw(b"*1\r\n$" + b"1" * 200_000, (b"", "waiting"), refused), "endless-length")
        self.assertIsNone(explain_raw(b"*1\r\n$" + b"1" * 2000, (b"", "waiting"), refused))


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
        example_files.run(self.servers, report, OPTIONS)
        self.assertGreater(report.equal, 1500)
        self.assertEqual([finding.args for finding in report.findings], [])
        self.assertLessEqual(set(report.deliberate), {"filter-ef"}, "an effort of one node finds one or another")

    def test_a_fault_is_found(self):
        faults = (b"invalid COUNT", b"invalid count"), (b"#t\r\n", b":1\r\n"), (b"+int8", b"+int9"), (b",0.5\r\n", b",0.6\r\n")
        for find, replace in faults:
            proxy = Proxy(self.servers.ours.address, find, replace)
            report = Report("examples")
            example_files.run(Servers(self.servers.peer, proxy.given), report, OPTIONS)
            proxy.close()
            self.assertTrue(report.findings, find)
            self.assertTrue(all(finding.peer != finding.ours for finding in report.findings))

    def test_a_fault_is_found_among_generated_commands(self):
        proxy = Proxy(self.servers.ours.address, b"invalid EF", b"invalid ef")
        report = Report("generated")
        # So many that both commands have the error.
        generated.run(Servers(self.servers.peer, proxy.given), report, Namespace(**{**vars(OPTIONS), "count": 12000}))
        proxy.close()
        self.assertEqual({finding.args[0].upper() for finding in report.findings}, {b"VADD", b"VSIM"})
        self.assertGreater(report.equal, 2000)

    def test_a_fault_is_found_within_a_transaction(self):
        proxy = Proxy(self.servers.ours.address, b"$2\r\n17\r\n", b"$2\r\n18\r\n")
        report = Report("transaction")
        pair = Pair(Servers(self.servers.peer, proxy.given), report)
        pair.reset()
        pair.batch([words(line) for line in ("SET k 17", "MULTI", "HSET h a 1 b 2", "GET k", "HGETALL h", "EXEC")])
        proxy.close()
        self.assertEqual([finding.args for finding in report.findings], [[b"GET", b"k"]])

    def test_what_deliberately_parts_is_removed_from_both(self):
        taken = Difference("taken", "", lambda args, *_: args[0] == b"SET", diverges=True)
        proxy = Proxy(self.servers.ours.address, b"+OK", b"+KO")
        report = Report("parted")
        pair = Pair(Servers(self.servers.peer, proxy.given, [taken]), report)
        pair.reset()
        pair.check("SET", "k", "v")
        self.assertEqual([reply.value for reply in pair.ask("EXISTS", "k")], [b"0", b"0"])
        proxy.close()
        self.assertEqual(dict(report.deliberate), {"taken": 1})

    def test_a_crash_of_the_peer_is_reported_and_survived(self):
        servers, report = Servers.start(OPTIONS), Report("crash")
        pair = Pair(servers, report)
        pair.batch([words("PING"), words("VADD k VALUES 9223372036854775807 1 2 a"), words("PING")])
        self.assertIn("peer crashed, and did not answer: PING; VADD k VALUES 9223372036854775807 1 2 a; PING", report.notes)
        pair.check("PING")
        self.assertEqual(report.equal, 1)
        servers.stop()

    def test_a_dead_server_is_found(self):
        peer = Started("peer", OPTIONS.peer_binary, USUAL_FLAGS)
        ours = Started("nearhit", OPTIONS.peer_binary, USUAL_FLAGS)
        servers, report = Servers(peer, ours), Report("crash")
        pair = Pair(servers, report)
        ours.process.kill()
        pair._send([[b"PING"]])
        self.assertEqual(report.findings[0].note, "nearhit crashed")
        pair.check("PING")
        self.assertEqual(report.equal, 1)
        servers.stop()


class Files(unittest.TestCase):
    """What is changed after it was saved is not in the file, and must be missed."""

    CHANGES = {
        b"PEXPIRETIME": "PEXPIREAT s:1 4000000000123",
        b"GET": "SET many:1 other",
        b"VCARD": "VREM v:q8-M4 e1",
        b"DEBUG": "VSETATTR v:none e5 other",
        b"TYPE": "DEL h:large",
    }

    def setUp(self):
        self.saved = interop.fill, interop.ELEMENTS, interop.QUERIES
        interop.ELEMENTS, interop.QUERIES = 70, 5

    def tearDown(self):
        interop.fill, interop.ELEMENTS, interop.QUERIES = self.saved

    def exchange(self, after):
        """Sends those commands when all is saved, and before the file is loaded; the report."""
        fill = self.saved[0]

        def fill_and_change(server, way, options):
            fill(server, way, options)
            client = interop.Client(server)
            client.ask_all(map(words, after))
            client.close()

        interop.fill, report = fill_and_change, Report("interop")
        interop.exchange(interop.Way("peer", "rdb"), report, OPTIONS)
        return report

    def test_equal_files_show_nothing(self):
        report = self.exchange([])
        self.assertEqual([finding.args for finding in report.findings], [])
        self.assertGreater(report.equal, 3000)

    def test_a_change_is_found(self):
        report = self.exchange(self.CHANGES.values())
        self.assertLessEqual(set(self.CHANGES), {finding.args[0] for finding in report.findings})
