"""Valkey GLIDE, whose core is in Rust: strings, hashes, transactions, vectors and messages, in RESP2 and RESP3."""

import asyncio
import json
import os
import struct
import unittest

import glide

PORT = int(os.environ["NEARHIT_PORT"])
PATIENCE_S = 60
PROTOCOLS = [glide.ProtocolVersion.RESP2, glide.ProtocolVersion.RESP3]


def configured(protocol, **more):
    address = glide.NodeAddress("127.0.0.1", PORT)
    return glide.GlideClientConfiguration([address], protocol=protocol, client_name="worker", request_timeout=10_000, **more)


class Glide(unittest.IsolatedAsyncioTestCase):
    async def clients(self):
        """One for each protocol, over empty data."""
        for protocol in PROTOCOLS:
            client = await glide.GlideClient.create(configured(protocol))
            try:
                self.assertEqual(await client.flushall(), "OK")
                yield client
            finally:
                await client.close()

    async def test_it_introduces_itself(self):
        async for client in self.clients():
            info = (await client.custom_command(["CLIENT", "INFO"])).decode()
            self.assertIn(" name=worker ", info)
            self.assertRegex(info, r" lib-name=Glide\w* ")

    async def test_strings_and_hashes(self):
        async for client in self.clients():
            self.assertEqual(await client.set("page", "x", expiry=glide.ExpirySet(glide.ExpiryType.SEC, 300)), "OK")
            self.assertEqual([await client.get("page"), await client.get("missing")], [b"x", None])
            self.assertTrue(0 < await client.ttl("page") <= 300)
            self.assertEqual(await client.incrby("n", 7), 7)
            self.assertEqual(await client.hset("session", {"user": "17", "views": "3"}), 2)
            self.assertEqual(await client.hgetall("session"), {b"user": b"17", b"views": b"3"})
            self.assertEqual(await client.hincrby("session", "views", 2), 5)
            self.assertEqual(await client.delete(["page", "n", "missing"]), 2)

    async def test_a_transaction(self):
        async for client in self.clients():
            batch = glide.Batch(is_atomic=True)
            batch.set("k", "v").incr("n").get("k")
            self.assertEqual(await client.exec(batch, raise_on_error=True), ["OK", 1, b"v"])

    async def test_vectors(self):
        async for client in self.clients():
            for name, vector in {"red": (1, 0, 0), "orange": (1, 0.5, 0), "blue": (0, 0, 1)}.items():
                words = ["VADD", "colours", "FP32", struct.pack("<3f", *vector), name, "SETATTR", json.dumps({"warm": vector[2] == 0})]
                self.assertEqual(int(await client.custom_command(words)), 1)
            search = ["VSIM", "colours", "VALUES", "3", "1", ".2", "0", "COUNT", "2"]
            self.assertEqual(await client.custom_command(search), [b"red", b"orange"])
            cold = [*search, "FILTER", ".warm == 0"]
            self.assertEqual(await client.custom_command(cold), [b"blue"])

    async def test_messages(self):
        """Its subscriptions need RESP3."""
        protocol = glide.ProtocolVersion.RESP3
        channels = {glide.GlideClientConfiguration.PubSubChannelModes.Exact: {"news"}}
        wanted = glide.GlideClientConfiguration.PubSubSubscriptions(channels_and_patterns=channels, callback=None, context=None)
        reader = await glide.GlideClient.create(configured(protocol, pubsub_subscriptions=wanted))
        writer = await glide.GlideClient.create(configured(protocol))
        try:
            await writer.publish("hello", "news")
            message = await asyncio.wait_for(reader.get_pubsub_message(), PATIENCE_S)
            self.assertEqual((message.channel, message.message), (b"news", b"hello"))
        finally:
            await reader.close()
            await writer.close()


if __name__ == "__main__":
    unittest.main()
