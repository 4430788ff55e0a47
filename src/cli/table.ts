// Rows as columns for people. Knows no meaning of any.

/** Columns of equal width, two spaces apart; what comes last is not padded. Headers are left out where there are no rows. */
export function table(headers: readonly string[], rows: readonly (readonly string[])[], none = "None."): string {
  if (rows.length === 0) return none;
  const all = [headers, ...rows];
  const widths = headers.map((_, at) => Math.max(...all.map((row) => [...(row[at] ?? "")].length)));
  const line = (row: readonly string[]) => row.map((cell, at) => cell + padding(cell, widths[at] ?? 0)).join("  ");
  return all.map((row) => line(row).trimEnd()).join("\n");
}

const padding = (cell: string, width: number): string => " ".repeat(Math.max(0, width - [...cell].length));

/** "2026-05-01 10:00", in UTC. */
export const shortDate = (date: string | Date | null | undefined): string => {
  const time = date == null ? Number.NaN : new Date(date).getTime();
  return Number.isNaN(time) ? "" : new Date(time).toISOString().slice(0, 16).replace("T", " ");
};
