// ioredis as an application's cache: in RESP2, and in RESP3 with replies of the older and of the newer shape.

import assert from "node:assert/strict";
import { after, beforeEach, describe, it } from "node:test";
import Redis from "ioredis";
import { answers, collected, FAR_AWAY_S, LONG_AGO_S, lookups, numbered, pages, port, sessions, sorted } from "./application.mjs";

const session = "session:8c1f";
const PROTOCOLS = {
  RESP2: { protocol: 2 },
  RESP3: { protocol: 3 },
  "RESP3 with maps": { protocol: 3, replyMapping: "resp3" },
};

for (const [name, options] of Object.entries(PROTOCOLS)) {
  describe(name, () => {
    // Errors that no command waits for, such as of the ready check, end the run.
    const redis = new Redis({ port, connectionName: "worker", ...options });
    beforeEach(() => redis.flushall());
    after(() => redis.quit());

    const maps = options.replyMapping === "resp3";
    const logIn = () => Promise.all(Object.entries(sessions).map(([key, fields]) => redis.hset(key, fields)));
    // A map in either of the shapes.
    const mapOf = (reply) => (maps ? reply : Object.fromEntries(numbered(reply.length / 2, (i) => reply.slice(2 * i, 2 * i + 2))));

    it("introduces itself", async () => {
      const info = await redis.client("INFO");
      assert.match(info, / name=worker .* lib-name=ioredis/);
      assert.match(info, new RegExp(` resp=${options.protocol} `));
    });

    it("caches pages for a while", async () => {
      assert.equal(await redis.mset(pages), "OK");
      assert.deepEqual(await redis.mget(...Object.keys(pages), "missing"), [...Object.values(pages), null]);
      assert.equal(await redis.set("page:/", "x", "EX", 300), "OK");
      assert.equal(await redis.set("page:/", "y", "NX"), null);
      assert.equal(await redis.set("page:/", "y", "KEEPTTL", "GET"), "x");
      assert.ok((await redis.pttl("page:/")) > 0);
      assert.equal(await redis.getex("page:/", "PERSIST"), "y");
      assert.equal(await redis.getdel("page:/"), "y");
      assert.equal(await redis.setex("page:/", 60, "z"), "OK");
      assert.equal(await redis.getset("page:/", "w"), "z");
      assert.deepEqual(await redis.getBuffer("page:/"), Buffer.from("w"));
    });

    it("counts and edits strings", async () => {
      assert.deepEqual([await redis.incr("n"), await redis.incrby("n", 9), await redis.decrby("n", 4)], [1, 10, 6]);
      assert.equal(await redis.incrbyfloat("n", 0.5), "6.5");
      assert.deepEqual([await redis.append("log", "start"), await redis.setrange("log", 6, "end")], [5, 9]);
      assert.deepEqual([await redis.getrange("log", -3, -1), await redis.strlen("log")], ["end", 9]);
    });

    it("keeps sessions in hashes", async () => {
      await logIn();
      assert.deepEqual({ ...(await redis.hgetall(session)) }, sessions[session]);
      assert.deepEqual(await redis.hmget(session, "user", "missing"), ["17", null]);
      assert.deepEqual([await redis.hincrby(session, "views", 2), await redis.hlen(session)], [5, 4]);
      assert.equal(await redis.hincrbyfloat(session, "basket", 1.5), "1.5");
      assert.equal(await redis.hsetnx(session, "user", "18"), 0);
      assert.deepEqual(sorted(await redis.hkeys(session)), sorted([...Object.keys(sessions[session]), "basket"]));
      assert.deepEqual([await redis.hdel(session, "cart", "x"), await redis.hexists(session, "cart")], [1, 0]);
      assert.ok(["user", "locale", "views", "basket"].includes(await redis.hrandfield(session)));
    });

    it("lets keys and fields expire", async () => {
      await logIn();
      assert.deepEqual(await redis.hexpire(session, 600, "FIELDS", 2, "cart", "missing"), [1, -2]);
      assert.deepEqual(await redis.hpersist(session, "FIELDS", 1, "cart"), [1]);
      assert.deepEqual(await redis.hpexpireat(session, LONG_AGO_S, "FIELDS", 1, "cart"), [2]);
      assert.deepEqual(await redis.httl(session, "FIELDS", 2, "cart", "user"), [-2, -1]);
      await redis.expireat(session, FAR_AWAY_S);
      assert.equal(await redis.expiretime(session), FAR_AWAY_S);
      assert.deepEqual([await redis.pexpireat(session, LONG_AGO_S), await redis.exists(session)], [1, 0]);
    });

    it("runs transactions", async () => {
      const replies = await redis.multi().set("k", "v").hset("h", { a: 1 }).hgetall("h").incr("n").exec();
      replies[2][1] = { ...replies[2][1] };
      assert.deepEqual(replies, [[null, "OK"], [null, 1], [null, { a: "1" }], [null, 1]]);
      const [, [error], [, last]] = await redis.multi().set("k", "v").hget("k", "f").get("k").exec();
      assert.match(error.message, /^WRONGTYPE /);
      assert.equal(last, "v");
      await assert.rejects(redis.multi().set("refused", "v").call("NOSUCH").exec(), /^ReplyError: EXECABORT/);
      assert.equal(await redis.exists("refused"), 0);
    });

    it("queues a transaction one command at a time", async () => {
      assert.equal(await redis.multi({ pipeline: false }), "OK");
      assert.equal(await redis.set("k", "v"), "QUEUED");
      assert.equal(await redis.get("k"), "QUEUED");
      assert.deepEqual(await redis.exec(), [[null, "OK"], [null, "v"]]);
      await redis.multi({ pipeline: false });
      await redis.set("k", "w");
      assert.deepEqual([await redis.discard(), await redis.get("k")], ["OK", "v"]);
    });

    it("gives up a transaction over a watched key", async () => {
      const other = redis.duplicate();
      assert.equal(await other.watch("stock", "missing"), "OK");
      await redis.set("stock", "2");
      assert.equal(await other.multi().set("stock", "9").exec(), null);
      await other.watch("stock");
      assert.deepEqual(await other.multi().decr("stock").exec(), [[null, 1]]);
      await other.quit();
    });

    it("scans keys and fields", async () => {
      await Promise.all([logIn(), ...numbered(300, (i) => redis.set(`page:${i}`, "x"))]);
      const found = await collected(redis.scanStream({ type: "hash", count: 100 }));
      assert.deepEqual(sorted(new Set(found)), sorted(Object.keys(sessions)));
      assert.equal(new Set(await collected(redis.scanStream({ match: "page:2??" }))).size, 100);
      await redis.hset("stock", Object.fromEntries(numbered(600, (i) => [`item:${i}`, i])));
      assert.equal((await collected(redis.hscanStream("stock", { match: "item:59?" }))).length, 20);
      assert.equal(new Set(await collected(redis.hscanStream("stock", { noValues: true }))).size, 600);
    });

    it("pipelines", async () => {
      const pipeline = redis.pipeline();
      for (let i = 0; i < 300; i++) pipeline.hset(`session:${i}`, "views", i).hincrby(`session:${i}`, "views", 1).get("missing");
      const replies = await pipeline.exec();
      assert.deepEqual(replies.slice(-3), [[null, 1], [null, 300], [null, null]]);
      assert.equal(replies.length, 900);
    });

    it("answers by meaning", async () => {
      for (const [key, { vector, attributes, text }] of Object.entries(answers)) {
        const added = await redis.vadd("answers", "VALUES", vector.length, ...vector, key, "SETATTR", JSON.stringify(attributes));
        assert.equal(Number(added), 1);
        await redis.hset(`answer:${key}`, { text });
      }
      for (const { vector, filter, nearest } of lookups) {
        const filtered = filter ? ["FILTER", filter] : [];
        const search = ["answers", "VALUES", vector.length, ...vector, "COUNT", 2, ...filtered];
        assert.deepEqual(await redis.vsim(...search), nearest);
        const scores = mapOf(await redis.vsim(...search, "WITHSCORES"));
        assert.deepEqual(Object.keys(scores), nearest);
        assert.ok(Number(scores[nearest[0]]) > Number(scores[nearest[1]]));
      }
      assert.equal(await redis.vcard("answers"), 6);
      assert.deepEqual(JSON.parse(await redis.vgetattr("answers", "refund")), answers.refund.attributes);
      assert.equal(mapOf(await redis.vinfo("answers"))["vector-dim"], 8);
      assert.equal(Number(await redis.vrem("answers", "refund")), 1);
    });

    it("watches what others send", async () => {
      const monitor = await redis.monitor();
      const seen = new Promise((resolve) => monitor.on("monitor", (_, words, source, db) => resolve({ words, source, db })));
      await redis.set("watched", "v");
      const { words, source, db } = await seen;
      assert.deepEqual([words, db], [["set", "watched", "v"], "0"]);
      assert.match(source, /^127\.0\.0\.1:\d+$|^\[::1\]:\d+$/);
      monitor.disconnect();
    });
  });
}
