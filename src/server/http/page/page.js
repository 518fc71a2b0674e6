// The page: asks the server for figures every ten seconds, and draws them.

import { chart } from "./charts.js";
import { bar, bytes, clock, count, make, micros, percent, rate, short, sized, span, table } from "./format.js";

const EVERY_MS = 10000;
const byId = (id) => document.getElementById(id);
const charts = Object.fromEntries(["hits", "latency", "rates", "memory"].map((name) => [name, chart(byId(`chart-${name}`))]));
const NO_SAMPLES = "No samples yet. The first comes ten seconds after the start.";

// Colours of the parts of memory, in the order in which they are shown.
const PARTS = {
  vectors: ["Vectors", 1], graph: ["Graph", 3], names: ["Names", 6], attributes: ["Attributes", 2],
  attribute_indexes: ["Indexes of attributes", 4], indexes: ["Indexes of attributes", 4], expiry: ["Deadlines and uses", 5],
  keys: ["Keys", 7], strings: ["Strings", 2], hashes: ["Hashes", 4], clients: ["Clients", 6], log: ["Log", 5],
  snapshot: ["Snapshot", 8], search_marks: ["Marks of searches", 5], training: ["Training", 3], retired: ["Retired", 7],
  unattributed: ["Everything else", 8], startup: ["The program", 7],
};

let known = [];

function header(overview) {
  const pill = byId("state");
  pill.textContent = overview.state;
  pill.className = `pill ${overview.is_ready ? "good" : "warn"}`;
  const facts = [
    ["Version", overview.version], ["like Redis", overview.redis_version],
    ["Port", overview.port ? String(overview.port) : "none"], ["Up", span(overview.uptime_s)],
  ];
  byId("facts").replaceChildren(...facts.map(([name, value]) => make("div", "", make("dt", "", name), make("dd", "", value))));
}

function tile(name, value, unit, more, meter) {
  const shown = make("div", "value", value, unit ? make("span", "", unit) : null);
  return make("div", "tile", make("div", "name", name), shown, make("div", "more", more), meter);
}

function meterOf(share) {
  const fill = make("i", share > 0.95 ? "bad" : share > 0.85 ? "warn" : "");
  fill.style.width = `${Math.min(1, share) * 100}%`;
  return make("div", "meter", fill);
}

const lastOf = (values) => values.findLast((value) => value !== null);

function tiles({ memory, now, sets, history }) {
  const [size, unit] = sized(memory.used);
  const share = memory.limit ? memory.used / memory.limit : 0;
  const limit = memory.limit ? `${percent(share * 100)} of ${bytes(memory.limit)}` : "without a limit";
  const hits = now.element_hit_rate;
  const latency = lastOf(history.latency.vector_reads.p99);
  const median = lastOf(history.latency.vector_reads.p50);
  const each = sets.elements === 1 ? "element" : "elements";
  byId("tiles").replaceChildren(
    tile("Memory", size, unit, limit, memory.limit ? meterOf(share) : null),
    tile("Vector sets", count(sets.count), "", `${count(sets.elements)} ${each}`),
    tile("Searches", rate(lastOf(history.searches) ?? 0), "/s", `${count(now.searches)} since the start`),
    tile("Hit rate", hits === null ? "–" : short(hits), hits === null ? "" : "%", "elements, last minute"),
    tile("Search latency", ...(latency === undefined ? ["–", "", "99th percentile"] : [...micros(latency).split(" "), `median ${micros(median)}`])),
    tile("Clients", count(now.clients), "", `${count(now.commands_per_s)} commands/s`),
  );
}

