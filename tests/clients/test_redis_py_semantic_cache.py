"""redis-py and VCACHE: the program of the README, and the decorator."""

import re
import unittest
from pathlib import Path

import redis
from application import PORT
from semantic_cache import semantic_cache

README = Path(__file__).parents[2] / "README.md"
# Questions about three subjects; the last numbers are how they are put.
SUBJECTS = {"refund": (1, 0, 0), "delivery": (0, 1, 0), "password": (0, 0, 1)}


def embed(question):
    """The subject, and a little of how it is asked."""
    subject, number = question.split()
    return [x + 0.02 * (int(number) % 7) * (i + 1) for i, x in enumerate(SUBJECTS[subject])]


class SemanticCache(unittest.TestCase):
    def setUp(self):
        self.redis = redis.Redis(port=PORT)
        self.addCleanup(self.redis.close)
        self.redis.flushall()

    def test_a_decorated_function_is_called_less_and_less(self):
        calls = []

        @semantic_cache(self.redis, "answers", embed)
        def answer(question):
            calls.append(question)
            return f"all about {question.split()[0]}"

        for number in range(200):
            for subject in SUBJECTS:
                self.assertEqual(answer(f"{subject} {number}"), f"all about {subject}")
        # Of the 300 questions of the second half: one wording in 21 stays too far for what 16
        # observations can say.
        self.assertLess(len([call for call in calls if int(call.split()[1]) >= 100]), 60)
        stats = self.redis.execute_command("VCACHE.STATS", "answers")
        stats = stats if isinstance(stats, dict) else dict(zip(stats[::2], stats[1::2]))
        self.assertEqual(stats[b"hits"] + len(calls), 600)
        self.assertEqual(stats[b"entries"], 3)
        self.assertGreaterEqual(stats[b"right"] + stats[b"wrong"], 16)

    def test_replies_read_the_same_in_both_protocols(self):
        self.redis.execute_command("VCACHE.SET", "c", "a", "VALUES", 2, 1, 2, "an answer", "EX", 100)
        replies = []
        for protocol in (2, 3):
            with redis.Redis(port=PORT, protocol=protocol) as client:
                reply = client.execute_command("VCACHE.GET", "c", "VALUES", 2, 1, 2.1, "MINSCORE", 0.9)
                replies.append([item for place, item in enumerate(reply) if place != 4])
                self.assertEqual(client.execute_command("VCACHE.GET", "none", "VALUES", 2, 1, 2, "MINSCORE", 0.9), [b"miss"])
        self.assertEqual(replies[0], replies[1])
        self.assertEqual(replies[0][0], b"hit")

    def test_the_program_of_the_readme_runs(self):
        found = re.search(r"```python\n(import array, contextlib, redis\n.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
        program = found[1].replace("redis.Redis()", f"redis.Redis(port={PORT})")
        self.assertLessEqual(len(program.splitlines()), 25)
        asked = []

        def ask_model(question):
            asked.append(question)
            return f"all about {question.split()[0]}"

        names = {"embed": embed, "ask_model": ask_model}
        exec(compile(program, "README.md", "exec"), names)
        for number in range(300):
            self.assertEqual(names["answer"](f"refund {number}"), "all about refund")
        # That at most one in twenty is wrong takes more than some dozens of right ones to say.
        self.assertLess(len([question for question in asked if int(question.split()[1]) >= 200]), 30)


if __name__ == "__main__":
    unittest.main()
