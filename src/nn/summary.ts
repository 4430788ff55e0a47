// A table of a model's layers, their outputs and parameters, as the package torchsummary prints it.
// Computes nothing: the model is called on zeros, and shapes are known without a run.
import { argumentError, requireList } from "../arguments.ts";
import type { DType } from "../graph/dtype.ts";
import { optionsOf } from "../options.ts";
import { noGrad, Tensor, zeros } from "../tensor/index.ts";
import { AnyModule } from "./any-module.ts";
import { ModuleDict, ModuleList, Sequential } from "./container.ts";
import { Module } from "./module.ts";

const summaryOptions = optionsOf<{ dtype?: DType }>({ dtype: true });

/** One layer of a summary. */
export interface SummaryRow {
  /** Class and place, e.g. "Conv2d-1". */
  layer: string;
  /** Sizes, -1 for the batch; a list for each output where there are several. */
  outputShape: number[] | number[][];
  parameters: number;
  trainable: boolean;
}

/** The layers of a model and its sizes; as a string, the table. */
export interface Summary {
  rows: SummaryRow[];
  totalParameters: number;
  trainableParameters: number;
  /** Mebibytes at four bytes a number; those of the outputs count twice, for their gradients. */
  inputSize: number;
  passSize: number;
  parameterSize: number;
  totalSize: number;
  /** The table. */
  toString(): string;
}

type Sizes = readonly number[];

/**
 * The layers of a model in the order in which they are called, with inputs of these sizes, without that of the batch.
 * The mode of the model stays as it was, and running statistics do too.
 *
 * @param inputSize sizes of one input, or a list of sizes for a model of several
 * @param dtype dtype of the inputs, such as "int64" for ids
 *
 * @example
 * ```ts
 * const text = `${summary(new Sequential(new Linear(4, 8), new ReLU(), new Linear(8, 2)), [4])}`;
 * text.split("\n")[3]; // "            Linear-1                    [-1, 8]              40"
 * ```
 */
export function summary(model: AnyModule, inputSize: Sizes | readonly Sizes[], given?: { dtype?: DType }): Summary {
  if (!(model instanceof AnyModule)) throw argumentError("summary", 1, "a Module", model);
  requireList("summary", inputSize, 2);
  const { dtype = "float32" } = summaryOptions("summary", given);
  const sizes = inputSize.every((size) => typeof size === "number") ? [inputSize as Sizes] : (inputSize as Sizes[]);
  const rows = called(model, sizes, dtype);
  const total = rows.reduce((sum, row) => sum + row.parameters, 0);
  const trainable = rows.reduce((sum, row) => sum + (row.trainable ? row.parameters : 0), 0);
  const mebibytes = (numbers: number) => (numbers * 4) / 2 ** 20;
  const outputs = rows.reduce((sum, { outputShape }) => sum + elements(outputShape), 0);
  const inputs = sizes.reduce((sum, size) => sum + elements([...size]), 0);
  const made = {
    rows,
    totalParameters: total,
    trainableParameters: trainable,
    inputSize: mebibytes(inputs),
    passSize: mebibytes(2 * outputs),
    parameterSize: mebibytes(total),
    totalSize: mebibytes(inputs + 2 * outputs + total),
  };
  return { ...made, toString: () => table(made) };
}

function elements(shape: readonly (number | number[])[]): number {
  const one = (sizes: readonly number[]) => sizes.reduce((product, size) => product * Math.abs(size), 1);
  return shape.every((size) => typeof size === "number")
    ? one(shape as number[]) // safe because every entry is a number
    : (shape as number[][]).reduce((sum, sizes) => sum + one(sizes), 0);
}

/** Calls the model with a batch of two zeros and notes what each module gives. */
function called(model: AnyModule, sizes: readonly Sizes[], dtype: DType): SummaryRow[] {
  const rows: SummaryRow[] = [];
  const modes = [...model.modules()].map((module) => ({ module, training: module.training }));
  const handles = [...model.modules()].flatMap((module) => {
    const isHolder = module instanceof Sequential || module instanceof ModuleList || module instanceof ModuleDict;
    if (module === model ? [...model.children()].length > 0 : isHolder) return [];
    if (!(module instanceof Module)) return [];
    return [
      module.registerForwardHook(
        (_: unknown, __: unknown, output: unknown) => void rows.push(rowOf(module, output, rows.length + 1)),
      ),
    ];
  });
  try {
    model.eval();
    const inputs = sizes.map((size) => zeros([2, ...size], { dtype }));
    noGrad(() => Reflect.apply(Object(model), undefined, inputs));
  } finally {
    for (const handle of handles) handle.remove();
    // From the top down: what lies below comes later, and is put right then.
    for (const { module, training } of modes) module.train(training);
  }
  return rows;
}

function rowOf(module: AnyModule, output: unknown, place: number): SummaryRow {
  const shapes = tensorsIn(output).map(({ shape }) => [-1, ...shape.slice(1)]);
  const own = module.parameters(false);
  return {
    layer: `${module.constructor.name}-${place}`,
    outputShape: shapes.length === 1 ? (shapes[0] ?? []) : shapes,
    parameters: own.reduce((sum, tensor) => sum + tensor.numel(), 0),
    trainable: own.some(({ requiresGrad }) => requiresGrad),
  };
}

function tensorsIn(output: unknown): Tensor[] {
  if (output instanceof Tensor) return [output];
  return typeof output === "object" && output !== null ? Object.values(output).flatMap(tensorsIn) : [];
}

function shapeText(shape: readonly (number | readonly number[])[]): string {
  return `[${shape.map((size) => (typeof size === "number" ? `${size}` : shapeText(size))).join(", ")}]`;
}

const grouped = (count: number): string => count.toLocaleString("en-US");

function table(made: Omit<Summary, "toString">): string {
  const line = (layer: string, shape: string, count: string) =>
    `${layer.padStart(20)}  ${shape.padStart(25)} ${count.padStart(15)}`;
  const [thin, thick] = ["-".repeat(64), "=".repeat(64)];
  return [
    thin,
    line("Layer (type)", "Output Shape", "Param #"),
    thick,
    ...made.rows.map(({ layer, outputShape, parameters }) => line(layer, shapeText(outputShape), grouped(parameters))),
    thick,
    `Total params: ${grouped(made.totalParameters)}`,
    `Trainable params: ${grouped(made.trainableParameters)}`,
    `Non-trainable params: ${grouped(made.totalParameters - made.trainableParameters)}`,
    thin,
    `Input size (MB): ${made.inputSize.toFixed(2)}`,
    `Forward/backward pass size (MB): ${made.passSize.toFixed(2)}`,
    `Params size (MB): ${made.parameterSize.toFixed(2)}`,
    `Estimated Total Size (MB): ${made.totalSize.toFixed(2)}`,
    thin,
  ].join("\n");
}
