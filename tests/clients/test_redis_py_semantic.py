"""redis-py as a semantic cache: vectors beside hashes that hold the texts."""

import unittest

from application import ANSWERS, LOOKUPS, done, in_every_way


class SemanticCache:
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.vset = self.redis.vset()
        for name, answer in ANSWERS.items():
            await self.gives(1, self.vset.vadd("answers", answer["vector"], name, attributes=answer["attributes"]))
            await done(self.redis.hset(f"answer:{name}", mapping={"text": answer["text"], "hits": 0}))

    async def test_the_nearest_question_answers(self):
        for lookup in LOOKUPS:
            found = await done(self.vset.vsim("answers", lookup["vector"], count=2, filter=lookup["filter"]))
            self.assertEqual(found, lookup["nearest"])
            pipeline = self.redis.pipeline()
            pipeline.hget(f"answer:{found[0]}", "text").hincrby(f"answer:{found[0]}", "hits")
            text, hits = await done(pipeline.execute())
            self.assertEqual((text, hits > 0), (ANSWERS[found[0]]["text"], True))

    async def test_scores_tell_hits_from_misses(self):
        scores = await done(self.vset.vsim("answers", LOOKUPS[0]["vector"], with_scores=True))
        self.assertEqual([name for name, score in scores.items() if score > 0.95], LOOKUPS[0]["nearest"])

    async def test_answers_are_maintained(self):
        await self.gives(ANSWERS["refund"]["attributes"], self.vset.vgetattr("answers", "refund"))
        await self.gives(1, self.vset.vsetattr("answers", "refund", {"topic": "account", "asked": 999}))
        found = await done(self.vset.vsim("answers", "refund", filter=".asked == 999"))
        self.assertEqual(found, ["refund"])
        await self.gives(1, self.vset.vrem("answers", "refund"))
        await self.gives(len(ANSWERS) - 1, self.vset.vcard("answers"))
        await self.gives(8, self.vset.vdim("answers"))
        info = await done(self.vset.vinfo("answers"))
        self.assertEqual((info["size"], info["quant-type"]), (len(ANSWERS) - 1, "int8"))
        await self.gives(True, self.redis.expire("answers", 3600))
        await self.gives("vectorset", self.redis.type("answers"))


globals().update(in_every_way(SemanticCache))

if __name__ == "__main__":
    unittest.main()
