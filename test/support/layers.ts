// The dependency direction as data: what each folder may import, and who alone may import a heavy package.
// biome.json is written from this table by `npm run layers`; test/boundaries.test.ts holds the code to it.

export interface Layer {
  folder: string;
  level: number;
  /** Folders it may import, all of a lower level; a single file is named by its path. */
  may: readonly string[];
  /** What to do instead, shown by the linter. */
  instead: string;
}

/** Files on the floor: they import nothing of ours, and everybody may import them. */
export const FLOOR = [
  "src/arguments.ts",
  "src/errors.ts",
  "src/log.ts",
  "src/options.ts",
  "src/package-root.ts",
] as const;

const LIBRARY = ["src/graph", "src/onnx", "src/io", "src/tensor", "src/hub", "src/text", "src/nn"] as const;

export const LAYERS: readonly Layer[] = [
  {
    folder: "src/graph",
    level: 0,
    may: [],
    instead: "graph is pure: it says what to compute. Move what needs more up.",
  },
  { folder: "src/onnx", level: 1, may: ["src/graph"], instead: "onnx knows graphs, not tensors or layers." },
  {
    folder: "src/io",
    level: 2,
    may: ["src/graph/dtype.ts"],
    instead: "io reads and writes bytes; give it plain values.",
  },
  { folder: "src/tensor", level: 2, may: ["src/graph", "src/onnx"], instead: "tensor stands on graph and onnx alone." },
  { folder: "src/hub", level: 3, may: ["src/io"], instead: "hub is the outside world; it knows no tensors." },
  { folder: "src/text", level: 3, may: ["src/io"], instead: "text turns words into ids; it knows no models." },
  {
    folder: "src/nn",
    level: 3,
    may: ["src/graph", "src/tensor", "src/io"],
    instead: "nn holds layers; data, models and training stand above it.",
  },
  {
    folder: "src/models",
    level: 4,
    may: ["src/graph", "src/tensor", "src/nn", "src/io", "src/text", "src/hub"],
    instead: "models know nothing of training, generation or pipelines.",
  },
  {
    folder: "src/optim",
    level: 4,
    may: ["src/graph", "src/tensor", "src/nn"],
    instead: "an optimizer knows parameters and gradients only.",
  },
  {
    folder: "src/data",
    level: 4,
    may: ["src/graph", "src/tensor", "src/io", "src/text"],
    instead: "data knows no layers and no models.",
  },
  {
    folder: "src/serialize",
    level: 4,
    may: ["src/graph", "src/tensor", "src/nn", "src/io"],
    instead: "serialize stores tensors and modules; what they are for stands above it.",
  },
  {
    folder: "model-cards",
    level: 5,
    may: ["src/io", "src/hub/protocol"],
    instead: "a card is written from facts handed in; it opens nothing itself.",
  },
  {
    folder: "src/generate",
    level: 5,
    may: ["src/graph", "src/tensor", "src/text", "src/models", "src/nn"],
    instead: "generation knows a model by its contract, not by its name.",
  },
  {
    folder: "src/train",
    level: 5,
    may: ["src/graph", "src/tensor", "src/nn", "src/io", "src/optim", "src/data", "src/serialize", "src/text"],
    instead: "train runs what it is given; models and the hub belong to its callers.",
  },
  {
    folder: "pipelines",
    level: 6,
    may: [...LIBRARY, "src/models", "src/data", "src/generate"],
    instead: "pipelines stand on the library; the server and the command line stand on pipelines.",
  },
  {
    folder: "hub-server",
    level: 7,
    may: ["src/hub/protocol", "src/hub/repo-id.ts", "src/io", "model-cards"],
    instead: "the server stores and shows; what it shares with the client lives in src/hub/protocol.",
  },
];

/** Packages that one place alone may import, so that a change of version is a change of one folder. */
export const OWNED_PACKAGES: Readonly<Record<string, readonly string[]>> = {
  "onnxruntime-node": ["src/onnx"],
  "@huggingface/tokenizers": ["src/text"],
  "@huggingface/jinja": ["src/text"],
  "@huggingface/transformers": ["pipelines/engine.ts"],
  "@huggingface/hub": ["src/hub"],
  sharp: ["src/data/vision/image.ts"],
  "drizzle-orm": ["hub-server/db", "hub-server/services"],
  postgres: ["hub-server/db"],
  ssh2: ["hub-server/ssh/server.ts"],
  "pg-boss": ["hub-server/queue.ts"],
};
