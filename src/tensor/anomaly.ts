// The search for the first operation whose result is not finite.
// Knows no operation: it looks at numbers.
import { AbrazoError } from "../errors.ts";
import { isFloat, type TypedArray } from "../graph/dtype.ts";
import { fromBfloat16, fromHalf } from "../graph/half.ts";
import type { Node } from "../graph/node.ts";
import { showShape } from "../graph/shape.ts";
import { ancestors } from "../graph/walk.ts";
import { execute } from "../onnx/execute.ts";
import { gradName } from "./grad-name.ts";
import { elementsOf } from "./realize.ts";
import { currentScope } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

type Fault = "nan" | "inf";

function faultOf(data: TypedArray, { dtype }: Node): Fault | undefined {
  if (!isFloat(dtype)) return undefined;
  const read = dtype === "float16" ? fromHalf : dtype === "bfloat16" ? fromBfloat16 : (value: number) => value;
  let fault: Fault | undefined;
  for (let at = 0; at < data.length; at++) {
    const value = read(Number(data[at]));
    if (Number.isNaN(value)) return "nan";
    if (!Number.isFinite(value)) fault = "inf";
  }
  return fault;
}

/** Computes tensors, and throws where one holds what is not finite: the error names the operation that made it first. */
export function checkFinite(tensors: readonly Tensor[]): void {
  for (const { node, device } of tensors) {
    const fault = isFloat(node.dtype) ? faultOf(elementsOf(node, device), node) : undefined;
    if (fault !== undefined) throw anomalyError(node, fault, device);
  }
}

/** Every step on the way to `output` is computed, in one run, and looked at in order. */
function anomalyError(output: Node, fault: Fault, device: string): AbrazoError {
  const order = ancestors(output).filter(({ dtype }) => isFloat(dtype));
  const values = execute(order, device);
  const faults = new Map(
    order.map((node, index) => {
      const value = values[index];
      return [node, value?.kind === "host" ? faultOf(value.data, node) : undefined] as const;
    }),
  );
  // What is infinite on the way may be meant, as in a mask; only what is as wrong as the result counts.
  const isBad = (node: Node): boolean => faults.get(node) === fault;
  const culprit = order.find((node) => isBad(node) && !node.inputs.some(isBad)) ?? output;
  return describe(culprit, fault);
}

function describe(node: Node, fault: Fault): AbrazoError {
  const { anomaly } = currentScope();
  const from = anomaly?.origins.get(node) ?? node.inputs.map((input) => anomaly?.origins.get(input)).find(Boolean);
  const made = from?.of ?? node;
  const inputs = made.inputs.map(({ shape, dtype }) => `${showShape(shape)} ${dtype}`);
  const data = {
    op: made.op.name,
    pass: from === undefined ? "forward" : "backward",
    fault,
    inputs: made.inputs.map(({ shape }) => shape),
    recordedAt: anomaly?.stacks.get(made),
  };
  const takes = inputs.length === 0 ? "It was given from outside" : `Its inputs are ${inputs.join(", ")}`;
  return new AbrazoError({
    code: "NOT_FINITE",
    message:
      from === undefined
        ? `Function '${made.op.name}' returned ${fault} values in the forward pass.`
        : `Function '${gradName(made)}' returned ${fault} values in its ${from.index}th output.`,
    hint: `${takes}; data.recordedAt says where it was recorded.`,
    data,
  });
}
