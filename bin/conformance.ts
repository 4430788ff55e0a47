// `npm run conformance`: writes the list of checks, and prints how they came out in the suites' last runs.
// With "results" it prints alone.
import { writeFileSync } from "node:fs";
import { packageFile } from "../src/package-root.ts";
import { conformanceList, conformanceTable } from "../test/support/conformance.ts";

if (process.argv[2] !== "results") writeFileSync(packageFile("test", "clients", "CONFORMANCE.md"), conformanceList());
console.log(conformanceTable());
