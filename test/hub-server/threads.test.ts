// The threads that hash: they keep a process alive for as long as they have something to do, and no longer.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { packageFile } from "../../src/package-root.ts";

it("a process whose bytes were hashed in a thread ends", () => {
  const from = pathToFileURL(packageFile("hub-server", "threads", "sha256.ts")).href;
  const program = `
    import { startSha256 } from ${JSON.stringify(from)};
    const hash = startSha256();
    await hash.update(new Uint8Array(3_000_000));
    console.log(await hash.digest());
    hash.close();`;
  const args = ["--import", "tsx", "--input-type=module", "-e", program];
  // A thread that nobody needs ends after a minute; who waits for that waits in vain.
  const said = execFileSync(process.execPath, args, { cwd: packageFile(), encoding: "utf8", timeout: 100_000 });
  expect(said.trim()).toBe(createHash("sha256").update(new Uint8Array(3_000_000)).digest("hex"));
});
