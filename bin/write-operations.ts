// Writes the table of operations into src/tensor/OPERATIONS.md. Needs a Vulkan driver for its WebGPU column.
// npm run operations
import { readFileSync, writeFileSync } from "node:fs";
import { packageFile } from "../src/package-root.ts";
import { driverEnvironment } from "../test/gpu/driver.ts";
import { operationRows, operationsTable, placement } from "../test/tensor/operations-table.ts";

Object.assign(process.env, driverEnvironment());
const path = packageFile("src", "tensor", "OPERATIONS.md");
const [before = "", , after = ""] = readFileSync(path, "utf8").split(/<!-- (?:table|end) -->\n/);
const rows = operationRows();
const placements = new Map(rows.map(({ op, row }) => [op, placement(row, "webgpu")]));
writeFileSync(path, `${before}<!-- table -->\n${operationsTable(rows, placements)}\n<!-- end -->\n${after}`);
console.log(`${rows.length} operations`);
