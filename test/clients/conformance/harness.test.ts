// The harness itself: each version's interpreter and program are the ones it says.
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ClientHome } from "../python.ts";
import { describeVersions } from "./harness.ts";

describeVersions("harness", ({ version, make }) => {
  let home: ClientHome;

  beforeAll(async () => {
    home = await make("http://127.0.0.1:1");
  });
  afterAll(() => home?.remove());

  it("runs this version's interpreter, with what both share", async () => {
    const said = await home.python().run<string[]>(`
      import huggingface_hub, hf_xet, datasets, transformers
      result = [huggingface_hub.__version__, transformers.__version__]
    `);
    expect(said[0]?.startsWith(`${version}.`)).toBe(true);
    expect(said[1]).toMatch(/^5\./);
  });

  it("runs this version's hf", async () => {
    expect((await home.program("hf", ["version"])).stdout).toContain(version);
  });
});
