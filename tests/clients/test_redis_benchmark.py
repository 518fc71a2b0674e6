"""redis-benchmark: its own tests, pipelined, and commands that one gives it."""

import csv
import os
import struct
import unittest

import command_line

BENCHMARK = os.environ["NEARHIT_BENCHMARK"]
# Enough to fill every pipeline of every connection more than once.
LOAD = ("-n", "1024", "-c", "8", "-P", "16")


def benchmark(*words, given=b""):
    return command_line.run(BENCHMARK, *words, given=given)


class RedisBenchmark(unittest.TestCase):
    def setUp(self):
        self.assertIn("requests per second", self.passes("-n", "1", "-c", "1", "-q", "FLUSHALL"))

    def passes(self, *words, given=b""):
        shown, code = benchmark(*words, given=given)
        self.assertEqual(code, 0, shown)
        self.assertNotIn("Error", shown)
        return shown

    def test_its_own_tests(self):
        for protocol in ([], ["-3"]):
            shown = self.passes(*LOAD, *protocol, "--csv", "-r", "100", "-t", "ping,set,get,incr,hset,mset")
            rows = list(csv.DictReader(line for line in shown.splitlines() if line.startswith('"')))
            names = ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "HSET", "MSET (10 keys)"]
            self.assertEqual([row["test"] for row in rows], names)
            for row in rows:
                self.assertGreater(float(row["rps"]), 0)

    def test_it_finds_the_configuration(self):
        shown = self.passes(*LOAD, "-t", "set")
        self.assertNotIn("WARNING", shown)
        self.assertIn("1024 requests completed", shown)
        self.assertIn('host configuration "save":', shown)

    def test_a_command_of_ones_own(self):
        self.passes(*LOAD, "-r", "50", "-q", "HSET", "session:__rand_int__", "user", "__rand_int__")
        self.passes(*LOAD, "-q", "HGETALL", "session:000000000001")
        self.passes(*LOAD, "--threads", "2", "-q", "GETEX", "page:/", "EX", "100")

    def test_vectors(self):
        add = ["VADD", "answers", "VALUES", "2", "1", "__rand_int__", "answer:__rand_int__"]
        self.passes(*LOAD, "-r", "100", "-q", *add)
        self.passes(*LOAD, "-q", "VSIM", "answers", "VALUES", "2", "1", "50", "COUNT", "3")
        self.passes(*LOAD, "-x", "-q", "VSIM", "answers", "FP32", given=struct.pack("<2f", 1, 50))

    def test_another_database(self):
        self.passes(*LOAD, "--dbnum", "3", "-q", "SET", "page:/", "x")

    def test_an_error_ends_it(self):
        shown, code = benchmark(*LOAD, "-q", "NOSUCH")
        self.assertIn("ERR unknown command 'NOSUCH'", shown)
        self.assertEqual(code, 1)


if __name__ == "__main__":
    unittest.main()
