// Ways to keep keys and values between the tokens of a text, on one decoder (12 × 768) after 1,000 tokens: the same weights, the same
// tokens, greedy, alternating. src/generate keeps the one called "new": a loop of 8 greedy tokens took 0.92 of its time where this was written, but gives
// them all at once, ends up to 7 tokens late, draws none by a seed, and shares no step with other texts. "all" took 3.2 times as long.
//
// npm run bench -- cache-ways PYTHON [tokens]   (PYTHON has numpy and onnx)
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { packageFile } from "../src/package-root.ts";

const [LAYERS, HEADS, WIDTH] = [12, 12, 64];
const PAST = 1000;
const ROUNDS = 5;
/** Tokens that the graph with a loop computes in one run. */
const STEPS = 8;
const NAMES = Array.from({ length: LAYERS }, (_, layer) => [`k.${layer}`, `v.${layer}`]).flat();

type Parts = Map<string, Float32Array>;
type Results = Readonly<Record<string, Tensor>>;

/** The next token, or more of them, after `ids`; `held` tokens are known. */
interface Way {
  title: string;
  /** Room for tokens in the buffers that it is given. */
  room: number;
  next(token: number, held: number): Promise<number[]>;
}

const floats = (name: string, results: Results): Float32Array => results[name]?.data as Float32Array; // safe because the graphs give float32
const one = (token: number) => new Tensor("int64", BigInt64Array.of(BigInt(token)), [1, 1]);

/** A past that is the same for every way: small numbers by a formula. */
function partsOf(room: number): Parts {
  const parts: Parts = new Map();
  for (const [at, name] of NAMES.entries()) {
    const data = new Float32Array(HEADS * room * WIDTH);
    for (let head = 0; head < HEADS; head++) {
      for (let index = 0; index < PAST * WIDTH; index++)
        data[head * room * WIDTH + index] = Math.sin(1 + at + head * 31 + index * 0.37) / 2;
    }
    parts.set(name, data);
  }
  return parts;
}

const feedsOf = (parts: Parts, room: number): Record<string, Tensor> =>
  Object.fromEntries(
    [...parts].map(([name, data]) => [`past.${name}`, new Tensor("float32", data, [1, HEADS, room, WIDTH])]),
  );

function maskOf(room: number, held: number): Tensor {
  return new Tensor("float32", new Float32Array(room).fill(-3.4e38, held), [1, 1, 1, room]);
}

/** Writes the keys and values of `count` new tokens behind those that are held. */
function append(parts: Parts, room: number, results: Results, held: number, count: number): void {
  for (const [name, data] of parts) {
    const fresh = floats(`present.${name}`, results);
    for (let head = 0; head < HEADS; head++)
      data.set(fresh.subarray(head * count * WIDTH, (head + 1) * count * WIDTH), (head * room + held) * WIDTH);
  }
}

function largest(logits: Float32Array): number {
  let best = 0;
  for (let at = 1; at < logits.length; at++) if ((logits[at] ?? 0) > (logits[best] ?? 0)) best = at;
  return best;
}

async function waysIn(folder: string, tokens: number): Promise<Way[]> {
  const open = (name: string) => InferenceSession.create(join(folder, `${name}.onnx`), { intraOpNumThreads: 2 });
  const [all, fresh, grouped, loop] = [await open("all"), await open("new"), await open("gqa"), await open("loop")];
  const room = PAST + tokens + STEPS;
  const [inPlace, ofLoop, ofGroups] = [partsOf(room), partsOf(room), partsOf(room)];
  let joined = feedsOf(partsOf(PAST), PAST);
  return [
    {
      title: "all: the past and the new token joined in the graph, and given back",
      room: PAST,
      next: async (token) => {
        const results = await all.run({ ids: one(token), ...joined });
        joined = Object.fromEntries(NAMES.map((name) => [`past.${name}`, results[`present.${name}`] as Tensor])); // safe because the graph gives each
        return [largest(floats("logits", results))];
      },
    },
    {
      title: "new: buffers with room read where they lie, the new token alone given back",
      room,
      next: async (token, held) => {
        const results = await fresh.run({ ids: one(token), mask: maskOf(room, held), ...feedsOf(inPlace, room) });
        append(inPlace, room, results, held, 1);
        return [largest(floats("logits", results))];
      },
    },
    {
      title: "gqa: GroupQueryAttention writing into the buffers it reads",
      room,
      next: async (token, held) => {
        const feeds = feedsOf(ofGroups, room);
        const fetches = Object.fromEntries(NAMES.map((name) => [`present.${name}`, feeds[`past.${name}`] as Tensor])); // safe because every name has a feed
        const sizes = {
          seqlens: new Tensor("int32", Int32Array.of(held), [1]),
          total: new Tensor("int32", Int32Array.of(held + 1), [1]),
        };
        const results = await grouped.run({ ids: one(token), ...sizes, ...feeds }, { logits: null, ...fetches });
        return [largest(floats("logits", results))];
      },
    },
    {
      title: `loop: ${STEPS} tokens a run, what they add carried within it`,
      room,
      next: async (token, held) => {
        const results = await loop.run({ ids: one(token), mask: maskOf(room, held), ...feedsOf(ofLoop, room) });
        append(ofLoop, room, results, held, STEPS);
        return [...((results["tokens"] as Tensor).data as BigInt64Array)].map(Number); // safe because the graph gives tokens of int64
      },
    },
  ];
}

export async function main([python = "python3", given = "40"]: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "abrazo-bench-"));
  execFileSync(python, [packageFile("bench", "cache-ways.py"), folder], { stdio: "inherit" });
  const share = Number(given);
  const ways = await waysIn(folder, share * (ROUNDS + 1));
  const written = ways.map((): number[] => [7]);
  const times = ways.map((): number[] => []);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [at, way] of ways.entries()) {
      const text = written[at] ?? [];
      const start = performance.now();
      const until = text.length + share;
      while (text.length < until) text.push(...(await way.next(text.at(-1) ?? 0, PAST + text.length - 1)));
      if (round > 0) times[at]?.push((performance.now() - start) / share);
    }
  }
  const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
  const base = median(times[1] ?? []);
  for (const [at, { title }] of ways.entries()) {
    const same = written[at]?.join() === written[1]?.join() ? "" : ", OTHER TOKENS";
    const own = median(times[at] ?? []);
    console.log(`${title}: ${own.toFixed(1)} ms a token, ${(own / base).toFixed(2)} times "new"${same}`);
  }
  rmSync(folder, { recursive: true });
}
