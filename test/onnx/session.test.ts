// Facts about the runtime that the core relies on: sessions, threads, memory, telemetry, lowering for each device.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { call, logSoftmax, matmul } from "../../src/graph/build.ts";
import { makeLeaf } from "../../src/graph/leaf.ts";
import type { Node } from "../../src/graph/node.ts";
import { topological } from "../../src/graph/walk.ts";
import { lower } from "../../src/onnx/lower.ts";
import { encodeModel } from "../../src/onnx/proto.ts";
import { Session } from "../../src/onnx/runtime.ts";
import { SessionCache, sessionOptions } from "../../src/onnx/session.ts";
import { packageFile } from "../../src/package-root.ts";
import { clearSessions, ones, realizeSync, sessionStats, type Tensor } from "../../src/tensor/index.ts";

const leaf = (shape: number[]): Node =>
  makeLeaf(shape, "float32", {
    kind: "host",
    data: new Float32Array(shape.reduce((product, size) => product * size, 1)),
  });

const lowered = (output: Node, device: string) =>
  lower(topological([output]), [output], { device, initializer: () => undefined });

const { model } = lowered(call("exp", [leaf([2])]), "cpu");
const bytes = encodeModel(model);
const compile = (): Session => new Session(bytes, ["o0"], sessionOptions("cpu", 10, undefined));
const small = { bytes: 0, isLarge: false, compile };

it("threads spin during a run and not after it, and small graphs take one thread", async () => {
  const options = sessionOptions("cpu", 10, undefined);
  expect(options.extra).toEqual({ session: { intra_op: { allow_spinning: "1" }, force_spinning_stop: "1" } });
  const x = ones([200, 300]).matmul(ones([300, 100]));
  for (let index = 0; index < 20; index++) x.mul(index).sum().itemSync();
  await new Promise((resolve) => setTimeout(resolve, 50));
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, 400));
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1000).toBeLessThan(100);
  expect([options.intraOpNumThreads, sessionOptions("cpu", 1e9, undefined).intraOpNumThreads]).toEqual([1, 0]);
});

it.skipIf(!existsSync("/proc/self/task"))("kept sessions add no threads (needs /proc)", () => {
  const threads = () => readdirSync("/proc/self/task").length;
  const cache = new SessionCache(1e9);
  cache.get("warm", small);
  const before = threads();
  for (let index = 0; index < 100; index++) cache.get(`${index}`, small);
  expect(threads() - before).toBeLessThan(5);
  const start = performance.now();
  cache.clear();
  expect(performance.now() - start).toBeLessThan(2_000);
});

it("sessions share one byte budget: cold ones are released, and where all are in use a new one runs without an arena", () => {
  const each = 150_000; // of every session, with or without an arena
  const cache = new SessionCache(4 * each + 1000);
  const arenas: boolean[] = [];
  const ask = (key: string, size: number) =>
    cache.get(key, {
      bytes: size,
      isLarge: false,
      compile: ({ arena }) => {
        arenas.push(arena);
        return compile();
      },
    });
  const buckets = ["a", "b", "c", "d"];
  for (let round = 0; round < 3; round++) for (const key of buckets) ask(key, 200); // 300 each with the arena's slack
  expect(arenas).toEqual([true, true, true, false]);
  expect([cache.held, cache.size]).toEqual([4 * each + 900, 4]);
  const released = sessionStats.released;
  for (let use = 0; use < 101; use++) ask("d", 200);
  ask("e", 300);
  expect(arenas.at(-1)).toBe(true);
  expect(sessionStats.released - released).toBe(2);
  expect([cache.held, cache.size]).toEqual([3 * each + 750, 3]);
  cache.clear();
  expect([cache.held, cache.size]).toEqual([0, 0]);
});

