"""redis-py as applications use it: the same tests in RESP2 and RESP3, with every redis-py that knows vector sets."""

import os
import struct
import unittest

import redis
from redis.exceptions import ResponseError

PORT = int(os.environ["NEARHIT_PORT"])
# Which takes `with_attribs` and knows `vrange`.
IS_8 = int(redis.__version__.split(".")[0]) >= 8
KEY = "points"
POINTS = {"right": [1.0, 0.0], "up": [0.0, 1.0], "left": [-1.0, 0.0], "down": [0.0, -1.0]}


def fp32(*components):
    return struct.pack(f"<{len(components)}f", *components)


class Session:
    """What both protocols share."""

    protocol = 2

    def setUp(self):
        self.redis = redis.Redis(port=PORT, protocol=self.protocol)
        self.addCleanup(self.redis.close)
        self.redis.flushall()
        self.vset = self.redis.vset()

    def fill(self, **options):
        for name, vector in POINTS.items():
            self.assertEqual(self.vset.vadd(KEY, vector, name, **options), 1)

    def refused(self, text, *command):
        with self.assertRaises(ResponseError) as caught:
            self.redis.execute_command(*command)
        self.assertEqual(str(caught.exception), text)


class Connection(Session):
    def test_ping_and_echo(self):
        self.assertTrue(self.redis.ping())
        self.assertEqual(self.redis.echo(b"\x00\r\n\xff"), b"\x00\r\n\xff")

    def test_the_client_is_listed_with_its_name_library_and_protocol(self):
        self.redis.client_setname("me")
        info = self.redis.client_info()
        self.assertEqual((info["name"], info["db"], str(info["resp"])), ("me", 0, str(self.protocol)))
        # 8.x adds what it was built into.
        self.assertTrue(info["lib-name"].startswith("redis-py"), info["lib-name"])
        self.assertEqual(info["lib-ver"], redis.__version__)

    def test_databases_are_apart(self):
        other = redis.Redis(port=PORT, db=5, protocol=self.protocol)
        self.addCleanup(other.close)
        other.set("k", "five")
        self.assertIsNone(self.redis.get("k"))
        self.assertEqual((other.get("k"), other.dbsize(), self.redis.dbsize()), (b"five", 1, 0))

    def test_info_and_config_are_read(self):
        self.assertIn("redis_version", self.redis.info("server"))
        self.redis.set("k", 1)
        self.assertEqual(self.redis.info("keyspace")["db0"]["keys"], 1)
        self.assertEqual(self.redis.config_get("port"), {"port": str(PORT)})

    def test_commands_are_described(self):
        self.assertGreater(self.redis.command_count(), 50)
        described = self.redis.command()
        self.assertEqual((described["get"]["arity"], described["VSIM"]["arity"]), (2, -4))


