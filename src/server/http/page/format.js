// Numbers, times and elements of the page, for people.

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

// 1234567 → ["1.18", "MB"]; as INFO, a kB is 1024 bytes.
export function sized(bytes) {
  let unit = 0;
  while (bytes >= 1000 && unit < UNITS.length - 1) { bytes /= 1024; unit += 1; }
  return [unit === 0 ? String(Math.round(bytes)) : short(bytes), UNITS[unit]];
}

export const bytes = (count) => sized(count).join(" ");

// Three digits that matter: 1.23, 12.3, 123.
export function short(number) {
  const size = Math.abs(number);
  if (size === 0) return "0";
  return number.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0);
}

// 12,345; from 100,000 on 123 k, 1.23 M.
export function count(number) {
  if (number < 100000) return Math.round(number).toLocaleString("en");
  const steps = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];
  const [step, letter] = steps.find(([step]) => number >= step);
  return `${short(number / step)} ${letter}`;
}

// A rate: small ones with fractions.
export const rate = (number) => (number < 10 && number % 1 ? short(number) : count(number));

export const percent = (number) => (number === 100 || number === 0 ? `${number} %` : `${number.toFixed(1)} %`);

export function micros(us) {
  if (us < 1000) return `${short(us)} µs`;
  return us < 1e6 ? `${short(us / 1000)} ms` : `${short(us / 1e6)} s`;
}

export function span(seconds) {
  const steps = [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]];
  const found = steps.find(([step]) => seconds >= step);
  if (!found) return `${seconds} s`;
  const [step, name, small, smallName] = found;
  const rest = Math.floor((seconds % step) / small);
  return `${Math.floor(seconds / step)} ${name}${rest ? ` ${rest} ${smallName}` : ""}`;
}

export const clock = (unix, withSeconds) => new Date(unix * 1000).toLocaleTimeString("en-GB", {
  hour: "2-digit", minute: "2-digit", ...(withSeconds ? { second: "2-digit" } : {}),
});

// An element with a class, and texts or elements in it. Texts stay texts: keys may hold anything.
export function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Parts of a whole, beside each other: [[share of 1, number of a colour], …].
export function bar(parts, className = "") {
  const all = make("div", `bar ${className}`);
  for (const [share, colour] of parts) {
    const part = make("i");
    part.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
    part.style.background = `var(--c${colour})`;
    all.append(part);
  }
  return all;
}

// A table: columns are [title, class], rows lists of texts or elements.
export function table(columns, rows) {
  const head = make("tr", "", ...columns.map(([title, name]) => {
    const cell = make("th", name === "n" ? "n" : "", title);
    cell.scope = "col";
    return cell;
  }));
  const line = (cells) => make("tr", "", ...cells.map((cell, column) => make("td", columns[column][1], cell)));
  return make("table", "", make("thead", "", head), make("tbody", "", ...rows.map(line)));
}
