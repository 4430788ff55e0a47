// Public keys as ssh-keygen writes them, without ssh-keygen.
import { generateKeyPairSync } from "node:crypto";

/** A part of a key, behind its length. */
export function keyField(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes.length);
  return Buffer.concat([head, bytes]);
}

/** The line of a new key that nobody has. */
export function publicKeyLine(comment = "ana@laptop"): string {
  const der = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "der" });
  const blob = Buffer.concat([keyField(Buffer.from("ssh-ed25519")), keyField(der.subarray(-32))]);
  return `ssh-ed25519 ${blob.toString("base64")} ${comment}`.trim();
}