class Vectors(Session):
    def test_elements_are_added_updated_and_removed(self):
        self.fill()
        self.assertEqual(self.vset.vadd(KEY, [1.0, 1.0], "right"), 0)
        self.assertEqual((self.vset.vcard(KEY), self.vset.vdim(KEY)), (4, 2))
        self.assertEqual([self.vset.vrem(KEY, name) for name in (*POINTS, "right")], [1, 1, 1, 1, 0])
        self.assertEqual(self.redis.exists(KEY), 0)

    def test_nearest_come_first(self):
        self.fill()
        self.assertEqual(self.vset.vsim(KEY, [1.0, 0.1]), [b"right", b"up", b"down", b"left"])
        self.assertEqual(self.vset.vsim(KEY, "up", count=1), [b"up"])
        self.assertEqual(self.vset.vsim(KEY, fp32(-1, -0.5), count=2, truth=True), [b"left", b"down"])
        self.assertEqual(self.vset.vsim("missing", "up"), [])

    def test_scores_are_similarities(self):
        self.fill(quantization=redis_quantization("NOQUANT"))
        scores = self.vset.vsim(KEY, "right", with_scores=True)
        self.assertEqual(list(scores)[0], b"right")
        for name, score in {b"right": 1.0, b"up": 0.5, b"down": 0.5, b"left": 0.0}.items():
            self.assertAlmostEqual(scores[name], score, places=6)

    def test_epsilon_bounds_the_distance(self):
        self.fill()
        found = self.redis.execute_command("VSIM", KEY, "ELE", "right", "EPSILON", "0.6")
        self.assertEqual(set(found), {b"right", b"up", b"down"})

    def test_raw_replies_have_the_shape_of_the_protocol(self):
        self.vset.vadd(KEY, [1.0, 0.0], "a", attributes={"x": 1})
        self.vset.vadd(KEY, [-1.0, 0.0], "b")
        both = self.redis.execute_command("VSIM", KEY, "ELE", "a", "WITHSCORES", "WITHATTRIBS")
        if self.protocol == 3:
            self.assertEqual(both, {b"a": [1.0, b'{"x": 1}'], b"b": [0.0, None]})
        else:
            self.assertEqual(both, [b"a", b"1", b'{"x": 1}', b"b", b"0", None])
        member = self.redis.execute_command("VISMEMBER", KEY, "a")
        self.assertIs(type(member), bool if self.protocol == 3 else int)
        self.assertEqual(member, 1)

    @unittest.skipUnless(IS_8, "redis-py 8 only")
    def test_attributes_come_with_the_results(self):
        self.vset.vadd(KEY, [1.0, 0.0], "a", attributes={"x": 1})
        self.vset.vadd(KEY, [0.0, 1.0], "b")
        found = self.vset.vsim(KEY, "a", with_scores=True, with_attribs=True)
        self.assertEqual(found[b"a"], {"score": 1.0, "attributes": {"x": 1}})
        self.assertIsNone(found[b"b"]["attributes"])

    def test_vectors_come_back(self):
        self.vset.vadd(KEY, [3.0, 4.0], "a", quantization=redis_quantization("NOQUANT"))
        for got, sent in zip(self.vset.vemb(KEY, "a"), [3.0, 4.0], strict=True):
            self.assertAlmostEqual(float(got), sent, places=5)
        raw = self.vset.vemb(KEY, "a", raw=True)
        self.assertEqual((raw["quantization"], raw["l2"]), (b"f32", 5.0))
        self.assertEqual(raw["raw"], fp32(0.6, 0.8))
        self.assertIsNone(self.vset.vemb(KEY, "missing"))

    def test_quantised_bytes(self):
        self.vset.vadd(KEY, [1.0, -0.25], "a")
        raw = self.vset.vemb(KEY, "a", raw=True)
        self.assertEqual((raw["quantization"], raw["raw"]), (b"int8", struct.pack("2b", 127, -32)))
        self.vset.vadd("bits", [1.0, -0.5, 2.0], "a", quantization=redis_quantization("BIN"))
        raw = self.vset.vemb("bits", "a", raw=True)
        self.assertEqual((raw["quantization"], raw["raw"]), (b"bin", struct.pack("<Q", 0b101)))

    def test_info(self):
        self.fill(numlinks=8)
        info = {name.decode(): value for name, value in self.vset.vinfo(KEY).items()}
        shown = {"quant-type": b"int8", "hnsw-m": 8, "vector-dim": 2, "projection-input-dim": 0, "size": 4}
        self.assertEqual({name: info[name] for name in shown}, shown)
        self.assertEqual(info["attributes-count"], 0)
        self.assertIsNone(self.vset.vinfo("missing"))

    def test_links_lead_to_others(self):
        self.fill()
        links = self.vset.vlinks(KEY, "up")[-1]
        scores = self.vset.vlinks(KEY, "up", with_scores=True)[-1]
        # Which of them is for the server to choose.
        self.assertTrue(links)
        self.assertEqual(set(scores), set(links))
        for name, score in scores.items():
            self.assertAlmostEqual(score, {b"right": 0.5, b"left": 0.5, b"down": 0.0}[name], places=6)
        self.assertIsNone(self.vset.vlinks(KEY, "missing"))

    def test_projection(self):
        for i in range(8):
            self.vset.vadd(KEY, [float(i == j) for j in range(8)], f"e{i}", reduce_dim=4)
        self.assertEqual(self.vset.vdim(KEY), 4)
        # Queries are projected like elements.
        scores = self.vset.vsim(KEY, [float(j == 3) for j in range(8)], with_scores=True)
        self.assertAlmostEqual(scores[b"e3"], 1.0, delta=0.01)

    def test_random_elements(self):
        self.fill()
        names = {name.encode() for name in POINTS}
        self.assertIn(self.vset.vrandmember(KEY), names)
        self.assertEqual(set(self.vset.vrandmember(KEY, 10)), names)
        self.assertEqual(len(self.vset.vrandmember(KEY, -10)), 10)
        self.assertIsNone(self.vset.vrandmember("missing"))

    def test_ranges_of_names(self):
        self.fill()
        ask = lambda *bounds: self.redis.execute_command("VRANGE", KEY, *bounds)
        self.assertEqual(ask("-", "+"), [b"down", b"left", b"right", b"up"])
        self.assertEqual(ask("[left", "(up", 1), [b"left"])
        self.assertEqual(ask("(right", "+", -1), [b"up"])
        if IS_8:
            self.assertEqual(self.vset.vrange(KEY, "[m", "+"), [b"right", b"up"])

    def test_names_are_bytes(self):
        names = [b"", b"\x00", b"\xff\xfe\r\n", "näme ✓".encode(), b"x" * 5000]
        for name in names:
            self.assertEqual(self.redis.execute_command("VADD", b"\x00k\r\n", "FP32", fp32(1, 2), name), 1)
        self.assertEqual(set(self.vset.vsim(b"\x00k\r\n", [1.0, 2.0])), set(names))
        self.assertEqual(self.redis.execute_command("VRANGE", b"\x00k\r\n", "-", "+"), sorted(names))