function plots({ history, memory, tracks_latency: tracks }) {
  const base = { times: history.at, now: history.now, empty: NO_SAMPLES };
  const { vector_reads: reads, vector_writes: writes, others } = history.latency;
  charts.hits.show({
    ...base, kind: "percent", format: percent, axis: (value) => `${value} %`, empty: history.at.length ? "Nothing was looked up in the last hour." : NO_SAMPLES,
    series: [
      { name: "elements", colour: 1, values: history.element_hits, isArea: true }, { name: "keys", colour: 2, values: history.key_hits },
    ],
  });
  charts.latency.show({
    ...base, kind: "log", format: micros, axis: (value) => (value < 1000 ? `${value} µs` : value < 1e6 ? `${value / 1000} ms` : `${value / 1e6} s`),
    empty: tracks ? (history.at.length ? "No commands in the last hour." : NO_SAMPLES) : "latency-tracking is off.",
    series: [
      { name: "vector reads", colour: 1, values: reads.p99 }, { name: "vector writes", colour: 3, values: writes.p99 },
      { name: "others", colour: 2, values: others.p99 },
    ],
  });
  charts.rates.show({
    ...base, kind: "linear", format: rate, axis: (value) => (value < 1000 ? String(+value.toFixed(2)) : count(value)),
    series: [
      { name: "commands", colour: 2, values: history.commands }, { name: "searches", colour: 1, values: history.searches, isArea: true },
    ],
  });
  const series = [
    { name: "in use", colour: 1, values: history.used, isArea: true }, { name: "resident", colour: 3, values: history.resident },
  ];
  // The limit only where it is near: else it would press the other lines down.
  const isNear = memory.limit && Math.max(...history.resident, 0) > memory.limit / 3;
  if (isNear) series.push({ name: "limit", colour: 4, values: history.at.map(() => memory.limit), isLimit: true });
  charts.memory.show({ ...base, kind: "bytes", format: bytes, axis: (value) => (value ? bytes(value).replace(/\.0+ /, " ") : "0"), series });
}

function partsOf(memory) {
  return Object.entries(memory).filter(([, size]) => size > 0).sort(([, one], [, other]) => other - one);
}

function partsTable({ memory }) {
  const parts = partsOf(memory.parts);
  const sum = parts.reduce((sum, [, size]) => sum + size, 0) || 1;
  byId("parts-note").textContent = `${bytes(memory.used)} in use, ${bytes(memory.resident)} resident`;
  // Of the small ones, several have one colour: they are told apart by the list.
  const all = bar(parts.map(([name, size]) => [size / sum, PARTS[name]?.[1] ?? 8]), "tall");
  const key = make("div", "key");
  for (const [name, size] of parts) {
    const swatch = make("i");
    swatch.style.background = `var(--c${PARTS[name]?.[1] ?? 8})`;
    key.append(make("div", "", swatch, PARTS[name]?.[0] ?? name), make("div", "n", bytes(size)));
    key.append(make("div", "n soft", percent(Math.round((size / sum) * 1000) / 10)));
  }
  byId("parts").replaceChildren(all, key);
}

function choose(set) {
  const form = byId("search");
  form.set.value = set.label;
  form.db.value = set.db;
  form.query.focus();
  form.scrollIntoView({ block: "center", behavior: "smooth" });
}

function setRow(set, largest) {
  const name = make("button", "link", set.label);
  name.type = "button";
  name.title = `Search in ${set.label}`;
  name.addEventListener("click", () => choose(set));
  const sum = Object.values(set.memory).reduce((sum, size) => sum + size, 0);
  const parts = bar(Object.entries(set.memory).map(([part, size]) => [size / largest, PARTS[part][1]]));
  parts.title = partsOf(set.memory).map(([part, size]) => `${PARTS[part][0]}: ${bytes(size)}`).join("\n");
  const hits = set.searches ? percent((set.hits / set.searches) * 100) : "–";
  const removed = set.expired + set.evicted;
  return [
    name, String(set.db), count(set.elements), bytes(sum), parts,
    make("span", "", make("span", "tag", set.kind), `${set.dimensions} × ${set.metric}`),
    count(set.searches), hits, removed ? count(removed) : "–",
  ];
}

function setsTable({ sets }) {
  known = sets.shown;
  byId("known-sets").replaceChildren(...known.map((set) => {
    const option = make("option");
    option.value = set.label;
    return option;
  }));
  const form = byId("search");
  if (!form.set.value && known.length) {
    form.set.value = known[0].label;
    form.db.value = known[0].db;
  }
  if (!known.length) {
    byId("sets-note").textContent = "";
    byId("sets").replaceChildren(make("p", "empty", "There are none yet. VADD makes one with its first element, and VCREATE an empty one."));
    return;
  }
  const left = sets.count - known.length;
  byId("sets-note").textContent = left > 0 ? `the ${known.length} largest of ${count(sets.count)}` : "";
  const sum = (set) => Object.values(set.memory).reduce((sum, size) => sum + size, 0);
  const largest = Math.max(...known.map(sum), 1);
  const columns = [
    ["Key", "name"], ["DB", "n"], ["Elements", "n"], ["Memory", "n"], ["by part", ""], ["Vectors", "soft"], ["Searches", "n"],
    ["Found some", "n"], ["Removed", "n"],
  ];
  byId("sets").replaceChildren(table(columns, known.map((set) => setRow(set, largest))));
}

