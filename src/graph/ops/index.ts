// Loads every family, so that OPS is complete. Nothing here is a second list of operations.
import "./arithmetic.ts";
import "./math.ts";
import "./compare.ts";
import "./reduce.ts";
import "./linalg.ts";
import "./gemm.ts";
import "./view.ts";
import "./gather.ts";
import "./norm.ts";
import "./batch-norm.ts";
import "./conv.ts";
import "./pool.ts";
import "./pad.ts";
import "./random.ts";

export { OPS } from "../op.ts";
