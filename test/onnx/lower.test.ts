// A graph as a model: what is fed together.
import { expect, it } from "vitest";
import { topological } from "../../src/graph/walk.ts";
import { lower, PACKED } from "../../src/onnx/lower.ts";
import { ones, tensor } from "../../src/tensor/index.ts";

it("numbers that are packed are one input, of which each is gathered", () => {
  const half = tensor([0.5], { dtype: "float32" });
  const { node } = ones([2]).mul(3).add(4).mul(half);
  const order = topological([node]);
  const packed = order.nodes.filter((each) => order.isLeaf(each) && each.value !== undefined && each !== node);
  const numbers = packed.filter(({ shape }) => shape.length === 0 || shape[0] === 1);
  const options = { device: "webgpu", initializer: () => undefined };
  const apart = lower(order, [node], options);
  const together = lower(order, [node], { ...options, packed: numbers });
  expect(numbers.map(({ shape }) => shape)).toEqual([[], [], [1]]);
  expect(apart.model.inputs.length - together.model.inputs.length).toBe(2);
  expect(together.model.inputs.at(-1)).toMatchObject({ name: PACKED, shape: [3] });
  expect(together.inputs.map(({ node: leaf }) => leaf).some((leaf) => numbers.includes(leaf))).toBe(false);
  expect(together.model.nodes.filter(({ inputs }) => inputs[0] === PACKED)).toHaveLength(3);
});
