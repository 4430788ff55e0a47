// The page of checks is the list of those that exist.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { packageFile } from "../../src/package-root.ts";
import { conformanceList } from "../support/conformance.ts";
import { unpadded } from "../support/unpadded.ts";

it("test/clients/CONFORMANCE.md names every check there is (npm run conformance writes it)", () => {
  const written = readFileSync(packageFile("test", "clients", "CONFORMANCE.md"), "utf8");
  expect(unpadded(written)).toBe(unpadded(conformanceList()));
});
