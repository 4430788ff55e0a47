// Numbers, sizes, times and names as pages show them.
import { MOST_COUNTED } from "../services/list-repos.ts";

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

export function bytes(count: number): string {
  let [value, unit] = [count, 0];
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${UNITS[unit]}`;
}

const SHORT: readonly [number, string][] = [
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "k"],
];

/** 821666 → "822k", 5200000 → "5.2M". */
export function short(count: number): string {
  // What would be rounded to 1000 of a unit is 1 of the next.
  const [size, unit] = SHORT.find(([of]) => count >= of * 0.9995) ?? [1, ""];
  const value = count / size;
  return `${value.toFixed(size > 1000 && value < 9.95 ? 1 : 0)}${unit}`;
}

/** 1234567 → "1,234,567". */
export const grouped = (count: number): string => count.toLocaleString("en");

/** How many there are of what is counted no further than MOST_COUNTED: "12", "10,000+". */
export const counted = (count: number): string => `${grouped(count)}${count >= MOST_COUNTED ? "+" : ""}`;

/** (1, "commit") → "1 commit"; (1200, "commit") → "1,200 commits". */
export const many = (count: number, noun: string): string => `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;

const STEPS: readonly [number, string][] = [
  [60, "second"],
  [60, "minute"],
  [24, "hour"],
  [30, "day"],
  [12, "month"],
];

/** "3 hours ago". */
export function ago(time: Date, now = new Date()): string {
  let value = Math.max(0, (now.getTime() - time.getTime()) / 1000);
  for (const [size, unit] of STEPS) {
    if (value < size) {
      const count = Math.floor(value);
      return unit === "second" ? "just now" : `${many(count, unit)} ago`;
    }
    value /= size;
  }
  return `${many(Math.floor(value), "year")} ago`;
}

/** "26 Nov 2026", the same wherever the server stands. */
export const day = (time: Date): string =>
  time.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

/** "text-classification" → "Text classification"; what is no such slug stays as it is. */
export function words(slug: string): string {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(slug)) return slug;
  const text = slug.replaceAll("-", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const languages = new Intl.DisplayNames(["en"], { type: "language", fallback: "code" });

/** "en" → "English"; what is no language code stays as it is. */
export function languageName(code: string): string {
  try {
    return languages.of(code) ?? code;
  } catch {
    return code;
  }
}

export const pathUrl = (path: string): string => path.split("/").map(encodeURIComponent).join("/");
