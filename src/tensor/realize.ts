// The one moment laziness ends: the elements of nodes are computed, fetched or read.
// Caches nothing but the values on the nodes themselves.
import { closeSync, openSync, readSync } from "node:fs";
import { AbrazoError, internalError } from "../errors.ts";
import { type TypedArray, viewBytes } from "../graph/dtype.ts";
import { makeLeaf } from "../graph/leaf.ts";
import type { FileRange, Node, Value } from "../graph/node.ts";
import { sizeOf } from "../graph/shape.ts";
import { topological } from "../graph/walk.ts";
import { requireDevice } from "../onnx/devices.ts";
import { execute, fetchElements } from "../onnx/execute.ts";
import { requireNoTrace } from "./trace.ts";
import { settleWaiting, waitingFor } from "./waiting.ts";

/** Computes what has no value yet, all in one run; results stay on the device when it has its own memory. */
export function realizeNodes(nodes: readonly Node[], device: string): void {
  const wanted = [...new Set(nodes)].filter((node) => node.value === undefined);
  if (wanted.length === 0) return;
  requireNoTrace();
  requireDevice(device);
  run(wanted, device, true);
}

/** One run of what is wanted, of the writes that wait for it, and of what is computed again and again. */
function run(wanted: readonly Node[], device: string, keep: boolean): void {
  const nodes = [...new Set([...wanted, ...waitingFor(wanted, device), ...computedAgain(wanted)])];
  const values = execute(nodes, device, keep);
  for (const [index, node] of nodes.entries()) node.value = values[index];
  settleWaiting();
}

/** Runs that computed a node without keeping it, after which the next one keeps it. */
const OFTEN = 2;

/**
 * What earlier runs have computed and this one would again, as in a loop that carries a value from step to step and reads
 * only a function of it: kept, so that the graph of a step does not hold all steps before it.
 */
function computedAgain(wanted: readonly Node[]): Node[] {
  const { nodes, isLeaf } = topological(wanted);
  const found: Node[] = [];
  for (const node of nodes) {
    if (isLeaf(node) || node.runs >= OFTEN) continue;
    for (const input of node.inputs) {
      if (input.runs < OFTEN) continue;
      const source = behindViews(input);
      if (!isLeaf(source)) found.push(source);
    }
  }
  for (const node of nodes) if (!isLeaf(node) && node.inputs.length > 0) node.runs++;
  return found;
}

function behindViews(node: Node): Node {
  let source = node;
  while (source.op.isView === true && source.inputs[0] !== undefined) source = source.inputs[0];
  return source;
}

/** The elements of a node in memory: computed, fetched from the device, or read from the file. */
export function elementsOf(node: Node, device: string): TypedArray {
  requireNoTrace();
  if (node.value === undefined) {
    requireDevice(device);
    run([node], device, false);
  }
  const { value } = node;
  if (value?.kind === "host") return value.data;
  if (value?.kind === "file") {
    const data = readRange(value.range, node);
    node.value = { kind: "host", data };
    return data;
  }
  if (value?.kind === "device") return fetchElements(node, value.device);
  throw internalError("a node was computed without a result");
}

/** Leaves with the elements of nodes, in the memory of another device: all in one run. */
export function moveNodes(nodes: readonly Node[], from: string, to: string): Node[] {
  if (nodes.length === 0) return [];
  realizeNodes(nodes, from);
  const here = nodes.map((node): Value => {
    return node.value?.kind === "file" ? node.value : { kind: "host", data: elementsOf(node, from) };
  });
  if (to === "cpu") return leavesOf(nodes, here);
  requireDevice(to);
  return leavesOf(nodes, execute(leavesOf(nodes, here), to, true));
}

function leavesOf(nodes: readonly Node[], values: readonly Value[]): Node[] {
  return nodes.map(({ shape, dtype }, index) => {
    const value = values[index];
    if (value === undefined) throw internalError("a node lost its value on the way to a device");
    return makeLeaf(shape, dtype, value);
  });
}

function readRange(range: FileRange, node: Node): TypedArray {
  const buffer = new ArrayBuffer(range.byteLength);
  const file = openSync(range.path, "r");
  try {
    const read = readSync(file, new Uint8Array(buffer), 0, range.byteLength, range.offset);
    if (read !== range.byteLength) {
      throw new AbrazoError({
        code: "FILE_TRUNCATED",
        message: `${range.path}: ${range.byteLength} bytes wanted at ${range.offset}, ${read} are there.`,
        hint: "The file is shorter than its header says; download it again.",
      });
    }
  } finally {
    closeSync(file);
  }
  return viewBytes(node.dtype, buffer, 0, sizeOf(node.shape));
}