class Attributes(Session):
    def setUp(self):
        super().setUp()
        self.vset.vadd(KEY, [1.0, 0.0], "alien", attributes={"year": 1979, "genre": ["horror", "sf"]})
        self.vset.vadd(KEY, [0.9, 0.1], "brazil", attributes={"year": 1985, "genre": ["sf"], "rating": 7.9})
        self.vset.vadd(KEY, [0.8, 0.2], "heat", attributes={"year": 1995, "genre": ["crime"]})
        self.vset.vadd(KEY, [0.7, 0.3], "none")

    def films(self, expression):
        return [name.decode() for name in self.vset.vsim(KEY, "alien", filter=expression)]

    def test_filters(self):
        self.assertEqual(self.films(".year < 1990"), ["alien", "brazil"])
        self.assertEqual(self.films(".year >= 1985 and .year <= 1995"), ["brazil", "heat"])
        self.assertEqual(self.films('"sf" in .genre'), ["alien", "brazil"])
        self.assertEqual(self.films(".rating > 7 or .year == 1995"), ["brazil"])
        self.assertEqual(self.films(".year in [1979, 1995]"), ["alien", "heat"])
        self.assertEqual(self.films('not ("sf" in .genre)'), ["heat"])
        self.assertEqual(self.films(".nothing == 1"), [])

    def test_attributes_are_kept_changed_and_removed(self):
        self.vset.vadd(KEY, [0.5, 0.5], "heat")
        self.assertEqual(self.vset.vgetattr(KEY, "heat")["year"], 1995)
        self.assertEqual(self.vset.vsetattr(KEY, "heat", {"year": 2000}), 1)
        self.assertEqual(self.films(".year == 2000"), ["heat"])
        self.assertEqual(self.redis.execute_command("VSETATTR", KEY, "heat", ""), 1)
        self.assertIsNone(self.vset.vgetattr(KEY, "heat"))
        self.assertEqual(self.redis.execute_command("VSETATTR", KEY, "missing", "{}"), 0)
        self.assertEqual(self.vset.vinfo(KEY)[b"attributes-count"], 2)

    def test_a_bad_expression_is_refused(self):
        self.refused("syntax error in FILTER expression near: )(", "VSIM", KEY, "ELE", "alien", "FILTER", ")(")


