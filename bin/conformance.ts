// `npm run conformance`: writes the list of checks, and prints how they came out in the suites' last runs.
// With "results" it prints alone.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { packageFile } from "../src/package-root.ts";
import { conformanceList, conformanceTable } from "../test/support/conformance.ts";

if (process.argv[2] !== "results") {
  const path = packageFile("test", "clients", "CONFORMANCE.md");
  writeFileSync(path, conformanceList());
  execFileSync(packageFile("node_modules", ".bin", "biome"), ["format", "--write", path]);
}
console.log(conformanceTable());
