// What the tests of Node clients share: where the server is, and an application's data.

import { readFileSync } from "node:fs";

export const port = Number(process.env.NEARHIT_PORT);
export const { pages, sessions, answers, lookups } = JSON.parse(
  readFileSync(new URL("data.json", import.meta.url)),
);
// Redis has ended a key that is to live until then.
export const LONG_AGO_S = 1;
export const FAR_AWAY_S = 4102444800;

export const numbered = (count, make) => Array.from({ length: count }, (_, i) => make(i));
export const sorted = (items) => [...items].sort();

// All that an asynchronous iterator or stream of batches gives.
export async function collected(batches) {
  const all = [];
  for await (const batch of batches) all.push(...batch);
  return all;
}