function slowTable({ slow, slow_from_us: from }) {
  byId("slow-note").textContent = from < 0 ? "slowlog-log-slower-than is -1: none is recorded" : `from ${micros(from)} on`;
  if (!slow.length) {
    byId("slow").replaceChildren(make("p", "empty", "None so far."));
    return;
  }
  const columns = [["Time", "soft"], ["Took", "n"], ["Command", "wide code"], ["Client", "soft code"]];
  const row = (entry) => {
    const command = make("span", "", entry.command);
    command.title = entry.command;
    return [clock(entry.at, true), micros(entry.micros), command, entry.client];
  };
  byId("slow").replaceChildren(table(columns, slow.map(row)));
}

// The query is a vector if all its words are numbers, and there are two or more.
function queryOf(text) {
  const words = text.trim().replace(/^\[|\]$/g, "").split(/[\s,;]+/).filter((word) => word);
  const isVector = words.length > 1 && words.every((word) => Number.isFinite(Number(word)));
  return isVector ? { vector: words.join(" ") } : { element: text.trim() };
}

async function search(event) {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  const set = known.find((set) => set.label === form.set.value && String(set.db) === form.db.value);
  const asked = { db: form.db.value, count: form.count.value, ...queryOf(form.query.value) };
  if (set?.hex) asked.hex = set.hex;
  else asked.key = form.set.value;
  if (form.filter.value.trim()) asked.filter = form.filter.value.trim();
  button.disabled = true;
  try {
    const body = new URLSearchParams(asked);
    const response = await fetch("api/search", { method: "POST", body, headers: { "X-Nearhit": "1" } });
    if (!response.ok) throw new Error((await response.text()).trim());
    found(await response.json());
  } catch (problem) {
    byId("found").replaceChildren(make("p", "problem", problem.message));
  } finally {
    button.disabled = false;
  }
}

function found({ error, hits, micros: took }) {
  if (error) {
    byId("found").replaceChildren(make("p", "problem", error));
    return;
  }
  if (!hits.length) {
    byId("found").replaceChildren(make("p", "empty", "Nothing was found."));
    return;
  }
  const row = (hit, number) => {
    const attributes = make("span", "", hit.attributes ?? "");
    attributes.title = hit.attributes ?? "";
    const score = hit.score === null ? "–" : hit.score.toFixed(4);
    return [String(number + 1), make("span", "", hit.element), score, bar([[hit.score ?? 0, 1]], "score"), attributes];
  };
  const columns = [["", "soft"], ["Element", "name"], ["Score", "n"], ["", ""], ["Attributes", "wide soft code"]];
  const note = make("p", "note", `${hits.length} found in ${micros(took)}`);
  byId("found").replaceChildren(note, make("div", "scroll", table(columns, hits.map(row))));
}

function problem(text) {
  byId("banner").textContent = text ?? "";
  byId("banner").hidden = !text;
  if (text) {
    byId("state").textContent = "no answer";
    byId("state").className = "pill bad";
  }
}

async function refresh() {
  try {
    const response = await fetch("api/overview", { cache: "no-store" });
    if (response.status === 401) throw new Error("The password has changed: load the page again.");
    if (!response.ok) throw new Error((await response.text()).trim());
    const overview = await response.json();
    header(overview);
    tiles(overview);
    plots(overview);
    setsTable(overview);
    partsTable(overview);
    slowTable(overview);
    byId("updated").textContent = `As of ${clock(overview.history.now, true)}. The server keeps a sample of every ten seconds of the last hour.`;
    problem(null);
  } catch (error) {
    problem(error instanceof TypeError ? "The server does not answer. Trying again." : error.message);
  }
}

byId("search").addEventListener("submit", search);
refresh();
setInterval(() => { if (!document.hidden) refresh(); }, EVERY_MS);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