class Errors(Session):
    def test_texts(self):
        self.fill()
        self.redis.set("s", 1)
        wrong_type = "WRONGTYPE Operation against a key holding the wrong kind of value"
        for text, *command in [
            ("wrong number of arguments for 'VADD' command", "vadd", KEY),
            ("invalid vector specification", "VADD", KEY, "VALUES", 2, 1, "x", "e"),
            ("invalid vector specification", "VADD", KEY, "FP32", b"abc", "e"),
            ("invalid option after element", "VADD", KEY, "VALUES", 2, 1, 2, "e", "BLAH"),
            ("invalid M", "VADD", KEY, "VALUES", 2, 1, 2, "e", "M", 1),
            ("invalid EF", "VADD", KEY, "VALUES", 2, 1, 2, "e", "EF", 0),
            ("asked quantization mismatch with existing vector set", "VADD", KEY, "VALUES", 2, 1, 2, "e", "BIN"),
            ("asked M value mismatch with existing vector set", "VADD", KEY, "VALUES", 2, 1, 2, "e", "M", 9),
            ("Vector dimension mismatch - got 3 but set has 2", "VADD", KEY, "VALUES", 3, 1, 2, 3, "e"),
            ("Vector dimension mismatch - got 1 but set has 2", "VSIM", KEY, "VALUES", 1, 1),
            ("element not found in set", "VSIM", KEY, "ELE", "missing"),
            ("syntax error in VSIM command", "VSIM", KEY, "ELE", "up", "BLAH"),
            ("invalid COUNT", "VSIM", KEY, "ELE", "up", "COUNT", 0),
            ("invalid EPSILON", "VSIM", KEY, "ELE", "up", "EPSILON", 0),
            ("key does not exist", "VDIM", "missing"),
            ("invalid start range format", "VRANGE", KEY, "a", "+"),
            ("COUNT value is not an integer", "VRANDMEMBER", KEY, "x"),
            (wrong_type, "VSIM", "s", "ELE", "a"),
            (wrong_type, "VCARD", "s"),
            (wrong_type, "GET", KEY),
        ]:
            with self.subTest(command=command):
                self.refused(text, *command)

    def test_a_connection_outlives_them(self):
        for _ in range(100):
            self.refused("unknown command 'NOSUCH', with args beginning with: 'a' ", "NOSUCH", "a")
        self.assertTrue(self.redis.ping())


class Pipelines(Session):
    def test_replies_keep_the_order_of_requests(self):
        pipeline = self.redis.pipeline(transaction=False)
        for i in range(500):
            pipeline.execute_command("VADD", KEY, "VALUES", 2, i % 17 + 1, i % 5, f"e{i}")
            pipeline.execute_command("VSIM", KEY, "ELE", f"e{i}", "COUNT", 1)
            pipeline.execute_command("VCARD", KEY)
            pipeline.echo(str(i))
        replies = pipeline.execute()
        self.assertEqual([int(n) for n in replies[2::4]], list(range(1, 501)))
        self.assertEqual([int(n) for n in replies[3::4]], list(range(500)))
        self.assertTrue(all(len(found) == 1 for found in replies[1::4]))

    def test_an_error_stays_in_its_place(self):
        pipeline = self.redis.pipeline(transaction=False)
        pipeline.set("s", 1).execute_command("VCARD", "s")
        pipeline.get("s")
        done, error, value = pipeline.execute(raise_on_error=False)
        self.assertTrue(done)
        self.assertIsInstance(error, ResponseError)
        self.assertEqual(value, b"1")

    def test_a_long_pipeline_of_long_vectors(self):
        pipeline = self.redis.pipeline(transaction=False)
        for i in range(200):
            blob = fp32(*(((i * 31 + j * 7) % 101) - 50 for j in range(1024)))
            pipeline.execute_command("VADD", KEY, "FP32", blob, f"e{i}")
        self.assertEqual(sum(pipeline.execute()), 200)
        self.assertEqual(self.vset.vdim(KEY), 1024)


