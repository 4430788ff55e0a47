// Ids as clients know them: 24 hex digits. Knows nothing of what they name.
import { randomBytes } from "node:crypto";

/** A new id. */
export const newId = (): string => randomBytes(12).toString("hex");

/** The id under which clients know a row of ours. */
export const wireId = (uuid: string): string => uuid.replaceAll("-", "").slice(0, 24);

/** The first and last row id that a client's id may stand for; undefined when it is no id. */
export function uuidRange(id: string): [string, string] | undefined {
  if (!/^[0-9a-f]{24}$/.test(id)) return undefined;
  return [asUuid(id, "0"), asUuid(id, "f")];
}

function asUuid(start: string, filler: string): string {
  const hex = start.padEnd(32, filler);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
