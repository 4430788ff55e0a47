// Workers of a DataLoader: real threads, the same batches in order, and every way in which one can end.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { DataLoader, Dataset, type LoaderOptions, Subset, TensorDataset, transforms } from "../../src/data/index.ts";
import { AbrazoError } from "../../src/errors.ts";
import { packageFile } from "../../src/package-root.ts";
import { Generator, manualSeed, rand, Tensor, tensor } from "../../src/tensor/index.ts";
import { Count, Failing, Noise, pictures, Slow, Squares, Unmade, Whose } from "./worker-datasets.ts";

const golden: { seeds: { "7": { baseSeeds: string[] } } } = JSON.parse(
  readFileSync(packageFile("test/goldens/data.json"), "utf8"),
);
const folder = mkdtempSync(join(tmpdir(), "abrazo-workers-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const plain = (value: unknown): unknown => {
  if (value instanceof Tensor) return { dtype: value.dtype, values: value.tolistSync() };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
};

async function all<Item, Batch>(loader: DataLoader<Item, Batch>): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const batch of loader) seen.push(plain(batch));
  return seen;
}

async function failureOf(loader: DataLoader<number>): Promise<{ error: AbrazoError; seen: unknown[] }> {
  const seen: unknown[] = [];
  try {
    for await (const batch of loader) seen.push(batch.tolistSync());
  } catch (error) {
    if (error instanceof AbrazoError) return { error, seen };
    throw error;
  }
  throw new Error("nothing failed");
}

describe("the batches of workers", () => {
  it.each([1, 2, 3])("%i workers: equal to those of none, in order", async (numWorkers) => {
    const options = { batchSize: 4, shuffle: true, dropLast: true };
    manualSeed(5);
    const here = await all(new DataLoader(new Squares(30), options));
    manualSeed(5);
    expect(await all(new DataLoader(new Squares(30), { ...options, numWorkers }))).toEqual(here);
    expect(here).toHaveLength(7);
  });

  it("datasets of this library travel: tensors, subsets of them, transforms with their options", async () => {
    const pairs = new TensorDataset(rand([20, 3]), tensor(Array.from({ length: 20 }, (_, index) => index)));
    const part = new Subset(pairs, [3, 1, 19, 4, 4]);
    const here = await all(new DataLoader(part, { batchSize: 2 }));
    expect(await all(new DataLoader(part, { batchSize: 2, numWorkers: 2 }))).toEqual(here);
  });

  it("single samples, and a collator of the caller's", async () => {
    const single = await all(new DataLoader(new Squares(3), { batchSize: null, numWorkers: 2 }));
    expect(single).toEqual(await all(new DataLoader(new Squares(3), { batchSize: null })));
    const collateFn = (samples: readonly { y: number }[]) => samples.map(({ y }) => y).join();
    expect(await all(new DataLoader(new Squares(5), { batchSize: 2, numWorkers: 2, collateFn }))).toEqual([
      "0,1",
      "2,3",
      "4",
    ]);
  });

  it("a stream is shared out by getWorkerInfo", async () => {
    const seen = await all(new DataLoader(new Count(9), { batchSize: 2, numWorkers: 2 }));
    expect(seen.map((batch) => (batch as { values: number[] }).values)).toEqual([[0, 2], [1, 3], [4, 6], [5, 7], [8]]);
  });

  it("prefetch: workers fetch ahead while the caller waits", async () => {
    const loader = new DataLoader(new Slow(200), { batchSize: 1, numWorkers: 2, prefetchFactor: 4 });
    const times: number[] = [];
    for await (const _ of loader) {
      if (times.length === 0) await new Promise((resolve) => setTimeout(resolve, 2000));
      times.push(performance.now());
    }
    // After the wait all others lie ready; one after another they would take 1.4 s.
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeLessThan(700);
  });
});

