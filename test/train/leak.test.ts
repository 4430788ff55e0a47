// Ten thousand steps: memory, sessions and threads at the end are those of the first thousands.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { packageFile } from "../../src/package-root.ts";

const src = (...parts: string[]): string => JSON.stringify(packageFile("src", ...parts));

/**
 * Trains in a process of its own; prints memory, sessions and threads after some of the first thousands of steps and some of
 * the last. The engine goes on compiling JavaScript and sizing its heap for a while after the first thousand.
 */
const script = (isCompiled: boolean): string => `
  import { readdirSync } from "node:fs";
  import { functional as F, Linear, ReLU, Sequential } from ${src("nn", "index.ts")};
  import { AdamW } from ${src("optim", "index.ts")};
  import { compile, randint, randn, sessionStats } from ${src("tensor", "index.ts")};
  const model = new Sequential(new Linear(64, 128), new ReLU(), new Linear(128, 10));
  const optimizer = new AdamW(model.parameters());
  const record = (x, y) => {
    const loss = F.crossEntropy(model(x), y);
    if (${!isCompiled}) loss.itemSync();
    loss.backward();
    optimizer.step();
    optimizer.zeroGrad();
    return loss;
  };
  const step = ${isCompiled} ? compile(record) : record;
  const threads = () => readdirSync("/proc/self/task").length;
  // Made once: arrays that come and go fill the collector's room for a few thousand steps, whatever the core does.
  const batches = Array.from({ length: 16 }, () => [randn([16, 64]), randint(0, 10, [16])]);
  const seen = [];
  for (let index = 1; index <= 10_000; index++) {
    step(...batches[index % 16]).itemSync();
    if (index % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    if ([1_000, 2_000, 3_000, 9_000, 9_500, 10_000].includes(index)) {
      globalThis.gc();
      await new Promise((resolve) => setTimeout(resolve, 100));
      seen.push([process.memoryUsage.rss(), sessionStats.compiled - sessionStats.released, threads()]);
    }
  }
  console.log(JSON.stringify(seen));`;

// Once more where it fails: beside other work the collector now and then comes late by a few megabytes, and a leak fails each time.
const settings = { timeout: 240_000, retry: 2 };

describe.skipIf(!existsSync("/proc/self/task"))("no leak over 10,000 steps (needs /proc)", settings, () => {
  it.each([
    ["recorded anew each time", false],
    ["compiled", true],
  ])("%s", (_, isCompiled) => {
    const args = ["--expose-gc", "--import", "tsx", "--input-type=module", "-e", script(isCompiled)];
    const output = execFileSync(process.execPath, args, { cwd: packageFile(), encoding: "utf8" });
    const seen: number[][] = JSON.parse(output);
    const [memory = [], sessions = [], threads = []] = [0, 1, 2].map((at) => seen.map((row) => row[at] ?? 0));
    // The heap breathes by some megabytes: what leaks is in the least of the late values too.
    expect(Math.min(...memory.slice(3))).toBeLessThanOrEqual(Math.max(...memory.slice(0, 3)) * 1.05);
    expect(sessions.at(-1)).toBe(sessions[0]);
    expect(threads.at(-1)).toBe(threads[0]);
  });

  it("2,000 distinct graphs stay within the memory that they are given, and keep none of their inputs", () => {
    const code = `
      import { clearSessions, configureSessions, ones } from ${src("tensor", "index.ts")};
      const rss = () => { globalThis.gc(); return process.memoryUsage().rss; };
      const compute = (size) => ones([size, 300]).exp().mul(2).sum().itemSync();
      const memory = 96 * 1024 ** 2;
      configureSessions({ memory });
      for (let size = 1; size <= 20; size++) compute(size);
      clearSessions();
      const before = rss();
      for (let size = 1; size <= 2_000; size++) {
        compute(size);
        if (size % 50 === 0) globalThis.gc();
      }
      const grown = rss() - before;
      console.log(JSON.stringify([grown / memory, process.memoryUsage().arrayBuffers / memory]));`;
    const args = ["--expose-gc", "--import", "tsx", "--input-type=module", "-e", code];
    const [grown = 9, held = 9]: number[] = JSON.parse(
      // Without it glibc keeps what was freed in pieces, up to three times as much for sizes that never repeat.
      execFileSync(process.execPath, args, {
        cwd: packageFile(),
        encoding: "utf8",
        env: { ...process.env, MALLOC_MMAP_THRESHOLD_: "131072" },
      }),
    );
    expect(grown).toBeLessThanOrEqual(1.1);
    expect(held).toBeLessThan(0.05);
  });
});
