// Printed tensors against PyTorch's print, letter by letter (test/goldens/make_print.py).
import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { functional as F } from "../../src/nn/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { fixed, scientific } from "../../src/tensor/digits.ts";
import * as T from "../../src/tensor/index.ts";

interface Row {
  js: string;
  options: Partial<T.PrintOptions>;
  text: string;
}

const rows: Row[] = JSON.parse(readFileSync(packageFile("test", "goldens", "print.json"), "utf8")).cases;

afterEach(() => T.setPrintOptions({ profile: "default" }));

describe("a tensor prints as in PyTorch", () => {
  it.each(rows.map((row, at) => ({ ...row, title: `${at}: ${row.js.slice(0, 90)} ${JSON.stringify(row.options)}` })))(
    "$title",
    ({ js, options, text }) => {
      T.setPrintOptions(options);
      const made: unknown = new Function("T", "F", `return (${js});`)(T, F);
      expect(`${made}`).toBe(text);
    },
  );
});

describe("print", () => {
  it("is what console.log shows, inside of other values too", () => {
    expect(inspect(T.tensor([1, 2]))).toBe("tensor([1, 2])");
    expect(inspect({ x: T.tensor([1.5]) })).toBe("{ x: tensor([1.5000]) }");
  });

  it("names sizes that are only known when the graph runs", () => {
    const x = T.symbolic("x", ["batch", 4], "float32");
    expect(`${x}`).toBe("tensor(..., size=(batch, 4))");
    expect(inspect(x.mul(2))).toBe("tensor(..., size=(batch, 4))");
  });

  it("refuses options below 0", () => {
    expect(() => T.setPrintOptions({ precision: -1 })).toThrow("Invalid precision: -1");
  });

  it("the short and the full profile", () => {
    T.setPrintOptions({ profile: "short" });
    expect(`${T.tensor([0.126])}`).toBe("tensor([0.13])");
    T.setPrintOptions({ profile: "full" });
    expect(`${T.arange(1001)}`).not.toContain("...");
  });
});

describe("decimals", () => {
  it("round exact halves to even, as Python's", () => {
    expect(
      [0.03125, 0.09375, 0.5, 1.5, 2.5, -0.5].map((value) => fixed(value, value > 0.4 || value < 0 ? 0 : 4)),
    ).toEqual(["0.0312", "0.0938", "0", "2", "2", "-0"]);
    expect([1.25, 1.75].map((value) => scientific(value, 1))).toEqual(["1.2e+00", "1.8e+00"]);
    expect(fixed(1e22, 1)).toBe("10000000000000000000000.0");
    expect(scientific(1e-100, 2)).toBe("1.00e-100");
  });
});