describe("seeds", () => {
  const seeded = async (seed: number, options: LoaderOptions<[number, Tensor], unknown>) => {
    manualSeed(seed);
    return all(new DataLoader(new Noise(), { batchSize: 3, numWorkers: 2, ...options }));
  };

  it("the same seed gives the same random numbers, another epoch or seed others", async () => {
    const first = await seeded(1, {});
    expect(await seeded(1, {})).toEqual(first);
    expect(await seeded(2, {})).not.toEqual(first);
  });

  it("a worker is seeded with the base seed plus its number, as PyTorch draws it", async () => {
    manualSeed(7);
    const loader = new DataLoader(new Whose(), { batchSize: 1, numWorkers: 2 });
    const seen: [number, string, number][] = [];
    for await (const [id, [seed], knowsDataset] of loader)
      seen.push([id.itemSync(), seed ?? "", knowsDataset.itemSync()]);
    const base = BigInt(golden.seeds["7"].baseSeeds[0] ?? "");
    expect(seen.slice(0, 4)).toEqual([
      [0, String(base), 1],
      [1, String(base + 1n), 1],
      [0, String(base), 1],
      [1, String(base + 1n), 1],
    ]);
    const alike = new Generator(Number(base & 0xffffffffn));
    const [first] = (await seeded(7, {})) as [[{ values: number[] }, { values: number[][] }]];
    expect(first[1].values).toEqual(rand([3, 2], { generator: alike }).tolistSync());
  });

  it("random transforms, made by a function of a module", async () => {
    const run = async () => {
      manualSeed(4);
      return all(new DataLoader(await pictures(), { batchSize: 2, numWorkers: 2 }));
    };
    const first = await run();
    expect(first).toHaveLength(5);
    expect(await run()).toEqual(first);
  });
});

describe("going on", () => {
  it("in the middle of an epoch, the random streams of the workers included", async () => {
    const make = () =>
      new DataLoader(new Noise(), { batchSize: 2, shuffle: true, numWorkers: 2, generator: new Generator(3) });
    const whole = await all(make());
    const first = make();
    const seen: unknown[] = [];
    for await (const batch of first) {
      seen.push(plain(batch));
      if (seen.length === 3) break;
    }
    const again = make();
    again.loadStateDict(JSON.parse(JSON.stringify(first.stateDict())));
    seen.push(...(await all(again)));
    expect(seen).toEqual(whole);
  });

  it("in a stream; another number of workers is refused", async () => {
    const make = (numWorkers: number) => new DataLoader(new Count(9), { batchSize: 2, numWorkers });
    const first = make(2);
    const whole = await all(make(2));
    const seen: unknown[] = [];
    for await (const batch of first) {
      seen.push(plain(batch));
      if (seen.length === 3) break;
    }
    const again = make(2);
    again.loadStateDict(first.stateDict());
    expect([...seen, ...(await all(again))]).toEqual(whole);
    const other = make(1);
    other.loadStateDict(first.stateDict());
    await expect(all(other)).rejects.toThrow("goes on only with the number of workers it was left with: 2, not 1");
  });

  it("workers that are kept serve epoch after epoch, and close() ends them", async () => {
    manualSeed(2);
    const loader = new DataLoader(new Noise(), { batchSize: 4, numWorkers: 2, persistentWorkers: true });
    const [first, second] = [await all(loader), await all(loader)];
    expect(first.map((batch) => (batch as [unknown])[0])).toEqual(second.map((batch) => (batch as [unknown])[0]));
    // Their generators go on: the second epoch is not the first again.
    expect(second).not.toEqual(first);
    for await (const _ of loader) break;
    expect(await all(loader)).toHaveLength(3);
    await loader.close();
    manualSeed(2);
    expect(await all(loader)).toEqual(first);
    await loader.close();
  });
});

