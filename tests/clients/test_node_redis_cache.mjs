// node-redis as an application's cache, through its own methods: the same tests in RESP2 and RESP3.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, beforeEach, describe, it } from "node:test";
import { answers, collected, FAR_AWAY_S, LONG_AGO_S, lookups, numbered, pages, port, sessions, sorted } from "./application.mjs";

const { createClient, ErrorReply, WatchError } = await import(process.env.NODE_REDIS ?? "redis");
const session = "session:8c1f";

for (const RESP of [2, 3]) {
  describe(`RESP${RESP}`, () => {
    const client = createClient({ url: `redis://127.0.0.1:${port}`, RESP });
    client.on("error", (error) => console.error(error));
    before(() => client.connect());
    beforeEach(() => client.flushAll());
    after(() => client.close());

    const logIn = () => Promise.all(Object.entries(sessions).map(([name, fields]) => client.hSet(name, fields)));

    it("caches pages for a while", async () => {
      await client.mSet(pages);
      assert.deepEqual(await client.mGet([...Object.keys(pages), "missing"]), [...Object.values(pages), null]);
      assert.equal(await client.set("page:/", "x", { expiration: { type: "EX", value: 300 }, condition: "XX" }), "OK");
      assert.equal(await client.set("page:/", "y", { condition: "NX" }), null);
      assert.equal(await client.set("page:/", "y", { expiration: "KEEPTTL", GET: true }), "x");
      assert.ok((await client.ttl("page:/")) > 0);
      assert.equal(await client.getEx("page:/", { type: "PERSIST" }), "y");
      assert.equal(await client.ttl("page:/"), -1);
      assert.equal(await client.getDel("page:/"), "y");
      assert.equal(await client.get("page:/"), null);
    });

    it("counts and edits strings", async () => {
      assert.deepEqual([await client.incr("n"), await client.incrBy("n", 9), await client.decr("n")], [1, 10, 9]);
      assert.equal(Number(await client.incrByFloat("n", 0.5)), 9.5);
      assert.deepEqual([await client.append("log", "start"), await client.setRange("log", 6, "end")], [5, 9]);
      assert.deepEqual([await client.getRange("log", -3, -1), await client.strLen("log")], ["end", 9]);
      assert.equal(await client.setNX("log", "other"), 0);
    });

    it("keeps sessions in hashes", async () => {
      await logIn();
      assert.deepEqual({ ...(await client.hGetAll(session)) }, sessions[session]);
      assert.deepEqual(await client.hmGet(session, ["user", "missing"]), ["17", null]);
      assert.deepEqual([await client.hIncrBy(session, "views", 2), await client.hLen(session)], [5, 4]);
      assert.deepEqual(sorted(await client.hKeys(session)), sorted(Object.keys(sessions[session])));
      assert.equal(await client.hDel(session, ["cart", "missing"]), 1);
      assert.deepEqual([await client.hExists(session, "cart"), await client.hGet(session, "cart")], [0, null]);
      assert.equal(Number(await client.hIncrByFloat(session, "basket", 1.5)), 1.5);
      const picked = await client.hRandFieldCountWithValues(session, 9);
      assert.deepEqual(Object.fromEntries(picked.map(({ field, value }) => [field, value])), { ...(await client.hGetAll(session)) });
    });

    it("lets fields expire", async () => {
      await logIn();
      assert.deepEqual(await client.hExpire(session, ["cart", "missing"], 600), [1, -2]);
      const [ttl, never] = await client.hTTL(session, ["cart", "user"]);
      assert.ok(ttl > 0 && never === -1);
      assert.deepEqual(await client.hPersist(session, "cart"), [1]);
      assert.deepEqual(await client.hExpireAt(session, ["cart", "views"], LONG_AGO_S), [2, 2]);
      assert.equal(await client.hSetEx(session, { token: "b3f1" }, { expiration: { type: "EX", value: 600 } }), 1);
      assert.deepEqual(await client.hGetEx(session, "token", { expiration: "PERSIST" }), ["b3f1"]);
      assert.deepEqual(await client.hGetDel(session, ["token", "missing"]), ["b3f1", null]);
      assert.deepEqual({ ...(await client.hGetAll(session)) }, { user: "17", locale: "de-DE" });
    });

    it("lets keys expire", async () => {
      await client.set("k", "v", { expiration: { type: "EXAT", value: FAR_AWAY_S } });
      assert.equal(await client.expireTime("k"), FAR_AWAY_S);
      assert.deepEqual([await client.expire("k", 100, "GT"), await client.expire("k", 100, "LT")], [0, 1]);
      assert.deepEqual([await client.persist("k"), await client.pTTL("k")], [1, -1]);
      assert.deepEqual([await client.pExpireAt("k", LONG_AGO_S), await client.exists("k")], [1, 0]);
    });

    it("runs transactions", async () => {
      const replies = await client.multi().set("k", "v").hSet("h", { a: "1", b: "2" }).hGetAll("h").incr("n").get("missing").exec();
      replies[2] = { ...replies[2] };
      assert.deepEqual(replies, ["OK", 2, { a: "1", b: "2" }, 1, null]);
      await assert.rejects(client.multi().set("k", "v").hGet("k", "f").exec(), /1 commands failed|WRONGTYPE/);
      await assert.rejects(client.multi().set("refused", "v").addCommand(["NOSUCH"]).exec(), ErrorReply);
      assert.equal(await client.exists("refused"), 0);
    });

    it("gives up a transaction over a watched key", async () => {
      const other = client.duplicate();
      other.on("error", (error) => console.error(error));
      await other.connect();
      await other.watch("stock");
      await client.set("stock", "2");
      await assert.rejects(other.multi().set("stock", "9").exec(), WatchError);
      await other.watch("stock");
      assert.deepEqual(await other.multi().decr("stock").exec(), [1]);
      await other.close();
    });

    it("scans keys and fields", async () => {
      await Promise.all([logIn(), ...numbered(300, (i) => client.set(`page:${i}`, "x"))]);
      const found = await collected(client.scanIterator({ TYPE: "hash", COUNT: 100 }));
      assert.deepEqual(sorted(new Set(found)), sorted(Object.keys(sessions)));
      assert.equal(new Set(await collected(client.scanIterator({ MATCH: "page:2??" }))).size, 100);
      await client.hSet("stock", Object.fromEntries(numbered(600, (i) => [`item:${i}`, `${i}`])));
      const fields = await collected(client.hScanIterator("stock", { COUNT: 50 }));
      assert.equal(new Set(fields.map(({ field, value }) => `${field}=${value}`)).size, 600);
      const names = await collected(client.hScanNoValuesIterator("stock", { MATCH: "item:59?" }));
      assert.equal(new Set(names).size, 10);
    });

    it("pipelines without being asked", async () => {
      const writing = numbered(300, (i) => client.hSet(`session:${i}`, { views: i }));
      const reading = numbered(300, (i) => client.hGet(`session:${i}`, "views"));
      assert.deepEqual(await Promise.all(writing), numbered(300, () => 1));
      assert.deepEqual(await Promise.all(reading), numbered(300, String));
      assert.deepEqual(await client.multi().set("a", "1").get("a").execAsPipeline(), ["OK", "1"]);
    });

    it("answers by meaning", async () => {
      for (const [name, { vector, attributes, text }] of Object.entries(answers)) {
        assert.ok(await client.vAdd("answers", vector, name, { SETATTR: attributes }));
        await client.hSet(`answer:${name}`, { text });
      }
      for (const { vector, filter, nearest } of lookups) {
        const options = filter ? { COUNT: 2, FILTER: filter } : { COUNT: 2 };
        const found = await client.vSim("answers", vector, options);
        assert.deepEqual(found, nearest);
        assert.equal(await client.hGet(`answer:${found[0]}`, "text"), answers[found[0]].text);
      }
    });

    it("looks after the server", async () => {
      assert.match(await client.info("server"), /redis_version:/);
      assert.match((await client.configGet("maxmemory")).maxmemory, /^[1-9][0-9]*$/);
      assert.ok((await client.clientList()).length >= 1);
      // Nothing that could be kept compressed.
      await client.set("k", randomBytes(500).toString("hex"));
      assert.ok((await client.memoryUsage("k")) > 1000);
      assert.ok((await client.commandCount()) > 100);
      assert.equal((await client.commandGetKeys(["MSET", "a", "1", "b", "2"])).length, 2);
      assert.ok(Array.isArray(await client.latencyLatest()));
    });

    it("watches what others send", async () => {
      const watcher = client.duplicate();
      watcher.on("error", (error) => console.error(error));
      await watcher.connect();
      const seen = new Promise((resolve) => {
        watcher.monitor((line) => line.includes("watched") && resolve(line)).then(() => client.set("watched", "v"));
      });
      assert.match(await seen, /^\d+\.\d+ \[0 [^ ]+\] "SET" "watched" "v"$/i);
      watcher.destroy();
    });
  });
}