class Keys(Session):
    def test_a_vector_set_is_a_key_like_others(self):
        self.fill()
        self.assertEqual(self.redis.type(KEY), b"vectorset")
        self.assertTrue(self.redis.rename(KEY, "moved"))
        self.assertEqual(self.vset.vcard("moved"), 4)
        self.assertTrue(self.redis.move("moved", 3))
        self.assertEqual(self.redis.dbsize(), 0)
        self.redis.execute_command("SWAPDB", 0, 3)
        self.assertEqual(self.vset.vsim("moved", "up", count=1), [b"up"])
        self.assertGreater(self.redis.memory_usage("moved"), 0)
        self.assertEqual(self.redis.unlink("moved"), 1)
        self.assertEqual(self.vset.vcard("moved"), 0)

    def test_scan_finds_every_key_and_types(self):
        for i in range(300):
            self.redis.set(f"s{i}", i)
        for i in range(20):
            self.vset.vadd(f"v{i}", [1.0], "a")
        self.assertEqual(len(set(self.redis.scan_iter(count=10))), 320)
        self.assertEqual(set(self.redis.scan_iter(_type="vectorset")), {f"v{i}".encode() for i in range(20)})
        self.assertEqual(set(self.redis.scan_iter(match="s1?")), {f"s1{i}".encode() for i in range(10)})

    def test_expiry(self):
        self.fill()
        self.assertEqual(self.redis.ttl(KEY), -1)
        self.assertTrue(self.redis.expire(KEY, 1000))
        self.assertIn(self.redis.ttl(KEY), range(990, 1001))
        self.assertTrue(self.redis.persist(KEY))
        self.assertEqual(self.redis.pttl(KEY), -1)
        # A time that has passed: gone at once.
        self.assertTrue(self.redis.expireat(KEY, 1))
        self.assertEqual((self.redis.exists(KEY), self.vset.vcard(KEY), self.vset.vsim(KEY, "up")), (0, 0, []))
        self.assertEqual(self.redis.ttl(KEY), -2)

    def test_strings(self):
        self.assertTrue(self.redis.set("k", b"\x00\xff", ex=1000, nx=True))
        self.assertIsNone(self.redis.set("k", "other", nx=True))
        self.assertEqual((self.redis.get("k"), self.redis.append("k", "x"), self.redis.strlen("k")), (b"\x00\xff", 3, 3))
        self.assertEqual((self.redis.incr("n", 5), self.redis.decr("n")), (5, 4))
        self.redis.mset({"a": 1, "b": 2})
        self.assertEqual(self.redis.mget("a", "missing", "b"), [b"1", None, b"2"])
        self.assertEqual(self.redis.getdel("a"), b"1")


def redis_quantization(word):
    from redis.commands.vectorset.commands import QuantizationOptions

    return QuantizationOptions(word)


def in_both_protocols():
    """A test case of each class above for each protocol."""
    for base in (Connection, Vectors, Attributes, Errors, Pipelines, Keys):
        for protocol in (2, 3):
            name = f"{base.__name__}InResp{protocol}"
            yield name, type(name, (base, unittest.TestCase), {"protocol": protocol})


globals().update(in_both_protocols())

if __name__ == "__main__":
    unittest.main()
