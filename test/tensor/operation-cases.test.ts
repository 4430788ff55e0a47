// Every operation of the table has 0-d, empty, broadcast and not contiguous cases and a gradient, or says why not.
import { expect, it } from "vitest";
import { coverage, KINDS, type Kind } from "./operation-cases.ts";

const words = (text: string): string[] => text.trim().split(/\s+/);

/** What an operation does without, by kind and reason. One tensor alone, none, and results without floats need no reason. */
const REASONS: Readonly<Record<Kind, Readonly<Record<string, readonly string[]>>>> = {
  "0-d": {
    "gives vectors alone": words("arange linspace logspace randperm"),
    "gives matrices alone": words("eye tril_indices triu_indices"),
  },
  empty: {},
  broadcast: {
    "each operand has axes of its own": words(
      `bilinear conv1d conv2d conv3d conv_transpose1d conv_transpose2d kron meshgrid nll_loss outer
       repeat_interleave searchsorted slice_scatter tensordot`,
    ),
    "an index says which elements: none is stretched": words(
      "gather index index_copy index_select scatter scatter_add scatter_reduce take",
    ),
    "a shape alone is read of the second": words("reshape_as view_as"),
    "takes several tensors, each by itself": words("atleast_1d atleast_2d atleast_3d"),
    "what is inside broadcasts, not it": words("custom no_grad"),
  },
  "not contiguous": {
    "is refused; the drawn cases lie turned inside their expression": words("multinomial"),
  },
  gradient: {
    "shape and dtype alone are read: nothing flows": words(
      "empty_like full_like new_full new_ones new_tensor new_zeros ones_like zeros_like",
    ),
    "PyTorch has no derivative": words("bincount floor_divide heaviside histc unique unique_consecutive"),
  },
};

const found = coverage();

it.each(KINDS)("%s: a case of every operation, or a reason", (kind) => {
  const excused = Object.values(REASONS[kind]).flat();
  const bare = found.filter(({ lacks }) => lacks.includes(kind)).map(({ op }) => op);
  expect(bare.filter((op) => !excused.includes(op))).toEqual([]);
  // A reason that is none: the case is there, or the operation is not.
  expect(excused.filter((op) => !bare.includes(op))).toEqual([]);
  expect(new Set(excused).size).toBe(excused.length);
});
