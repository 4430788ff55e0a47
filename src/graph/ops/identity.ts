// Operations that compute nothing: their result is their first input, and only the way of gradients differs.

import { ruleOf } from "../custom.ts";
import { defineOp, eachAlong, like } from "../op.ts";

defineOp({
  name: "clone",
  along: eachAlong,
  doc: "The input itself as a node of its own; d = g.",
  infer: like(0),
  lower: (ctx) => [ctx.input(0)],
  grad: ({ g }) => [g],
});

defineOp({
  name: "custom",
  doc: "The first input, computed from the others by a function that brings its own gradient.",
  infer: like(0),
  lower: (ctx) => [ctx.input(0)],
  grad: ({ node, g }) => [undefined, ...ruleOf(node)(g)],
});