it("sessions share their threads: beyond the budget a new one has one, until others are cold", () => {
  const cache = new SessionCache(1e9, 11);
  const grants: (1 | undefined)[] = [];
  const ask = (key: string) =>
    cache.get(key, {
      bytes: 0,
      isLarge: true,
      compile: ({ threads }) => {
        grants.push(threads);
        return compile();
      },
    });
  for (let index = 0; index < 10; index++) ask(`${index}`);
  expect(grants).toEqual([...Array.from({ length: 8 }, () => undefined), 1, 1]);
  expect(cache.threads).toBe(80);
  for (let use = 0; use < 110; use++) ask("9");
  ask("new");
  expect([grants.at(-1), cache.threads]).toEqual([undefined, 80]);
  cache.clear();
  expect(cache.threads).toBe(0);
});

it.skipIf(!existsSync("/proc/self/task"))(
  "2,000 graphs: few threads, all released in two seconds (needs /proc)",
  () => {
    clearSessions();
    for (let size = 1; size <= 2_000; size++) ones([size]).mul(2).sum().itemSync();
    for (let size = 1; size <= 60; size++)
      ones([200, 100 + size])
        .matmul(ones([100 + size, 100]))
        .sum()
        .itemSync();
    expect(readdirSync("/proc/self/task").length).toBeLessThanOrEqual(64);
    const start = performance.now();
    clearSessions();
    expect(performance.now() - start).toBeLessThan(2_000);
  },
);

it("a graph's bytes are what lives at one time, not the sum of all results", () => {
  let chain: Node = leaf([1000]);
  for (let index = 0; index < 50; index++) chain = call("exp", [chain]);
  expect(lowered(chain, "cpu").bytes).toBe(8_000);
  const kept = Array.from({ length: 10 }, () => call("exp", [leaf([1000])]));
  expect(lowered(call("concat", kept, { axis: 0 }), "cpu").bytes).toBe(80_000);
});

it("a released session is compiled again when its graph comes back", () => {
  const compute = (): Tensor => ones([3, 3]).mul(2).exp();
  const first = [...compute().dataSync()];
  clearSessions();
  const before = sessionStats.compiled;
  expect([...compute().dataSync()]).toEqual(first);
  expect(sessionStats.compiled).toBe(before + 1);
});

it("telemetry is off before the addon loads: nothing is written under HOME", () => {
  const home = mkdtempSync(join(tmpdir(), "abrazo-home-"));
  const script = `
    import { installedProviders } from ${JSON.stringify(packageFile("src", "onnx", "runtime.ts"))};
    installedProviders();
    console.log(process.env.ORT_DISABLE_TELEMETRY);`;
  const { ORT_DISABLE_TELEMETRY: _, ...env } = process.env;
  const output = execFileSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
    cwd: packageFile(),
    env: { ...env, HOME: home, XDG_CACHE_HOME: join(home, "cache"), XDG_CONFIG_HOME: join(home, "config") },
    encoding: "utf8",
  });
  const written = readdirSync(home, { recursive: true, encoding: "utf8" });
  rmSync(home, { recursive: true });
  expect([output.trim(), written]).toEqual(["1", []]);
  expect(readFileSync(packageFile("src", "onnx", "runtime.ts"), "utf8").indexOf("ORT_DISABLE_TELEMETRY")).toBeLessThan(
    readFileSync(packageFile("src", "onnx", "runtime.ts"), "utf8").indexOf('require("onnxruntime-node'),
  );
});

it("lowering is chosen per device: kernels that WebGPU lacks are not used there", () => {
  const graph = logSoftmax(matmul(leaf([2, 3]), leaf([4, 3]), true), 1);
  const kinds = (device: string) => lowered(graph, device).model.nodes.map(({ opType }) => opType);
  expect(kinds("cpu")).toEqual(["FusedMatMul", "LogSoftmax"]);
  expect(kinds("webgpu")).toEqual(["Transpose", "MatMul", "ReduceMax", "Sub", "Exp", "ReduceSum", "Log", "Sub"]);
});

it("a result and what is made of its transposition can be asked for in one run", () => {
  const product = ones([3, 2]).mul(2);
  const square = product.T.matmul(ones([3, 4]));
  realizeSync([square, product]);
  expect([product.tolistSync(), square.tolistSync()]).toEqual([
    Array.from({ length: 3 }, () => [2, 2]),
    Array.from({ length: 2 }, () => [6, 6, 6, 6]),
  ]);
});