describe("what goes wrong", () => {
  it("an error of the dataset comes with the worker and the batch, after the batches before it", async () => {
    const { error, seen } = await failureOf(new DataLoader(new Failing(13, "throw"), { batchSize: 4, numWorkers: 2 }));
    expect(seen).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9, 10, 11],
    ]);
    expect(error.code).toBe("WORKER_FAILED");
    expect(error.message).toBe(
      "Caught RangeError in DataLoader worker 1 while it fetched batch 3 (samples 12, 13, 14, 15): no sample 13 today",
    );
    expect(error.data).toMatchObject({
      worker: 1,
      batch: 3,
      indices: [12, 13, 14, 15],
      stack: expect.stringContaining("worker-datasets.ts"),
    });
  });

  it.each([
    ["exit", "exit code 3"],
    ["later", "thrown by a timer"],
  ] as const)("a worker that dies (%s) is an error that names it", async (how, why) => {
    const { error, seen } = await failureOf(new DataLoader(new Failing(6, how), { batchSize: 2, numWorkers: 2 }));
    expect(seen).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
    expect(error.code).toBe("WORKER_DIED");
    expect(error.message).toContain(
      `DataLoader worker 1 exited unexpectedly (${why}) before it had batch 3 (samples 6, 7)`,
    );
    expect(error.data).toMatchObject({ worker: 1, batch: 3, indices: [6, 7] });
  });

  it("a dataset that a worker cannot make", async () => {
    const { error } = await failureOf(new DataLoader(new Unmade(), { numWorkers: 1 }));
    expect(error.message).toBe("Caught Error in DataLoader worker 0 while it made the dataset: no disk here");
  });

  it("a batch that does not come in time", async () => {
    const { error } = await failureOf(new DataLoader(new Slow(60_000), { numWorkers: 1, timeout: 2 }));
    expect(error.code).toBe("WORKER_TIMEOUT");
    expect(error.message).toContain("DataLoader timed out after 2 seconds: worker 0 did not give batch 0.");
  });

  it("what cannot be sent is refused at construction, with what to do", () => {
    class Here extends Dataset<number> {
      readonly length = 1;
      get = () => 1;
    }
    expect(() => new DataLoader(new Here(), { numWorkers: 1 })).toThrow(
      expect.objectContaining({
        code: "CANNOT_SEND_TO_WORKER",
        message: "can't pickle dataset: an object of Here cannot be sent to a worker thread.",
        hint: expect.stringContaining("source = { module: import.meta.url"),
      }),
    );
    const cropped = new transforms.Compose([
      new transforms.Lambda((image: unknown) => image),
      new transforms.ToTensor(),
    ]);
    const hidden = Object.assign(new Here(), { source: { module: import.meta.url, args: [{ transform: cropped }] } });
    expect(() => new DataLoader(hidden, { numWorkers: 1 })).toThrow(
      "can't pickle dataset.args[0].transform.args[0][0].args[0]: a function cannot be sent to a worker thread.",
    );
  });

  it("a module or an export that is not there", async () => {
    const with_ = (source: object) => new DataLoader(Object.assign(new Squares(2), { source }), { numWorkers: 1 });
    await expect(all(with_({ module: join(folder, "none.js"), export: "X" }))).rejects.toThrow("could not import");
    const empty = join(folder, "empty.mjs");
    writeFileSync(empty, "export const other = 1;");
    await expect(all(with_({ module: empty, export: "X" }))).rejects.toThrow(
      'has no class or function named "X"; it exports other.',
    );
  });

  it("a plain for loop cannot wait for workers", () => {
    expect(() => [...new DataLoader(new Squares(2), { numWorkers: 1 })]).toThrow(
      expect.objectContaining({ code: "NEEDS_AWAIT", hint: expect.stringContaining("for await") }),
    );
  });

  it("two loops at once over workers that are kept", async () => {
    const loader = new DataLoader(new Squares(8), { numWorkers: 1, persistentWorkers: true });
    const first = loader[Symbol.asyncIterator]();
    await first.next();
    await loader[Symbol.asyncIterator]().next();
    await expect(first.next()).rejects.toThrow(expect.objectContaining({ code: "LOADER_RESTARTED" }));
    await loader.close();
  });
});

/** A program of its own, run by Node with tsx: its output, and how it ended. */
function program(body: string, flags: string[] = []): { status: number | null; stdout: string; stderr: string } {
  const path = join(folder, `program-${Math.random().toString(36).slice(2)}.mts`);
  const url = (file: string) => JSON.stringify(pathToFileURL(packageFile(file)).href);
  writeFileSync(
    path,
    `import { DataLoader } from ${url("src/data/index.ts")};
     import { Failing, Slow, Squares } from ${url("test/data/worker-datasets.ts")};
     ${body}`,
  );
  const tsx = pathToFileURL(packageFile("node_modules/tsx/dist/loader.mjs")).href;
  return spawnSync(process.execPath, [...flags, "--import", tsx, path], { encoding: "utf8", timeout: 100_000 });
}

describe("the process", () => {
  it("ends by itself after a break, and with a loader left in the middle", () => {
    const { status, stdout, stderr } = program(`
      for await (const batch of new DataLoader(new Squares(100), { batchSize: 2, numWorkers: 2 })) break;
      console.log(process._getActiveHandles().filter((handle) => handle.constructor.name === "Worker").length);
      const left = new DataLoader(new Squares(100), { batchSize: 2, numWorkers: 3, persistentWorkers: true });
      for await (const batch of left) break;
      const iterator = new DataLoader(new Squares(100), { batchSize: 2, numWorkers: 2 })[Symbol.asyncIterator]();
      await iterator.next();
      console.log("done");
    `);
    expect(stderr).toBe("");
    expect([status, stdout]).toEqual([0, "0\ndone\n"]);
  });

  it("survives a worker that runs out of memory", () => {
    const { status, stdout } = program(
      `try {
        for await (const batch of new DataLoader(new Failing(2, "memory"), { numWorkers: 2 })) console.log(batch.itemSync());
      } catch (error) {
        console.log(error.code, error.data.worker, error.message);
      }`,
      ["--max-old-space-size=128"],
    );
    expect(stdout).toContain(
      "0\n1\nWORKER_DIED 0 DataLoader worker 0 exited unexpectedly (Worker terminated due to reaching memory limit",
    );
    expect(status).toBe(0);
  });
});
