// npm run bench [-- name args…]: every benchmark, or one. Each prints what it compares with and a ratio.
// Measures nothing itself.

const BENCHMARKS: Readonly<Record<string, () => Promise<{ main(args: readonly string[]): Promise<void> }>>> = {
  sentiment: () => import("./sentiment.ts"),
  generation: () => import("./generation.ts"),
  pipelines: () => import("./pipelines.ts"),
  "cache-ways": () => import("./cache-ways.ts"),
  training: () => import("./training.ts"),
  "hub-start": () => import("./hub-start.ts"),
  hub: () => import("./hub.ts"),
  "hub-lists": () => import("./hub-lists.ts"),
  "hub-dedup": () => import("./hub-dedup.ts"),
  "hub-memory": () => import("./hub-memory.ts"),
};

const [name, ...args] = process.argv.slice(2);
if (name !== undefined && BENCHMARKS[name] === undefined) {
  console.error(`There is no benchmark "${name}". Benchmarks: ${Object.keys(BENCHMARKS).join(", ")}.`);
  process.exit(2);
}
for (const [each, load] of Object.entries(BENCHMARKS)) {
  if (name !== undefined && each !== name) continue;
  console.log(`# ${each}`);
  await (await load()).main(args);
}
