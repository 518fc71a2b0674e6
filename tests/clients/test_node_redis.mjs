// node-redis as applications use it: the same tests in RESP2 and RESP3.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";

const { createClient, ErrorReply, RESP_TYPES } = await import(process.env.NODE_REDIS ?? "redis");

const url = `redis://127.0.0.1:${process.env.NEARHIT_PORT}`;
const POINTS = { right: [1, 0], up: [0, 1], left: [-1, 0], down: [0, -1] };

for (const RESP of [2, 3]) {
  describe(`RESP${RESP}`, () => {
    const client = createClient({ url, RESP, name: "node" });
    client.on("error", (error) => console.error(error));
    before(() => client.connect());
    beforeEach(() => client.flushAll());
    after(() => client.close());

    const fill = async () => {
      for (const [name, vector] of Object.entries(POINTS)) {
        assert.equal(await client.vAdd("k", vector, name), true);
      }
    };

    it("says who it is", async () => {
      const info = await client.clientInfo();
      assert.deepEqual([info.name, info.libName, info.resp], ["node", "node-redis", RESP]);
    });

    it("adds, updates and removes elements", async () => {
      await fill();
      assert.equal(await client.vAdd("k", [1, 1], "up"), false);
      assert.deepEqual([await client.vCard("k"), await client.vDim("k")], [4, 2]);
      assert.deepEqual([await client.vRem("k", "up"), await client.vRem("k", "up")], [true, false]);
      assert.equal(await client.type("k"), "vectorset");
    });

    it("searches", async () => {
      await fill();
      assert.deepEqual(await client.vSim("k", [1, 0.1]), ["right", "up", "down", "left"]);
      assert.deepEqual(await client.vSim("k", "up", { COUNT: 1 }), ["up"]);
      assert.deepEqual(await client.vSim("missing", "up"), []);
      const scores = await client.vSimWithScores("k", "right");
      assert.deepEqual({ ...scores }, { right: 1, up: 0.5, down: 0.5, left: 0 });
    });

    it("keeps attributes and filters by them", async () => {
      await client.vAdd("k", [1, 0], "alien", { SETATTR: { year: 1979 } });
      await client.vAdd("k", [1, 1], "heat", { SETATTR: { year: 1995 } });
      assert.deepEqual(await client.vSim("k", "alien", { FILTER: ".year > 1990" }), ["heat"]);
      assert.deepEqual(await client.vGetAttr("k", "heat"), { year: 1995 });
      assert.equal(await client.vSetAttr("k", "heat", { year: 2000 }), true);
      assert.deepEqual(await client.vGetAttr("k", "heat"), { year: 2000 });
      assert.equal(await client.vGetAttr("k", "missing"), null);
    });

    it("reads what is stored", async () => {
      await client.vAdd("k", [3, 4], "a", { QUANT: "NOQUANT", M: 8 });
      assert.deepEqual((await client.vEmb("k", "a")).map(Math.round), [3, 4]);
      const raw = await client.vEmbRaw("k", "a");
      assert.deepEqual([raw.quantization, raw.l2Norm], ["f32", 5]);
      const info = await client.vInfo("k");
      assert.deepEqual([info["quant-type"], info["hnsw-m"], info.size], ["f32", 8, 1]);
      assert.deepEqual((await client.vLinks("k", "a")).at(-1), []);
    });

    it("ranges over names and picks at random", async () => {
      await fill();
      assert.deepEqual(await client.vRange("k", "-", "[right"), ["down", "left", "right"]);
      assert.equal((await client.vRandMember("k", -7)).length, 7);
      assert.ok((await client.vRandMember("k")) in POINTS);
    });

    it("takes bytes as names", async () => {
      const name = Buffer.from([0, 255, 13, 10]);
      const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
      await bytes.vAdd(name, [1], name);
      assert.deepEqual(await bytes.vSim(name, name), [name]);
    });

    it("gets replies in the order of many requests under way", async () => {
      const adding = Array.from({ length: 300 }, (_, i) => client.vAdd("k", [i + 1, 1], `e${i}`));
      const echoing = Array.from({ length: 300 }, (_, i) => client.echo(`${i}`));
      assert.ok((await Promise.all(adding)).every((added) => added === true));
      assert.deepEqual(await Promise.all(echoing), Array.from({ length: 300 }, (_, i) => `${i}`));
      assert.equal(await client.vCard("k"), 300);
    });

    it("is told of errors", async () => {
      await client.set("s", "1");
      await assert.rejects(client.vCard("s"), { message: /^WRONGTYPE / });
      await assert.rejects(client.vDim("missing"), new ErrorReply("ERR key does not exist"));
    });

    it("scans keys and lets them expire", async () => {
      await Promise.all(Array.from({ length: 50 }, (_, i) => client.set(`s${i}`, "x", { EX: 1000 })));
      await client.vAdd("v", [1], "a");
      const found = new Set();
      for await (const keys of client.scanIterator({ COUNT: 7 })) keys.forEach((key) => found.add(key));
      assert.equal(found.size, 51);
      assert.ok((await client.ttl("s0")) > 990);
      await client.expireAt("v", 1);
      assert.equal(await client.exists("v"), 0);
    });
  });
}
