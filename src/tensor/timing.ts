// What was recorded while a watch runs, so that it can be computed before the watch is read.
// Reads no clock.

import { reshape, slice } from "../graph/build.ts";
import type { Node } from "../graph/node.ts";
import { elementsOf, realizeNodes } from "./realize.ts";
import type { Tensor } from "./tensor.ts";

/** Undefined while no watch runs: recording then costs one comparison more. */
let recorded: Tensor[] | undefined;
/** So many are computed at once, so that a watch that nobody reads does not hold on to everything. */
const MOST = 10_000;

/** The tensor itself, remembered while a watch runs. */
export function timed(tensor: Tensor): Tensor {
  if (recorded !== undefined && recorded.push(tensor) >= MOST) finish(true);
  return tensor;
}

/** Computes what was recorded since the watch was started, and goes on or stops. */
export function finish(goOn: boolean): void {
  const done = recorded ?? [];
  recorded = undefined;
  try {
    compute(done);
  } finally {
    recorded = goOn ? [] : undefined;
  }
}

/** Computes tensors, but for those that others among them were made of: these are computed on the way. */
export function compute(tensors: readonly Tensor[]): void {
  const groups = new Map<string, Node[]>();
  const met = new Set<Node>();
  for (const { node, device, dims } of [...tensors].reverse()) {
    if (met.has(node) || node.value !== undefined || dims.some((dim) => typeof dim === "string")) continue;
    groups.set(device, [...(groups.get(device) ?? []), node]);
    const stack = [node];
    for (let each = stack.pop(); each !== undefined; each = stack.pop()) {
      if (met.has(each) || each.value !== undefined) continue;
      met.add(each);
      stack.push(...each.inputs);
    }
  }
  for (const [device, nodes] of groups) {
    realizeNodes(nodes, device);
    const last = nodes.find(({ shape }) => !shape.includes(0));
    // A device works on after the call; one element that comes to the host comes after all of it.
    if (device !== "cpu" && last !== undefined) elementsOf(slice(reshape(last, [-1]), 0, 0, 1), device);
  }
}
