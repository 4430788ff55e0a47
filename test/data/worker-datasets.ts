// Datasets that the tests of workers name by this module: sound ones, and such as fail in each way there is.
import { Dataset, getWorkerInfo, Image, IterableDataset, type ModuleSource, transforms } from "../../src/data/index.ts";
import { rand, type Tensor, tensor } from "../../src/tensor/index.ts";

const source = (name: string, ...args: unknown[]): ModuleSource => ({ module: import.meta.url, export: name, args });

/** [index, index squared], and random numbers beside them when asked for. */
export class Squares extends Dataset<{ x: Tensor; y: number; label: string }> {
  readonly length: number;
  override readonly source: ModuleSource;

  constructor(length: number) {
    super();
    this.length = length;
    this.source = source("Squares", length);
  }

  get(index: number): { x: Tensor; y: number; label: string } {
    return { x: tensor([index, index * index]), y: index, label: `number ${index}` };
  }
}

/** A random number a sample: what workers' seeds are seen by. */
export class Noise extends Dataset<[number, Tensor]> {
  readonly length = 12;
  override readonly source = source("Noise");

  get(index: number): [number, Tensor] {
    return [index, rand([2])];
  }
}

export class Slow extends Dataset<number> {
  readonly length = 8;
  readonly milliseconds: number;
  override readonly source: ModuleSource;

  constructor(milliseconds: number) {
    super();
    this.milliseconds = milliseconds;
    this.source = source("Slow", milliseconds);
  }

  async get(index: number): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, this.milliseconds));
    return index;
  }
}

export type Failure = "throw" | "exit" | "memory" | "later";

/** Fails at one sample. */
export class Failing extends Dataset<number> {
  readonly length = 20;
  readonly at: number;
  readonly how: Failure;
  override readonly source: ModuleSource;

  constructor(at: number, how: Failure) {
    super();
    this.at = at;
    this.how = how;
    this.source = source("Failing", at, how);
  }

  get(index: number): number | Promise<number> {
    if (index !== this.at) return index;
    if (this.how === "throw") throw new RangeError(`no sample ${index} today`);
    if (this.how === "exit") process.exit(3);
    if (this.how === "memory") return fillMemory();
    setTimeout(() => {
      throw new Error("thrown by a timer");
    });
    return new Promise(() => undefined);
  }
}

function fillMemory(): number {
  const kept: number[][] = [];
  for (;;) kept.push(Array.from({ length: 100_000 }, (_, index) => index + 0.5));
}

/** Cannot even be made in a worker. */
export class Unmade extends Dataset<number> {
  readonly length = 4;
  override readonly source = source("Unmade");

  constructor() {
    super();
    if (getWorkerInfo() !== undefined) throw new Error("no disk here");
  }

  get(index: number): number {
    return index;
  }
}

/** Counts to a number, shared out among the workers. */
export class Count extends IterableDataset<number> {
  readonly end: number;
  override readonly source: ModuleSource;

  constructor(end: number) {
    super();
    this.end = end;
    this.source = source("Count", end);
  }

  override *[Symbol.iterator](): Iterator<number> {
    const { id, numWorkers } = getWorkerInfo() ?? { id: 0, numWorkers: 1 };
    for (let n = id; n < this.end; n += numWorkers) yield n;
  }
}

/** Which worker fetched a sample, and with which seed. */
export class Whose extends Dataset<[number, string, number]> {
  readonly length = 8;
  override readonly source = source("Whose");

  get(): [number, string, number] {
    const info = getWorkerInfo();
    return [info?.id ?? -1, String(info?.seed), info?.dataset === this ? 1 : 0];
  }
}

/** Small pictures through random transforms, made by a function. */
export async function pictures(): Promise<Dataset<Tensor>> {
  await Promise.resolve();
  return new Pictures();
}

class Pictures extends Dataset<Tensor> {
  readonly length = 10;
  override readonly source = source("pictures");
  readonly #transform = new transforms.Compose([
    new transforms.RandomCrop(4, { padding: 1 }),
    new transforms.ColorJitter({ brightness: 0.5 }),
    new transforms.ToTensor(),
  ]);

  get(index: number): Tensor {
    return this.#transform(new Image(new Uint8Array(36).fill(index * 20), 6, 6, 1));
  }
}
