// The words of `git push`: what a client wants moved, and what it is told. Knows neither repository nor database.
//
//   refs      "<id> <ref>\0<capabilities>\n", then "<id> <ref>\n" …; without any ref "<40 zeros> capabilities^{}\0…"
//   commands  "<old> <new> <ref>\0<capabilities>", then "<old> <new> <ref>" …, a flush, and a pack unless all are deletions
//   report    "unpack ok\n", then "ok <ref>\n" or "ng <ref> <why>\n" …, a flush
import { badRequest } from "../errors.ts";
import type { GitRef } from "./folder.ts";
import { FLUSH, type PktReader, pktLine } from "./pkt-line.ts";

export const ZERO_ID = "0".repeat(40);
const CAPABILITIES = "report-status delete-refs side-band-64k quiet atomic ofs-delta object-format=sha1 agent=abrazo";
/** Refs that one push may move. */
const MOST_COMMANDS = 1000;

/** What a client is shown before it pushes; over HTTP a line that names the service comes before it. */
export function receiveAdvertisement(refs: readonly GitRef[]): Buffer {
  const sorted = [...refs].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  const shown = sorted.length === 0 ? [{ id: ZERO_ID, name: "capabilities^{}" }] : sorted;
  const lines = shown.map(({ id, name }, at) => pktLine(`${id} ${name}${at === 0 ? `\0${CAPABILITIES}` : ""}\n`));
  return Buffer.concat([...lines, FLUSH]);
}

export interface PushCommand {
  ref: string;
  /** What the client saw; undefined for a ref that it wants made. */
  before: string | undefined;
  /** Undefined for one that it wants gone. */
  after: string | undefined;
}

export interface PushRequest {
  commands: PushCommand[];
  capabilities: ReadonlySet<string>;
}

/**
 * Reads the commands of a push; the pack follows.
 *
 * @throws ServiceError 400 for what is no push
 */
export async function readPush(reader: PktReader): Promise<PushRequest> {
  const commands: PushCommand[] = [];
  let capabilities: ReadonlySet<string> = new Set();
  for (let line = await reader.next(); line !== "flush"; line = await reader.next()) {
    if (line === undefined) throw badRequest("The push ends before its list of refs does.");
    const [text = "", words] = line.toString("utf8").replace(/\n$/, "").split("\0");
    // A shallow clone says where it ends; whether all is here is checked anyway.
    if (text.startsWith("shallow ")) continue;
    const match = /^([0-9a-f]{40}) ([0-9a-f]{40}) (.+)$/.exec(text);
    if (match === null) throw badRequest(`"${text.slice(0, 200)}" is no command of a push.`);
    const [, before = "", after = "", ref = ""] = match;
    if (commands.length === 0) capabilities = new Set((words ?? "").split(" ").filter(Boolean));
    if (commands.length === MOST_COMMANDS)
      throw badRequest(`A push may move ${MOST_COMMANDS} refs; push fewer at once.`);
    const idOf = (id: string) => (id === ZERO_ID ? undefined : id);
    commands.push({ ref, before: idOf(before), after: idOf(after) });
  }
  return { commands, capabilities };
}

/** One line: what git shows behind "! [remote rejected]". */
const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim();

/** The report; refs that have a reason were refused. */
export function pushReport(unpacked: string, refs: readonly { ref: string; why?: string | undefined }[]): Buffer {
  const lines = refs.map(({ ref, why }) => pktLine(why === undefined ? `ok ${ref}\n` : `ng ${ref} ${oneLine(why)}\n`));
  return Buffer.concat([pktLine(`unpack ${oneLine(unpacked)}\n`), ...lines, FLUSH]);
}
