// The quickstart as it keeps serving: what it prints, and what it leaves behind.
import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageFile } from "../../src/package-root.ts";
import { cleanEnv } from "../support/cli.ts";

it("names pages that answer, has a password nobody guesses, and ends clean", async () => {
  const home = await mkdtemp(join(tmpdir(), "abrazo-quick-"));
  const child = spawn(process.execPath, ["--import", "tsx", packageFile("examples", "quickstart.ts")], {
    env: cleanEnv(home, { TMPDIR: home }),
    cwd: packageFile(),
  });
  const gone = new Promise((resolve) => child.once("close", resolve));
  try {
    const text = await new Promise<string>((resolve, reject) => {
      let [out, err] = ["", ""];
      child.stdout.on("data", (chunk: Buffer) => {
        out += chunk;
        if (out.includes("Ctrl-C")) resolve(out);
      });
      child.stderr.on("data", (chunk: Buffer) => {
        err += chunk;
      });
      child.once("close", () => reject(new Error(`quickstart ended: ${out}${err}`)));
    });
    const pages = [...text.matchAll(/^ {2}(http:\S+)$/gm)].map(([, page]) => page ?? "");
    expect(pages.map((page) => new URL(page).pathname)).toEqual(["/", "/abrazo/sentiment", "/abrazo/reviews"]);
    for (const page of pages) expect((await fetch(page)).status).toBe(200);
    expect(text).toMatch(/password [\w-]{16}$/m);
  } finally {
    child.kill("SIGTERM");
    expect(await gone).toBe(0);
    expect((await readdir(home)).filter((name) => name.startsWith("abrazo-quickstart"))).toEqual([]);
    await rm(home, { recursive: true, force: true });
  }
});
