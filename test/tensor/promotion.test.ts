// Type promotion against PyTorch's table (test/goldens/promotion.py), and numbers as operands.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DTYPES, type DType } from "../../src/graph/dtype.ts";
import { packageFile } from "../../src/package-root.ts";
import { ones, Tensor, tensor } from "../../src/tensor/index.ts";

interface Row {
  a: DType;
  aShape: number[];
  b: string;
  bShape?: number[];
  number?: number | boolean;
  add: string;
  div: string;
  lt: string;
  pow?: string;
  maximum?: string;
}

const { rows }: { rows: Row[] } = JSON.parse(readFileSync(packageFile("test", "goldens", "promotion.json"), "utf8"));
const OPERATIONS = ["add", "div", "lt", "pow", "maximum"] as const;

/** What the operation gives: its dtype, computed to be sure. */
function outcome(row: Row, name: (typeof OPERATIONS)[number]): string {
  const a = ones(row.aShape, { dtype: row.a });
  // safe because rows without a number name a dtype
  const b = row.number ?? ones(row.bShape ?? [], { dtype: row.b as DType });
  const result = name === "maximum" && b instanceof Tensor ? a.maximum(b) : a[name](b);
  result.dataSync();
  return result.dtype;
}

describe("dtypes of results are PyTorch's", () => {
  it.each(OPERATIONS)("of %s for every pair", (name) => {
    const wrong: string[] = [];
    let compared = 0;
    for (const row of rows) {
      const wanted = row[name];
      // PyTorch alone refuses some powers of truth values.
      if (wanted === undefined || wanted.startsWith("error")) continue;
      compared++;
      let found: string;
      try {
        found = outcome(row, name);
      } catch (error) {
        found = String(error);
      }
      if (found !== wanted)
        wrong.push(`${row.a}[${row.aShape}] ${name} ${row.b}[${row.bShape}]: ${found}, not ${wanted}`);
    }
    expect(wrong).toEqual([]);
    expect(compared).toBeGreaterThan(350);
  });
});

describe("numbers as operands", () => {
  it("never raise the dtype within its kind", () => {
    for (const dtype of Object.keys(DTYPES) as DType[]) {
      if (dtype === "bool") continue;
      expect(ones([2], { dtype }).mul(3).dtype).toBe(dtype);
    }
    expect(ones([2], { dtype: "int8" }).mul(0.5).dtype).toBe("float32");
    expect(ones([2], { dtype: "float16" }).mul(0.5).dtype).toBe("float16");
  });

  it("may be truth values", () => {
    expect(tensor([1, 2]).add(true).tolistSync()).toEqual([2, 3]);
    expect(tensor([true, false]).add(true).tolistSync()).toEqual([true, true]);
    expect(tensor([true, false]).eq(false).tolistSync()).toEqual([false, true]);
  });

  it("may be bigint, beyond what a number holds", () => {
    const large = 2n ** 62n + 1n;
    expect(tensor([1, 2]).add(large).dataSync()).toEqual(new BigInt64Array([large + 1n, large + 2n]));
    expect(tensor([large, 1n]).eq(large).tolistSync()).toEqual([true, false]);
    expect(tensor([large]).sub(large).itemSync()).toBe(0);
  });

  it("wrap around where a whole-number dtype has no place for them", () => {
    expect(tensor([1, 2], { dtype: "uint8" }).add(300).tolistSync()).toEqual([45, 46]);
    expect(
      tensor([1], { dtype: "int32" })
        .add(2 ** 40)
        .tolistSync(),
    ).toEqual([1]);
  });

  it("may be infinite, NaN, -0 and beyond 64 bits", () => {
    const x = tensor([1, -2], { dtype: "float32" });
    expect(x.mul(Number.POSITIVE_INFINITY).tolistSync()).toEqual([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    expect(x.add(Number.NaN).tolistSync()).toEqual([Number.NaN, Number.NaN]);
    expect(x.mul(-0).tolistSync()).toEqual([-0, 0]);
    expect(tensor([1, 2]).add(Number.POSITIVE_INFINITY).dtype).toBe("float32");
    expect(tensor([1, 2]).lt(1e30).tolistSync()).toEqual([true, true]);
  });

  it("compile no new graph for another value", () => {
    const x = ones([3]);
    expect(x.clamp(-1, 1).node.signature).toBe(x.clamp(-2, 2).node.signature);
    expect(x.pow(2.5).node.signature).toBe(x.pow(3.5).node.signature);
  });
});
