// Numbers, sizes and times as pages show them.

const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

export function bytes(count: number): string {
  let [value, unit] = [count, 0];
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${UNITS[unit]}`;
}

/** 821666 → "822k", 5200000 → "5.2M". */
export function short(count: number): string {
  if (count < 1000) return `${count}`;
  if (count < 999_500) return `${Math.round(count / 1000)}k`;
  if (count < 999_500_000) return `${(count / 1e6).toFixed(count < 9.95e6 ? 1 : 0)}M`;
  return `${(count / 1e9).toFixed(1)}B`;
}

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
      if (unit === "second") return "just now";
      return `${count} ${unit}${count === 1 ? "" : "s"} ago`;
    }
    value /= size;
  }
  const years = Math.floor(value);
  return `${years} year${years === 1 ? "" : "s"} ago`;
}

export const pathUrl = (path: string): string => path.split("/").map(encodeURIComponent).join("/");
