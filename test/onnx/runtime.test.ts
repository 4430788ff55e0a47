// Results that are written into memory of the caller.
import { expect, it } from "vitest";
import { DTYPES } from "../../src/graph/dtype.ts";
import { encodeModel } from "../../src/onnx/proto.ts";
import { nativeTensor, Session } from "../../src/onnx/runtime.ts";
import { sessionOptions } from "../../src/onnx/session.ts";

it.each([16, 100_000])("are in it, and a large copy of them is given back at once: %s elements", (size) => {
  const value = (name: string) => ({ name, dataType: DTYPES.float32.onnx, shape: [size] });
  const nodes = [
    { opType: "Neg", inputs: ["x"], outputs: ["y"] },
    { opType: "Abs", inputs: ["x"], outputs: ["z"] },
  ];
  const model = { nodes, initializers: [], inputs: [value("x")], outputs: [value("y"), value("z")] };
  const session = new Session(encodeModel(model), ["y", "z"], sessionOptions("cpu", 1, 1));
  const x = nativeTensor("float32", new Float32Array(size).fill(-3), [size]);
  const y = new Float32Array(size);
  const before = process.memoryUsage().arrayBuffers;
  for (let run = 0; run < 20; run++) {
    const results = session.run({ x }, { y: nativeTensor("float32", y, [size]) });
    expect([y[0], y[size - 1], y.length]).toEqual([3, 3, size]);
    expect(results["y"]?.data.length).toBe(size > 1000 ? 0 : size);
    // What was not given a place is the caller's.
    expect([results["z"]?.data.length, results["z"]?.data[size - 1]]).toEqual([size, 3]);
    y.fill(0);
  }
  // Twenty copies of z may wait for the collector, none of y.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * size * 4 + 1e6);
  session.release();
});
