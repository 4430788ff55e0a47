// Other tensor libraries for JavaScript, where they are installed beside the repository: TensorFlow.js (wasm) and jax-js.
// npm install --prefix .cache/bench-peers @tensorflow/tfjs-core @tensorflow/tfjs-backend-wasm @jax-js/jax
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { packageFile } from "../src/package-root.ts";

const folder = packageFile(".cache", "bench-peers");
export const INSTALL =
  "npm install --prefix .cache/bench-peers @tensorflow/tfjs-core @tensorflow/tfjs-backend-wasm @jax-js/jax";

/** Multiplies two square matrices of a size to the end. */
type Multiply = () => Promise<unknown>;

interface TensorFlow {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  randomNormal(shape: number[]): object;
  matMul(a: object, b: object): { data(): Promise<unknown>; dispose(): void };
}

interface Jax {
  init(device: string): Promise<unknown>;
  defaultDevice(device: string): void;
  numpy: { ones(shape: number[]): { ref: object }; matmul(a: object, b: object): { data(): Promise<unknown> } };
}

async function tensorFlow(size: number): Promise<Multiply> {
  const require = createRequire(`${folder}/`);
  const tf: TensorFlow = require("@tensorflow/tfjs-core");
  require("@tensorflow/tfjs-backend-wasm");
  await tf.setBackend("wasm");
  await tf.ready();
  const [a, b] = [tf.randomNormal([size, size]), tf.randomNormal([size, size])];
  return async () => {
    const product = tf.matMul(a, b);
    await product.data();
    product.dispose();
  };
}

async function jax(size: number): Promise<Multiply> {
  // It is made for browsers and looks for one.
  Reflect.set(globalThis, "navigator", { hardwareConcurrency: 1 });
  const entry = createRequire(`${folder}/`)
    .resolve("@jax-js/jax")
    .replace(/\.cjs$/, ".js");
  const library: Jax = await import(pathToFileURL(entry).href);
  await library.init("wasm");
  library.defaultDevice("wasm");
  const matrix = library.numpy.ones([size, size]);
  return () => library.numpy.matmul(matrix.ref, matrix.ref).data();
}

/** Each library that is there, or nothing. */
export async function matmulPeers(size: number): Promise<[name: string, multiply: Multiply][]> {
  if (!existsSync(folder)) return [];
  return [
    ["TensorFlow.js (wasm)", await tensorFlow(size)],
    ["jax-js (wasm)", await jax(size)],
  ];
}
